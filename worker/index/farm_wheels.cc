#include "worker/index/farm_wheels.h"

#include <algorithm>
#include <string>
#include <utility>

namespace crossmill::worker {

void AddFarmWheels(std::string_view project, absl::Span<const v1::FarmWheel> wheels,
                   const std::function<bool(const Digest&)>& has, python::IndexDocument* page) {
  for (const v1::FarmWheel& wheel : wheels) {
    if (wheel.project() != project) continue;
    const auto archive =
        std::find_if(page->files.begin(), page->files.end(), [&](const python::IndexFile& file) {
          return !wheel.source_sha256().empty() && Sha256Of(file) == wheel.source_sha256();
        });
    const bool known =
        std::any_of(page->files.begin(), page->files.end(),
                    [&](const python::IndexFile& file) { return file.file_name == wheel.file_name(); });
    const Digest digest = FromProto(wheel.file());
    if (archive == page->files.end() || known || !has(digest)) continue;
    python::IndexFile file;
    file.file_name = wheel.file_name();
    file.hashes = {{"sha256", digest.hash}};
    file.size = static_cast<uint64_t>(digest.size);
    file.requires_python = archive->requires_python;
    file.upload_time = archive->upload_time;
    file.uploaded = archive->uploaded;
    file.yanked = archive->yanked;
    page->files.push_back(std::move(file));
  }
}

const v1::FarmWheel* FarmWheelOf(const python::IndexFile& file, absl::Span<const v1::FarmWheel> wheels) {
  const auto digest = Sha256Of(file);
  if (!file.url.empty() || digest.empty()) return nullptr;
  const auto found = std::find_if(wheels.begin(), wheels.end(), [&](const v1::FarmWheel& wheel) {
    return wheel.file_name() == file.file_name && digest == wheel.file().hash();
  });
  return found == wheels.end() ? nullptr : &*found;
}

}  // namespace crossmill::worker
