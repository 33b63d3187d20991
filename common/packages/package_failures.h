// Why a package could not be built or found: classes with a remedy, recognised by a line of the console.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace crossmill::packages {

struct PackageFailure {
  // "no-compiler", "header", ...: docs/formats.md lists them; "unknown" when no line is known.
  std::string failure_class;
  // The line that gave it away, trimmed; of an unknown class the last meaningful one. May be empty.
  std::string line;
  // What to do, naming packages of Debian and Alpine where there are any; may be empty.
  std::string remedy;
};

// Takes what was printed about one failure, line by line, and keeps only what decides: the line of the most
// specific class (of several such lines the last), and the last meaningful line. What pip says about itself
// ("note: ...", "hint: See above", frames, counters) is never quoted.
class PackageFailureReader {
 public:
  // `line` may be indented and may carry the frame that pip and uv draw.
  void Add(std::string_view line);
  // The requirement that could not be met, as it stands on the console ("numpy==1.21.0"), and what pip said
  // before about releases that it ignored for this Python: they are the reason if what was asked for is among
  // them. `local_index`: the only index is at a loopback address. pip does not say that it got no answer
  // (without retries), only that there are no versions; an index in the step itself that has none is one that
  // nobody runs.
  void SetUnmet(std::string_view requirement, std::string_view ignored, bool local_index);
  bool empty() const { return rule_ == kNone && last_.empty(); }
  PackageFailure Read() const;

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  void Match(std::string_view line);

  // Index into the table of rules.
  size_t rule_ = kNone;
  std::string rule_line_;
  // The last meaningful line, and the last of those that speak of an error.
  std::string last_;
  std::string last_error_;
  // "Ignored the following versions that require a different python version: ...", if that is the reason.
  std::string ignored_line_;
  bool no_index_ = false;
};

PackageFailure ClassifyPackageFailure(absl::Span<const std::string> lines);
// "ERROR: Ignored the following versions that require a different python version: ...".
bool TellsIgnoredReleases(std::string_view line);

// The package that has the header, library or tool of this name: "apt-get install libpq-dev (apk add
// libpq-dev)". Empty: none is known. package_providers.cc.
std::string ProviderOfHeader(std::string_view header);
std::string ProviderOfLibrary(std::string_view library);
std::string ProviderOfTool(std::string_view tool);
// The provider of the first word in `text` that names a library; for messages in plain words.
std::string ProviderNamedIn(std::string_view text);

}  // namespace crossmill::packages
