#include "coordinator/retention/blob_closures.h"

#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"
#include "common/oci/image.h"
#include "common/oci/image_walk.h"

namespace crossmill::coordinator {
namespace {

// Folders of a tree and image documents are bounded far below this where they come in.
constexpr int64_t kLargestBlob = int64_t{64} << 20;
constexpr int kDeepestIndex = 4;

}  // namespace

class BlobClosures::Walk {
 public:
  Walk(const std::string& folder, const Pace& pace) : folder_(folder), pace_(pace) {}

  absl::Status Tree(const std::string& root) {
    std::vector<std::string> folders;
    if (Add(root)) folders.push_back(root);
    while (!folders.empty()) {
      const std::string folder = std::move(folders.back());
      folders.pop_back();
      ASSIGN_OR_RETURN(const std::optional<std::string> bytes, Read(folder));
      build::bazel::remote::execution::v2::Directory directory;
      if (!bytes || !directory.ParseFromString(*bytes)) {
        closure_.broken = true;
        continue;
      }
      for (const auto& file : directory.files()) Add(file.digest().hash());
      for (const auto& below : directory.directories()) {
        if (Add(below.digest().hash())) folders.push_back(below.digest().hash());
      }
    }
    return absl::OkStatus();
  }

  absl::Status Image(const std::string& hash, int depth) {
    if (!Add(hash)) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes, Read(hash));
    const auto type = oci::DocumentType(bytes.value_or(""));
    if (!bytes || !type.ok() || depth > kDeepestIndex) {
      closure_.broken = true;
      return absl::OkStatus();
    }
    if (oci::IsIndexType(*type)) return Index(*bytes, depth);
    const auto manifest = oci::ParseImageManifest(*bytes);
    if (!manifest.ok()) {
      closure_.broken = true;
      return absl::OkStatus();
    }
    closure_.manifests.push_back(hash);
    Add(manifest->config.digest.hash);
    for (const oci::Descriptor& layer : manifest->layers) Add(layer.digest.hash);
    return absl::OkStatus();
  }

  BlobClosure Finish() { return std::move(closure_); }

 private:
  absl::Status Index(const std::string& bytes, int depth) {
    const auto index = oci::ParseImageIndex(bytes);
    if (!index.ok()) {
      closure_.broken = true;
      return absl::OkStatus();
    }
    for (const oci::Descriptor& manifest : index->manifests)
      RETURN_IF_ERROR(Image(manifest.digest.hash, depth + 1));
    return absl::OkStatus();
  }

  // False: it is in already, or no hash.
  bool Add(const std::string& hash) {
    if (!IsSha256Hex(hash)) return false;
    const BlobName name = NameOfHash(hash);
    if (!seen_.insert(name).second) return false;
    closure_.names.push_back(name);
    return true;
  }

  // Nothing: it is not there, or wrong.
  absl::StatusOr<std::optional<std::string>> Read(const std::string& hash) {
    RETURN_IF_ERROR(pace_());
    // The empty folder has no file.
    if (hash == Sha256Hex("")) return std::optional<std::string>("");
    auto bytes = PeekBlob(folder_, hash, kLargestBlob);
    if (bytes.ok()) return std::optional<std::string>(*std::move(bytes));
    const bool none = absl::IsNotFound(bytes.status()) || absl::IsDataLoss(bytes.status()) ||
                      absl::IsOutOfRange(bytes.status());
    if (!none) return bytes.status();
    return std::optional<std::string>();
  }

  const std::string& folder_;
  const Pace& pace_;
  BlobClosure closure_;
  absl::flat_hash_set<BlobName> seen_;
};

absl::StatusOr<std::shared_ptr<const BlobClosure>> BlobClosures::Find(const std::string& key,
                                                                      const std::string& root, bool image) {
  const auto known = known_.find(key);
  if (known != known_.end()) {
    known->second.asked = true;
    return known->second.closure;
  }
  Walk walk(folder_, pace_);
  RETURN_IF_ERROR(image ? walk.Image(root, 0) : walk.Tree(root));
  auto closure = std::make_shared<const BlobClosure>(walk.Finish());
  // What is missing may come.
  if (!closure->broken) known_[key] = {closure, true};
  return closure;
}

absl::StatusOr<std::shared_ptr<const BlobClosure>> BlobClosures::Tree(const std::string& root) {
  return Find("tree:" + root, root, false);
}

absl::StatusOr<std::shared_ptr<const BlobClosure>> BlobClosures::Image(const std::string& root) {
  return Find("image:" + root, root, true);
}

void BlobClosures::EndRound() {
  for (auto it = known_.begin(); it != known_.end();) {
    if (!std::exchange(it->second.asked, false)) {
      it = known_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace crossmill::coordinator
