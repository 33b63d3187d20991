#include "common/context/recipe_files.h"

#include <climits>
#include <cstdlib>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::context {
namespace {

// "a/Dockerfile" -> "a/dockerfile"; empty when the name is another.
std::string LowerCaseFallback(const std::string& path) {
  constexpr std::string_view kName = "Dockerfile";
  if (path != kName && !path.ends_with("/Dockerfile")) return "";
  return path.substr(0, path.size() - kName.size()) + "dockerfile";
}

}  // namespace

RecipePaths FindRecipe(const std::string& file, const std::string& context_folder) {
  RecipePaths paths;
  if (file == "-") {
    paths.dockerfile = "-";
    paths.dockerfile_name = "standard input";
  } else {
    paths.dockerfile = file.empty() ? context_folder + "/Dockerfile" : file;
    paths.dockerfile_name = file.empty() ? "Dockerfile" : file;
    // A name below the context is said the short way.
    if (paths.dockerfile_name.starts_with(context_folder + "/")) {
      paths.dockerfile_name.erase(0, context_folder.size() + 1);
    }
    if (paths.dockerfile_name.starts_with("./")) paths.dockerfile_name.erase(0, 2);
    paths.ignore_files.emplace_back(paths.dockerfile + ".dockerignore",
                                    paths.dockerfile_name + ".dockerignore");
  }
  paths.ignore_files.emplace_back(context_folder + "/.dockerignore", ".dockerignore");
  return paths;
}

absl::StatusOr<std::string> ReadAnywhere(const std::string& path) { return ReadFile(path, kMaxDockerfile); }

absl::StatusOr<std::string> ReadInside(const std::string& folder, const std::string& name) {
  char resolved[PATH_MAX];
  const std::string path = folder + "/" + name;
  if (realpath(path.c_str(), resolved) == nullptr) {
    return ErrnoStatus(errno, fmt::format("{} in the context", name));
  }
  if (!std::string_view(resolved).starts_with(folder + "/")) {
    return absl::InvalidArgumentError(fmt::format("{} leads out of the context", name));
  }
  return ReadFile(resolved, kMaxDockerfile);
}

absl::StatusOr<std::string> ReadDockerfile(RecipePaths* paths, const ReadPath& read) {
  auto text = read(paths->dockerfile);
  if (absl::IsNotFound(text.status())) {
    const std::string fallback = LowerCaseFallback(paths->dockerfile);
    auto lower = fallback.empty() ? text : read(fallback);
    if (lower.ok()) {
      paths->dockerfile = fallback;
      paths->dockerfile_name = LowerCaseFallback(paths->dockerfile_name);
      return lower;
    }
  }
  return text;
}

absl::StatusOr<IgnoreFile> ReadIgnoreFile(const std::vector<std::pair<std::string, std::string>>& candidates,
                                          const ReadPath& read) {
  IgnoreFile file;
  for (const auto& [path, name] : candidates) {
    auto text = read(path);
    if (absl::IsNotFound(text.status())) continue;
    RETURN_IF_ERROR(text.status());
    auto rules = pattern::IgnoreRules::Parse(*text);
    if (!rules.ok()) {
      return absl::InvalidArgumentError(fmt::format("{}:{}", name, Sv(rules.status().message())));
    }
    return IgnoreFile{name, *std::move(text), *std::move(rules)};
  }
  return file;
}

}  // namespace crossmill::context
