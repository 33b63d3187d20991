// crossmill.v1.Machines: invitations and workers that joined with them, for those who decide about them; and
// the call with which a machine joins, the only one that a stranger can make of the farm.
#pragma once

#include <string>
#include <utility>

#include "common/base/clock.h"
#include "coordinator/audit/audit_log.h"
#include "coordinator/people/join_rate.h"
#include "coordinator/people/machines.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/machines_service.grpc.pb.h"

namespace crossmill::coordinator {

// What the authenticator is asked of a certificate. `machines` outlives it.
Authenticator::AskCertificate AskMachines(Machines& machines);

// Thread safe.
class MachinesService final : public v1::Machines::Service {
 public:
  // `address`: what invitations say the farm is reached under; may be empty.
  MachinesService(Machines& machines, std::string address, const Authenticator& authenticator)
      : machines_(machines), address_(std::move(address)), authenticator_(authenticator) {}

  // Where it is written who joined, and who was kept from it with an invitation that there is. Without one a
  // stranger has no name, and could fill the log.
  void AuditTo(AuditLog& log) { audit_ = &log; }

  grpc::Status CreateInvitation(grpc::ServerContext* context, const v1::CreateInvitationRequest* request,
                                v1::CreateInvitationResponse* response) override;
  grpc::Status ListInvitations(grpc::ServerContext* context, const v1::ListInvitationsRequest* request,
                               v1::ListInvitationsResponse* response) override;
  grpc::Status RevokeInvitation(grpc::ServerContext* context, const v1::RevokeInvitationRequest* request,
                                v1::RevokeInvitationResponse* response) override;
  grpc::Status ListMachines(grpc::ServerContext* context, const v1::ListMachinesRequest* request,
                            v1::ListMachinesResponse* response) override;
  grpc::Status RemoveMachine(grpc::ServerContext* context, const v1::RemoveMachineRequest* request,
                             v1::RemoveMachineResponse* response) override;
  grpc::Status Join(grpc::ServerContext* context, const v1::JoinRequest* request,
                    v1::JoinResponse* response) override;
  grpc::Status RenewCertificate(grpc::ServerContext* context, const v1::RenewCertificateRequest* request,
                                v1::RenewCertificateResponse* response) override;

 private:
  // Also whether the name is one at all.
  absl::Status MayHave(const std::string& name) const;
  void Audit(const grpc::ServerContext& context, const v1::JoinRequest& request, int64_t invitation,
             const absl::StatusOr<v1::JoinResponse>& joined) const;

  Machines& machines_;
  const std::string address_;
  // Of the rate: it knows no jumps.
  SteadyClock passing_;
  const Authenticator& authenticator_;
  AuditLog* audit_ = nullptr;
  JoinRate rate_;
};

}  // namespace crossmill::coordinator
