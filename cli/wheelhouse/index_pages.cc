#include "cli/wheelhouse/index_pages.h"

#include <algorithm>
#include <set>

#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::cli {

std::vector<IndexedWheel> WheelsOf(const TargetRecord& record) {
  std::vector<IndexedWheel> wheels;
  for (const PackageRecord& package : record.packages) {
    for (const WheelFile& file : package.files) {
      if (package.done()) wheels.push_back({package.name, package.version, record.target.Folder(), file});
    }
  }
  return wheels;
}

std::map<std::string, std::string> ProjectPages(python::IndexForm form, absl::Span<const IndexedWheel> wheels,
                                                const WheelAddress& address) {
  std::map<std::string, python::IndexDocument> documents;
  std::set<std::string> names;
  for (const IndexedWheel& wheel : wheels) {
    if (!names.insert(wheel.file.name).second) continue;
    python::IndexDocument& document = documents[wheel.project];
    document.name = wheel.project;
    if (std::find(document.versions.begin(), document.versions.end(), wheel.version) ==
        document.versions.end())
      document.versions.push_back(wheel.version);
    python::IndexFile file;
    file.file_name = wheel.file.name;
    file.url = address(wheel);
    file.hashes = {{"sha256", wheel.file.sha256}};
    if (!wheel.file.requires_python.empty()) file.requires_python = wheel.file.requires_python;
    file.size = static_cast<uint64_t>(wheel.file.size);
    document.files.push_back(std::move(file));
  }
  std::map<std::string, std::string> pages;
  for (const auto& [name, document] : documents) pages[name] = python::WriteIndex(form, document);
  return pages;
}

std::string RootPage(python::IndexForm form, absl::Span<const IndexedWheel> wheels) {
  // Normalised names have letters, digits and dashes only: nothing to escape.
  std::set<std::string> projects;
  for (const IndexedWheel& wheel : wheels) projects.insert(wheel.project);
  if (form == python::IndexForm::kJson) {
    Json list = Json::array();
    for (const std::string& project : projects) list.push_back({{"name", project}});
    return WriteJson({{"meta", {{"api-version", "1.0"}}}, {"projects", std::move(list)}});
  }
  std::string text =
      "<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"1.0\">\n"
      "<title>Simple index</title>\n</head>\n<body>\n";
  for (const std::string& project : projects) text += fmt::format("<a href=\"{0}/\">{0}</a><br>\n", project);
  return text + "</body>\n</html>\n";
}

}  // namespace crossmill::cli
