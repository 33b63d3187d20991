#include "common/oci/image_walk.h"

#include <set>

#include "common/base/status.h"

namespace crossmill::oci {
namespace {

constexpr int kMaxDepth = 4;

class Walk {
 public:
  explicit Walk(BlobStore& store) : store_(store) {}

  absl::Status Document(const Descriptor& descriptor, int depth) {
    if (!seen_.insert(descriptor.digest).second) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string bytes, Read(descriptor.digest));
    auto type = DocumentType(bytes);
    if (!type.ok()) return Annotate(type.status(), descriptor.digest.Oci());
    Descriptor document = descriptor;
    document.media_type = *type;
    blobs_.documents.push_back(std::move(document));
    if (IsIndexType(*type)) return Index(descriptor.digest, bytes, depth);
    return Manifest(descriptor, bytes);
  }

  ImageBlobs Finish() {
    blobs_.media_type = blobs_.documents.front().media_type;
    for (const auto* list : {&blobs_.documents, &blobs_.contents}) {
      for (const Descriptor& descriptor : *list) blobs_.total_bytes += descriptor.digest.size;
    }
    return std::move(blobs_);
  }

 private:
  absl::StatusOr<std::string> Read(const Digest& digest) {
    if (digest.size > kMaxDocument) {
      return absl::InvalidArgumentError(
          fmt::format("{}: an image document of {} bytes", digest.Oci(), digest.size));
    }
    return store_.Get(digest);
  }

  absl::Status Index(const Digest& digest, const std::string& bytes, int depth) {
    if (depth >= kMaxDepth) return absl::InvalidArgumentError("image index: nested too deeply");
    auto index = ParseImageIndex(bytes);
    if (!index.ok()) return Annotate(index.status(), digest.Oci());
    std::vector<Digest> named;
    for (const Descriptor& descriptor : index->manifests) named.push_back(descriptor.digest);
    ASSIGN_OR_RETURN(const std::vector<Digest> missing, store_.FindMissing(named));
    const std::set<Digest> absent(missing.begin(), missing.end());
    if (!named.empty() && absent.size() == std::set<Digest>(named.begin(), named.end()).size()) {
      return absl::FailedPreconditionError(
          fmt::format("blob {} is missing, which index {} names", named.front().Oci(), digest.Oci()));
    }
    for (const Descriptor& descriptor : index->manifests) {
      if (!absent.contains(descriptor.digest)) RETURN_IF_ERROR(Document(descriptor, depth + 1));
    }
    return absl::OkStatus();
  }

  absl::Status Manifest(const Descriptor& descriptor, const std::string& bytes) {
    auto manifest = ParseImageManifest(bytes);
    if (!manifest.ok()) return Annotate(manifest.status(), descriptor.digest.Oci());
    std::vector<Descriptor> contents = {manifest->config};
    contents.insert(contents.end(), manifest->layers.begin(), manifest->layers.end());
    std::vector<Digest> digests;
    for (const Descriptor& content : contents) digests.push_back(content.digest);
    ASSIGN_OR_RETURN(const std::vector<Digest> missing, store_.FindMissing(digests));
    if (!missing.empty()) {
      return absl::FailedPreconditionError(fmt::format("blob {} is missing, which manifest {} names",
                                                       missing.front().Oci(), descriptor.digest.Oci()));
    }
    for (Descriptor& content : contents) {
      if (seen_.insert(content.digest).second) blobs_.contents.push_back(std::move(content));
    }
    // Signatures and other artifacts have configs of their own kinds.
    const std::string& type = manifest->config.media_type;
    const bool image = type == media_type::kOciConfig || type == media_type::kDockerConfig;
    if (!image || !IsImageDescriptor(descriptor)) return absl::OkStatus();
    return Platform(manifest->config.digest);
  }

  absl::Status Platform(const Digest& config_digest) {
    ASSIGN_OR_RETURN(const std::string bytes, Read(config_digest));
    auto config = ParseImageConfig(bytes);
    if (!config.ok()) return Annotate(config.status(), config_digest.Oci());
    const std::string text = PlatformText(config->platform);
    if (platforms_.insert(text).second) blobs_.platforms.push_back(config->platform);
    return absl::OkStatus();
  }

  BlobStore& store_;
  ImageBlobs blobs_;
  std::set<Digest> seen_;
  std::set<std::string> platforms_;
};

}  // namespace

absl::StatusOr<ImageBlobs> WalkImage(BlobStore& store, const Digest& root) {
  Walk walk(store);
  Descriptor descriptor;
  descriptor.digest = root;
  RETURN_IF_ERROR(walk.Document(descriptor, 0));
  return walk.Finish();
}

}  // namespace crossmill::oci
