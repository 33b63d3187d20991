#include "coordinator/storage/image_records_sqlite.h"

#include <algorithm>

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

using coordinator::CompressedLayerRecord;
using coordinator::ImageRecord;
using coordinator::ManifestRecord;

// The columns that ReadImage reads, in its order.
#define IMAGE_COLUMNS "name, root_hash, root_size, stand_in, origin, size_bytes, created_at, owner"

constexpr Sql kPutImage{
    "save an image",
    "INSERT INTO images (" IMAGE_COLUMNS
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
    "ON CONFLICT (name) DO UPDATE SET root_hash = excluded.root_hash, "
    "root_size = excluded.root_size, stand_in = excluded.stand_in, origin = excluded.origin, "
    "size_bytes = excluded.size_bytes, created_at = excluded.created_at, owner = excluded.owner"};
constexpr Sql kDeletePlatforms{"replace the platforms of an image",
                               "DELETE FROM image_platforms WHERE image = ?1"};
constexpr Sql kInsertPlatform{"save a platform of an image",
                              "INSERT INTO image_platforms (image, position, os, architecture, variant) "
                              "VALUES (?1, ?2, ?3, ?4, ?5)"};
constexpr Sql kPlatforms{
    "load the platforms of an image",
    "SELECT os, architecture, variant FROM image_platforms WHERE image = ?1 ORDER BY position"};
constexpr Sql kFindImage{"look up an image", "SELECT " IMAGE_COLUMNS " FROM images WHERE name = ?1"};
constexpr Sql kFindImageByRoot{"look up an image by its digest",
                               "SELECT " IMAGE_COLUMNS
                               " FROM images WHERE root_hash = ?1 ORDER BY name LIMIT 1"};
constexpr Sql kListImages{"list images", "SELECT " IMAGE_COLUMNS " FROM images ORDER BY name"};
// ';' is what follows ':'.
constexpr Sql kListNamedImages{
    "list named images", "SELECT " IMAGE_COLUMNS
                         " FROM images WHERE name > ?1 AND NOT (name >= 'sha256:' AND name < 'sha256;') "
                         "ORDER BY name LIMIT ?2"};
constexpr Sql kDeleteImage{"remove an image", "DELETE FROM images WHERE name = ?1"};
constexpr Sql kPutManifest{
    "save an image manifest",
    "INSERT INTO image_manifests (manifest_hash, manifest_size, image) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (manifest_hash) DO UPDATE SET manifest_size = excluded.manifest_size, "
    "image = excluded.image"};
constexpr Sql kFindManifest{"look up an image manifest",
                            "SELECT manifest_size, image FROM image_manifests WHERE manifest_hash = ?1"};
constexpr Sql kPutCompressedLayer{
    "save a compressed layer",
    "INSERT INTO compressed_layers (tar_hash, compressor, tar_size, blob_hash, "
    "blob_size) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (tar_hash, compressor) DO "
    "UPDATE SET tar_size = excluded.tar_size, blob_hash = excluded.blob_hash, "
    "blob_size = excluded.blob_size"};
constexpr Sql kFindCompressedLayer{"look up a compressed layer",
                                   "SELECT blob_hash, blob_size FROM compressed_layers "
                                   "WHERE tar_hash = ?1 AND compressor = ?2"};

// Without platforms.
ImageRecord ReadImage(const Statement& row) {
  ImageRecord image;
  image.name = row.Text(0);
  image.root = Digest{std::string(row.Text(1)), row.Int64(2)};
  image.stand_in = row.Int64(3) != 0;
  image.origin = row.Text(4);
  image.size_bytes = row.Int64(5);
  image.created_at = row.Int64(6);
  if (!row.IsNull(7)) image.owner = row.Text(7);
  return image;
}

}  // namespace

// ---- images ----

absl::Status SqliteImageRecords::PutImage(const ImageRecord& image) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    RETURN_IF_ERROR(connection_.Run(kPutImage, image.name, image.root.hash, image.root.size, image.stand_in,
                                    image.origin, image.size_bytes, image.created_at, image.owner));
    RETURN_IF_ERROR(connection_.Run(kDeletePlatforms, image.name));
    int64_t position = 0;
    for (const v1::Platform& platform : image.platforms) {
      RETURN_IF_ERROR(connection_.Run(kInsertPlatform, image.name, position++, platform.os(),
                                      platform.architecture(), platform.variant()));
    }
    return absl::OkStatus();
  });
}

absl::Status SqliteImageRecords::ReadPlatforms(ImageRecord* image) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kPlatforms));
  query->Bind(image->name);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return absl::OkStatus();
    v1::Platform& platform = image->platforms.emplace_back();
    platform.set_os(std::string(query->Text(0)));
    platform.set_architecture(std::string(query->Text(1)));
    platform.set_variant(std::string(query->Text(2)));
  }
}

absl::StatusOr<std::optional<ImageRecord>> SqliteImageRecords::FindOne(const Sql& sql,
                                                                       std::string_view value) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(sql));
  query->Bind(value);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::optional<ImageRecord>();
  ImageRecord image = ReadImage(*query);
  RETURN_IF_ERROR(ReadPlatforms(&image));
  return image;
}

absl::StatusOr<std::optional<ImageRecord>> SqliteImageRecords::FindImage(std::string_view name) {
  return FindOne(kFindImage, name);
}

absl::StatusOr<std::optional<ImageRecord>> SqliteImageRecords::FindImageByRoot(std::string_view root) {
  ASSIGN_OR_RETURN(const std::string hash, HashOfOci(root));
  return FindOne(kFindImageByRoot, hash);
}

absl::StatusOr<std::vector<ImageRecord>> SqliteImageRecords::ListImages() {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kListImages));
  std::vector<ImageRecord> images;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return images;
    images.push_back(ReadImage(*query));
    RETURN_IF_ERROR(ReadPlatforms(&images.back()));
  }
}

absl::StatusOr<std::vector<ImageRecord>> SqliteImageRecords::ListNamedImages(std::string_view behind,
                                                                             int limit) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kListNamedImages));
  query->Bind(behind, std::max(limit, 0));
  std::vector<ImageRecord> images;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return images;
    images.push_back(ReadImage(*query));
    RETURN_IF_ERROR(ReadPlatforms(&images.back()));
  }
}

absl::Status SqliteImageRecords::RemoveImages(absl::Span<const std::string> names) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    for (const std::string& name : names) {
      RETURN_IF_ERROR(connection_.Run(kDeletePlatforms, name));
      RETURN_IF_ERROR(connection_.Run(kDeleteImage, name));
    }
    return absl::OkStatus();
  });
}

// ---- manifests ----

absl::Status SqliteImageRecords::PutManifest(const ManifestRecord& manifest) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kPutManifest, manifest.manifest.hash, manifest.manifest.size,
                         Blob{manifest.image.SerializeAsString()});
}

absl::StatusOr<std::optional<ManifestRecord>> SqliteImageRecords::FindManifest(std::string_view digest) {
  ASSIGN_OR_RETURN(const std::string hash, HashOfOci(digest));
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFindManifest));
  query->Bind(hash);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::optional<ManifestRecord>();
  ManifestRecord manifest;
  manifest.manifest = Digest{hash, query->Int64(0)};
  RETURN_IF_ERROR(ParseRecord(query->Bytes(1), fmt::format("image manifest {}", digest), &manifest.image));
  return manifest;
}

// ---- compressed layers ----

absl::Status SqliteImageRecords::PutCompressedLayer(const CompressedLayerRecord& layer) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kPutCompressedLayer, layer.tar.hash, layer.compressor, layer.tar.size,
                         layer.blob.hash, layer.blob.size);
}

absl::StatusOr<std::optional<Digest>> SqliteImageRecords::FindCompressedLayer(const Digest& tar,
                                                                              std::string_view compressor) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFindCompressedLayer));
  query->Bind(tar.hash, compressor);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::optional<Digest>();
  return Digest{std::string(query->Text(0)), query->Int64(1)};
}

}  // namespace crossmill::storage
