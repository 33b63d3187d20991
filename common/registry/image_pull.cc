#include "common/registry/image_pull.h"

#include <memory>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/registry/side_by_side.h"

namespace crossmill::registry {
namespace {

constexpr int kMaxDepth = 4;

class Pull {
 public:
  Pull(RegistryClient& registry, const oci::Reference& reference, BlobStore& store,
       const PullOptions& options)
      : registry_(registry), reference_(reference), store_(store), options_(options) {}

  absl::StatusOr<PulledImage> Run() {
    ASSIGN_OR_RETURN(const RegistryManifest root, registry_.GetManifest(reference_, options_.stop));
    RETURN_IF_ERROR(Document(root, 0));
    RETURN_IF_ERROR(Blobs());
    return PulledImage{root.digest, root.media_type};
  }

 private:
  absl::Status Document(const RegistryManifest& document, int depth) {
    RETURN_IF_ERROR(store_.PutBytes(document.bytes).status());
    if (oci::IsManifestType(document.media_type)) {
      ASSIGN_OR_RETURN(const oci::ImageManifest manifest, oci::ParseImageManifest(document.bytes));
      wanted_.push_back(manifest.config.digest);
      for (const oci::Descriptor& layer : manifest.layers) wanted_.push_back(layer.digest);
      return absl::OkStatus();
    }
    if (depth >= kMaxDepth) return absl::InvalidArgumentError("image index: nested too deeply");
    ASSIGN_OR_RETURN(const oci::ImageIndex index, oci::ParseImageIndex(document.bytes));
    std::vector<oci::Descriptor> chosen = index.manifests;
    // An index within the index has no platforms to choose from: take it whole.
    if (!options_.platforms.empty() && depth == 0) {
      chosen.clear();
      for (const v1::Platform& platform : options_.platforms) {
        auto descriptor = oci::SelectPlatform(index, platform);
        if (!descriptor.ok()) return Annotate(descriptor.status(), reference_.ToString());
        chosen.push_back(*std::move(descriptor));
      }
    }
    for (const oci::Descriptor& descriptor : chosen) {
      ASSIGN_OR_RETURN(const RegistryManifest manifest, FetchDocument(descriptor.digest));
      RETURN_IF_ERROR(Document(manifest, depth + 1));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RegistryManifest> FetchDocument(const Digest& digest) {
    if (store_.Has(digest)) {
      RegistryManifest manifest;
      manifest.digest = digest;
      ASSIGN_OR_RETURN(manifest.bytes, store_.Get(digest));
      ASSIGN_OR_RETURN(manifest.media_type, oci::DocumentType(manifest.bytes));
      return manifest;
    }
    oci::Reference reference = reference_;
    reference.tag.clear();
    reference.digest = digest.Oci();
    ASSIGN_OR_RETURN(RegistryManifest manifest, registry_.GetManifest(reference, options_.stop));
    if (manifest.digest != digest) {
      return absl::DataLossError(fmt::format("{}: manifest {} has {} bytes, its index says {}",
                                             reference_.ToString(), digest.Oci(), manifest.digest.size,
                                             digest.size));
    }
    return manifest;
  }

  // The missing blobs, several at a time. The first error ends all.
  absl::Status Blobs() {
    ASSIGN_OR_RETURN(const std::vector<Digest> missing, store_.FindMissing(wanted_));
    Mutex mutex;
    return SideBySide(
        missing.size(), options_.connections, options_.stop,
        [&](size_t i, std::stop_token stop) { return Blob(missing[i], std::move(stop), mutex); });
  }

  absl::Status Blob(const Digest& digest, std::stop_token stop, Mutex& mutex) {
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, store_.Create(digest));
    TransferHooks hooks;
    hooks.stop = std::move(stop);
    if (options_.on_progress) {
      hooks.on_progress = [&](int64_t done) {
        MutexLock lock(mutex);
        options_.on_progress(digest, done);
      };
    }
    RETURN_IF_ERROR(registry_.GetBlob(reference_, digest, *writer, hooks));
    return writer->Commit().status();
  }

  RegistryClient& registry_;
  const oci::Reference& reference_;
  BlobStore& store_;
  const PullOptions& options_;
  std::vector<Digest> wanted_;
};

}  // namespace

absl::StatusOr<PulledImage> PullImage(RegistryClient& registry, const oci::Reference& reference,
                                      BlobStore& store, const PullOptions& options) {
  return Pull(registry, reference, store, options).Run();
}

}  // namespace crossmill::registry
