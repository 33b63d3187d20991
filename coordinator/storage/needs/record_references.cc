#include "coordinator/storage/needs/record_references.h"

#include <google/protobuf/message.h>

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"
#include "coordinator/core/standing/scope.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::storage {
namespace {

constexpr int kImagesAtOnce = 200;

constexpr Sql kImageRoots{
    "list the roots of images",
    "SELECT name, root_hash, root_size FROM images WHERE name > ?1 ORDER BY name LIMIT ?2"};
constexpr Sql kPlatformsOfImage{
    "list the platforms of an image",
    "SELECT os || '/' || architecture || CASE variant WHEN '' THEN '' ELSE '/' || variant END "
    "FROM image_platforms WHERE image = ?1 ORDER BY position"};
constexpr Sql kRunning{"list running builds", "SELECT id FROM builds WHERE status < 4 ORDER BY id"};
constexpr Sql kPinned{"list pinned builds", "SELECT build FROM pins ORDER BY build"};
constexpr Sql kNeedsOfBuild{"load what a build needs",
                            "SELECT submission, plan, view FROM builds WHERE id = ?1"};
constexpr Sql kLayersOf{
    "list the layers of a build",
    "SELECT tar_hash, tar_size FROM executions WHERE build = ?1 AND tar_hash IS NOT NULL UNION ALL "
    "SELECT manifest_hash, manifest_size FROM executions WHERE build = ?1 AND manifest_hash IS NOT NULL"};
constexpr Sql kCompressedOf{"look up the compressed forms of a layer",
                            "SELECT blob_hash, blob_size FROM compressed_layers WHERE tar_hash = ?1"};
constexpr Sql kActiveTasks{"list tasks that are executed",
                           "SELECT number, task FROM leases WHERE outcome IS NULL"};
constexpr Sql kWheelFiles{"list the files of farm wheels", "SELECT hash, size FROM farm_wheels"};
constexpr Sql kBeginReading{"begin to read", "BEGIN"};
constexpr Sql kEndReading{"end reading", "ROLLBACK"};
constexpr Sql kUnpacked{"look up an unpacked image",
                        "SELECT image FROM image_manifests WHERE manifest_hash = ?1"};
constexpr Sql kUnplanned{"look when builds that have no plan were submitted",
                         "SELECT min(submitted_at) FROM builds WHERE status < 4 AND plan IS NULL"};
constexpr Sql kEndedBuildReferences{
    "list builds that have ended",
    "SELECT id, submission, plan, view FROM builds WHERE status >= 4 ORDER BY id"};
constexpr Sql kPulledManifests{"list pulled manifests",
                               "SELECT manifest_hash, manifest_size, image FROM image_manifests"};

// Columns that have digests of caches.
struct CacheColumns {
  Sql sql;
  const char* what;
  ReferenceForm form;
};
constexpr std::array kCaches = {
    CacheColumns{{"list step results",
                  "SELECT tar_hash, tar_size FROM executions WHERE tar_hash IS NOT NULL UNION ALL "
                  "SELECT manifest_hash, manifest_size FROM executions WHERE manifest_hash IS NOT NULL"},
                 "step results",
                 ReferenceForm::kBytes},
    CacheColumns{
        {"list exports", "SELECT blob_hash, blob_size FROM exports"}, "exports", ReferenceForm::kBytes},
    CacheColumns{{"list compressed layers", "SELECT blob_hash, blob_size FROM compressed_layers"},
                 "compressed layers",
                 ReferenceForm::kBytes},
    CacheColumns{{"list fetched files", "SELECT hash, size FROM remote_files"},
                 "fetched files",
                 ReferenceForm::kBytes},
    CacheColumns{{"list fetched trees", "SELECT root_hash, root_size FROM remote_trees"},
                 "fetched trees",
                 ReferenceForm::kTree},
    CacheColumns{{"list pages of indexes", "SELECT hash, size FROM index_pages"},
                 "pages of package indexes",
                 ReferenceForm::kBytes},
};

struct StoredBuild {
  v1::BuildSubmission submission;
  std::optional<v1::BuildPlan> plan;
  v1::BuildView view;
};

absl::StatusOr<std::vector<Digest>> DigestsOf(Connection& record, const Sql& sql, const Value& value) {
  std::vector<Digest> digests;
  RecursiveMutexLock lock(record.mutex());
  ASSIGN_OR_RETURN(StatementUse query, record.Use(sql));
  query->BindList({value});
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return digests;
    if (IsSha256Hex(query->Text(0))) digests.push_back({std::string(query->Text(0)), query->Int64(1)});
  }
}

// Asks the record piece by piece.
class Listing {
 public:
  Listing(Connection& record, const std::function<absl::Status()>& pace, const TakeReference& take)
      : record_(record), pace_(pace), take_(take) {}

  absl::Status Images(Extent extent);
  absl::Status Builds(const Sql& sql, NeededBy by, std::string_view word);
  absl::Status Tasks();
  absl::Status Wheels();
  absl::Status Caches();

 private:
  // Calls `row` with each row of a statement of its own, which is open meanwhile.
  absl::Status ForEachRow(const Sql& sql, const std::function<absl::Status(Statement&)>& row);
  absl::StatusOr<std::vector<int64_t>> Numbers(const Sql& sql);
  absl::StatusOr<std::optional<StoredBuild>> Load(int64_t build);
  absl::Status Build(int64_t build, NeededBy by, const std::string& what);
  absl::Status Message(const google::protobuf::Message& message, const RecordReference& reference);
  // A layer, and its compressed forms.
  absl::Status Layer(RecordReference reference);
  absl::Status EndedBuilds();
  absl::Status Manifests();

  template <typename M>
  absl::Status Recorded(std::string_view bytes, const RecordReference& reference) {
    M message;
    RETURN_IF_ERROR(ParseRecord(bytes, reference.what, &message));
    return Message(message, reference);
  }

  Connection& record_;
  const std::function<absl::Status()>& pace_;
  const TakeReference& take_;
  // Layers whose compressed forms were looked up, for whom.
  absl::flat_hash_set<std::pair<std::string, NeededBy>> layers_;
};

absl::Status Listing::ForEachRow(const Sql& sql, const std::function<absl::Status(Statement&)>& row) {
  RecursiveMutexLock lock(record_.mutex());
  ASSIGN_OR_RETURN(Statement query, record_.Prepare(sql));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) return absl::OkStatus();
    RETURN_IF_ERROR(row(query));
  }
}

absl::StatusOr<std::vector<int64_t>> Listing::Numbers(const Sql& sql) {
  std::vector<int64_t> numbers;
  RETURN_IF_ERROR(ForEachRow(sql, [&](Statement& row) {
    numbers.push_back(row.Int64(0));
    return absl::OkStatus();
  }));
  return numbers;
}

absl::Status Listing::Images(Extent extent) {
  std::string behind;
  while (true) {
    std::vector<std::pair<std::string, Digest>> images;
    {
      RecursiveMutexLock lock(record_.mutex());
      ASSIGN_OR_RETURN(StatementUse query, record_.Use(kImageRoots));
      query->Bind(behind, kImagesAtOnce);
      while (true) {
        ASSIGN_OR_RETURN(const bool row, query->Step());
        if (!row) break;
        images.push_back({std::string(query->Text(0)), {std::string(query->Text(1)), query->Int64(2)}});
      }
    }
    if (images.empty()) return absl::OkStatus();
    behind = images.back().first;
    for (const auto& [name, root] : images) {
      RETURN_IF_ERROR(pace_());
      // Every build's image can be had by its digest; one without a name is kept as the cache is.
      const bool named = !core::TextOfKey(name).starts_with("sha256:");
      if (!named && extent == Extent::kKept) continue;
      std::vector<std::string> platforms;
      {
        RecursiveMutexLock lock(record_.mutex());
        ASSIGN_OR_RETURN(StatementUse query, record_.Use(kPlatformsOfImage));
        query->Bind(name);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, query->Step());
          if (!row) break;
          platforms.emplace_back(query->Text(0));
        }
      }
      const std::string what = named ? "image " + name : "images without a name";
      RETURN_IF_ERROR(take_({.digest = root,
                             .form = ReferenceForm::kImage,
                             .by = named ? NeededBy::kImage : NeededBy::kCache,
                             .what = what,
                             .platforms = &platforms}));
    }
  }
}

absl::Status Listing::Layer(RecordReference reference) {
  RETURN_IF_ERROR(take_(reference));
  if (!layers_.insert({reference.digest.hash, reference.by}).second) return absl::OkStatus();
  RETURN_IF_ERROR(pace_());
  ASSIGN_OR_RETURN(const std::vector<Digest> compressed, CompressedOf(record_, reference.digest.hash));
  reference.made_again = true;
  for (const Digest& form : compressed) {
    reference.digest = form;
    RETURN_IF_ERROR(take_(reference));
  }
  return absl::OkStatus();
}

absl::Status Listing::Message(const google::protobuf::Message& message, const RecordReference& reference) {
  const bool with_forms = reference.by != NeededBy::kCache;
  return ForEachDigest(message, [&](const NamedDigest& named) -> absl::Status {
    RecordReference one = reference;
    one.digest = named.digest;
    one.form = named.form;
    // A base by its digest: pulled again where it was pulled.
    one.made_again |= named.digest.size == kUnknownSize;
    if (named.form != ReferenceForm::kBytes || !with_forms) return take_(one);
    return Layer(one);
  });
}

absl::StatusOr<std::optional<StoredBuild>> Listing::Load(int64_t build) {
  RecursiveMutexLock lock(record_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, record_.Use(kNeedsOfBuild));
  query->Bind(build);
  ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return std::nullopt;
  StoredBuild stored;
  const std::string what = fmt::format("build {}", build);
  RETURN_IF_ERROR(ParseRecord(query->Bytes(0), what, &stored.submission));
  if (!query->IsNull(1)) RETURN_IF_ERROR(ParseRecord(query->Bytes(1), what, &stored.plan.emplace()));
  RETURN_IF_ERROR(ParseRecord(query->Bytes(2), what, &stored.view));
  return stored;
}

absl::Status Listing::Build(int64_t build, NeededBy by, const std::string& what) {
  RETURN_IF_ERROR(pace_());
  ASSIGN_OR_RETURN(const std::optional<StoredBuild> stored, Load(build));
  if (!stored) return absl::OkStatus();
  RecordReference reference{.digest = {}, .by = by, .what = what};
  RETURN_IF_ERROR(Message(stored->submission, reference));
  if (stored->plan) RETURN_IF_ERROR(Message(*stored->plan, reference));
  // What was made of it, and by it: executed again if it is gone.
  reference.made_again = true;
  RETURN_IF_ERROR(Message(stored->view, reference));
  ASSIGN_OR_RETURN(const std::vector<Digest> layers, DigestsOf(record_, kLayersOf, build));
  for (const Digest& layer : layers) {
    reference.digest = layer;
    RETURN_IF_ERROR(Layer(reference));
  }
  // It is compared with what was made then.
  if (by == NeededBy::kRunningBuild && stored->submission.has_rebuild()) {
    const int64_t earlier = stored->submission.rebuild().build();
    return Build(earlier, NeededBy::kPinnedBuild, fmt::format("build {}", earlier));
  }
  return absl::OkStatus();
}

absl::Status Listing::Builds(const Sql& sql, NeededBy by, std::string_view word) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> builds, Numbers(sql));
  for (const int64_t build : builds) RETURN_IF_ERROR(Build(build, by, fmt::format("{} {}", word, build)));
  return absl::OkStatus();
}

absl::Status Listing::Tasks() {
  std::vector<std::pair<int64_t, std::string>> tasks;
  RETURN_IF_ERROR(ForEachRow(kActiveTasks, [&](Statement& row) {
    tasks.emplace_back(row.Int64(0), row.Bytes(1));
    return absl::OkStatus();
  }));
  for (const auto& [lease, task] : tasks) {
    const std::string what = fmt::format("the task of lease {}", lease);
    RETURN_IF_ERROR(Recorded<v1::Task>(task, {.digest = {}, .by = NeededBy::kRunningBuild, .what = what}));
    RETURN_IF_ERROR(pace_());
  }
  return absl::OkStatus();
}

absl::Status Listing::Wheels() {
  std::vector<Digest> files;
  RETURN_IF_ERROR(ForEachRow(kWheelFiles, [&](Statement& row) {
    if (IsSha256Hex(row.Text(0))) files.push_back({std::string(row.Text(0)), row.Int64(1)});
    return absl::OkStatus();
  }));
  for (const Digest& file : files)
    RETURN_IF_ERROR(take_({.digest = file, .by = NeededBy::kWheel, .what = "farm wheels"}));
  return absl::OkStatus();
}

absl::Status Listing::EndedBuilds() {
  const RecordReference reference{.digest = {}, .what = "ended builds"};
  return ForEachRow(kEndedBuildReferences, [&](Statement& row) {
    RETURN_IF_ERROR(Recorded<v1::BuildSubmission>(row.Bytes(1), reference));
    if (!row.IsNull(2)) RETURN_IF_ERROR(Recorded<v1::BuildPlan>(row.Bytes(2), reference));
    return Recorded<v1::BuildView>(row.Bytes(3), reference);
  });
}

absl::Status Listing::Manifests() {
  RecordReference reference{.digest = {}, .what = "base images"};
  return ForEachRow(kPulledManifests, [&](Statement& row) {
    reference.digest = {std::string(row.Text(0)), row.Int64(1)};
    reference.form = ReferenceForm::kImage;
    RETURN_IF_ERROR(take_(reference));
    return Recorded<v1::PinnedImage>(row.Bytes(2), reference);
  });
}

absl::Status Listing::Caches() {
  for (const CacheColumns& columns : kCaches) {
    RETURN_IF_ERROR(ForEachRow(columns.sql, [&](Statement& row) {
      return take_({.digest = {std::string(row.Text(0)), row.Int64(1)},
                    .form = columns.form,
                    .by = NeededBy::kCache,
                    .what = columns.what});
    }));
  }
  RETURN_IF_ERROR(Manifests());
  return EndedBuilds();
}

absl::Status ListKept(Listing& listing, Extent extent) {
  // Before the images: of a build that ends meanwhile one of both tells.
  RETURN_IF_ERROR(listing.Builds(kRunning, NeededBy::kRunningBuild, "build"));
  RETURN_IF_ERROR(listing.Tasks());
  RETURN_IF_ERROR(listing.Builds(kPinned, NeededBy::kPinnedBuild, "pinned build"));
  RETURN_IF_ERROR(listing.Images(extent));
  return listing.Wheels();
}

absl::Status RunAlone(Connection& record, const Sql& sql) {
  RecursiveMutexLock lock(record.mutex());
  ASSIGN_OR_RETURN(Statement statement, record.Prepare(sql));
  return statement.Run();
}

}  // namespace

std::string_view Words(NeededBy by) {
  switch (by) {
    case NeededBy::kRunningBuild:
      return "running builds";
    case NeededBy::kImage:
      return "images";
    case NeededBy::kPinnedBuild:
      return "pinned builds";
    case NeededBy::kWheel:
      return "farm wheels";
    case NeededBy::kCache:
      return "caches";
  }
  return "";
}

absl::Status ListReferences(Connection& record, Extent extent, const std::function<absl::Status()>& pace,
                            const TakeReference& take) {
  Listing listing(record, pace, take);
  if (extent == Extent::kKept) return ListKept(listing, extent);
  RETURN_IF_ERROR(RunAlone(record, kBeginReading));
  absl::Status listed = ListKept(listing, extent);
  if (listed.ok()) listed = listing.Caches();
  listed.Update(RunAlone(record, kEndReading));
  return listed;
}

absl::StatusOr<std::vector<Digest>> UnpackedOf(Connection& record, const std::string& manifest_hash) {
  std::vector<Digest> layers;
  RecursiveMutexLock lock(record.mutex());
  ASSIGN_OR_RETURN(StatementUse query, record.Use(kUnpacked));
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

absl::StatusOr<std::vector<Digest>> CompressedOf(Connection& record, const std::string& tar_hash) {
  return DigestsOf(record, kCompressedOf, tar_hash);
}

absl::StatusOr<int64_t> UnplannedSince(Connection& record) {
  RecursiveMutexLock lock(record.mutex());
  ASSIGN_OR_RETURN(StatementUse query, record.Use(kUnplanned));
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row && !query->IsNull(0) ? query->Int64(0) : std::numeric_limits<int64_t>::max();
}

}  // namespace crossmill::storage
