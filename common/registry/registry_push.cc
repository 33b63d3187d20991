// Blobs and manifests to a registry (RegistryClient::PutBlob, PutManifest).
#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/registry/registry.h"
#include "common/registry/registry_errors.h"

namespace crossmill::registry {

using registry_errors::AtRegistry;
using registry_errors::IsSuccess;
using registry_errors::IsTransient;
using registry_errors::Placed;
using registry_errors::StatusFor;

namespace {

constexpr int64_t kLeastChunk = 1 << 20;
// Of a blob that is compared with its digest while it is sent.
constexpr int64_t kMostHashed = 64 << 20;

absl::Status IgnoreBody(const http::HttpResponse&, std::string_view) { return absl::OkStatus(); }

// A blob as a request's body: read in order, opened anew where a repeated request needs it. One that is large
// is not hashed on its way: the registry does that, and here it would be done between two reads of the
// socket.
class BlobBody {
 public:
  BlobBody(BlobStore& store, const Digest& digest, int64_t begin)
      : store_(store), digest_(digest), begin_(begin) {}

  absl::StatusOr<size_t> Read(int64_t offset, char* buffer, size_t size) {
    if (reader_ == nullptr || offset != position_) {
      ASSIGN_OR_RETURN(reader_, store_.Open(digest_, begin_ + offset));
      position_ = offset;
    }
    ASSIGN_OR_RETURN(const size_t count, reader_->Read(buffer, size));
    position_ += static_cast<int64_t>(count);
    // Only what is read from its beginning is hashed.
    if (begin_ == 0 && offset == 0 && digest_.size > kMostHashed) reader_.reset();
    return count;
  }

 private:
  BlobStore& store_;
  const Digest digest_;
  const int64_t begin_;
  int64_t position_ = 0;
  std::unique_ptr<BlobReader> reader_;
};

std::optional<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "0-1023" (some say "bytes=0-1023"): 1024. "0-0" is what an empty upload and one of a byte say: 0, to be
// safe.
int64_t EndOfRange(std::string_view range) {
  const size_t dash = range.rfind('-');
  if (dash == std::string_view::npos) return 0;
  const int64_t last = ParseInt(range.substr(dash + 1)).value_or(0);
  return last <= 0 ? 0 : last + 1;
}

// Where the registry wants the next request: absolute, or relative to what was asked.
std::string ResolveLocation(std::string_view location, const std::string& asked) {
  const auto from = http::ParseUrl(asked);
  if (!from.ok()) return std::string(location);
  if (location.starts_with("/")) return fmt::format("{}://{}{}", from->scheme, from->authority, location);
  const auto to = http::ParseUrl(location);
  if (!to.ok()) {
    const std::string_view path = std::string_view(from->path).substr(0, from->path.find('?'));
    return fmt::format("{}://{}{}{}", from->scheme, from->authority, path.substr(0, path.rfind('/') + 1),
                       location);
  }
  // A registry behind a proxy that ends TLS may not know of it.
  if (to->scheme == "http" && from->scheme == "https" && to->authority == from->authority) {
    return fmt::format("https://{}{}", to->authority, to->path);
  }
  return std::string(location);
}

// As StatusFor, with what 404 and 405 mean to somebody who pushes.
absl::Status PushStatus(const oci::Reference& reference, std::string_view host,
                        const http::HttpResponse& response, std::string_view body, std::string_view what) {
  if (response.status != 404 && response.status != 405)
    return StatusFor(reference, host, response, body, what);
  return AtRegistry(
      absl::StatusCode::kNotFound, reference, host,
      fmt::format("it does not take {}, HTTP {}; check that the repository exists and may be pushed to", what,
                  response.status));
}

std::string WithDigest(const std::string& location, const Digest& digest) {
  return fmt::format("{}{}digest={}", location, location.find('?') == std::string::npos ? '?' : '&',
                     EncodePercent(digest.Oci()));
}

}  // namespace

absl::StatusOr<RegistryClient::Answer> RegistryClient::Ask(const Endpoint& endpoint, const PushTarget& target,
                                                           const http::HttpRequest& request,
                                                           std::string_view what) {
  for (int attempt = 0;; ++attempt) {
    auto answer = Exchange(endpoint, target.reference, request, IgnoreBody, {true, target.mount_from});
    const bool transient = answer.ok() ? IsTransient(answer->response.status)
                                       : answer.status().code() == absl::StatusCode::kUnavailable;
    if (!transient && !answer.ok()) return Placed(answer.status(), target.reference, endpoint.host);
    if (!transient) return answer;
    if (attempt + 1 >= AttemptsAt(endpoint)) {
      if (answer.ok()) {
        return StatusFor(target.reference, endpoint.host, answer->response, answer->error_body, what);
      }
      return Placed(answer.status(), target.reference, endpoint.host);
    }
    RETURN_IF_ERROR(Wait(attempt, answer.ok() ? &answer->response : nullptr, request.stop));
  }
}

// One blob on its way up, over all its connections and upload sessions.
class RegistryClient::BlobUpload {
 public:
  BlobUpload(RegistryClient& client, const PushTarget& target, const Digest& digest, BlobStore& store,
             const TransferHooks& hooks)
      : client_(client),
        target_(target),
        endpoint_(client.RegistryEndpoint(target.reference)),
        digest_(digest),
        store_(store),
        hooks_(hooks),
        chunk_(client.options_.chunk_bytes),
        what_(fmt::format("the upload of blob {}", digest.Oci())) {}

  absl::StatusOr<PushedBlob> Run(std::string_view mount_from) {
    ASSIGN_OR_RETURN(const bool mounted, Begin(mount_from));
    if (mounted) return PushedBlob::kMounted;
    for (int session = 1;; ++session) {
      const absl::Status status = Send();
      if (status.ok()) return PushedBlob::kSent;
      // The registry has forgotten the session: from the start, but not for ever.
      if (!lost_ || session >= client_.AttemptsAt(endpoint_)) return status;
      RETURN_IF_ERROR(Begin("").status());
    }
  }

 private:
  http::HttpRequest Request(std::string method, std::string url) const {
    http::HttpRequest request;
    request.method = std::move(method);
    request.url = std::move(url);
    request.stop = hooks_.stop;
    return request;
  }

  absl::Status Refused(const Answer& answer) const {
    return PushStatus(target_.reference, endpoint_.host, answer.response, answer.error_body, what_);
  }

  // Opens an upload session. True: none was needed, the blob came from `mount_from`.
  absl::StatusOr<bool> Begin(std::string_view mount_from) {
    lost_ = false;
    done_ = 0;
    std::string url = fmt::format("{}/v2/{}/blobs/uploads/", endpoint_.url, target_.reference.repository);
    if (!mount_from.empty()) {
      url += fmt::format("?mount={}&from={}", EncodePercent(digest_.Oci()), EncodePercent(mount_from));
    }
    ASSIGN_OR_RETURN(const Answer answer, client_.Ask(endpoint_, target_, Request("POST", url), what_));
    if (answer.response.status == 201 && !mount_from.empty()) return true;
    // A mount that is not allowed must not keep the blob from being sent.
    if (!mount_from.empty() && !IsSuccess(answer.response.status)) return Begin("");
    if (!IsSuccess(answer.response.status)) return Refused(answer);
    if (answer.response.Header("location").empty()) {
      return AtRegistry(absl::StatusCode::kInvalidArgument, target_.reference, endpoint_.host,
                        fmt::format("it began {} without a location", what_));
    }
    Moved(answer.response);
    if (const auto least = ParseInt(answer.response.Header("oci-chunk-min-length")))
      chunk_ = std::max(chunk_, *least);
    return false;
  }

  void Moved(const http::HttpResponse& response) {
    const std::string_view location = response.Header("location");
    if (!location.empty()) location_ = ResolveLocation(location, response.url);
  }

  absl::Status Send() {
    if (digest_.size <= chunk_ || !chunks_allowed_) return Complete();
    if (whole_allowed_ && digest_.size <= client_.options_.whole_bytes) {
      ASSIGN_OR_RETURN(const bool sent, SendWhole());
      if (sent) return absl::OkStatus();
      // Part of the body may have arrived: a session of its own.
      RETURN_IF_ERROR(Begin("").status());
    }
    RETURN_IF_ERROR(SendChunks());
    return Complete();
  }

  // In one request, once. False: in chunks it may go.
  absl::StatusOr<bool> SendWhole() {
    whole_allowed_ = false;
    auto answer = Transfer(LastRequest(), digest_.size);
    if (answer.ok() && IsSuccess(answer->response.status)) {
      RETURN_IF_ERROR(Check(answer->response));
      return true;
    }
    if (answer.ok() && answer->response.status == 413) return false;
    if (answer.ok() && !IsTransient(answer->response.status)) {
      // Our own bytes may be the reason.
      RETURN_IF_ERROR(CheckOwn());
      return Refused(*answer);
    }
    if (!answer.ok() && answer.status().code() != absl::StatusCode::kUnavailable)
      return Placed(answer.status(), target_.reference, endpoint_.host);
    RETURN_IF_ERROR(client_.Wait(0, answer.ok() ? &answer->response : nullptr, hooks_.stop));
    // The answer may have been lost after the deed.
    return client_.HasBlob(target_, digest_, hooks_.stop);
  }

  // DATA_LOSS: the blob does not have its digest.
  absl::Status CheckOwn() const {
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, store_.Open(digest_, 0));
    std::string buffer(256 << 10, '\0');
    while (true) {
      ASSIGN_OR_RETURN(const size_t count, reader->Read(buffer.data(), buffer.size()));
      if (count == 0) return absl::OkStatus();
      if (hooks_.stop.stop_requested()) return absl::CancelledError("the push was cancelled");
    }
  }

  // What ends the session.
  http::HttpRequest LastRequest() const {
    http::HttpRequest request = Request("PUT", WithDigest(location_, digest_));
    request.headers.emplace_back("Content-Type", "application/octet-stream");
    return request;
  }

  // All bytes, chunk by chunk. Nothing is left to send when it returns OK, or chunks are not allowed.
  absl::Status SendChunks() {
    int attempt = 0;
    while (done_ < digest_.size) {
      const int64_t before = done_;
      const int64_t size = std::min(chunk_, digest_.size - done_);
      http::HttpRequest request = Request("PATCH", location_);
      request.headers.emplace_back("Content-Type", "application/octet-stream");
      request.headers.emplace_back("Content-Range", fmt::format("{}-{}", done_, done_ + size - 1));
      auto answer = Transfer(std::move(request), size);
      absl::Status status;
      if (answer.ok() && IsSuccess(answer->response.status)) {
        Moved(answer->response);
        done_ += size;
        attempt = 0;
        continue;
      }
      if (answer.ok() && !IsTransient(answer->response.status)) {
        const int code = answer->response.status;
        if (code == 413 && chunk_ > kLeastChunk) {
          chunk_ = std::max(kLeastChunk, chunk_ / 4);
          RETURN_IF_ERROR(AskHowFar());
          continue;
        }
        // Some registries take a blob only as a whole.
        if (before == 0 && (code == 404 || code == 405 || code == 501)) {
          chunks_allowed_ = false;
          lost_ = true;
          return Refused(*answer);
        }
        if (code != 416) return Refused(*answer);
        status = Refused(*answer);
      } else {
        status = answer.ok() ? Refused(*answer) : Placed(answer.status(), target_.reference, endpoint_.host);
        if (!answer.ok() && answer.status().code() != absl::StatusCode::kUnavailable) return status;
      }
      if (++attempt >= client_.AttemptsAt(endpoint_)) return status;
      RETURN_IF_ERROR(client_.Wait(attempt - 1, answer.ok() ? &answer->response : nullptr, hooks_.stop));
      RETURN_IF_ERROR(AskHowFar());
      if (done_ > before) attempt = 0;
    }
    return absl::OkStatus();
  }

  // After a broken connection: where the registry wants to go on.
  absl::Status AskHowFar() {
    ASSIGN_OR_RETURN(const Answer answer, client_.Ask(endpoint_, target_, Request("GET", location_), what_));
    if (!IsSuccess(answer.response.status)) {
      lost_ = true;
      return Refused(answer);
    }
    Moved(answer.response);
    done_ = std::min(EndOfRange(answer.response.Header("range")), digest_.size);
    return absl::OkStatus();
  }

  // Ends the session, with what has not been sent as body.
  absl::Status Complete() {
    for (int attempt = 0;; ++attempt) {
      auto answer = Transfer(LastRequest(), digest_.size - done_);
      if (answer.ok() && IsSuccess(answer->response.status)) return Check(answer->response);
      const bool transient = answer.ok() ? IsTransient(answer->response.status)
                                         : answer.status().code() == absl::StatusCode::kUnavailable;
      const absl::Status status =
          answer.ok() ? Refused(*answer) : Placed(answer.status(), target_.reference, endpoint_.host);
      if (!transient || attempt + 1 >= client_.AttemptsAt(endpoint_)) return status;
      RETURN_IF_ERROR(client_.Wait(attempt, answer.ok() ? &answer->response : nullptr, hooks_.stop));
      // The answer may have been lost after the deed.
      ASSIGN_OR_RETURN(const bool there, client_.HasBlob(target_, digest_, hooks_.stop));
      if (there) return absl::OkStatus();
      if (done_ > 0) {
        RETURN_IF_ERROR(AskHowFar());
        if (done_ < digest_.size) RETURN_IF_ERROR(SendChunks());
      } else {
        // Part of the body may have arrived: a session of its own.
        RETURN_IF_ERROR(Begin("").status());
      }
    }
  }

  absl::StatusOr<Answer> Transfer(http::HttpRequest request, int64_t size) {
    auto body = std::make_shared<BlobBody>(store_, digest_, done_);
    request.source_size = size;
    if (size > 0) {
      request.body_source = [this, body, size](int64_t offset, char* buffer, size_t room) {
        const size_t wanted = std::min<size_t>(room, static_cast<size_t>(size - offset));
        auto count = body->Read(offset, buffer, wanted);
        if (count.ok() && hooks_.on_progress)
          hooks_.on_progress(done_ + offset + static_cast<int64_t>(*count));
        return count;
      };
    }
    return client_.Exchange(endpoint_, target_.reference, std::move(request), IgnoreBody,
                            {true, target_.mount_from});
  }

  absl::Status Check(const http::HttpResponse& response) const {
    const std::string_view stated = response.Header("docker-content-digest");
    if (!stated.starts_with("sha256:") || stated == digest_.Oci()) return absl::OkStatus();
    return AtRegistry(absl::StatusCode::kDataLoss, target_.reference, endpoint_.host,
                      fmt::format("it stored blob {} as {}", digest_.Oci(), stated));
  }

  RegistryClient& client_;
  const PushTarget& target_;
  const Endpoint endpoint_;
  const Digest digest_;
  BlobStore& store_;
  const TransferHooks& hooks_;
  int64_t chunk_;
  const std::string what_;
  std::string location_;
  int64_t done_ = 0;
  bool whole_allowed_ = true;
  bool chunks_allowed_ = true;
  // The session is gone; a new one may do.
  bool lost_ = false;
};

absl::StatusOr<bool> RegistryClient::HasBlob(const PushTarget& target, const Digest& digest,
                                             std::stop_token stop) {
  const Endpoint endpoint = RegistryEndpoint(target.reference);
  http::HttpRequest request;
  request.method = "HEAD";
  request.url = fmt::format("{}/v2/{}/blobs/{}", endpoint.url, target.reference.repository, digest.Oci());
  request.stop = std::move(stop);
  const std::string what = fmt::format("blob {}", digest.Oci());
  ASSIGN_OR_RETURN(const Answer answer, Ask(endpoint, target, request, what));
  if (IsSuccess(answer.response.status)) return true;
  if (answer.response.status == 404) return false;
  return StatusFor(target.reference, endpoint.host, answer.response, answer.error_body, what);
}

absl::StatusOr<PushedBlob> RegistryClient::PutBlob(const PushTarget& target, const Digest& digest,
                                                   BlobStore& store, std::string_view mount_from,
                                                   const TransferHooks& hooks) {
  ASSIGN_OR_RETURN(const bool there, HasBlob(target, digest, hooks.stop));
  if (there) return PushedBlob::kExisted;
  return BlobUpload(*this, target, digest, store, hooks).Run(mount_from);
}

absl::Status RegistryClient::PutManifest(const PushTarget& target, const RegistryManifest& manifest,
                                         bool by_digest, std::stop_token stop, bool* subject_noted) {
  const Endpoint endpoint = RegistryEndpoint(target.reference);
  const std::string version =
      by_digest || target.reference.tag.empty() ? manifest.digest.Oci() : target.reference.tag;
  http::HttpRequest request;
  request.method = "PUT";
  request.url = fmt::format("{}/v2/{}/manifests/{}", endpoint.url, target.reference.repository, version);
  request.headers.emplace_back("Content-Type", manifest.media_type);
  request.body = manifest.bytes;
  request.stop = std::move(stop);
  const std::string what = fmt::format("the upload of manifest {}", manifest.digest.Oci());
  ASSIGN_OR_RETURN(const Answer answer, Ask(endpoint, target, request, what));
  if (!IsSuccess(answer.response.status)) {
    return PushStatus(target.reference, endpoint.host, answer.response, answer.error_body, what);
  }
  if (subject_noted != nullptr) *subject_noted = !answer.response.Header("oci-subject").empty();
  const std::string_view stated = answer.response.Header("docker-content-digest");
  if (!stated.starts_with("sha256:") || stated == manifest.digest.Oci()) return absl::OkStatus();
  return AtRegistry(absl::StatusCode::kDataLoss, target.reference, endpoint.host,
                    fmt::format("it stored manifest {} as {}", manifest.digest.Oci(), stated));
}

}  // namespace crossmill::registry
