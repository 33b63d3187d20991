// The keys of issuers as they are now: asked of the issuer (OpenID Connect Discovery 1.0, section 4) and kept
// for an hour.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/http/http_client.h"
#include "coordinator/identity/key_set.h"

namespace crossmill::coordinator {

// A client for it, by https or on this machine, that follows no redirects.
std::unique_ptr<http::HttpClient> MakeIssuerClient();

// Thread safe. The client must not follow redirects: an issuer says where its keys are.
class IssuerKeys {
 public:
  IssuerKeys(http::HttpClient& client, Clock& clock) : client_(client), clock_(clock) {}

  // Keys of the issuer, new enough to have this one where it has it: whoever sends tokens with keys that
  // there are not makes the farm ask once a minute. An issuer that does not answer is good for a day by what
  // it said last. UNAVAILABLE: it could not be asked; FAILED_PRECONDITION: what it says is no answer.
  absl::StatusOr<std::shared_ptr<const KeySet>> Get(const std::string& issuer, const std::string& key_id);

 private:
  struct Issuer {
    // Held while the issuer is asked: whoever else needs its keys waits for that answer.
    Mutex mutex;
    std::shared_ptr<const KeySet> keys ABSL_GUARDED_BY(mutex);
    absl::Time known ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
    absl::Time asked ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
    absl::Status trouble ABSL_GUARDED_BY(mutex);
  };
  absl::StatusOr<KeySet> Ask(const std::string& issuer);
  absl::StatusOr<std::string> Document(const std::string& url);

  http::HttpClient& client_;
  Clock& clock_;
  Mutex mutex_;
  // Of rules that operators made: as many as there are.
  std::map<std::string, std::shared_ptr<Issuer>> issuers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
