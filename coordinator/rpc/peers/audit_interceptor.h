// Tells the audit log of every call that may change something, whichever service it is of and whoever
// forgets: gRPC shows each call here on its way in and out.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string_view>

#include "coordinator/audit/audit_log.h"
#include "coordinator/rpc/authenticator.h"

namespace crossmill::coordinator {

// "/crossmill.v1.Builds/CancelBuild": whether it goes into the audit log. It needs the role submit, operate
// or the socket, and does not only ask; or it gives a token to somebody who has none yet.
bool IsAudited(std::string_view method);

// What a message of such a call names, without values that nobody else should read.
std::vector<std::pair<std::string, std::string>> NamedBy(const google::protobuf::Message& message);

// All outlive the server. What was refused to somebody with a token goes into `refused`: whoever may not
// change anything could else fill the file of those who may, until what they did is gone from it.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeAuditInterceptors(
    AuditLog& log, AuditLog& refused, const Authenticator& authenticator);

}  // namespace crossmill::coordinator
