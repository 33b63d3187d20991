#include "coordinator/storage/image_records_sqlite.h"

#include <algorithm>

#include "common/base/status.h"
#include "coordinator/storage/people/project_sql.h"

namespace crossmill::storage {
namespace {

using coordinator::CompressedLayerRecord;
using coordinator::ImageRecord;
using coordinator::ManifestRecord;

// The columns that ReadImage reads, in its order. `name` is the key core::InProject makes of project and
// name.
#define IMAGE_COLUMNS "name, root_hash, root_size, stand_in, origin, size_bytes, created_at, owner, shared"

constexpr Sql kPutImage{
    "save an image",
    "INSERT INTO images (" IMAGE_COLUMNS
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
    "ON CONFLICT (name) DO UPDATE SET root_hash = excluded.root_hash, "
    "root_size = excluded.root_size, stand_in = excluded.stand_in, origin = excluded.origin, "
    "size_bytes = excluded.size_bytes, created_at = excluded.created_at, owner = excluded.owner, "
    "shared = excluded.shared"};
constexpr Sql kDeletePlatforms{"replace the platforms of an image",
                               "DELETE FROM image_platforms WHERE image = ?1"};
constexpr Sql kInsertPlatform{"save a platform of an image",
                              "INSERT INTO image_platforms (image, position, os, architecture, variant) "
                              "VALUES (?1, ?2, ?3, ?4, ?5)"};
constexpr Sql kPlatforms{
    "load the platforms of an image",
    "SELECT os, architecture, variant FROM image_platforms WHERE image = ?1 ORDER BY position"};
constexpr Sql kFindImage{"look up an image", "SELECT " IMAGE_COLUMNS " FROM images WHERE name = ?1"};
constexpr Sql kFindImagesByRoot{"look up images by their digest",
                                "SELECT " IMAGE_COLUMNS " FROM images WHERE root_hash = ?1 ORDER BY name"};
// ?1: the name; ?2: what ends the key of one in another project.
constexpr Sql kFindImagesByName{
    "look up images by name in all projects",
    "SELECT " IMAGE_COLUMNS
    " FROM images WHERE name = ?1 OR (name >= 'project ' AND name < 'project!' AND "
    "substr(name, -length(?2)) = ?2) ORDER BY name"};
constexpr Sql kListImages{"list images", "SELECT " IMAGE_COLUMNS " FROM images ORDER BY name"};
// Of more than its digest, in whatever project: '!' is what follows ' ', ';' what follows ':'.
#define OF_OTHER_PROJECT "(name >= 'project ' AND name < 'project!')"
#define IS_NAMED                                                            \
  "NOT (name >= 'sha256:' AND name < 'sha256;') AND NOT (" OF_OTHER_PROJECT \
  " AND instr(name, ', sha256:') > 0)"
// Behind ?1 and before ?2.
constexpr Sql kListNamedImages{"list named images", "SELECT " IMAGE_COLUMNS
                                                    " FROM images WHERE name > ?1 AND name < ?2 AND " IS_NAMED
                                                    " ORDER BY name LIMIT ?3"};
// Behind ?1. ?2: only what everybody may see.
constexpr Sql kListDefaultImages{"list named images of the project that every farm has",
                                 "SELECT " IMAGE_COLUMNS
                                 " FROM images WHERE name > ?1 AND NOT " OF_OTHER_PROJECT " AND " IS_NAMED
                                 " AND (shared = 1 OR ?2 = 0) ORDER BY name LIMIT ?3"};
constexpr Sql kImageBytes{"add up the images of a project",
                          "SELECT coalesce(sum(bytes), 0) FROM (SELECT max(size_bytes) AS bytes FROM images "
                          "WHERE " KEY_SEEN("name", "?1") " AND " IS_NAMED
                                                          " AND shared = 0 GROUP BY root_hash)"};
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

// Behind every name.
constexpr std::string_view kBehindAll = "\xff";

std::string KeyOf(const ImageRecord& image) { return core::InProject(image.project, image.name); }

// Without platforms.
ImageRecord ReadImage(const Statement& row) {
  ImageRecord image;
  image.name = core::TextOfKey(row.Text(0));
  image.project = core::ProjectOfKey(row.Text(0));
  image.root = Digest{std::string(row.Text(1)), row.Int64(2)};
  image.stand_in = row.Int64(3) != 0;
  image.origin = row.Text(4);
  image.size_bytes = row.Int64(5);
  image.created_at = row.Int64(6);
  if (!row.IsNull(7)) image.owner = row.Text(7);
  image.shared = row.Int64(8) != 0;
  return image;
}

// Both are ordered by name; of two with one name the project's own remains.
std::vector<ImageRecord> Merged(std::vector<ImageRecord> own, std::vector<ImageRecord> shared, size_t limit) {
  std::vector<ImageRecord> all;
  auto a = own.begin(), b = shared.begin();
  while (all.size() < limit && (a != own.end() || b != shared.end())) {
    if (b == shared.end() || (a != own.end() && a->name <= b->name)) {
      if (b != shared.end() && a->name == b->name) ++b;
      all.push_back(std::move(*a++));
    } else {
      all.push_back(std::move(*b++));
    }
  }
  return all;
}

}  // namespace

// ---- images ----

absl::Status SqliteImageRecords::PutImage(const ImageRecord& image) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    const std::string key = KeyOf(image);
    RETURN_IF_ERROR(connection_.Run(kPutImage, key, image.root.hash, image.root.size, image.stand_in,
                                    image.origin, image.size_bytes, image.created_at, image.owner,
                                    image.shared));
    RETURN_IF_ERROR(connection_.Run(kDeletePlatforms, key));
    int64_t position = 0;
    for (const v1::Platform& platform : image.platforms) {
      RETURN_IF_ERROR(connection_.Run(kInsertPlatform, key, position++, platform.os(),
                                      platform.architecture(), platform.variant()));
    }
    return absl::OkStatus();
  });
}

absl::Status SqliteImageRecords::ReadPlatforms(ImageRecord* image) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kPlatforms));
  query->Bind(KeyOf(*image));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return absl::OkStatus();
    v1::Platform& platform = image->platforms.emplace_back();
    platform.set_os(std::string(query->Text(0)));
    platform.set_architecture(std::string(query->Text(1)));
    platform.set_variant(std::string(query->Text(2)));
  }
}

template <typename... Values>
absl::StatusOr<std::vector<ImageRecord>> SqliteImageRecords::Select(const Sql& sql, const Values&... values) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(sql));
  if constexpr (sizeof...(values) > 0) query->Bind(values...);
  std::vector<ImageRecord> images;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return images;
    images.push_back(ReadImage(*query));
    RETURN_IF_ERROR(ReadPlatforms(&images.back()));
  }
}

absl::StatusOr<std::optional<ImageRecord>> SqliteImageRecords::FindImage(std::string_view name,
                                                                         std::string_view project) {
  ASSIGN_OR_RETURN(std::vector<ImageRecord> found, Select(kFindImage, core::InProject(project, name)));
  if (found.empty()) return std::optional<ImageRecord>();
  return std::move(found.front());
}

absl::StatusOr<std::vector<ImageRecord>> SqliteImageRecords::FindImagesByRoot(std::string_view root) {
  ASSIGN_OR_RETURN(const std::string hash, HashOfOci(root));
  return Select(kFindImagesByRoot, hash);
}

absl::StatusOr<std::vector<ImageRecord>> SqliteImageRecords::FindImagesByName(std::string_view name) {
  return Select(kFindImagesByName, name, fmt::format(", {}", name));
}

absl::StatusOr<std::vector<ImageRecord>> SqliteImageRecords::ListImages() { return Select(kListImages); }

absl::StatusOr<std::vector<ImageRecord>> SqliteImageRecords::ListNamedImages(const core::Scope& scope,
                                                                             std::string_view behind,
                                                                             int limit) {
  limit = std::max(limit, 0);
  if (scope.is_farm()) return Select(kListNamedImages, behind, kBehindAll, limit);
  const bool is_default = scope.project() == core::kDefaultProject;
  ASSIGN_OR_RETURN(std::vector<ImageRecord> common, Select(kListDefaultImages, behind, !is_default, limit));
  if (is_default) return common;
  const auto key = [&](std::string_view name) { return core::InProject(scope.project(), name); };
  ASSIGN_OR_RETURN(std::vector<ImageRecord> own,
                   Select(kListNamedImages, key(behind), key(kBehindAll), limit));
  return Merged(std::move(own), std::move(common), static_cast<size_t>(limit));
}

absl::StatusOr<int64_t> SqliteImageRecords::ImageBytes(std::string_view project) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kImageBytes));
  // Empty would be all.
  query->Bind(project.empty() ? core::kDefaultProject : project);
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? query->Int64(0) : 0;
}

absl::Status SqliteImageRecords::RemoveImages(absl::Span<const coordinator::ImageName> names) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    for (const coordinator::ImageName& name : names) {
      const std::string key = core::InProject(name.project, name.name);
      RETURN_IF_ERROR(connection_.Run(kDeletePlatforms, key));
      RETURN_IF_ERROR(connection_.Run(kDeleteImage, key));
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
