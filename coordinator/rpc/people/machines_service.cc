#include "coordinator/rpc/people/machines_service.h"

#include <optional>
#include <string>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/rpc/status_proto.h"
#include "common/words/worker_labels.h"
#include "coordinator/rpc/connections/connection_budget.h"
#include "coordinator/rpc/connections/open_connections.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/peers/worker_names.h"

namespace crossmill::coordinator {
namespace {

std::string GroupOf(const grpc::ServerContext& context) {
  const std::string endpoint = EndpointOf(context.peer());
  return PeerGroup(endpoint.substr(0, endpoint.find(' ')));
}

absl::Status CheckInvited(const v1::CreateInvitationRequest& request) {
  RETURN_IF_ERROR(CheckPoolName(request.pool()));
  if (request.name().empty() || IsWorkerName(request.name())) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "a worker's name is at most 100 letters, digits and . _ - @ +, the first a letter or a digit");
}

}  // namespace

using rpc::ToGrpc;

Authenticator::AskCertificate AskMachines(Machines& machines) {
  return [&machines](const std::string& fingerprint, bool used) -> absl::StatusOr<Roles> {
    ASSIGN_OR_RETURN(const Machines::Member member, machines.Find(fingerprint));
    if (used) machines.NoteUse(fingerprint);
    Roles roles;
    roles.worker = true;
    roles.name = member.name;
    roles.worker_names = {member.name};
    roles.pool = member.pool;
    return roles;
  };
}

grpc::Status MachinesService::CreateInvitation(grpc::ServerContext* context,
                                               const v1::CreateInvitationRequest* request,
                                               v1::CreateInvitationResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_ADMIN);
  if (!roles.ok()) return ToGrpc(roles.status());
  if (const absl::Status good = CheckInvited(*request); !good.ok()) return ToGrpc(good);
  absl::StatusOr<v1::CreateInvitationResponse> made = machines_.Invite(*request, OwnerOf(*roles));
  if (!made.ok()) return ToGrpc(made.status());
  made->set_address(address_);
  *response = *std::move(made);
  return grpc::Status::OK;
}

grpc::Status MachinesService::ListInvitations(grpc::ServerContext* context,
                                              const v1::ListInvitationsRequest* request,
                                              v1::ListInvitationsResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  for (v1::Invitation& invitation : machines_.Invitations()) {
    if (request->all() || machines_.IsGood(invitation)) *response->add_invitations() = std::move(invitation);
  }
  return grpc::Status::OK;
}

grpc::Status MachinesService::RevokeInvitation(grpc::ServerContext* context,
                                               const v1::RevokeInvitationRequest* request,
                                               v1::RevokeInvitationResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  absl::StatusOr<v1::Invitation> revoked = machines_.RevokeInvitation(request->id());
  if (revoked.ok()) *response->mutable_invitation() = *std::move(revoked);
  return ToGrpc(revoked.status());
}

grpc::Status MachinesService::ListMachines(grpc::ServerContext* context,
                                           const v1::ListMachinesRequest* request,
                                           v1::ListMachinesResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  for (v1::Machine& machine : machines_.List(request->all())) *response->add_machines() = std::move(machine);
  return grpc::Status::OK;
}

grpc::Status MachinesService::RemoveMachine(grpc::ServerContext* context,
                                            const v1::RemoveMachineRequest* request,
                                            v1::RemoveMachineResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_ADMIN); !status.ok()) return ToGrpc(status);
  absl::StatusOr<v1::Machine> removed = machines_.Remove(request->name());
  if (removed.ok()) *response->mutable_machine() = *std::move(removed);
  return ToGrpc(removed.status());
}

absl::Status MachinesService::MayHave(const std::string& name) const {
  if (!IsWorkerName(name))
    return absl::InvalidArgumentError(
        "a worker's name is at most 100 letters, digits and . _ - @ +, the first a letter or a digit");
  if (!authenticator_.NamesWorker(name)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      fmt::format("worker '{}' has a token in the coordinator's token file, and whoever has that is the "
                  "worker: give this one "
                  "another --name, or take the line out of the file first",
                  name));
}

void MachinesService::Audit(const grpc::ServerContext& context, const v1::JoinRequest& request,
                            int64_t invitation, const absl::StatusOr<v1::JoinResponse>& joined) const {
  if (audit_ == nullptr || invitation == 0) return;
  AuditEntry entry;
  entry.client = fmt::format("invitation-{}", invitation);
  entry.door = "tcp";
  entry.peer = context.peer();
  entry.call = "crossmill.v1.Machines/Join";
  entry.about.emplace_back("id", fmt::format("{}", invitation));
  entry.about.emplace_back("name", Printable(joined.ok() ? joined->name() : request.name().substr(0, 100)));
  if (joined.ok() && !joined->pool().empty()) entry.about.emplace_back("pool", joined->pool());
  entry.outcome = absl::StatusCodeToString(joined.status().code());
  audit_->Add(entry);
}

grpc::Status MachinesService::Join(grpc::ServerContext* context, const v1::JoinRequest* request,
                                   v1::JoinResponse* response) {
  if (!rate_.Admit(GroupOf(*context), passing_.Now()))
    return ToGrpc(absl::ResourceExhaustedError("too many machines try to join: try again in some seconds"));
  const int64_t invitation = machines_.FindInvitation(request->secret());
  absl::StatusOr<v1::JoinResponse> joined =
      machines_.Join(*request, [this](const std::string& name) { return MayHave(name); });
  Audit(*context, *request, invitation, joined);
  if (!joined.ok()) {
    if (invitation != 0)
      LogWarning("invitation {} refused to {}: {}", invitation, context->peer(),
                 Sv(joined.status().message()));
    return ToGrpc(joined.status());
  }
  LogInfo("worker={} joined with invitation {} from {}", joined->name(), invitation, context->peer());
  *response = *std::move(joined);
  return grpc::Status::OK;
}

grpc::Status MachinesService::RenewCertificate(grpc::ServerContext* context,
                                               const v1::RenewCertificateRequest* request,
                                               v1::RenewCertificateResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_WORKER);
  if (!roles.ok()) return ToGrpc(roles.status());
  if (!roles->hash.starts_with(kCertificateMark))
    return ToGrpc(absl::FailedPreconditionError(
        "this call came without a certificate: there is none that could be renewed"));
  absl::StatusOr<v1::RenewCertificateResponse> renewed =
      machines_.Renew(roles->hash.substr(kCertificateMark.size()), request->certificate_request());
  if (!renewed.ok()) return ToGrpc(renewed.status());
  if (!renewed->certificate().empty()) LogInfo("worker={} has a new certificate", roles->name);
  *response = *std::move(renewed);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
