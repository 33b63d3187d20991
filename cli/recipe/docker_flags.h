// Flags that scripts give `docker build` and `docker buildx build` and that change nothing here: `build`
// takes them, so that such a script runs as it is, and names them in one notice (docs/cli.md, "Flags of
// docker build").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

struct DockerFlag {
  // As the parser takes them: "-m,--memory". Only the flags that Docker gives a letter have one.
  const char* names;
  // Empty for a switch, which also takes `=true` and `=false`.
  const char* value;
  // Why it may be ignored, for docs/cli.md.
  const char* reason;
};

absl::Span<const DockerFlag> IgnoredDockerFlags();

// Adds them without a place in --help and completion: a name that does nothing is not offered. Those that
// were given are in `given` after parsing, each once, by their long names.
void AddIgnoredDockerFlags(CLI::App* command, std::vector<std::string>* given);

// One line: "ignored: --rm, --cache-from (docs/cli.md says why)". Names only: a value may hold a token. Empty
// for none.
std::string IgnoredFlagsNotice(absl::Span<const std::string> given);

// --call: what is asked of the recipe besides building it.
struct DockerCall {
  bool check = false;
  // The findings are written as "text" or "json".
  std::string format = "text";
};

// "build", "check", "check,format=json"; INVALID_ARGUMENT for Docker's others (outline, targets).
absl::StatusOr<DockerCall> ParseDockerCall(std::string_view text);

}  // namespace crossmill::cli
