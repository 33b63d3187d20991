#include "common/packages/fetched_files.h"

#include "common/base/text.h"
#include "common/packages/console_packages.h"

namespace crossmill::packages {
namespace {

// The file that a URL names: its last part, without query and fragment.
std::string_view LastPart(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t slash = url.rfind('/');
  return slash == std::string_view::npos ? url : url.substr(slash + 1);
}

// The project of a page: http://host/simple/NAME/
std::string_view PageOf(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  while (url.ends_with('/')) url.remove_suffix(1);
  return LastPart(url);
}

}  // namespace

FetchedFiles::FetchedFiles(const v1::StepFetches& fetches) : told_whole_(fetches.more().empty()) {
  for (const v1::Fetch& fetch : fetches.fetches()) Add(fetch);
}

void FetchedFiles::Add(const v1::Fetch& fetch) {
  if (fetch.kind() == v1::Fetch::KIND_TUNNEL) {
    if (!fetch.refused_by().empty() || fetch.bytes_down() == 0) return;
    if (tunnel_.empty()) tunnel_ = fetch.host();
    told_whole_ = false;
    return;
  }
  const bool index = fetch.kind() == v1::Fetch::KIND_INDEX;
  FetchedFile file;
  file.file_name = index ? fetch.file_name() : DecodePercent(LastPart(fetch.url()));
  const PackageFile parsed = ParsePackageFile(file.file_name);
  const std::string_view project = index ? std::string_view(fetch.project()) : PageOf(fetch.url());
  if (IsPackageName(project)) asked_.insert(NormalisePackageName(project));
  if (parsed.name.empty()) return;
  asked_.insert(parsed.name);
  if (fetch.method() != "GET" || fetch.status() != 200 || !fetch.error().empty() ||
      !fetch.refused_by().empty())
    return;
  file.name = parsed.name;
  file.version = parsed.version;
  file.tag = parsed.tag;
  file.wheel = parsed.wheel;
  file.bypassed = !index;
  file.seconds = fetch.seconds();
  file.compiled_in_build = fetch.compiled_in_build();
  file.compiled_by_execution = fetch.compiled_by_execution();
  if (fetch.started_at() > 0) file.came_at = fetch.started_at() + static_cast<int64_t>(fetch.seconds() * 1e9);
  has_sources_ |= !file.wheel;
  Files& files = files_[{file.name, CanonicalVersion(file.version)}];
  (file.wheel ? files.wheels : files.sources).push_back(std::move(file));
}

const FetchedFiles::Files* FetchedFiles::Find(std::string_view name, std::string_view version) const {
  const auto found = files_.find({std::string(name), CanonicalVersion(version)});
  return found == files_.end() ? nullptr : &found->second;
}

const FetchedFile* FetchedFiles::FarmWheel(std::string_view file_name) const {
  const PackageFile parsed = ParsePackageFile(file_name);
  const Files* files = Find(parsed.name, parsed.version);
  if (files == nullptr) return nullptr;
  for (const FetchedFile& wheel : files->wheels) {
    if (wheel.compiled_by_execution != 0 && wheel.file_name == file_name) return &wheel;
  }
  return nullptr;
}

}  // namespace crossmill::packages
