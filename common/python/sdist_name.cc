// Taking file names of source distributions apart.
#include "common/python/sdist_name.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/python/package_name.h"

namespace crossmill::python {
namespace {

// Longer ones stand before those that they end with.
constexpr std::array<std::string_view, 11> kArchives = {
    ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.lz", ".tar.lzma", ".tlz", ".tar", ".tgz", ".tbz", ".txz", ".zip"};

absl::Status NotASource(std::string_view file_name, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("'{}' is not the name of a source distribution: {}",
                                                Printable(file_name.substr(0, 200)), why));
}

absl::StatusOr<SdistName> SplitAt(std::string_view file_name, std::string_view stem, size_t dash) {
  auto version = Version::Parse(stem.substr(dash + 1));
  if (!version.ok()) return NotASource(file_name, Sv(version.status().message()));
  return SdistName{NormaliseName(stem.substr(0, dash)), *std::move(version)};
}

const std::string_view* ArchiveEnding(std::string_view file_name) {
  const auto* found = std::find_if(kArchives.begin(), kArchives.end(),
                                   [&](std::string_view ending) { return file_name.ends_with(ending); });
  return found == kArchives.end() ? nullptr : found;
}

}  // namespace

absl::StatusOr<SdistName> SdistName::Parse(std::string_view file_name) {
  std::string_view stem = file_name;
  if (file_name.ends_with(".tar.gz")) {
    stem.remove_suffix(7);
  } else if (file_name.ends_with(".zip")) {
    stem.remove_suffix(4);
  } else {
    return NotASource(file_name, "it ends with neither .tar.gz nor .zip");
  }
  const size_t dash = stem.rfind('-');
  if (dash == stem.npos) return NotASource(file_name, "it has no dash");
  if (dash == 0) return NotASource(file_name, "it has no project");
  return SplitAt(file_name, stem, dash);
}

absl::StatusOr<SdistName> SdistName::Parse(std::string_view file_name, std::string_view project) {
  const std::string_view* ending = ArchiveEnding(file_name);
  if (ending == nullptr) return NotASource(file_name, "it is no archive that pip unpacks");
  const std::string_view stem = file_name.substr(0, file_name.size() - ending->size());
  const std::string wanted = NormaliseName(project);
  for (size_t dash = stem.find('-'); dash != stem.npos; dash = stem.find('-', dash + 1)) {
    if (NormaliseName(stem.substr(0, dash)) == wanted) return SplitAt(file_name, stem, dash);
  }
  return NotASource(file_name, fmt::format("it is not one of {}", Printable(project)));
}

bool IsSourceArchive(std::string_view file_name) { return ArchiveEnding(file_name) != nullptr; }

}  // namespace crossmill::python
