#include "common/registry/image_push.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/oci/image_walk.h"
#include "common/registry/side_by_side.h"

namespace crossmill::registry {
namespace {

// The root narrowed to the platforms: itself, one manifest of it, or a smaller index (put into the store).
absl::StatusOr<Digest> Narrowed(BlobStore& store, const Digest& root,
                                const std::vector<v1::Platform>& platforms) {
  if (platforms.empty()) return root;
  ASSIGN_OR_RETURN(const std::string bytes, store.Get(root));
  ASSIGN_OR_RETURN(const std::string type, oci::DocumentType(bytes));
  oci::ImageIndex index;
  if (oci::IsIndexType(type)) {
    ASSIGN_OR_RETURN(index, oci::ParseImageIndex(bytes));
  } else {
    ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(store, root));
    oci::Descriptor& only = index.manifests.emplace_back();
    only.digest = root;
    if (!blobs.platforms.empty()) only.platform = blobs.platforms.front();
  }
  std::vector<oci::Descriptor> chosen;
  for (const v1::Platform& platform : platforms) {
    ASSIGN_OR_RETURN(oci::Descriptor descriptor, oci::SelectPlatform(index, platform));
    const auto same = [&](const oci::Descriptor& other) { return other.digest == descriptor.digest; };
    if (std::none_of(chosen.begin(), chosen.end(), same)) chosen.push_back(std::move(descriptor));
  }
  if (chosen.size() == 1) return chosen.front().digest;
  index.manifests = std::move(chosen);
  return store.PutBytes(oci::WriteImageIndex(index));
}

// Registries refuse an index whose manifests they do not have; better said before anything is sent.
absl::Status CheckWhole(BlobStore& store, const oci::ImageBlobs& blobs) {
  std::set<Digest> there;
  for (const oci::Descriptor& document : blobs.documents) there.insert(document.digest);
  for (const oci::Descriptor& document : blobs.documents) {
    if (!oci::IsIndexType(document.media_type)) continue;
    ASSIGN_OR_RETURN(const std::string bytes, store.Get(document.digest));
    ASSIGN_OR_RETURN(const oci::ImageIndex index, oci::ParseImageIndex(bytes));
    std::string missing;
    for (const oci::Descriptor& named : index.manifests) {
      if (there.contains(named.digest)) continue;
      missing += missing.empty() ? "" : ", ";
      missing += named.platform.has_value() ? oci::PlatformText(*named.platform) : named.digest.Oci();
    }
    if (missing.empty()) continue;
    return absl::FailedPreconditionError(fmt::format(
        "the image's index names {}, which the farm's store does not have; pull the image for all its "
        "platforms, or choose some with --platform",
        missing));
  }
  return absl::OkStatus();
}

class Push {
 public:
  Push(RegistryClient& registry, const oci::Reference& reference, BlobStore& store,
       const PushOptions& options)
      : registry_(registry), store_(store), options_(options) {
    target_.reference = reference;
    std::set<std::string> repositories;
    for (const auto& [hash, repository] : options.mount_from) repositories.insert(repository);
    target_.mount_from.assign(repositories.begin(), repositories.end());
  }

  absl::StatusOr<Digest> Run(const Digest& whole) {
    ASSIGN_OR_RETURN(const Digest root, Narrowed(store_, whole, options_.platforms));
    ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(store_, root));
    RETURN_IF_ERROR(CheckWhole(store_, blobs));
    std::vector<Digest> contents;
    for (const oci::Descriptor& blob : blobs.contents) contents.push_back(blob.digest);
    // The largest first: the last to end should be a small one.
    std::stable_sort(contents.begin(), contents.end(),
                     [](const Digest& a, const Digest& b) { return a.size > b.size; });
    RETURN_IF_ERROR(
        SideBySide(contents.size(), options_.connections, options_.stop,
                   [&](size_t i, std::stop_token stop) { return Blob(contents[i], std::move(stop)); }));
    // Each document comes before what it names.
    for (auto it = blobs.documents.rbegin(); it != blobs.documents.rend(); ++it) {
      RegistryManifest manifest;
      manifest.media_type = it->media_type;
      manifest.digest = it->digest;
      ASSIGN_OR_RETURN(manifest.bytes, store_.Get(it->digest));
      const bool by_digest = options_.by_digest || it->digest != root;
      RETURN_IF_ERROR(registry_.PutManifest(target_, manifest, by_digest, options_.stop));
    }
    return root;
  }

 private:
  absl::Status Blob(const Digest& digest, std::stop_token stop) {
    const auto report = [&](int64_t done, bool existed) {
      if (!options_.on_progress) return;
      MutexLock lock(mutex_);
      options_.on_progress(digest, done, existed);
    };
    TransferHooks hooks;
    hooks.stop = std::move(stop);
    hooks.on_progress = [&](int64_t done) { report(done, false); };
    const auto from = options_.mount_from.find(digest.hash);
    ASSIGN_OR_RETURN(
        const PushedBlob pushed,
        registry_.PutBlob(target_, digest, store_,
                          from == options_.mount_from.end() ? std::string() : from->second, hooks));
    report(digest.size, pushed != PushedBlob::kSent);
    return absl::OkStatus();
  }

  RegistryClient& registry_;
  BlobStore& store_;
  const PushOptions& options_;
  PushTarget target_;
  Mutex mutex_;
};

}  // namespace

absl::StatusOr<Digest> PushImage(RegistryClient& registry, const oci::Reference& reference, BlobStore& store,
                                 const Digest& root, const PushOptions& options) {
  if (!reference.digest.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: push to a tag, not to a digest", reference.ToString()));
  }
  return Push(registry, reference, store, options).Run(root);
}

}  // namespace crossmill::registry
