// Any bytes as the console of a RUN step, cut into pieces anywhere: no crash, bounded results, and the pieces
// do not matter.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/packages/package_outcomes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace crossmill;  // NOLINT(google-build-using-namespace): one function
  if (size < 1) return 0;
  const size_t piece = data[0] % 17 + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<v1::LogChunk> whole(1);
  whole[0].set_data(std::string(text));
  std::vector<v1::LogChunk> cut;
  for (size_t at = 0; at < text.size(); at += piece) {
    cut.emplace_back().set_data(std::string(text.substr(at, piece)));
  }
  const auto lines = packages::SplitConsole(whole);
  const auto same = packages::SplitConsole(cut);
  if (lines.size() != same.size()) abort();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].text != same[i].text) abort();
  }
  packages::StepEvidence evidence;
  evidence.run.add_argv(std::string(text.substr(0, 200)));
  evidence.has_layer = size % 2 == 0;
  for (const v1::PackageOutcome& outcome :
       packages::DerivePackages(packages::ParsePackageConsole(lines), evidence)) {
    // A string that is not UTF-8 would not serialise.
    if (outcome.SerializeAsString().empty()) abort();
  }
  return 0;
}
