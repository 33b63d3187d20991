// A registry in memory.
#pragma once

#include <map>
#include <string>

#include "common/base/blob_store.h"
#include "common/base/status.h"
#include "common/oci/image.h"
#include "coordinator/images/image_source.h"

namespace crossmill::coordinator {

// Not thread safe, except that several threads may read.
class FakeImageSource final : public ImageSource {
 public:
  absl::StatusOr<ImageDocument> GetDocument(const oci::Reference& reference) override {
    if (!down.ok()) return down;
    ++documents_served;
    Digest digest;
    if (!reference.digest.empty()) {
      digest = by_digest[reference.digest];
    } else if (const auto it = tags.find(reference.ToString()); it != tags.end()) {
      digest = it->second;
    }
    if (digest.empty()) {
      return absl::NotFoundError(fmt::format("{}: manifest unknown", reference.ToString()));
    }
    ASSIGN_OR_RETURN(std::string bytes, blobs->Get(digest));
    ASSIGN_OR_RETURN(std::string type, oci::DocumentType(bytes));
    return ImageDocument{std::move(type), std::move(bytes)};
  }
  absl::Status GetBlob(const oci::Reference&, const Digest& digest, BlobWriter& writer) override {
    ASSIGN_OR_RETURN(std::string bytes, blobs->Get(digest));
    ++blobs_served;
    if (damage) bytes[bytes.size() / 2] ^= 1;
    for (size_t i = 0; i < bytes.size(); i += 100'000)
      RETURN_IF_ERROR(writer.Write(bytes.substr(i, 100'000)));
    return absl::OkStatus();
  }

  // Makes the image (an index, or a manifest) fetchable by the normalised name and by every digest in it.
  void Publish(const std::string& name, const Digest& root) {
    tags[name] = root;
    by_digest[root.Oci()] = root;
    const std::string document = *blobs->Get(root);
    if (!oci::IsIndexType(*oci::DocumentType(document))) return;
    const auto index = oci::ParseImageIndex(document);
    for (const auto& manifest : index->manifests) {
      by_digest[manifest.digest.Oci()] = manifest.digest;
    }
  }

  std::unique_ptr<BlobStore> blobs = MakeMemoryBlobStore();
  std::map<std::string, Digest> tags;
  std::map<std::string, Digest> by_digest;
  // What every request gets, if not OK.
  absl::Status down;
  bool damage = false;
  int documents_served = 0;
  int blobs_served = 0;
};

}  // namespace crossmill::coordinator
