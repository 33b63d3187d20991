#include "coordinator/people/people.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/core/standing/author.h"
#include "coordinator/people/project_settings.h"
#include "coordinator/people/token_text.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kBetweenNotes = 60'000'000'000;
constexpr size_t kLongestName = 100;
constexpr int kMostPushes = 100;

// As names of workers (docs/security.md): none forges a line of a log or of a terminal.
absl::Status CheckTokenName(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-@+").find(c) != std::string_view::npos;
  });
  // A number means the token that has it.
  const bool number = name.find_first_not_of("0123456789") == std::string_view::npos;
  if (!number && name.size() <= kLongestName && plain) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is no name for a token: expected letters, digits and \"._-@+\", at most {}, and no number",
      Printable(name.substr(0, kLongestName)), kLongestName));
}

absl::Status CheckTokenSays(const v1::Token& token, int64_t now_ns) {
  RETURN_IF_ERROR(CheckTokenName(token.name()));
  const v1::Access role = token.role();
  if (role != v1::ACCESS_READ && role != v1::ACCESS_SUBMIT && role != v1::ACCESS_OPERATE &&
      role != v1::ACCESS_ADMIN)
    return absl::InvalidArgumentError("role: expected read, submit, operate or admin");
  // Whoever decides about the farm sees all of it: that in one project would be a promise that nothing keeps.
  if (role >= v1::ACCESS_OPERATE && token.project() != core::kDefaultProject)
    return absl::InvalidArgumentError(
        "operate and admin are of the whole farm: expected no project, or the role read or submit");
  if (token.expires_at() != 0 && token.expires_at() <= now_ns)
    return absl::InvalidArgumentError("the token would have expired already");
  if (token.pushes_size() > kMostPushes)
    return absl::InvalidArgumentError(fmt::format("at most {} patterns of repositories", kMostPushes));
  for (const std::string& push : token.pushes()) {
    if (push.empty() || push.size() > 255 || push.find_first_of(" \t\r\n") != std::string::npos)
      return absl::InvalidArgumentError(
          fmt::format("'{}': expected a repository, such as registry.example/team/*", Printable(push)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<People>> People::Open(storage::PeopleRecords& records, Clock& clock) {
  std::unique_ptr<People> people(new People(records, clock));
  ASSIGN_OR_RETURN(std::vector<v1::Project> projects, records.Projects());
  ASSIGN_OR_RETURN(std::vector<storage::TokenRow> tokens, records.Tokens());
  MutexLock lock(people->mutex_);
  for (v1::Project& project : projects) people->projects_[project.name()] = std::move(project);
  for (storage::TokenRow& row : tokens) {
    people->by_hash_[row.hash] = row.token.id();
    people->tokens_[row.token.id()] = std::move(row.token);
  }
  return people;
}

std::vector<v1::Project> People::Projects() const {
  std::vector<v1::Project> projects;
  MutexLock lock(mutex_);
  for (const auto& [name, project] : projects_) projects.push_back(project);
  return projects;
}

absl::StatusOr<v1::Project> People::GetProject(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = projects_.find(name);
  if (found != projects_.end()) return found->second;
  return absl::NotFoundError(fmt::format("there is no project '{}'; `crossmill admin project ls` lists them",
                                         Printable(name.substr(0, kLongestName))));
}

absl::Status People::Apply(absl::Span<const std::string> settings, v1::Project* project) const {
  if (!settings.empty() && !limit_)
    return absl::FailedPreconditionError("this coordinator does not keep projects to limits");
  for (const std::string& setting : settings) RETURN_IF_ERROR(ApplyProjectSetting(setting, project));
  return absl::OkStatus();
}

absl::StatusOr<v1::Project> People::CreateProject(const std::string& name,
                                                  absl::Span<const std::string> settings) {
  RETURN_IF_ERROR(CheckProjectName(name));
  v1::Project project;
  project.set_name(name);
  project.set_created_at(UnixNanos(clock_.Now()));
  RETURN_IF_ERROR(Apply(settings, &project));
  MutexLock changing(changing_);
  RETURN_IF_ERROR(records_.InsertProject(project));
  if (limit_) limit_(project);
  MutexLock lock(mutex_);
  projects_[name] = project;
  return project;
}

void People::LimitBy(std::function<void(const v1::Project&)> limit) {
  limit_ = std::move(limit);
  for (const v1::Project& project : Projects()) limit_(project);
}

absl::StatusOr<v1::Project> People::SetProject(const std::string& name,
                                               absl::Span<const std::string> settings) {
  MutexLock changing(changing_);
  ASSIGN_OR_RETURN(v1::Project project, GetProject(name));
  RETURN_IF_ERROR(Apply(settings, &project));
  RETURN_IF_ERROR(records_.UpdateProject(project));
  if (limit_) limit_(project);
  MutexLock lock(mutex_);
  projects_[name] = project;
  return project;
}

absl::Status People::RemoveProject(const std::string& name) {
  if (name == core::kDefaultProject)
    return absl::FailedPreconditionError("the project 'default' is of every farm and stays");
  MutexLock changing(changing_);
  RETURN_IF_ERROR(records_.RemoveProject(name));
  v1::Project gone;
  gone.set_name(name);
  if (limit_) limit_(gone);
  MutexLock lock(mutex_);
  projects_.erase(name);
  std::set<int64_t> forgotten;
  for (const auto& [id, token] : tokens_) {
    if (token.project() == name) forgotten.insert(id);
  }
  std::erase_if(by_hash_, [&](const auto& entry) { return forgotten.contains(entry.second); });
  std::erase_if(tokens_, [&](const auto& entry) { return forgotten.contains(entry.first); });
  return absl::OkStatus();
}

std::vector<v1::Token> People::Tokens() const {
  std::vector<v1::Token> tokens;
  MutexLock lock(mutex_);
  for (const auto& [id, token] : tokens_) tokens.push_back(token);
  return tokens;
}

absl::StatusOr<v1::CreateTokenResponse> People::CreateToken(v1::Token token) {
  const int64_t now = UnixNanos(clock_.Now());
  if (token.project().empty()) token.set_project(std::string(core::kDefaultProject));
  RETURN_IF_ERROR(CheckTokenSays(token, now));
  token.set_created_at(now);
  v1::CreateTokenResponse made;
  made.set_secret(NewTokenText());
  const std::string hash = Sha256Hex(made.secret());
  MutexLock changing(changing_);
  RETURN_IF_ERROR(GetProject(token.project()).status());
  ASSIGN_OR_RETURN(const int64_t id, records_.InsertToken({token, hash}));
  token.set_id(id);
  made.set_id(id);
  MutexLock lock(mutex_);
  by_hash_[hash] = id;
  tokens_[id] = token;
  *made.mutable_token() = std::move(token);
  return made;
}

absl::Status People::CheckToken(const v1::Token& token) const {
  RETURN_IF_ERROR(CheckTokenSays(token, UnixNanos(clock_.Now())));
  return GetProject(token.project()).status();
}

absl::StatusOr<std::vector<v1::Token>> People::RevokeTokens(
    const std::function<bool(const v1::Token&)>& meant) {
  const int64_t now = UnixNanos(clock_.Now());
  MutexLock changing(changing_);
  std::vector<v1::Token> revoked;
  for (v1::Token& token : Tokens()) {
    if (token.revoked_at() != 0 || !meant(token)) continue;
    RETURN_IF_ERROR(records_.RevokeToken(token.id(), now));
    token.set_revoked_at(now);
    MutexLock lock(mutex_);
    tokens_[token.id()].set_revoked_at(now);
    revoked.push_back(std::move(token));
  }
  return revoked;
}

absl::StatusOr<std::vector<v1::Token>> People::RevokeToken(const std::string& name) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(name, &number)) number = 0;
  ASSIGN_OR_RETURN(std::vector<v1::Token> revoked, RevokeTokens([&](const v1::Token& token) {
                     return number > 0 ? token.id() == number : token.name() == name;
                   }));
  if (!revoked.empty()) return revoked;
  return absl::NotFoundError(
      fmt::format("no good token has the number or name '{}'; `crossmill admin token ls` lists them",
                  Printable(name.substr(0, kLongestName))));
}

absl::StatusOr<std::vector<int64_t>> People::RevokeTokensOfRule(const std::string& rule) {
  const int64_t now = UnixNanos(clock_.Now());
  ASSIGN_OR_RETURN(const std::vector<v1::Token> revoked, RevokeTokens([&](const v1::Token& token) {
                     return token.identity_rule() == rule && IsGood(token, now);
                   }));
  std::vector<int64_t> numbers;
  for (const v1::Token& token : revoked) numbers.push_back(token.id());
  return numbers;
}

absl::Status People::ForgetTokensOfRules(absl::Time before) {
  MutexLock changing(changing_);
  std::set<int64_t> ended;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, token] : tokens_) {
      if (!token.identity_rule().empty() && token.expires_at() < UnixNanos(before)) ended.insert(id);
    }
  }
  if (ended.empty()) return absl::OkStatus();
  for (const int64_t id : ended) RETURN_IF_ERROR(records_.ForgetToken(id));
  MutexLock lock(mutex_);
  std::erase_if(by_hash_, [&](const auto& entry) { return ended.contains(entry.second); });
  std::erase_if(tokens_, [&](const auto& entry) { return ended.contains(entry.first); });
  return absl::OkStatus();
}

std::optional<v1::Token> People::FindToken(const std::string& hash) const {
  const int64_t now = UnixNanos(clock_.Now());
  MutexLock lock(mutex_);
  const auto id = by_hash_.find(hash);
  if (id == by_hash_.end()) return std::nullopt;
  const v1::Token& token = tokens_.at(id->second);
  return IsGood(token, now) ? std::optional(token) : std::nullopt;
}

std::vector<std::string> People::HashesOfName(std::string_view name) const {
  const int64_t now = UnixNanos(clock_.Now());
  std::vector<std::string> hashes;
  MutexLock lock(mutex_);
  for (const auto& [hash, id] : by_hash_) {
    const v1::Token& token = tokens_.at(id);
    if (token.name() == name && token.identity_rule().empty() && IsGood(token, now)) hashes.push_back(hash);
  }
  return hashes;
}

void People::NoteUse(int64_t id) {
  const int64_t now = UnixNanos(clock_.Now());
  {
    MutexLock lock(mutex_);
    const auto found = tokens_.find(id);
    if (found == tokens_.end() || now - found->second.used_at() < kBetweenNotes) return;
    found->second.set_used_at(now);
  }
  // Not worth failing a call.
  if (const absl::Status noted = records_.UsedToken(id, now); !noted.ok())
    LogWarning("the use of token {} was not written down: {}", id, Sv(noted.message()));
}

}  // namespace crossmill::coordinator
