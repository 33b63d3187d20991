// The farm's projects and the tokens of its record, as they are now: asked at every call, so in memory, and
// changed at run time, first in the record.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/storage/people/people_records.h"
#include "crossmill/v1/people.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class People {
 public:
  // Reads the record, which outlives it.
  static absl::StatusOr<std::unique_ptr<People>> Open(storage::PeopleRecords& records, Clock& clock);

  // ---- projects ----

  std::vector<v1::Project> Projects() const;
  // NOT_FOUND.
  absl::StatusOr<v1::Project> GetProject(std::string_view name) const;
  // INVALID_ARGUMENT, ALREADY_EXISTS; FAILED_PRECONDITION as of SetProject. Then there is none.
  absl::StatusOr<v1::Project> CreateProject(const std::string& name,
                                            absl::Span<const std::string> settings = {});
  // Who keeps projects to their limits: told of each now, and again when they change or the project is
  // removed (then without limits). Before the first call.
  void LimitBy(std::function<void(const v1::Project&)> limit);
  // INVALID_ARGUMENT, NOT_FOUND; FAILED_PRECONDITION: nobody keeps them to limits. Then nothing is changed.
  absl::StatusOr<v1::Project> SetProject(const std::string& name, absl::Span<const std::string> settings);
  // NOT_FOUND; FAILED_PRECONDITION: it is `default`, or has builds, images, identity rules or tokens.
  absl::Status RemoveProject(const std::string& name);

  // ---- tokens ----

  // Also those that are revoked or expired, by number.
  std::vector<v1::Token> Tokens() const;
  // The token and its secret, which is kept nowhere. INVALID_ARGUMENT, NOT_FOUND (the project).
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(v1::Token token);
  // What CreateToken would refuse of it.
  absl::Status CheckToken(const v1::Token& token) const;
  // The numbers of those that were given by an identity rule and were good.
  absl::StatusOr<std::vector<int64_t>> RevokeTokensOfRule(const std::string& rule);
  // Those that any identity rule gave and that ended before then.
  absl::Status ForgetTokensOfRules(absl::Time before);
  // By number or name; those that were good. NOT_FOUND: none is.
  absl::StatusOr<std::vector<v1::Token>> RevokeToken(const std::string& token);
  // Of the hex SHA-256 of a secret; nothing for one that is unknown, revoked or expired.
  std::optional<v1::Token> FindToken(const std::string& hash) const;
  // Of the secrets of good tokens with this name that no identity rule gave.
  std::vector<std::string> HashesOfName(std::string_view name) const;
  // It was used: written down at most once a minute, by whoever comes then.
  void NoteUse(int64_t token);

 private:
  People(storage::PeopleRecords& records, Clock& clock) : records_(records), clock_(clock) {}
  absl::Status Apply(absl::Span<const std::string> settings, v1::Project* project) const;
  // Those that are not revoked and fit.
  absl::StatusOr<std::vector<v1::Token>> RevokeTokens(const std::function<bool(const v1::Token&)>& meant);
  bool IsGood(const v1::Token& token, int64_t now_ns) const {
    return token.revoked_at() == 0 && (token.expires_at() == 0 || token.expires_at() > now_ns);
  }

  storage::PeopleRecords& records_;
  Clock& clock_;
  // May be empty.
  std::function<void(const v1::Project&)> limit_;
  // Held while the record is changed, so that both agree.
  Mutex changing_;
  mutable Mutex mutex_;
  std::map<std::string, v1::Project, std::less<>> projects_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, v1::Token> tokens_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> by_hash_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
