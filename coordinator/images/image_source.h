// Where images come from that the farm does not have, and where it pushes to: a registry, or a fake one in
// tests.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/oci/reference.h"
#include "common/registry/attached_statements.h"
#include "common/registry/credentials.h"
#include "common/registry/image_pull.h"
#include "common/registry/image_push.h"
#include "common/registry/referrers.h"
#include "common/registry/registry.h"

namespace crossmill::coordinator {

// Of the client that asks, by registry; used before the coordinator's own and forgotten after the call.
using ClientCredentials = std::vector<std::pair<std::string, registry::Credentials>>;

// Thread safe.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // Puts the image's blobs for the wanted platforms into the store and returns its root. Errors as
  // registry::PullImage: NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE with the registry's own words.
  virtual absl::StatusOr<Digest> Pull(const oci::Reference& reference, BlobStore& blobs,
                                      const registry::PullOptions& options,
                                      const ClientCredentials& credentials = {}) = 0;
  // The other way: returns the digest that the reference names now. Errors as registry::PushImage.
  virtual absl::StatusOr<Digest> Push(const oci::Reference& reference, BlobStore& blobs, const Digest& root,
                                      const registry::PushOptions& options,
                                      const ClientCredentials& credentials = {}) = 0;
  // Puts documents beside images that are in the reference's repository, in order; returns their manifests'
  // digests. Errors as registry::PutArtifact.
  virtual absl::StatusOr<std::vector<Digest>> PutArtifacts(const oci::Reference& reference, BlobStore& blobs,
                                                           const std::vector<registry::Artifact>& artifacts,
                                                           const std::stop_token& stop,
                                                           const ClientCredentials& credentials = {}) = 0;
  // What the registry has of statements about the image. Errors as registry::ReadAttachedStatements.
  virtual absl::StatusOr<registry::AttachedStatements> ReadStatements(
      const oci::Reference& reference, const registry::StatementQuery& query,
      const ClientCredentials& credentials) = 0;
};

class RegistrySource final : public ImageSource {
 public:
  // Whether clients may push to a repository ("registry.example/team/app") with the coordinator's
  // credentials.
  using MayPush = std::function<bool(const std::string& repository)>;

  // `http` outlives it. Without `may_push` they may everywhere.
  RegistrySource(http::HttpClient& http, registry::RegistryOptions options, MayPush may_push = nullptr)
      : http_(http), options_(std::move(options)), may_push_(std::move(may_push)), client_(http, options_) {}

  absl::StatusOr<Digest> Pull(const oci::Reference& reference, BlobStore& blobs,
                              const registry::PullOptions& options,
                              const ClientCredentials& credentials) override {
    const auto pulled = registry::PullImage(*ClientFor(credentials), reference, blobs, options);
    if (!pulled.ok()) return pulled.status();
    return pulled->root;
  }

  absl::StatusOr<Digest> Push(const oci::Reference& reference, BlobStore& blobs, const Digest& root,
                              const registry::PushOptions& options,
                              const ClientCredentials& credentials) override {
    return Explain(registry::PushImage(*PusherFor(reference, credentials), reference, blobs, root, options),
                   reference);
  }

  absl::StatusOr<std::vector<Digest>> PutArtifacts(const oci::Reference& reference, BlobStore& blobs,
                                                   const std::vector<registry::Artifact>& artifacts,
                                                   const std::stop_token& stop,
                                                   const ClientCredentials& credentials) override {
    const auto client = PusherFor(reference, credentials);
    std::vector<Digest> put;
    for (const registry::Artifact& artifact : artifacts) {
      ASSIGN_OR_RETURN(put.emplace_back(), registry::PutArtifact(*client, reference, blobs, artifact, stop));
    }
    return put;
  }

  absl::StatusOr<registry::AttachedStatements> ReadStatements(const oci::Reference& reference,
                                                              const registry::StatementQuery& query,
                                                              const ClientCredentials& credentials) override {
    return registry::ReadAttachedStatements(*ClientFor(credentials), reference, query);
  }

 private:
  bool MayUseOwn(const oci::Reference& reference) const {
    return may_push_ == nullptr || may_push_(reference.Name());
  }

  // With the client's credentials alone, where it may not use the coordinator's.
  std::shared_ptr<registry::RegistryClient> PusherFor(const oci::Reference& reference,
                                                      const ClientCredentials& credentials) {
    if (MayUseOwn(reference)) return ClientFor(credentials);
    registry::RegistryOptions options = options_;
    options.credentials = registry::WithCredentials(credentials, nullptr);
    return std::make_shared<registry::RegistryClient>(http_, std::move(options));
  }

  // Whoever is refused for want of credentials that the coordinator has is told why it did not use them.
  absl::StatusOr<Digest> Explain(absl::StatusOr<Digest> pushed, const oci::Reference& reference) const {
    if (pushed.ok() || MayUseOwn(reference)) return pushed;
    if (!absl::IsPermissionDenied(pushed.status()) && !absl::IsUnauthenticated(pushed.status()))
      return pushed;
    return absl::Status(
        pushed.status().code(),
        fmt::format("{}. The coordinator's own credentials are not used for pushes to {}: log in with docker "
                    "where you push from, or start the coordinator with --push-credentials '{}'",
                    Sv(pushed.status().message()), reference.Name(), reference.Name()));
  }

  // Tokens got with somebody's credentials stay with them: such a client lives for one call.
  std::shared_ptr<registry::RegistryClient> ClientFor(const ClientCredentials& credentials) {
    if (credentials.empty()) return {std::shared_ptr<void>(), &client_};
    registry::RegistryOptions options = options_;
    options.credentials = registry::WithCredentials(credentials, options_.credentials);
    return std::make_shared<registry::RegistryClient>(http_, std::move(options));
  }

  http::HttpClient& http_;
  const registry::RegistryOptions options_;
  const MayPush may_push_;
  registry::RegistryClient client_;
};

}  // namespace crossmill::coordinator
