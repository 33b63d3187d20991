#include "coordinator/storage/people/people_records.h"

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kProjects{"list projects",
                        "SELECT name, running_steps, queued_builds, created_at FROM projects ORDER BY name"};
constexpr Sql kInsertProject{
    "make a project",
    "INSERT INTO projects (name, running_steps, queued_builds, created_at) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (name) DO NOTHING"};
constexpr Sql kUpdateProject{"change a project",
                             "UPDATE projects SET running_steps = ?2, queued_builds = ?3 WHERE name = ?1"};
constexpr Sql kProjectHasBuilds{"look for builds of a project",
                                "SELECT EXISTS (SELECT 1 FROM build_projects WHERE project = ?1)"};
constexpr Sql kProjectHasTokens{"look for tokens of a project",
                                "SELECT EXISTS (SELECT 1 FROM tokens WHERE project = ?1 AND revoked_at = 0)"};
constexpr Sql kProjectHasRules{"look for identity rules of a project",
                               "SELECT EXISTS (SELECT 1 FROM identity_rules WHERE project = ?1)"};
constexpr Sql kForgetToken{"forget a token", "DELETE FROM tokens WHERE id = ?1"};
constexpr Sql kForgetTokens{"forget the tokens of a project", "DELETE FROM tokens WHERE project = ?1"};
constexpr Sql kRemoveProject{"remove a project", "DELETE FROM projects WHERE name = ?1"};
constexpr Sql kTokens{"list tokens",
                      "SELECT id, hash, name, project, role, pushes, created_at, created_by, expires_at, "
                      "used_at, revoked_at, identity_rule, subject FROM tokens ORDER BY id"};
constexpr Sql kInsertToken{"make a token",
                           "INSERT INTO tokens (hash, name, project, role, pushes, created_at, created_by, "
                           "expires_at, identity_rule, subject) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
constexpr Sql kRevokeToken{"revoke a token",
                           "UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at = 0"};
constexpr Sql kUsedToken{"note that a token was used", "UPDATE tokens SET used_at = ?2 WHERE id = ?1"};

absl::Status NoSuchProject(std::string_view name) {
  return absl::NotFoundError(
      fmt::format("there is no project '{}'; `crossmill admin project ls` lists them", name));
}

std::vector<std::string> LinesOf(std::string_view text) {
  return absl::StrSplit(Av(text), '\n', absl::SkipEmpty());
}

}  // namespace

absl::StatusOr<std::vector<v1::Project>> PeopleRecords::Projects() {
  std::vector<v1::Project> projects;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kProjects));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return projects;
    v1::Project& project = projects.emplace_back();
    project.set_name(std::string(query->Text(0)));
    project.set_running_steps(query->Int64(1));
    project.set_queued_builds(query->Int64(2));
    project.set_created_at(query->Int64(3));
  }
}

absl::Status PeopleRecords::InsertProject(const v1::Project& project) {
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(connection_.Run(kInsertProject, project.name(), project.running_steps(),
                                  project.queued_builds(), project.created_at()));
  if (connection_.Changes() == 1) return absl::OkStatus();
  return absl::AlreadyExistsError(fmt::format("there is a project '{}' already", project.name()));
}

absl::Status PeopleRecords::UpdateProject(const v1::Project& project) {
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(
      connection_.Run(kUpdateProject, project.name(), project.running_steps(), project.queued_builds()));
  return connection_.Changes() == 1 ? absl::OkStatus() : NoSuchProject(project.name());
}

absl::Status PeopleRecords::RemoveProject(const std::string& name) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    const auto has = [&](const Sql& sql) -> absl::StatusOr<bool> {
      RecursiveMutexLock held(connection_.mutex());
      ASSIGN_OR_RETURN(StatementUse query, connection_.Use(sql));
      query->Bind(name);
      RETURN_IF_ERROR(query->Step().status());
      return query->Int64(0) != 0;
    };
    ASSIGN_OR_RETURN(const bool builds, has(kProjectHasBuilds));
    if (builds)
      return absl::FailedPreconditionError(
          fmt::format("project '{}' has builds, which stay in the record; revoke its tokens instead", name));
    ASSIGN_OR_RETURN(const bool tokens, has(kProjectHasTokens));
    if (tokens)
      return absl::FailedPreconditionError(
          fmt::format("project '{}' has tokens; revoke them first (`crossmill admin token ls`)", name));
    ASSIGN_OR_RETURN(const bool rules, has(kProjectHasRules));
    if (rules)
      return absl::FailedPreconditionError(fmt::format(
          "project '{}' has identity rules; remove them first (`crossmill admin identity ls`)", name));
    RETURN_IF_ERROR(connection_.Run(kForgetTokens, name));
    RETURN_IF_ERROR(connection_.Run(kRemoveProject, name));
    return connection_.Changes() == 1 ? absl::OkStatus() : NoSuchProject(name);
  });
}

absl::StatusOr<std::vector<TokenRow>> PeopleRecords::Tokens() {
  std::vector<TokenRow> rows;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kTokens));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return rows;
    TokenRow& read = rows.emplace_back();
    v1::Token& token = read.token;
    token.set_id(query->Int64(0));
    read.hash = std::string(query->Text(1));
    token.set_name(std::string(query->Text(2)));
    token.set_project(std::string(query->Text(3)));
    token.set_role(static_cast<v1::Access>(query->Int64(4)));
    for (const std::string& push : LinesOf(query->Text(5))) token.add_pushes(push);
    token.set_created_at(query->Int64(6));
    token.set_created_by(std::string(query->Text(7)));
    token.set_expires_at(query->Int64(8));
    token.set_used_at(query->Int64(9));
    token.set_revoked_at(query->Int64(10));
    token.set_identity_rule(std::string(query->Text(11)));
    token.set_subject(std::string(query->Text(12)));
  }
}

absl::StatusOr<int64_t> PeopleRecords::InsertToken(const TokenRow& row) {
  const v1::Token& token = row.token;
  RecursiveMutexLock lock(connection_.mutex());
  const absl::Status inserted =
      connection_.Run(kInsertToken, row.hash, token.name(), token.project(), static_cast<int>(token.role()),
                      absl::StrJoin(token.pushes(), "\n"), token.created_at(), token.created_by(),
                      token.expires_at(), token.identity_rule(), token.subject());
  if (absl::IsFailedPrecondition(inserted)) return NoSuchProject(token.project());
  RETURN_IF_ERROR(inserted);
  return connection_.LastInsertId();
}

absl::Status PeopleRecords::RevokeToken(int64_t id, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kRevokeToken, id, now_ns);
}

absl::Status PeopleRecords::ForgetToken(int64_t id) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kForgetToken, id);
}

absl::Status PeopleRecords::UsedToken(int64_t id, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kUsedToken, id, now_ns);
}

}  // namespace crossmill::storage
