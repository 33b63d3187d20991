// Projects, tokens and identity rules of a running farm: the record, the rules, the service, and the end of
// calls whose token is no longer good.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/audit/audit_log.h"
#include "coordinator/identity/identities.h"
#include "coordinator/people/people.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/peers/open_calls.h"
#include "coordinator/rpc/people/people_service.h"
#include "coordinator/storage/people/audit_heads.h"
#include "coordinator/storage/people/identity_records.h"
#include "coordinator/storage/people/people_records.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

// Thread safe.
class FarmPeople {
 public:
  // From now on the authenticator knows the tokens of the record. Everything given outlives it, and it the
  // server.
  static absl::StatusOr<std::unique_ptr<FarmPeople>> Open(storage::RecordStore& records, Clock& clock,
                                                          Authenticator& authenticator,
                                                          const std::string& data_folder);

  People& people() { return *people_; }
  // Whose end the record keeps, and where the log goes on. An error is the record's.
  absl::StatusOr<AuditLogOptions> AuditOptions();
  grpc::Service* service() { return &*service_; }
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeInterceptors() {
    return calls_.MakeInterceptors();
  }

 private:
  FarmPeople(storage::RecordStore& records, const Authenticator& authenticator);

  storage::PeopleRecords records_;
  storage::IdentityRecords identity_records_;
  storage::AuditHeads heads_;
  std::unique_ptr<People> people_;
  // To issuers of identity tokens.
  std::unique_ptr<http::HttpClient> issuers_;
  std::unique_ptr<Identities> identities_;
  std::unique_ptr<PeopleService> service_;
  OpenCalls calls_;
};

}  // namespace crossmill::coordinator
