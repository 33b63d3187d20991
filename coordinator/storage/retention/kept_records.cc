#include "coordinator/storage/retention/kept_records.h"

#include <algorithm>

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kRunning{"list running builds", "SELECT id FROM builds WHERE status < 4 ORDER BY id"};
constexpr Sql kKeptBuild{"load what a build needs",
                         "SELECT submitted_at, submission, plan, view FROM builds WHERE id = ?1"};
constexpr Sql kLayersOf{
    "list the layers of a build",
    "SELECT tar_hash FROM executions WHERE build = ?1 AND tar_hash IS NOT NULL UNION ALL "
    "SELECT manifest_hash FROM executions WHERE build = ?1 AND manifest_hash IS NOT NULL"};
constexpr Sql kCompressedOf{"look up the compressed forms of a layer",
                            "SELECT blob_hash FROM compressed_layers WHERE tar_hash = ?1"};
constexpr Sql kKeptImages{
    "list the roots of images",
    "SELECT name, root_hash, origin, created_at FROM images WHERE name > ?1 ORDER BY name LIMIT ?2"};
constexpr Sql kUnpacked{"look up an unpacked image",
                        "SELECT image FROM image_manifests WHERE manifest_hash = ?1"};
constexpr Sql kWheels{"list the files of farm wheels", "SELECT hash FROM farm_wheels"};
constexpr Sql kExecutionLayers{
    "list layers", "SELECT id, tar_hash, manifest_hash FROM executions WHERE id > ?1 ORDER BY id LIMIT ?2"};

}  // namespace

absl::StatusOr<std::vector<int64_t>> KeptRecords::RunningBuilds() {
  std::vector<int64_t> builds;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kRunning));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return builds;
    builds.push_back(query->Int64(0));
  }
}

absl::StatusOr<KeptBuild> KeptRecords::Build(int64_t build) {
  KeptBuild kept;
  kept.id = build;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kKeptBuild));
  query->Bind(build);
  ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return absl::NotFoundError(fmt::format("there is no build {}", build));
  kept.submitted_at = query->Int64(0);
  const std::string what = fmt::format("build {}", build);
  RETURN_IF_ERROR(ParseRecord(query->Bytes(1), what, &kept.submission));
  kept.planned = !query->IsNull(2);
  if (kept.planned) RETURN_IF_ERROR(ParseRecord(query->Bytes(2), what, &kept.plan));
  RETURN_IF_ERROR(ParseRecord(query->Bytes(3), what, &kept.view));
  return kept;
}

absl::StatusOr<std::vector<std::string>> KeptRecords::Hashes(const Sql& sql,
                                                             const std::vector<Value>& values) {
  std::vector<std::string> hashes;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(sql));
  query->BindList(values);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return hashes;
    if (IsSha256Hex(query->Text(0))) hashes.emplace_back(query->Text(0));
  }
}

absl::StatusOr<std::vector<std::string>> KeptRecords::LayersOf(int64_t build) {
  return Hashes(kLayersOf, {build});
}

absl::StatusOr<std::vector<std::string>> KeptRecords::CompressedOf(const std::string& tar_hash) {
  return Hashes(kCompressedOf, {tar_hash});
}

absl::StatusOr<std::vector<std::string>> KeptRecords::Wheels() { return Hashes(kWheels, {}); }

absl::StatusOr<std::vector<KeptImage>> KeptRecords::Images(const std::string& behind, int limit) {
  std::vector<KeptImage> images;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kKeptImages));
  query->Bind(behind, limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return images;
    images.push_back({std::string(query->Text(0)), std::string(query->Text(1)), std::string(query->Text(2)),
                      query->Int64(3)});
  }
}

absl::StatusOr<std::vector<Digest>> KeptRecords::UnpackedOf(const std::string& manifest_hash) {
  std::vector<Digest> layers;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kUnpacked));
  query->Bind(manifest_hash);
  ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return layers;
  v1::PinnedImage image;
  RETURN_IF_ERROR(ParseRecord(query->Bytes(0), "image " + manifest_hash, &image));
  for (const v1::Layer& layer : image.layers()) {
    for (const Digest& digest : {FromProto(layer.tar()), FromProto(layer.manifest())}) {
      if (IsSha256Hex(digest.hash)) layers.push_back(digest);
    }
  }
  return layers;
}

absl::StatusOr<KeptRecords::Page> KeptRecords::ExecutionLayers(int64_t behind, int limit) {
  Page page{.hashes = {}, .last = behind};
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kExecutionLayers));
  query->Bind(behind, limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return page;
    page.last = query->Int64(0);
    for (const int column : {1, 2}) {
      if (!query->IsNull(column) && IsSha256Hex(query->Text(column)))
        page.hashes.emplace_back(query->Text(column));
    }
  }
}

}  // namespace crossmill::storage
