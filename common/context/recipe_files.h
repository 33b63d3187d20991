// Which files of a context say what is built: the Dockerfile, and the ignore file that goes with it. The one
// place where their names are, for the command line and for contexts that come to the coordinator.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pattern/ignore_rules.h"

namespace crossmill::context {

inline constexpr size_t kMaxDockerfile = 16 << 20;

// The Dockerfile's path, and how it is called in messages.
struct RecipePaths {
  std::string dockerfile;
  std::string dockerfile_name;
  // Candidates for the ignore file, first wins, with their names in messages.
  std::vector<std::pair<std::string, std::string>> ignore_files;
};

// `file` is -f as written ("-": none of the context's; empty: Dockerfile); a context folder.
RecipePaths FindRecipe(const std::string& file, const std::string& context_folder);

// How a file is read; NOT_FOUND if it is not there.
using ReadPath = std::function<absl::StatusOr<std::string>(const std::string& path)>;

// The file as its user has it, wherever links lead.
absl::StatusOr<std::string> ReadAnywhere(const std::string& path);
// A file of a context that somebody else made: links are followed as long as they stay in the folder, which
// is absolute and without links. `name` is below it. INVALID_ARGUMENT: it leads out.
absl::StatusOr<std::string> ReadInside(const std::string& folder, const std::string& name);

// The Dockerfile; "dockerfile" in the place of "Dockerfile" if only that is there, and then the name says so.
absl::StatusOr<std::string> ReadDockerfile(RecipePaths* paths, const ReadPath& read);

struct IgnoreFile {
  // Empty: there is none.
  std::string name;
  std::string text;
  pattern::IgnoreRules rules;
};
// INVALID_ARGUMENT names file and line.
absl::StatusOr<IgnoreFile> ReadIgnoreFile(const std::vector<std::pair<std::string, std::string>>& candidates,
                                          const ReadPath& read);

}  // namespace crossmill::context
