#include "coordinator/identity/identities.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/core/standing/author.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kUsualLife = 3600;
constexpr size_t kLongestSubject = 500;
// Nobody has to have a token to ask: more at a time would let strangers hold the threads of all.
constexpr int kMostAtATime = 8;
// How long a token that ended stays in the list.
constexpr absl::Duration kRemembered = absl::Hours(7 * 24);

// What a rule gives, without its time and its holder.
v1::Token TokenOf(const v1::IdentityRule& rule) {
  v1::Token token;
  token.set_name(rule.name());
  token.set_project(rule.project());
  token.set_role(rule.role());
  *token.mutable_pushes() = rule.pushes();
  return token;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Identities>> Identities::Open(storage::IdentityRecords& records,
                                                             People& people, http::HttpClient& client,
                                                             Clock& clock) {
  std::unique_ptr<Identities> identities(new Identities(records, people, client, clock));
  ASSIGN_OR_RETURN(std::vector<v1::IdentityRule> rules, records.Rules());
  MutexLock lock(identities->mutex_);
  for (v1::IdentityRule& rule : rules) identities->rules_[rule.name()] = std::move(rule);
  return identities;
}

std::vector<v1::IdentityRule> Identities::Rules() const {
  std::vector<v1::IdentityRule> rules;
  MutexLock lock(mutex_);
  for (const auto& [name, rule] : rules_) rules.push_back(rule);
  return rules;
}

std::vector<v1::IdentityRule> Identities::RulesOf(const std::string& issuer, const std::string& name) const {
  std::vector<v1::IdentityRule> rules;
  MutexLock lock(mutex_);
  for (const auto& [key, rule] : rules_) {
    if (rule.issuer() == issuer && (name.empty() || key == name)) rules.push_back(rule);
  }
  return rules;
}

bool Identities::Stands(const v1::IdentityRule& rule) const {
  MutexLock lock(mutex_);
  const auto found = rules_.find(rule.name());
  return found != rules_.end() && found->second.SerializeAsString() == rule.SerializeAsString();
}

absl::StatusOr<v1::IdentityRule> Identities::Create(v1::IdentityRule rule) {
  if (rule.project().empty()) rule.set_project(std::string(core::kDefaultProject));
  if (rule.life_seconds() == 0) rule.set_life_seconds(kUsualLife);
  rule.set_created_at(UnixNanos(clock_.Now()));
  RETURN_IF_ERROR(CheckIdentityRule(rule));
  MutexLock changing(changing_);
  RETURN_IF_ERROR(people_.CheckToken(TokenOf(rule)));
  RETURN_IF_ERROR(records_.InsertRule(rule));
  MutexLock lock(mutex_);
  rules_[rule.name()] = rule;
  return rule;
}

absl::StatusOr<std::vector<int64_t>> Identities::Remove(const std::string& name) {
  MutexLock changing(changing_);
  // First its tokens: where that fails, or the coordinator is killed behind it, the rule is there to be
  // removed again. It gives none meanwhile.
  ASSIGN_OR_RETURN(std::vector<int64_t> revoked, people_.RevokeTokensOfRule(name));
  RETURN_IF_ERROR(records_.RemoveRule(name));
  MutexLock lock(mutex_);
  rules_.erase(name);
  return revoked;
}

absl::StatusOr<IdentityClaims> Identities::Verify(const UnverifiedToken& token, const v1::IdentityRule& rule,
                                                  int64_t now_s) {
  if (rule.keys().empty()) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const KeySet> keys, keys_.Get(token.issuer, token.key_id));
    return VerifyIdentity(token, *keys, now_s);
  }
  ASSIGN_OR_RETURN(const KeySet keys, KeySet::Parse(rule.keys()));
  return VerifyIdentity(token, keys, now_s);
}

absl::StatusOr<Identities::Taken> Identities::FindRule(const UnverifiedToken& token,
                                                       const std::vector<v1::IdentityRule>& rules,
                                                       int64_t now_s) {
  std::vector<Taken> taken;
  std::vector<std::string> misses;
  absl::Status unknown;
  // Each by its own keys: what one rule's keys signed says nothing to another.
  for (const v1::IdentityRule& rule : rules) {
    absl::StatusOr<IdentityClaims> claims = Verify(token, rule, now_s);
    if (!claims.ok()) {
      unknown.Update(claims.status());
      continue;
    }
    const absl::Status fits = Fits(rule, *claims);
    if (fits.ok()) {
      taken.push_back({rule, *std::move(claims)});
    } else {
      misses.push_back(fmt::format("{}: {}", rule.name(), Sv(fits.message())));
    }
  }
  if (taken.size() == 1) return std::move(taken.front());
  if (!taken.empty())
    return absl::InvalidArgumentError(fmt::format(
        "more than one rule takes this identity token: name one of {}",
        absl::StrJoin(taken, ", ", [](std::string* out, const Taken& each) { *out += each.rule.name(); })));
  // Strangers are not told of rules.
  if (misses.empty()) return unknown;
  return absl::PermissionDeniedError(
      fmt::format("no rule takes this identity token; {}", absl::StrJoin(misses, "; ")));
}

absl::StatusOr<v1::ExchangeIdentityResponse> Identities::Give(const v1::IdentityRule& rule,
                                                              const IdentityClaims& claims, absl::Time now) {
  v1::Token token = TokenOf(rule);
  token.set_expires_at(UnixNanos(now + absl::Seconds(rule.life_seconds())));
  token.set_identity_rule(rule.name());
  token.set_subject(std::string(CutBetweenCharacters(Printable(claims.subject), kLongestSubject)));
  token.set_created_by(rule.name());
  MutexLock changing(changing_);
  // Another of that name may say something else.
  if (!Stands(rule))
    return absl::PermissionDeniedError("the rule that takes this identity token was just removed");
  RETURN_IF_ERROR(people_.ForgetTokensOfRules(now - kRemembered));
  ASSIGN_OR_RETURN(const v1::CreateTokenResponse made, people_.CreateToken(token));
  v1::ExchangeIdentityResponse response;
  response.set_secret(made.secret());
  response.set_name(token.name());
  response.set_project(made.token().project());
  response.set_role(token.role());
  response.set_expires_at(token.expires_at());
  response.set_subject(token.subject());
  return response;
}

absl::StatusOr<v1::ExchangeIdentityResponse> Identities::Exchange(
    const v1::ExchangeIdentityRequest& request) {
  {
    MutexLock lock(mutex_);
    if (exchanging_ == kMostAtATime)
      return absl::ResourceExhaustedError("many identity tokens are being exchanged just now; try again");
    ++exchanging_;
  }
  const absl::Cleanup done = [this] {
    MutexLock lock(mutex_);
    --exchanging_;
  };
  ASSIGN_OR_RETURN(const UnverifiedToken token, ReadUnverified(request.identity_token()));
  const std::vector<v1::IdentityRule> rules = RulesOf(token.issuer, request.rule());
  // The same for a rule that there is not: strangers are not told which there are.
  if (rules.empty())
    return absl::UnauthenticatedError(
        fmt::format("no rule of this farm takes identity tokens of {}{}; an operator makes one with "
                    "`crossmill admin identity add`",
                    CutBetweenCharacters(Printable(token.issuer), kLongestSubject),
                    request.rule().empty() ? "" : " by the name that was given"));
  const absl::Time now = clock_.Now();
  ASSIGN_OR_RETURN(const Taken taken, FindRule(token, rules, absl::ToUnixSeconds(now)));
  return Give(taken.rule, taken.claims, now);
}

}  // namespace crossmill::coordinator
