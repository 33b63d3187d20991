#include "coordinator/rpc/people/farm_people.h"

#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/people/authority_files.h"

namespace crossmill::coordinator {

FarmPeople::FarmPeople(storage::RecordStore& records, const Authenticator& authenticator)
    : records_(records.connection()),
      identity_records_(records.connection()),
      machine_records_(records.connection()),
      heads_(records.connection()),
      issuers_(MakeIssuerClient()),
      calls_(authenticator) {}

absl::StatusOr<std::unique_ptr<FarmPeople>> FarmPeople::Open(storage::RecordStore& records, Clock& clock,
                                                             Authenticator& authenticator,
                                                             const std::string& data_folder,
                                                             absl::Duration certificate_life) {
  std::unique_ptr<FarmPeople> farm(new FarmPeople(records, authenticator));
  ASSIGN_OR_RETURN(farm->people_, People::Open(farm->records_, clock));
  ASSIGN_OR_RETURN(farm->identities_,
                   Identities::Open(farm->identity_records_, *farm->people_, *farm->issuers_, clock));
  farm->service_ = std::make_unique<PeopleService>(*farm->people_, *farm->identities_, farm->heads_,
                                                   data_folder + "/audit.log", clock, authenticator);
  authenticator.AskAlso(AskPeople(*farm->people_));
  authenticator.AskNames(AskPeopleByName(*farm->people_));
  MachineOptions machines;
  machines.certificate_life = certificate_life;
  ASSIGN_OR_RETURN(machines.authority, LoadAuthority(data_folder));
  if (machines.authority) farm->service_->IssueBy(*machines.authority);
  ASSIGN_OR_RETURN(farm->machines_, Machines::Open(farm->machine_records_, clock, std::move(machines)));
  farm->machines_service_ =
      std::make_unique<MachinesService>(*farm->machines_, AddressOfFarm(data_folder), authenticator);
  authenticator.AskCertificates(AskMachines(*farm->machines_));
  farm->calls_.Start();
  return farm;
}

absl::StatusOr<AuditLogOptions> FarmPeople::AuditOptions() {
  ASSIGN_OR_RETURN(const auto head, heads_.Find(kAuditLog));
  AuditLogOptions options;
  options.head = {head.first, head.second};
  options.keep = [this](const AuditHead& last) {
    const absl::Status kept = heads_.Keep(kAuditLog, last.number, last.hash);
    if (!kept.ok()) LogWarning("the end of the audit log was not kept: {}", Sv(kept.message()));
  };
  return options;
}

}  // namespace crossmill::coordinator
