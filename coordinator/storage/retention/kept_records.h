// What of the record says that blobs are needed: running and pinned builds, images, farm wheels. Rows are
// read in pages, so that nobody waits long for the connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/digest.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::storage {

struct KeptBuild {
  int64_t id = 0;
  int64_t submitted_at = 0;
  v1::BuildSubmission submission;
  // False: it has no plan yet.
  bool planned = false;
  v1::BuildPlan plan;
  v1::BuildView view;
};

struct KeptImage {
  std::string name;
  // Of its root.
  std::string hash;
  // "registry", "import", "build 12".
  std::string origin;
  int64_t created_at = 0;
};

// Thread safe. The connection outlives it.
class KeptRecords {
 public:
  explicit KeptRecords(Connection& connection) : connection_(connection) {}

  // Builds that have not ended.
  absl::StatusOr<std::vector<int64_t>> RunningBuilds();
  // NOT_FOUND: there is no such build.
  absl::StatusOr<KeptBuild> Build(int64_t build);
  // Layers and manifests of what it executed, whoever goes on from them.
  absl::StatusOr<std::vector<std::string>> LayersOf(int64_t build);
  // The forms in which a layer was compressed here.
  absl::StatusOr<std::vector<std::string>> CompressedOf(const std::string& tar_hash);
  // Names behind `behind`, by name.
  absl::StatusOr<std::vector<KeptImage>> Images(const std::string& behind, int limit);
  // The unpacked image of a manifest; nothing when there is none.
  absl::StatusOr<std::vector<Digest>> UnpackedOf(const std::string& manifest_hash);
  absl::StatusOr<std::vector<std::string>> Wheels();

  // For `df`: what blobs are of which nothing is kept. Hashes of rows with ids above `behind`; the last id.
  struct Page {
    std::vector<std::string> hashes;
    int64_t last = 0;
  };
  absl::StatusOr<Page> ExecutionLayers(int64_t behind, int limit);

 private:
  absl::StatusOr<std::vector<std::string>> Hashes(const Sql& sql, const std::vector<Value>& values);

  Connection& connection_;
};

}  // namespace crossmill::storage
