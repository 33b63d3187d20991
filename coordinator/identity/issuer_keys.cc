#include "coordinator/identity/issuer_keys.h"

#include <utility>

#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/http/curl_http_client.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLargestDocument = 256 << 10;
constexpr absl::Duration kFresh = absl::Hours(1);
constexpr absl::Duration kStale = absl::Hours(24);
constexpr absl::Duration kBetweenQuestions = absl::Minutes(1);
// A job waits, and so does a thread.
constexpr absl::Duration kPatience = absl::Seconds(10);

}  // namespace

std::unique_ptr<http::HttpClient> MakeIssuerClient() {
  http::CurlOptions options;
  options.user_agent = "crossmill-coordinator/" CROSSMILL_VERSION;
  // Keys are taken from nowhere else than where the issuer says they are.
  options.follow_redirects = false;
  options.connect_limit = absl::Seconds(5);
  return http::MakeCurlHttpClient(std::move(options));
}

absl::StatusOr<std::string> IssuerKeys::Document(const std::string& url) {
  http::HttpRequest request;
  request.url = url;
  request.headers = {{"accept", "application/json"}};
  request.total_limit = kPatience;
  ASSIGN_OR_RETURN(auto answer, http::Fetch(client_, request, kLargestDocument));
  if (answer.first.status == 200) return std::move(answer.second);
  return absl::UnavailableError(fmt::format("{}: HTTP status {}", url, answer.first.status));
}

absl::StatusOr<KeySet> IssuerKeys::Ask(const std::string& issuer) {
  std::string base = issuer;
  while (base.ends_with('/')) base.pop_back();
  const std::string url = base + "/.well-known/openid-configuration";
  ASSIGN_OR_RETURN(const std::string text, Document(url));
  const absl::StatusOr<Json> configuration = ParseJson(text);
  const auto refused = [&](std::string_view why) {
    return absl::FailedPreconditionError(fmt::format("{}: {}", url, why));
  };
  if (!configuration.ok() || !configuration->is_object()) return refused("no JSON object");
  if (TextMember(*configuration, "issuer") != issuer) return refused("it is of another issuer");
  const std::string keys_url = TextMember(*configuration, "jwks_uri");
  if (keys_url.empty()) return refused("it has no jwks_uri");
  if (!KeysComeSafelyFrom(keys_url)) return refused("its jwks_uri is no address with https");
  ASSIGN_OR_RETURN(const std::string keys, Document(keys_url));
  absl::StatusOr<KeySet> set = KeySet::Parse(keys);
  if (set.ok()) return set;
  return absl::FailedPreconditionError(fmt::format("{}: {}", keys_url, Sv(set.status().message())));
}

absl::StatusOr<std::shared_ptr<const KeySet>> IssuerKeys::Get(const std::string& issuer,
                                                              const std::string& key_id) {
  std::shared_ptr<Issuer> of;
  {
    MutexLock lock(mutex_);
    std::shared_ptr<Issuer>& entry = issuers_[issuer];
    if (entry == nullptr) entry = std::make_shared<Issuer>();
    of = entry;
  }
  MutexLock lock(of->mutex);
  const absl::Time now = clock_.Now();
  const bool fresh = of->keys != nullptr && now - of->known < kFresh && of->keys->Has(key_id);
  if (fresh) return of->keys;
  // Also where the clock was set back.
  if (now - of->asked >= kBetweenQuestions || now < of->asked) {
    of->asked = now;
    absl::StatusOr<KeySet> asked = Ask(issuer);
    of->trouble = asked.status();
    if (asked.ok()) {
      of->keys = std::make_shared<const KeySet>(*std::move(asked));
      of->known = now;
    } else {
      LogWarning("the keys of the issuer {} could not be had: {}", issuer, Sv(of->trouble.message()));
    }
  }
  if (of->keys != nullptr && now - of->known < kStale) return of->keys;
  return Annotate(of->trouble, "the keys of the issuer of this identity token could not be had");
}

}  // namespace crossmill::coordinator
