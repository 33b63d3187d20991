// What a wheel or a source distribution says of itself, out of the archive: its core metadata, and how it is
// built. Foreign bytes: texts have at most 8 MiB, and of a source at most 256 MiB are unpacked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/layer/tar_reader.h"
#include "common/package_archive/zip_archive.h"

namespace crossmill::package_archive {

// METADATA of the only dist-info folder. NOT_FOUND: there is none, or several; else as of ListZip.
absl::StatusOr<std::string> WheelMetadata(const ReadAt& read, int64_t archive_size);

// Of a source: files in its only folder; nullopt where it has none.
struct SourceTexts {
  std::optional<std::string> pkg_info;
  std::optional<std::string> pyproject;
};
// A tar, whatever compressed it.
absl::StatusOr<SourceTexts> ReadSourceTar(layer::Source archive);
absl::StatusOr<SourceTexts> ReadSourceZip(const ReadAt& read, int64_t archive_size);

}  // namespace crossmill::package_archive
