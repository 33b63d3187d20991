#include "common/packages/fetched_files.h"

#include "common/packages/console_packages.h"

namespace crossmill::packages {
namespace {

// The file that a URL names: its last part, without query and fragment.
std::string_view LastPart(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t slash = url.rfind('/');
  return slash == std::string_view::npos ? url : url.substr(slash + 1);
}

}  // namespace

FetchedFiles::FetchedFiles(const v1::StepFetches& fetches) {
  for (const v1::Fetch& fetch : fetches.fetches()) {
    if (fetch.kind() == v1::Fetch::KIND_TUNNEL) {
      if (tunnel_.empty() && fetch.refused_by().empty() && fetch.bytes_down() > 0) tunnel_ = fetch.host();
      continue;
    }
    if (fetch.method() != "GET" || fetch.status() != 200 || !fetch.error().empty() ||
        !fetch.refused_by().empty())
      continue;
    const bool index = fetch.kind() == v1::Fetch::KIND_INDEX;
    FetchedFile file;
    file.file_name = index ? fetch.file_name() : std::string(LastPart(fetch.url()));
    const PackageFile parsed = ParsePackageFile(file.file_name);
    if (parsed.name.empty()) continue;
    file.name = parsed.name;
    file.version = parsed.version;
    file.tag = parsed.tag;
    file.wheel = parsed.wheel;
    file.bypassed = !index;
    file.seconds = fetch.seconds();
    file.compiled_in_build = fetch.compiled_in_build();
    file.compiled_by_execution = fetch.compiled_by_execution();
    Files& files = files_[{file.name, CanonicalVersion(file.version)}];
    (file.wheel ? files.wheels : files.sources).push_back(std::move(file));
  }
}

const FetchedFiles::Files* FetchedFiles::Find(std::string_view name, std::string_view version) const {
  const auto found = files_.find({std::string(name), CanonicalVersion(version)});
  return found == files_.end() ? nullptr : &found->second;
}

}  // namespace crossmill::packages
