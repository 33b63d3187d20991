#include "coordinator/forecast/rooted_source.h"

#include <algorithm>
#include <utility>

#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/package_archive/package_texts.h"
#include "common/predict/image/root_paths.h"
#include "common/predict/locks/project_file.h"
#include "common/python/package_name.h"
#include "common/python/sdist_name.h"
#include "common/python/wheel_name.h"
#include "common/wheels/url.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kMostListed = 20'000;
constexpr size_t kMostFileBytes = size_t{64} << 20;
constexpr size_t kMostProjectBytes = size_t{8} << 20;
constexpr std::string_view kFileScheme = "file://";

// The name of the project whose file it is, normalised; empty for no package.
std::string ProjectOf(std::string_view file_name) {
  if (const auto wheel = python::WheelName::Parse(file_name); wheel.ok())
    return python::NormaliseName(wheel->project);
  if (const auto source = python::SdistName::Parse(file_name); source.ok()) return source->project;
  return "";
}

}  // namespace

std::string RootedSource::PathOf(std::string_view location) const {
  location = location.substr(0, location.find('#'));
  if (location.starts_with(kFileScheme)) location.remove_prefix(kFileScheme.size());
  if (location.find("://") != location.npos) return "";
  if (!location.starts_with('/') && folder_.empty()) return "";
  return predict::PathIn(folder_, location);
}

absl::Status RootedSource::AddLinks(std::string_view place) {
  const std::string folder = PathOf(place);
  const predict::RootPaths paths(root_);
  const auto listing = folder.empty()
                           ? absl::StatusOr<predict::RootFiles::Listing>(absl::NotFoundError("no path"))
                           : paths.List(folder, kMostListed);
  if (!listing.ok() || listing->cut) {
    return absl::InvalidArgumentError(fmt::format(
        "--find-links {}: only folders of the image are looked into", Printable(place.substr(0, 200))));
  }
  for (const predict::RootFiles::Entry& entry : listing->entries)
    links_.push_back(predict::PathIn(folder, entry.name));
  // In some order that is always the same.
  std::sort(links_.begin(), links_.end());
  return absl::OkStatus();
}

absl::StatusOr<const python::ProjectFiles*> RootedSource::Page(std::string_view project) {
  if (const auto known = pages_.find(project); known != pages_.end()) return known->second.get();
  const python::ProjectFiles* page = nullptr;
  if (indexes_ != nullptr) {
    ASSIGN_OR_RETURN(page, indexes_->Page(project));
  }
  python::IndexDocument document;
  for (const std::string& path : links_) {
    const std::string_view name = LastName(path);
    if (ProjectOf(name) != project) continue;
    python::IndexFile file;
    file.file_name = std::string(name);
    file.url = fmt::format("{}{}", kFileScheme, path);
    document.files.push_back(std::move(file));
  }
  if (document.files.empty()) return page;
  if (page != nullptr)
    document.files.insert(document.files.end(), page->document().files.begin(), page->document().files.end());
  return (pages_[std::string(project)] = std::make_unique<python::ProjectFiles>(std::move(document), project))
      .get();
}

std::optional<predict::DirectPackage> RootedSource::LocalFile(const std::string& path) const {
  const predict::RootPaths paths(root_);
  const auto bytes = paths.ReadWhole(path, kMostFileBytes);
  if (!bytes.ok()) return std::nullopt;
  const package_archive::ReadAt read = package_archive::ReadAtOf(*bytes);
  const auto size = static_cast<int64_t>(bytes->size());
  if (path.ends_with(".whl"))
    return predict::DirectPackage{package_archive::WheelMetadata(read, size).value_or(""), true};
  const auto texts = path.ends_with(".zip") ? package_archive::ReadSourceZip(read, size)
                                            : package_archive::ReadSourceTar(layer::SourceOf(*bytes));
  if (!texts.ok()) return std::nullopt;
  return predict::DirectPackage{texts->pkg_info.value_or(""), false};
}

std::optional<predict::DirectPackage> RootedSource::LocalFolder(const std::string& path) const {
  const predict::RootPaths paths(root_);
  const auto text = paths.ReadWhole(predict::PathIn(path, "pyproject.toml"), kMostProjectBytes);
  if (!text.ok()) return predict::DirectPackage{};
  return predict::DirectPackage{predict::StaticProjectMetadata(*text).value_or(""), false};
}

absl::StatusOr<std::optional<std::string>> RootedSource::Metadata(const python::ProjectFiles& page,
                                                                  const python::ListedFile& file) {
  using Found = std::optional<std::string>;
  const python::IndexFile& listed = page.Listed(file);
  if (!listed.url.starts_with(kFileScheme))
    return indexes_ == nullptr ? Found() : indexes_->Metadata(page, file);
  const auto package = LocalFile(listed.url.substr(kFileScheme.size()));
  return package.has_value() && !package->metadata.empty() ? Found(package->metadata) : Found();
}

absl::StatusOr<std::optional<std::vector<std::string>>> RootedSource::BuildRequirements(
    const python::ProjectFiles& page, const python::ListedFile& file) {
  using Found = std::optional<std::vector<std::string>>;
  if (indexes_ == nullptr || page.Listed(file).url.starts_with(kFileScheme)) return Found();
  return indexes_->BuildRequirements(page, file);
}

absl::StatusOr<std::optional<predict::DirectPackage>> RootedSource::Direct(std::string_view location) {
  const std::string path = PathOf(location);
  if (path.empty())
    return indexes_ == nullptr ? std::optional<predict::DirectPackage>() : indexes_->Direct(location);
  const predict::RootPaths paths(root_);
  return paths.IsFolder(path) ? LocalFolder(path) : LocalFile(path);
}

}  // namespace crossmill::coordinator
