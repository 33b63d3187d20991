// Which files of a page pip knows what to do with.
#include "common/wheels/project_files.h"

#include <utility>

#include "common/base/status.h"
#include "common/python/package_name.h"
#include "common/python/sdist_name.h"

namespace crossmill::python {
namespace {

std::optional<ListedFile> ReadListed(const IndexFile& file, const std::string& project) {
  ListedFile listed;
  if (file.file_name.ends_with(".whl")) {
    auto wheel = WheelName::Parse(file.file_name);
    if (!wheel.ok() || wheel->project != project) return std::nullopt;
    listed.version = wheel->version;
    listed.wheel = *std::move(wheel);
  } else {
    // Installers for old Macs have the ending of sources.
    if (file.file_name.ends_with(".zip") && file.url.find("macosx10") != file.url.npos) return std::nullopt;
    auto source = SdistName::Parse(file.file_name, project);
    if (!source.ok()) return std::nullopt;
    listed.version = std::move(source->version);
  }
  if (file.requires_python.has_value()) {
    if (auto specifier = SpecifierSet::Parse(*file.requires_python); specifier.ok()) {
      listed.requires_python = *std::move(specifier);
    }
  }
  return listed;
}

}  // namespace

ProjectFiles::ProjectFiles(IndexDocument document, std::string_view project)
    : document_(std::move(document)), project_(NormaliseName(project)) {
  for (size_t i = 0; i < document_.files.size(); ++i) {
    if (auto listed = ReadListed(document_.files[i], project_)) {
      listed->index = i;
      files_.push_back(*std::move(listed));
    }
  }
}

}  // namespace crossmill::python
