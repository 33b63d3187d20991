// Projects for tests of resolutions: written down, or recorded.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/predict/resolver/project_source.h"
#include "common/predict/resolver/resolver.h"
#include "tests/common/wheels/choice_support.h"

namespace crossmill::predict {

class MemorySource : public ProjectSource {
 public:
  // A page of files ("flask-2.0-py3-none-any.whl"), as rows of python::FileOfRow.
  void AddPage(const std::string& project, const std::vector<std::vector<std::string>>& rows) {
    python::IndexDocument document;
    for (const auto& row : rows) document.files.push_back(python::FileOfRow(row));
    pages_[project] = std::make_unique<python::ProjectFiles>(std::move(document), project);
  }

  // One pure wheel or source more, with what it requires: "b>=1", "c; extra == 'x'". Files come in any order.
  void Add(const std::string& file, const std::vector<std::string>& requirements = {},
           const std::vector<std::string>& extras = {}, const std::string& more = "") {
    const std::string name = file.substr(0, file.find('-'));
    const bool wheel = file.ends_with(".whl");
    const std::string rest = file.substr(name.size() + 1);
    const std::string version = wheel ? rest.substr(0, rest.find('-')) : rest.substr(0, rest.find(".tar"));
    rows_[name].push_back({file, "", "", "", ""});
    AddPage(name, rows_[name]);
    std::string text =
        fmt::format("Metadata-Version: {}\nName: {}\nVersion: {}\n", wheel ? "2.1" : "2.2", name, version);
    for (const std::string& requirement : requirements)
      text += fmt::format("Requires-Dist: {}\n", requirement);
    for (const std::string& extra : extras) text += fmt::format("Provides-Extra: {}\n", extra);
    metadata_[file] = text + more;
  }
  // Its metadata is not known.
  void AddUnknown(const std::string& file) {
    Add(file);
    metadata_.erase(file);
  }

  void SetMetadata(const std::string& file, std::string text) { metadata_[file] = std::move(text); }
  void SetDirect(const std::string& location, DirectPackage package) {
    direct_[location] = std::move(package);
  }
  void SetBuild(const std::string& file, std::vector<std::string> requirements) {
    builds_[file] = std::move(requirements);
  }

  absl::StatusOr<const python::ProjectFiles*> Page(std::string_view project) override {
    const auto found = pages_.find(std::string(project));
    if (project == "unreachable") return absl::UnavailableError("no network");
    return found == pages_.end() ? nullptr : found->second.get();
  }
  absl::StatusOr<std::optional<std::string>> Metadata(const python::ProjectFiles& page,
                                                      const python::ListedFile& file) override {
    const std::string& name = page.Listed(file).file_name;
    read.push_back(name);
    const auto found = metadata_.find(name);
    return found == metadata_.end() ? std::optional<std::string>() : found->second;
  }
  absl::StatusOr<std::optional<std::vector<std::string>>> BuildRequirements(
      const python::ProjectFiles& page, const python::ListedFile& file) override {
    const auto found = builds_.find(page.Listed(file).file_name);
    return found == builds_.end() ? std::optional<std::vector<std::string>>() : found->second;
  }
  absl::StatusOr<std::optional<DirectPackage>> Direct(std::string_view location) override {
    const auto found = direct_.find(std::string(location));
    return found == direct_.end() ? std::optional<DirectPackage>() : found->second;
  }

  // Whose metadata was asked for.
  std::vector<std::string> read;

 private:
  std::map<std::string, std::unique_ptr<python::ProjectFiles>> pages_;
  std::map<std::string, std::vector<std::vector<std::string>>> rows_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, DirectPackage> direct_;
  std::map<std::string, std::vector<std::string>> builds_;
};

// Lines as a requirements file has them, each from its line of `file`; without one from the command line.
inline std::vector<RootRequirement> Roots(const std::vector<std::string>& lines,
                                          const std::string& file = "") {
  const auto read = python::ParseRequirementsFile(absl::StrJoin(lines, "\n"));
  EXPECT_OK(read);
  std::vector<RootRequirement> roots;
  if (!read.ok()) return roots;
  for (const python::RequirementLine& line : read->requirements) {
    RootRequirement root = RootOf(line);
    if (!file.empty()) root.origin = fmt::format("{} (line {})", file, line.line);
    roots.push_back(std::move(root));
  }
  return roots;
}

}  // namespace crossmill::predict
