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
  absl::StatusOr<Digest> Pull(const oci::Reference& reference, BlobStore& target,
                              const registry::PullOptions& options, const ClientCredentials& given) override {
    credentials = given;
    if (!down.ok()) return down;
    const Digest root = reference.digest.empty() ? tags[reference.ToString()] : by_digest[reference.digest];
    if (root.empty()) return absl::NotFoundError(fmt::format("{}: manifest unknown", reference.ToString()));
    ASSIGN_OR_RETURN(const std::string document, blobs->Get(root));
    ASSIGN_OR_RETURN(const std::string type, oci::DocumentType(document));
    std::vector<Digest> manifests = {root};
    if (oci::IsIndexType(type)) {
      ASSIGN_OR_RETURN(const oci::ImageIndex index, oci::ParseImageIndex(document));
      manifests.clear();
      for (const v1::Platform& platform : options.platforms) {
        ASSIGN_OR_RETURN(const oci::Descriptor descriptor, oci::SelectPlatform(index, platform));
        manifests.push_back(descriptor.digest);
      }
      for (const auto& descriptor : index.manifests) {
        if (options.platforms.empty()) manifests.push_back(descriptor.digest);
      }
    }
    for (const Digest& digest : manifests) RETURN_IF_ERROR(CopyManifest(digest, target, options));
    return target.PutBytes(document);
  }

  absl::StatusOr<Digest> Push(const oci::Reference& reference, BlobStore& source, const Digest& root,
                              const registry::PushOptions& options, const ClientCredentials& given) override {
    credentials = given;
    pushed_with = options;
    if (!down.ok()) return down;
    ASSIGN_OR_RETURN(const std::string document, source.Get(root));
    RETURN_IF_ERROR(blobs->PutBytes(document).status());
    tags[reference.ToString()] = root;
    if (options.on_progress) options.on_progress(root, root.size, false);
    return root;
  }

  absl::StatusOr<std::vector<Digest>> PutArtifacts(const oci::Reference&, BlobStore&,
                                                   const std::vector<registry::Artifact>& given_artifacts,
                                                   const std::stop_token&,
                                                   const ClientCredentials& given) override {
    credentials = given;
    if (!down.ok()) return down;
    std::vector<Digest> put;
    for (const registry::Artifact& artifact : given_artifacts) {
      artifacts.push_back(artifact);
      put.push_back(DigestOf(registry::WriteArtifactManifest(artifact)));
    }
    return put;
  }

  absl::StatusOr<registry::AttachedStatements> ReadStatements(const oci::Reference& reference,
                                                              const registry::StatementQuery& query,
                                                              const ClientCredentials& given) override {
    credentials = given;
    if (!down.ok()) return down;
    registry::AttachedStatements found;
    found.root = tags[reference.ToString()];
    found.statements = statements;
    asked_predicate = query.predicate;
    return found;
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
  // Of the last call.
  ClientCredentials credentials;
  registry::PushOptions pushed_with;
  // Put beside images.
  std::vector<registry::Artifact> artifacts;
  // What there is about every image.
  std::vector<registry::AttachedStatement> statements;
  std::string asked_predicate;
  int blobs_served = 0;

 private:
  absl::Status CopyManifest(const Digest& digest, BlobStore& target, const registry::PullOptions& options) {
    ASSIGN_OR_RETURN(const std::string document, blobs->Get(digest));
    ASSIGN_OR_RETURN(oci::ImageManifest manifest, oci::ParseImageManifest(document));
    manifest.layers.push_back(manifest.config);
    for (const oci::Descriptor& blob : manifest.layers) {
      if (options.stop.stop_requested()) return absl::CancelledError("stopped");
      if (target.Has(blob.digest)) continue;
      ++blobs_served;
      ASSIGN_OR_RETURN(std::string bytes, blobs->Get(blob.digest));
      if (damage) bytes[bytes.size() / 2] ^= 1;
      RETURN_IF_ERROR(target.Put({{{blob.digest, bytes}}}));
      if (options.on_progress) options.on_progress(blob.digest, blob.digest.size);
    }
    return target.PutBytes(document).status();
  }
};

}  // namespace crossmill::coordinator
