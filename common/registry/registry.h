// The registry protocol (OCI distribution 1.1): manifests and blobs, from registries and to them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "common/base/mutex.h"
#include "common/http/http_client.h"
#include "common/oci/reference.h"
#include "common/registry/registry_auth.h"

namespace crossmill::registry {

struct RegistryOptions {
  // Registries (host[:port]) to speak plain http with. Loopback hosts always are.
  std::vector<std::string> plain_http;
  // By registry: hosts or URLs ("mirror:5000", "http://mirror/prefix") asked before it, in order.
  std::map<std::string, std::vector<std::string>> mirrors;
  // Empty: anonymous.
  CredentialLookup credentials;
  // Per request, counted anew whenever a blob has made progress.
  int attempts = 5;
  // Waits between attempts double from this, and are never longer than that, whatever the server asks.
  absl::Duration first_wait = absl::Milliseconds(500);
  absl::Duration longest_wait = absl::Seconds(60);
  // Default: really sleep.
  std::function<void(absl::Duration)> sleep;
  // Blobs up to this size are tried in one request first: a registry syncs its disk at the end of each, and
  // takes pieces a fifth slower. What breaks on the way, or is too large for a proxy, is sent in pieces after
  // that.
  int64_t whole_bytes = int64_t{1} << 30;
  // Other blobs are sent in pieces of this size, so that a broken connection costs at most one of them; what
  // fits in one goes in a single request. The registry may ask for larger ones (OCI-Chunk-Min-Length), a
  // proxy before it for smaller ones (413).
  int64_t chunk_bytes = 64 << 20;
};

struct RegistryManifest {
  std::string media_type;
  std::string bytes;
  Digest digest;
};

struct TransferHooks {
  // Bytes of the blob so far.
  std::function<void(int64_t)> on_progress;
  // Ends the transfer with CANCELLED.
  std::stop_token stop;
};

// Where blobs are pushed to.
struct PushTarget {
  oci::Reference reference;
  // Repositories of the same registry that blobs may be taken from: the token is asked for them too.
  std::vector<std::string> mount_from;
};

// What a token is asked for.
struct RegistryAccess {
  bool push = false;
  std::vector<std::string> mount_from;
};

enum class PushedBlob { kSent, kExisted, kMounted };

// Thread safe. `http` outlives it. Errors begin with registry and repository and say what to do:
// NOT_FOUND (no such image or tag), PERMISSION_DENIED (log in), UNAVAILABLE (not reachable, or asks to wait,
// after all attempts), DATA_LOSS (bytes without their digest), INVALID_ARGUMENT (not a registry's answer).
class RegistryClient {
 public:
  RegistryClient(http::HttpClient& http, RegistryOptions options);

  // An index or a manifest, of OCI or Docker schema 2; verified if the reference has a digest.
  absl::StatusOr<RegistryManifest> GetManifest(const oci::Reference& reference, std::stop_token stop = {});

  // The same from the registry itself, whatever mirrors have.
  absl::StatusOr<RegistryManifest> GetOwnManifest(const oci::Reference& reference, std::stop_token stop = {});

  // The index of what refers to the subject, from the registry itself (OCI distribution 1.1, "Listing
  // Referrers"; its first page). NOT_FOUND: the registry has no such list; another registry's client may have
  // kept one under a tag (referrers.h).
  absl::StatusOr<std::string> GetReferrers(const oci::Reference& repository, const Digest& subject,
                                           std::stop_token stop = {});

  // Writes the blob to `writer` (without Commit). Continues by Range after broken connections, also at
  // another mirror. DATA_LOSS if the bytes have not the digest; the writer must be abandoned after any error.
  absl::Status GetBlob(const oci::Reference& reference, const Digest& digest, BlobWriter& writer,
                       const TransferHooks& hooks = {});

  // True if the registry (no mirror) has the blob in this repository.
  absl::StatusOr<bool> HasBlob(const PushTarget& target, const Digest& digest, std::stop_token stop = {});

  // Brings the blob from the store to the registry, unless it is there or can be mounted from the repository
  // `mount_from` (may be empty). Uploads that break are continued where the registry says that they stopped.
  absl::StatusOr<PushedBlob> PutBlob(const PushTarget& target, const Digest& digest, BlobStore& store,
                                     std::string_view mount_from, const TransferHooks& hooks = {});

  // Puts a manifest or index under the reference's tag, or under its digest when `by_digest`. What it names
  // must be there. DATA_LOSS if the registry says another digest than that of the bytes. `subject_noted`, if
  // given: the registry lists it among the referrers of the manifest's subject (OCI-Subject).
  absl::Status PutManifest(const PushTarget& target, const RegistryManifest& manifest, bool by_digest,
                           std::stop_token stop = {}, bool* subject_noted = nullptr);

 private:
  // A place to ask: the registry itself or a mirror.
  struct Endpoint {
    std::string url;   // "https://host/prefix", without "/v2".
    std::string host;  // As credentials and messages name it.
    bool mirror = false;
  };
  class BlobTransfer;
  class BlobUpload;
  // A response that is not 2xx keeps the beginning of its body, for the message.
  struct Answer {
    http::HttpResponse response;
    std::string error_body;
  };

  std::vector<Endpoint> EndpointsOf(const oci::Reference& reference) const;
  Endpoint RegistryEndpoint(const oci::Reference& reference) const;
  absl::StatusOr<Answer> Exchange(const Endpoint& endpoint, const oci::Reference& reference,
                                  http::HttpRequest request, const http::BodySink& sink,
                                  const RegistryAccess& access = {});
  // Exchange without interest in the body, repeated while the registry is busy or not there. The answer may
  // be of any other status.
  absl::StatusOr<Answer> Ask(const Endpoint& endpoint, const PushTarget& target,
                             const http::HttpRequest& request, std::string_view what);
  absl::StatusOr<Answer> SendOnce(http::HttpRequest request, const http::BodySink& sink);
  absl::StatusOr<std::string> Authorize(const Endpoint& endpoint, const oci::Reference& reference,
                                        std::string_view header, const RegistryAccess& access,
                                        const std::stop_token& stop);
  absl::StatusOr<std::optional<Credentials>> CredentialsFor(const Endpoint& endpoint) const;
  absl::StatusOr<std::string> FetchToken(const Endpoint& endpoint, const oci::Reference& reference,
                                         const Challenge& challenge, const RegistryAccess& access,
                                         const std::stop_token& stop);
  absl::StatusOr<RegistryManifest> GetManifestFrom(const Endpoint& endpoint, const oci::Reference& reference,
                                                   std::stop_token stop);
  // A document that fits in memory; `stated`, if given, gets the digest that the registry says it has.
  absl::StatusOr<std::string> GetDocument(const Endpoint& endpoint, const oci::Reference& reference,
                                          const http::HttpRequest& request, std::string_view what,
                                          std::string* stated);
  absl::Status GetBlobFrom(const Endpoint& endpoint, const oci::Reference& reference, const Digest& digest,
                           BlobTransfer& transfer, const std::stop_token& stop);
  absl::Status Wait(int attempt, const http::HttpResponse* response, const std::stop_token& stop);
  int AttemptsAt(const Endpoint& endpoint) const;

  http::HttpClient& http_;
  const RegistryOptions options_;
  Mutex mutex_;
  // Authorization header by endpoint and repository.
  std::map<std::string, std::string> authorizations_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::registry
