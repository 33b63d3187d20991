#include "common/registry/registry.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/oci/image.h"
#include "common/registry/registry_errors.h"

namespace crossmill::registry {
namespace {

using registry_errors::AtRegistry;
using registry_errors::IsSuccess;
using registry_errors::IsTransient;
using registry_errors::Placed;
using registry_errors::StatusFor;

constexpr size_t kMaxManifest = 8 << 20;
constexpr size_t kMaxErrorBody = 64 << 10;
// docker.io is a name, not a host; this is where its API is.
constexpr std::string_view kDockerHub = "docker.io";
constexpr std::string_view kDockerHubHost = "registry-1.docker.io";
// Seconds or a date.
std::optional<absl::Duration> RetryAfter(const http::HttpResponse& response) {
  const std::string_view text = response.Header("retry-after");
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (!text.empty() && error == std::errc() && end == text.data() + text.size()) {
    return seconds < 0 ? std::nullopt : std::optional(absl::Seconds(seconds));
  }
  // Against the server's own clock, if it tells: ours may differ.
  constexpr const char* kDate = "%a, %d %b %Y %H:%M:%S GMT";
  absl::Time until;
  absl::Time now;
  if (!absl::ParseTime(kDate, Av(text), &until, nullptr)) return std::nullopt;
  if (!absl::ParseTime(kDate, Av(response.Header("date")), &now, nullptr)) return std::nullopt;
  return std::max(until - now, absl::ZeroDuration());
}

// What to ask a token for. One token serves all requests of a push, whatever the first of them needs.
std::vector<std::string> Scopes(const oci::Reference& reference, const std::string& asked, bool push,
                                const std::vector<std::string>& mount_from) {
  if (!push) {
    return {asked.empty() ? fmt::format("repository:{}:pull", reference.repository) : asked};
  }
  std::vector<std::string> scopes = {fmt::format("repository:{}:pull,push", reference.repository)};
  for (const std::string& repository : mount_from) {
    scopes.push_back(fmt::format("repository:{}:pull", repository));
  }
  return scopes;
}

}  // namespace

RegistryClient::RegistryClient(http::HttpClient& http, RegistryOptions options)
    : http_(http), options_(std::move(options)) {}

std::vector<RegistryClient::Endpoint> RegistryClient::EndpointsOf(const oci::Reference& reference) const {
  std::vector<std::string> hosts;
  if (const auto it = options_.mirrors.find(reference.registry); it != options_.mirrors.end())
    hosts = it->second;
  hosts.push_back(reference.registry);
  std::vector<Endpoint> endpoints;
  for (const std::string& host : hosts) {
    Endpoint endpoint;
    endpoint.mirror = endpoints.size() + 1 < hosts.size();
    endpoint.host = host;
    endpoint.url = host;
    if (host.find("://") == std::string::npos) {
      const std::string_view target = host == kDockerHub ? kDockerHubHost : std::string_view(host);
      const auto url = http::ParseUrl(fmt::format("https://{}", target));
      const bool plain = (url.ok() && http::IsLoopback(url->host)) ||
                         std::find(options_.plain_http.begin(), options_.plain_http.end(), host) !=
                             options_.plain_http.end();
      endpoint.url = fmt::format("{}://{}", plain ? "http" : "https", target);
    } else if (const auto url = http::ParseUrl(host); url.ok()) {
      endpoint.host = url->authority;
    }
    while (endpoint.url.ends_with('/')) endpoint.url.pop_back();
    endpoints.push_back(std::move(endpoint));
  }
  return endpoints;
}

RegistryClient::Endpoint RegistryClient::RegistryEndpoint(const oci::Reference& reference) const {
  return EndpointsOf(reference).back();
}

// A mirror that does not answer must not hold up the registry behind it.
int RegistryClient::AttemptsAt(const Endpoint& endpoint) const {
  return endpoint.mirror ? std::min(2, options_.attempts) : std::max(1, options_.attempts);
}

absl::Status RegistryClient::Wait(int attempt, const http::HttpResponse* response,
                                  const std::stop_token& stop) {
  absl::Duration wait = options_.first_wait * (1 << std::min(attempt, 20));
  if (response != nullptr) wait = RetryAfter(*response).value_or(wait);
  wait = std::min(wait, options_.longest_wait);
  // In pieces, so that a stop is noticed.
  while (wait > absl::ZeroDuration()) {
    if (stop.stop_requested()) return absl::CancelledError("the transfer was stopped");
    const absl::Duration piece = options_.sleep ? wait : std::min(wait, absl::Milliseconds(200));
    options_.sleep ? options_.sleep(piece) : absl::SleepFor(piece);
    wait -= piece;
  }
  return absl::OkStatus();
}

absl::StatusOr<RegistryClient::Answer> RegistryClient::SendOnce(http::HttpRequest request,
                                                                const http::BodySink& sink) {
  Answer answer;
  ASSIGN_OR_RETURN(answer.response,
                   http_.Send(request, [&](const http::HttpResponse& head, std::string_view bytes) {
                     if (IsSuccess(head.status)) return sink(head, bytes);
                     answer.error_body.append(
                         bytes.substr(0, kMaxErrorBody - std::min(kMaxErrorBody, answer.error_body.size())));
                     return absl::OkStatus();
                   }));
  return answer;
}

absl::StatusOr<RegistryClient::Answer> RegistryClient::Exchange(const Endpoint& endpoint,
                                                                const oci::Reference& reference,
                                                                http::HttpRequest request,
                                                                const http::BodySink& sink,
                                                                const RegistryAccess& access) {
  // A location that the registry sent us elsewhere to (object storage) carries its permission in itself.
  const auto url = http::ParseUrl(request.url);
  const auto own = http::ParseUrl(endpoint.url);
  if (url.ok() && own.ok() && (url->authority != own->authority || url->scheme != own->scheme)) {
    return SendOnce(std::move(request), sink);
  }
  const std::string key =
      fmt::format("{} {}{}", endpoint.url, reference.repository, access.push ? " push" : "");
  std::string authorization;
  {
    MutexLock lock(mutex_);
    authorization = authorizations_[key];
  }
  http::HttpRequest first = request;
  if (!authorization.empty()) first.headers.emplace_back("Authorization", authorization);
  ASSIGN_OR_RETURN(Answer answer, SendOnce(std::move(first), sink));
  if (answer.response.status != 401) return answer;
  // No authorization yet, or a token that has expired.
  ASSIGN_OR_RETURN(authorization, Authorize(endpoint, reference, answer.response.Header("www-authenticate"),
                                            access, request.stop));
  if (authorization.empty()) return answer;
  {
    MutexLock lock(mutex_);
    authorizations_[key] = authorization;
  }
  request.headers.emplace_back("Authorization", authorization);
  return SendOnce(std::move(request), sink);
}

absl::StatusOr<std::optional<Credentials>> RegistryClient::CredentialsFor(const Endpoint& endpoint) const {
  if (!options_.credentials) return std::optional<Credentials>();
  return options_.credentials(endpoint.host);
}

absl::StatusOr<std::string> RegistryClient::Authorize(const Endpoint& endpoint,
                                                      const oci::Reference& reference,
                                                      std::string_view header, const RegistryAccess& access,
                                                      const std::stop_token& stop) {
  const auto challenge = ParseChallenge(header);
  if (!challenge.has_value()) return "";
  if (challenge->scheme == "bearer") return FetchToken(endpoint, reference, *challenge, access, stop);
  ASSIGN_OR_RETURN(auto credentials, CredentialsFor(endpoint));
  if (credentials.has_value() && credentials->keeper != nullptr) {
    ASSIGN_OR_RETURN(credentials, credentials->keeper->Give(stop));
  }
  return credentials.has_value() ? BasicAuthorization(*credentials) : "";
}

absl::StatusOr<std::string> RegistryClient::FetchToken(const Endpoint& endpoint,
                                                       const oci::Reference& reference,
                                                       const Challenge& challenge,
                                                       const RegistryAccess& access,
                                                       const std::stop_token& stop) {
  const auto parameter = [&challenge](const char* name) {
    const auto it = challenge.parameters.find(name);
    return it == challenge.parameters.end() ? std::string() : it->second;
  };
  const std::string realm = parameter("realm");
  ASSIGN_OR_RETURN(const http::Url url, http::ParseUrl(realm));
  const std::vector<std::string> scopes =
      Scopes(reference, parameter("scope"), access.push, access.mount_from);
  ASSIGN_OR_RETURN(auto credentials, CredentialsFor(endpoint));
  if (credentials.has_value() && credentials->keeper != nullptr) {
    const std::shared_ptr<CredentialKeeper> keeper = credentials->keeper;
    const auto token = keeper->FetchToken({realm, parameter("service"), scopes}, stop);
    if (token.ok() && !token->empty()) return "Bearer " + *token;
    if (!token.ok() && !absl::IsUnimplemented(token.status())) return token.status();
    credentials.reset();
    if (!token.ok()) {
      ASSIGN_OR_RETURN(credentials, keeper->Give(stop));
    }
  }
  if (credentials.has_value() && url.scheme == "http" && endpoint.url.starts_with("https://")) {
    return AtRegistry(absl::StatusCode::kPermissionDenied, reference, endpoint.host,
                      fmt::format("its token server {} would get the password unencrypted", realm));
  }
  const std::string service = "service=" + EncodePercent(parameter("service"));
  http::HttpRequest request;
  request.stop = stop;
  if (credentials.has_value() && !credentials->identity_token.empty()) {
    request.method = "POST";
    request.url = realm;
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = fmt::format("grant_type=refresh_token&client_id=crossmill&refresh_token={}&{}&scope={}",
                               EncodePercent(credentials->identity_token), service,
                               EncodePercent(fmt::format("{}", fmt::join(scopes, " "))));
  } else {
    request.url = fmt::format("{}{}{}", realm, realm.find('?') == std::string::npos ? '?' : '&', service);
    for (const std::string& scope : scopes) request.url += "&scope=" + EncodePercent(scope);
    if (credentials.has_value())
      request.headers.emplace_back("Authorization", BasicAuthorization(*credentials));
  }
  ASSIGN_OR_RETURN(const auto fetched, http::Fetch(http_, request, kMaxManifest));
  if (fetched.first.status != 200) {
    return StatusFor(reference, endpoint.host, fetched.first, fetched.second, "a token of " + realm);
  }
  ASSIGN_OR_RETURN(const Json json, ParseJson(fetched.second));
  for (const char* name : {"token", "access_token"}) {
    if (!json.is_object()) break;
    const auto it = json.find(name);
    if (it != json.end() && it->is_string()) return "Bearer " + it->get<std::string>();
  }
  return AtRegistry(absl::StatusCode::kInvalidArgument, reference, endpoint.host,
                    fmt::format("its token server {} answered without a token", realm));
}

absl::StatusOr<RegistryManifest> RegistryClient::GetManifest(const oci::Reference& reference,
                                                             std::stop_token stop) {
  absl::Status status = absl::InternalError("no endpoint");
  for (const Endpoint& endpoint : EndpointsOf(reference)) {
    auto manifest = GetManifestFrom(endpoint, reference, stop);
    if (manifest.ok() || stop.stop_requested()) return manifest;
    // What counts in the end is what the registry itself says.
    status = manifest.status();
  }
  return status;
}

absl::StatusOr<RegistryManifest> RegistryClient::GetOwnManifest(const oci::Reference& reference,
                                                                std::stop_token stop) {
  return GetManifestFrom(RegistryEndpoint(reference), reference, std::move(stop));
}

absl::StatusOr<RegistryManifest> RegistryClient::GetManifestFrom(const Endpoint& endpoint,
                                                                 const oci::Reference& reference,
                                                                 std::stop_token stop) {
  const std::string& version = reference.digest.empty() ? reference.tag : reference.digest;
  const std::string what = fmt::format("{} '{}'", reference.digest.empty() ? "tag" : "manifest", version);
  http::HttpRequest request;
  request.url = fmt::format("{}/v2/{}/manifests/{}", endpoint.url, reference.repository, version);
  request.stop = std::move(stop);
  request.headers.emplace_back(
      "Accept", fmt::format("{}, {}, {}, {}", oci::media_type::kOciIndex, oci::media_type::kDockerIndex,
                            oci::media_type::kOciManifest, oci::media_type::kDockerManifest));
  RegistryManifest manifest;
  std::string stated;
  ASSIGN_OR_RETURN(manifest.bytes, GetDocument(endpoint, reference, request, what, &stated));
  manifest.digest = DigestOf(manifest.bytes);
  const std::string_view wanted = reference.digest.empty() ? stated : std::string_view(reference.digest);
  if (wanted.starts_with("sha256:") && wanted != manifest.digest.Oci()) {
    return AtRegistry(absl::StatusCode::kDataLoss, reference, endpoint.host,
                      fmt::format("{} arrived with digest {}, not {}", what, manifest.digest.Oci(), wanted));
  }
  auto type = oci::DocumentType(manifest.bytes);
  if (!type.ok()) return Placed(type.status(), reference, endpoint.host);
  manifest.media_type = *std::move(type);
  return manifest;
}

absl::StatusOr<std::string> RegistryClient::GetReferrers(const oci::Reference& repository,
                                                         const Digest& subject, std::stop_token stop) {
  const Endpoint endpoint = RegistryEndpoint(repository);
  http::HttpRequest request;
  request.url = fmt::format("{}/v2/{}/referrers/{}", endpoint.url, repository.repository, subject.Oci());
  request.stop = std::move(stop);
  request.headers.emplace_back("Accept", std::string(oci::media_type::kOciIndex));
  return GetDocument(endpoint, repository, request, "the list of referrers", nullptr);
}

absl::StatusOr<std::string> RegistryClient::GetDocument(const Endpoint& endpoint,
                                                        const oci::Reference& reference,
                                                        const http::HttpRequest& request,
                                                        std::string_view what, std::string* stated) {
  for (int attempt = 0;; ++attempt) {
    std::string document;
    auto answer =
        Exchange(endpoint, reference, request, [&](const http::HttpResponse&, std::string_view bytes) {
          if (document.size() + bytes.size() > kMaxManifest) {
            return absl::InvalidArgumentError(fmt::format("manifest over {} bytes", kMaxManifest));
          }
          document.append(bytes);
          return absl::OkStatus();
        });
    if (answer.ok() && IsSuccess(answer->response.status)) {
      if (stated != nullptr) *stated = answer->response.Header("docker-content-digest");
      return document;
    }
    const bool transient = answer.ok() ? IsTransient(answer->response.status)
                                       : answer.status().code() == absl::StatusCode::kUnavailable;
    if (!transient || attempt + 1 >= AttemptsAt(endpoint)) {
      if (answer.ok()) return StatusFor(reference, endpoint.host, answer->response, answer->error_body, what);
      return Placed(answer.status(), reference, endpoint.host);
    }
    RETURN_IF_ERROR(Wait(attempt, answer.ok() ? &answer->response : nullptr, request.stop));
  }
}

}  // namespace crossmill::registry
