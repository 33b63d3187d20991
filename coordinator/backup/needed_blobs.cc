#include "coordinator/backup/needed_blobs.h"

#include <algorithm>
#include <optional>
#include <set>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/status.h"
#include "common/oci/image.h"

namespace crossmill::backup {
namespace {

using storage::NeededBy;
using storage::RecordReference;
using storage::ReferenceForm;
namespace reapi = build::bazel::remote::execution::v2;

constexpr int64_t kLargestFolder = int64_t{64} << 20;
constexpr int64_t kLargestDocument = int64_t{8} << 20;
constexpr int kDeepestIndex = 4;

// Walks from references to blobs. What was seen for a graver reason is not walked again.
class Walk {
 public:
  Walk(const StoredBlobs& blobs, const absl::flat_hash_set<std::string>& without, NeededBlobs& found)
      : blobs_(blobs), without_(without), found_(found) {}

  absl::Status Take(const RecordReference& reference) {
    now_ = &reference;
    switch (reference.form) {
      case ReferenceForm::kTree:
        return Tree(reference.digest);
      case ReferenceForm::kImage:
        return Document(reference.digest, 0);
      case ReferenceForm::kBytes:
        return Add(reference.digest).status();
    }
    return absl::OkStatus();
  }

 private:
  // Whether it is there and was not known.
  absl::StatusOr<bool> Add(const Digest& digest) {
    if (digest.size == 0 || digest.empty()) return false;
    const auto known = found_.present.find(digest.hash);
    if (known != found_.present.end()) {
      known->second.by = std::min(known->second.by, now_->by);
      return false;
    }
    if (absent_.contains(digest.hash)) return false;
    ASSIGN_OR_RETURN(const std::optional<StoredFile> file, blobs_.Find(digest));
    if (!file || without_.contains(digest.hash)) {
      Miss(digest);
      return false;
    }
    found_.present[digest.hash] = {digest.size, now_->by};
    for (const BlobPart& part : file->parts) {
      if (part.blob.empty()) continue;
      RETURN_IF_ERROR(Add(part.blob).status());
      if (found_.present.contains(part.blob.hash)) continue;
      // It is there, and cannot be read.
      found_.present.erase(digest.hash);
      Miss(digest);
      return false;
    }
    return true;
  }

  void Miss(const Digest& digest) {
    if (absent_.insert(digest.hash).second)
      found_.missing.push_back({digest, now_->by, std::string(now_->what)});
  }

  // The blob's bytes if others are behind it; nothing: it was walked, is gone or is damaged.
  absl::StatusOr<std::optional<std::string>> Open(const Digest& digest, int64_t limit) {
    RETURN_IF_ERROR(Add(digest).status());
    if (digest.size == 0 || !found_.present.contains(digest.hash)) return std::nullopt;
    if (!walked_.insert(digest.hash).second) return std::nullopt;
    absl::StatusOr<std::string> bytes = blobs_.Get(digest, limit);
    if (absl::IsNotFound(bytes.status()) || absl::IsDataLoss(bytes.status())) {
      found_.present.erase(digest.hash);
      Miss(digest);
      return std::nullopt;
    }
    RETURN_IF_ERROR(bytes.status());
    return *std::move(bytes);
  }

  // The folders of a tree, one after the other: trees may be deep.
  absl::Status Tree(const Digest& root) {
    std::vector<Digest> folders = {root};
    while (!folders.empty()) {
      const Digest digest = std::move(folders.back());
      folders.pop_back();
      ASSIGN_OR_RETURN(const std::optional<std::string> bytes, Open(digest, kLargestFolder));
      if (!bytes) continue;
      reapi::Directory folder;
      if (!folder.ParseFromString(*bytes)) continue;
      for (const auto& file : folder.files()) RETURN_IF_ERROR(Add(FromProto(file.digest())).status());
      for (const auto& below : folder.directories()) folders.push_back(FromProto(below.digest()));
    }
    return absl::OkStatus();
  }

  absl::Status Document(const Digest& digest, int depth) {
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes, Open(digest, kLargestDocument));
    if (!bytes || depth > kDeepestIndex) return absl::OkStatus();
    const auto type = oci::DocumentType(*bytes);
    if (!type.ok()) return absl::OkStatus();
    if (oci::IsIndexType(*type)) return Index(*bytes, depth);
    const auto manifest = oci::ParseImageManifest(*bytes);
    if (!manifest.ok()) return absl::OkStatus();
    RETURN_IF_ERROR(Add(manifest->config.digest).status());
    for (const oci::Descriptor& layer : manifest->layers) RETURN_IF_ERROR(Add(layer.digest).status());
    return absl::OkStatus();
  }

  // An index may name images of platforms that were never pulled.
  absl::Status Index(const std::string& bytes, int depth) {
    const auto index = oci::ParseImageIndex(bytes);
    if (!index.ok()) return absl::OkStatus();
    for (const oci::Descriptor& entry : index->manifests) {
      const std::string platform = entry.platform ? oci::PlatformText(*entry.platform) : "";
      const bool wanted =
          now_->platforms != nullptr &&
          std::find(now_->platforms->begin(), now_->platforms->end(), platform) != now_->platforms->end();
      ASSIGN_OR_RETURN(const std::optional<StoredFile> there, blobs_.Find(entry.digest));
      if (there || wanted) RETURN_IF_ERROR(Document(entry.digest, depth + 1));
    }
    return absl::OkStatus();
  }

  const StoredBlobs& blobs_;
  const absl::flat_hash_set<std::string>& without_;
  NeededBlobs& found_;
  const RecordReference* now_ = nullptr;
  std::set<std::string> absent_, walked_;
};

}  // namespace

int64_t NeededBlobs::CountMissing(NeededBy by) const {
  return std::count_if(missing.begin(), missing.end(),
                       [by](const MissingBlob& blob) { return blob.by == by; });
}

absl::StatusOr<NeededBlobs> FindNeeded(storage::Database& record, const StoredBlobs& blobs,
                                       const absl::flat_hash_set<std::string>& without) {
  NeededBlobs found;
  Walk walk(blobs, without, found);
  RETURN_IF_ERROR(record.Execute("begin to read", "BEGIN"));
  const absl::Status listed =
      storage::ListReferences(record, [&](const RecordReference& reference) { return walk.Take(reference); });
  RETURN_IF_ERROR(record.Execute("end reading", "ROLLBACK"));
  RETURN_IF_ERROR(listed);
  return found;
}

std::string NameNeeders(const std::vector<MissingBlob>& missing, NeededBy by) {
  constexpr size_t kNamed = 3;
  std::set<std::string> names;
  for (const MissingBlob& blob : missing) {
    if (blob.by == by) names.insert(blob.what);
  }
  std::string text;
  size_t count = 0;
  for (const std::string& name : names) {
    if (++count > kNamed) break;
    text += (count == 1 ? "" : ", ") + name;
  }
  if (names.size() > kNamed) text += fmt::format(" and {} more", names.size() - kNamed);
  return text;
}

}  // namespace crossmill::backup
