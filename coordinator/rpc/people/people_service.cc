#include "coordinator/rpc/people/people_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/rpc/status_proto.h"
#include "coordinator/audit/audit_chain.h"
#include "coordinator/audit/audit_lines.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator {

namespace {

constexpr int32_t kUsualLines = 100;
constexpr int32_t kMostLines = 10'000;
// It is worth nothing any more when its token is not, so this only bounds how long a lost key is looked for.
constexpr absl::Duration kLifeOfACertificate = absl::Hours(24 * 365);

}  // namespace

using rpc::ToGrpc;

Authenticator::Ask AskPeople(People& people) {
  return [&people](const std::string& hash) -> std::optional<Roles> {
    std::optional<v1::Token> token = people.FindToken(hash);
    if (!token) return std::nullopt;
    people.NoteUse(token->id());
    Roles roles;
    roles.client = token->role();
    roles.name = token->name();
    roles.project = token->project();
    // Of one that decides about the farm nothing is kept back.
    if (!roles.Operates()) roles.pushes.emplace(token->pushes().begin(), token->pushes().end());
    return roles;
  };
}

Authenticator::AskName AskPeopleByName(People& people) {
  return [&people](std::string_view name) { return people.HashesOfName(name); };
}

grpc::Status PeopleService::CreateProject(grpc::ServerContext* context,
                                          const v1::CreateProjectRequest* request,
                                          v1::CreateProjectResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  const std::vector<std::string> settings(request->settings().begin(), request->settings().end());
  absl::StatusOr<v1::Project> project = people_.CreateProject(request->name(), settings);
  if (project.ok()) *response->mutable_project() = *std::move(project);
  return ToGrpc(project.status());
}

grpc::Status PeopleService::ListProjects(grpc::ServerContext* context, const v1::ListProjectsRequest*,
                                         v1::ListProjectsResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  for (v1::Project& project : people_.Projects()) *response->add_projects() = std::move(project);
  return grpc::Status::OK;
}

grpc::Status PeopleService::SetProject(grpc::ServerContext* context, const v1::SetProjectRequest* request,
                                       v1::SetProjectResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  const std::vector<std::string> settings(request->settings().begin(), request->settings().end());
  absl::StatusOr<v1::Project> project = people_.SetProject(request->name(), settings);
  if (project.ok()) *response->mutable_project() = *std::move(project);
  return ToGrpc(project.status());
}

grpc::Status PeopleService::RemoveProject(grpc::ServerContext* context,
                                          const v1::RemoveProjectRequest* request,
                                          v1::RemoveProjectResponse*) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  return ToGrpc(people_.RemoveProject(request->name()));
}

grpc::Status PeopleService::CreateToken(grpc::ServerContext* context, const v1::CreateTokenRequest* request,
                                        v1::CreateTokenResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_ADMIN);
  if (!roles.ok()) return ToGrpc(roles.status());
  v1::Token token;
  token.set_name(request->name());
  token.set_project(request->project());
  token.set_role(request->role());
  *token.mutable_pushes() = request->pushes();
  token.set_expires_at(request->expires_at());
  token.set_created_by(OwnerOf(*roles));
  absl::StatusOr<v1::CreateTokenResponse> made = people_.CreateToken(std::move(token));
  if (made.ok()) *response = *std::move(made);
  return ToGrpc(made.status());
}

grpc::Status PeopleService::ListTokens(grpc::ServerContext* context, const v1::ListTokensRequest* request,
                                       v1::ListTokensResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  const int64_t now = UnixNanos(clock_.Now());
  for (v1::Token& token : people_.Tokens()) {
    const bool good = token.revoked_at() == 0 && (token.expires_at() == 0 || token.expires_at() > now);
    if (good || request->all()) *response->add_tokens() = std::move(token);
  }
  return grpc::Status::OK;
}

grpc::Status PeopleService::RevokeToken(grpc::ServerContext* context, const v1::RevokeTokenRequest* request,
                                        v1::RevokeTokenResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  absl::StatusOr<std::vector<v1::Token>> revoked = people_.RevokeToken(request->token());
  if (!revoked.ok()) return ToGrpc(revoked.status());
  for (v1::Token& token : *revoked) {
    response->add_ids(token.id());
    *response->add_revoked() = std::move(token);
  }
  return grpc::Status::OK;
}

grpc::Status PeopleService::CreateIdentityRule(grpc::ServerContext* context,
                                               const v1::CreateIdentityRuleRequest* request,
                                               v1::CreateIdentityRuleResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_ADMIN);
  if (!roles.ok()) return ToGrpc(roles.status());
  v1::IdentityRule rule = request->rule();
  rule.set_created_by(OwnerOf(*roles));
  absl::StatusOr<v1::IdentityRule> made = identities_.Create(std::move(rule));
  if (made.ok()) *response->mutable_rule() = *std::move(made);
  return ToGrpc(made.status());
}

grpc::Status PeopleService::ListIdentityRules(grpc::ServerContext* context,
                                              const v1::ListIdentityRulesRequest*,
                                              v1::ListIdentityRulesResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  for (v1::IdentityRule& rule : identities_.Rules()) *response->add_rules() = std::move(rule);
  return grpc::Status::OK;
}

grpc::Status PeopleService::RemoveIdentityRule(grpc::ServerContext* context,
                                               const v1::RemoveIdentityRuleRequest* request,
                                               v1::RemoveIdentityRuleResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  const absl::StatusOr<std::vector<int64_t>> revoked = identities_.Remove(request->name());
  if (revoked.ok()) response->mutable_ids()->Add(revoked->begin(), revoked->end());
  return ToGrpc(revoked.status());
}

grpc::Status PeopleService::ExchangeIdentity(grpc::ServerContext*, const v1::ExchangeIdentityRequest* request,
                                             v1::ExchangeIdentityResponse* response) {
  absl::StatusOr<v1::ExchangeIdentityResponse> given = identities_.Exchange(*request);
  if (given.ok()) *response = *std::move(given);
  return ToGrpc(given.status());
}

grpc::Status PeopleService::IssueCertificate(grpc::ServerContext* context,
                                             const v1::IssueCertificateRequest* request,
                                             v1::IssueCertificateResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return ToGrpc(roles.status());
  if (!authority_) {
    return ToGrpc(absl::FailedPreconditionError(
        "this farm has no authority of its own: `crossmill admin init` on the coordinator's machine makes "
        "one; or "
        "have certificates from the authority of the coordinator's --buildkit-client-ca"));
  }
  if (roles->hash.empty() || roles->hash.starts_with(kCertificateMark) || roles->lent) {
    return ToGrpc(
        absl::FailedPreconditionError("a certificate stands for a token, and this call came without one: "
                                      "make a token (`crossmill admin token "
                                      "create NAME --role submit`) and ask with it, over TCP"));
  }
  const auto issued =
      authority_->IssueClient(request->certificate_request(), roles->hash, clock_.Now(), kLifeOfACertificate);
  if (!issued.ok()) return ToGrpc(issued.status());
  response->set_certificate(issued->pem);
  response->set_authority(authority_->certificate_pem());
  response->set_not_after(UnixNanos(issued->not_after));
  return grpc::Status::OK;
}

grpc::Status PeopleService::VerifyAudit(grpc::ServerContext* context, const v1::VerifyAuditRequest*,
                                        v1::VerifyAuditResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  // Asked before reading: what is written meanwhile is then behind it.
  const auto kept = heads_.Find(kAuditLog);
  if (!kept.ok()) return ToGrpc(kept.status());
  std::optional<AuditHead> head;
  if (kept->first > 0) head = AuditHead{kept->first, kept->second};
  const absl::StatusOr<AuditReport> report = coordinator::VerifyAudit(audit_, head);
  if (!report.ok()) return ToGrpc(report.status());
  response->set_files(report->files);
  response->set_lines(report->lines);
  response->set_unchained(report->unchained);
  response->set_first(report->first);
  response->set_last(report->last.number);
  response->set_head(report->last.number > 0 ? report->last.hash : "");
  response->set_known(kept->first);
  for (const std::string& problem : report->problems) response->add_problems(ValidUtf8(problem));
  return grpc::Status::OK;
}

grpc::Status PeopleService::ListAudit(grpc::ServerContext* context, const v1::ListAuditRequest* request,
                                      v1::ListAuditResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  AuditQuestion question;
  question.since = absl::FromUnixNanos(request->since());
  question.who = request->who();
  question.limit = request->limit() <= 0 ? kUsualLines : std::min(request->limit(), kMostLines);
  absl::StatusOr<AuditLines> found = FindAuditLines(audit_, question);
  if (!found.ok()) return ToGrpc(found.status());
  for (std::string& line : found->lines) response->add_lines(std::move(line));
  response->set_more(found->more);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
