// Identity rules of a farm, and the exchange: a token of the farm for one that a pipeline service signed for
// a job, so that no pipeline keeps a secret of the farm.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/identity/identity_rule.h"
#include "coordinator/identity/issuer_keys.h"
#include "coordinator/people/people.h"
#include "coordinator/storage/people/identity_records.h"
#include "crossmill/v1/identity.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class Identities {
 public:
  // Reads the record. Everything given outlives it.
  static absl::StatusOr<std::unique_ptr<Identities>> Open(storage::IdentityRecords& records, People& people,
                                                          http::HttpClient& client, Clock& clock);

  // By name.
  std::vector<v1::IdentityRule> Rules() const;
  // INVALID_ARGUMENT, ALREADY_EXISTS, NOT_FOUND (the project).
  absl::StatusOr<v1::IdentityRule> Create(v1::IdentityRule rule);
  // The numbers of its tokens that were good, and are not any more. NOT_FOUND.
  absl::StatusOr<std::vector<int64_t>> Remove(const std::string& name);

  // UNAUTHENTICATED: it is not what it says, or its issuer is in no rule; PERMISSION_DENIED: no rule takes
  // it; INVALID_ARGUMENT: more than one does; RESOURCE_EXHAUSTED: too many come at the same time; and as
  // IssuerKeys::Get.
  absl::StatusOr<v1::ExchangeIdentityResponse> Exchange(const v1::ExchangeIdentityRequest& request);

 private:
  // A token that a rule takes.
  struct Taken {
    v1::IdentityRule rule;
    IdentityClaims claims;
  };
  Identities(storage::IdentityRecords& records, People& people, http::HttpClient& client, Clock& clock)
      : records_(records), people_(people), clock_(clock), keys_(client, clock) {}
  // Rules of the issuer, and of this name unless it is empty.
  std::vector<v1::IdentityRule> RulesOf(const std::string& issuer, const std::string& name) const;
  // Whether it was neither removed nor made anew since.
  bool Stands(const v1::IdentityRule& rule) const;
  // By the rule's keys.
  absl::StatusOr<IdentityClaims> Verify(const UnverifiedToken& token, const v1::IdentityRule& rule,
                                        int64_t now_s);
  absl::StatusOr<Taken> FindRule(const UnverifiedToken& token, const std::vector<v1::IdentityRule>& rules,
                                 int64_t now_s);
  absl::StatusOr<v1::ExchangeIdentityResponse> Give(const v1::IdentityRule& rule,
                                                    const IdentityClaims& claims, absl::Time now);

  storage::IdentityRecords& records_;
  People& people_;
  Clock& clock_;
  IssuerKeys keys_;
  // Held while rules change and while a token is given: one that is removed gives none any more.
  Mutex changing_;
  mutable Mutex mutex_;
  std::map<std::string, v1::IdentityRule> rules_ ABSL_GUARDED_BY(mutex_);
  int exchanging_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::coordinator
