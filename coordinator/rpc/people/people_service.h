// crossmill.v1.People: projects and tokens, for those who decide about them, and the exchange of identity
// tokens, for everybody.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/certificates/authority.h"
#include "coordinator/identity/identities.h"
#include "coordinator/people/people.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/storage/people/audit_heads.h"
#include "crossmill/v1/people_service.grpc.pb.h"

namespace crossmill::coordinator {

// The name of the log of who changed what, in the record.
inline constexpr char kAuditLog[] = "audit.log";

// What the authenticator is asked of a token of the record. `people` outlives it.
Authenticator::Ask AskPeople(People& people);
// Of tokens by name, but for those that identity rules gave: their holders have no other claim to the name.
Authenticator::AskName AskPeopleByName(People& people);

// Thread safe.
class PeopleService final : public v1::People::Service {
 public:
  // `audit`: the log's file, and where the record keeps its head.
  PeopleService(People& people, Identities& identities, storage::AuditHeads& heads, std::string audit,
                Clock& clock, const Authenticator& authenticator)
      : people_(people),
        identities_(identities),
        heads_(heads),
        audit_(std::move(audit)),
        clock_(clock),
        authenticator_(authenticator) {}

  // Who signs certificates of clients; nobody until then. Before the first call.
  void IssueBy(certificates::Authority authority) { authority_ = std::move(authority); }

  grpc::Status CreateProject(grpc::ServerContext* context, const v1::CreateProjectRequest* request,
                             v1::CreateProjectResponse* response) override;
  grpc::Status ListProjects(grpc::ServerContext* context, const v1::ListProjectsRequest* request,
                            v1::ListProjectsResponse* response) override;
  grpc::Status SetProject(grpc::ServerContext* context, const v1::SetProjectRequest* request,
                          v1::SetProjectResponse* response) override;
  grpc::Status RemoveProject(grpc::ServerContext* context, const v1::RemoveProjectRequest* request,
                             v1::RemoveProjectResponse* response) override;
  grpc::Status CreateToken(grpc::ServerContext* context, const v1::CreateTokenRequest* request,
                           v1::CreateTokenResponse* response) override;
  grpc::Status ListTokens(grpc::ServerContext* context, const v1::ListTokensRequest* request,
                          v1::ListTokensResponse* response) override;
  grpc::Status RevokeToken(grpc::ServerContext* context, const v1::RevokeTokenRequest* request,
                           v1::RevokeTokenResponse* response) override;
  grpc::Status CreateIdentityRule(grpc::ServerContext* context, const v1::CreateIdentityRuleRequest* request,
                                  v1::CreateIdentityRuleResponse* response) override;
  grpc::Status ListIdentityRules(grpc::ServerContext* context, const v1::ListIdentityRulesRequest* request,
                                 v1::ListIdentityRulesResponse* response) override;
  grpc::Status RemoveIdentityRule(grpc::ServerContext* context, const v1::RemoveIdentityRuleRequest* request,
                                  v1::RemoveIdentityRuleResponse* response) override;
  grpc::Status ExchangeIdentity(grpc::ServerContext* context, const v1::ExchangeIdentityRequest* request,
                                v1::ExchangeIdentityResponse* response) override;
  grpc::Status IssueCertificate(grpc::ServerContext* context, const v1::IssueCertificateRequest* request,
                                v1::IssueCertificateResponse* response) override;
  grpc::Status VerifyAudit(grpc::ServerContext* context, const v1::VerifyAuditRequest* request,
                           v1::VerifyAuditResponse* response) override;
  grpc::Status ListAudit(grpc::ServerContext* context, const v1::ListAuditRequest* request,
                         v1::ListAuditResponse* response) override;

 private:
  People& people_;
  Identities& identities_;
  storage::AuditHeads& heads_;
  const std::string audit_;
  Clock& clock_;
  const Authenticator& authenticator_;
  std::optional<certificates::Authority> authority_;
};

}  // namespace crossmill::coordinator
