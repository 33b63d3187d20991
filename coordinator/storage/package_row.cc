#include "coordinator/storage/package_row.h"

#include <string>
#include <string_view>

namespace crossmill::storage {
namespace {

void SplitWitnesses(std::string_view joined, v1::PackageOutcome* package) {
  while (!joined.empty()) {
    const size_t comma = joined.find(',');
    package->add_witnesses(std::string(joined.substr(0, comma)));
    joined = comma == std::string_view::npos ? std::string_view() : joined.substr(comma + 1);
  }
}

// Dockerfile lines: none has a line feed in it.
void SplitLines(std::string_view joined, v1::PackageOutcome* package) {
  for (size_t end = 0; (end = joined.find('\n')) != joined.npos; joined.remove_prefix(end + 1)) {
    package->add_remedy_lines(std::string(joined.substr(0, end)));
  }
}

}  // namespace

v1::PackageOutcome ReadPackage(const Statement& row, int first) {
  v1::PackageOutcome package;
  package.set_name(std::string(row.Text(first)));
  package.set_version(std::string(row.Text(first + 1)));
  package.set_outcome(static_cast<v1::Outcome>(row.Int64(first + 2)));
  package.set_scope(std::string(row.Text(first + 3)));
  package.set_tag(std::string(row.Text(first + 4)));
  package.set_file_name(std::string(row.Text(first + 5)));
  package.set_seconds(row.Double(first + 6));
  package.set_built_sha256(std::string(row.Text(first + 7)));
  package.set_built_size(row.Int64(first + 8));
  package.set_failure_class(std::string(row.Text(first + 9)));
  package.set_failure_line(std::string(row.Text(first + 10)));
  package.set_remedy(std::string(row.Text(first + 11)));
  SplitWitnesses(row.Text(first + 12), &package);
  package.set_conflict(std::string(row.Text(first + 13)));
  package.set_emulated(row.Int64(first + 14) != 0);
  package.set_environment(std::string(row.Text(first + 15)));
  package.set_installed(row.Int64(first + 16) != 0);
  package.set_compiled_in_build(row.Int64(first + 17));
  package.set_compiled_by_execution(row.Int64(first + 18));
  SplitLines(row.Text(first + 19), &package);
  return package;
}

}  // namespace crossmill::storage
