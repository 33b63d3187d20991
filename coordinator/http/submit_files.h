// A request whose body brings files or names where they are: JSON, a tar, or multipart/form-data with both
// (docs/api.md, "Submitting"). The archive goes to the service as it comes; the door keeps none of it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "coordinator/http/asio.h"
#include "coordinator/http/exchange.h"
#include "coordinator/http/rpc_calls.h"
#include "coordinator/http/table/route_table.h"
#include "coordinator/http/table/transcoding.h"
#include "crossmill/v1/submission.pb.h"

namespace crossmill::coordinator::door {

struct FilesRequest {
  const Route& route;
  // Of path and query.
  Parameters parameters;
  std::string authorization;
};

// What the body is, by its type.
enum class BodyKind { kJson, kArchive, kMultipart, kOther };
BodyKind BodyKindOf(std::string_view content_type);

// "ID=BASE64" of the field Crossmill-Secret. INVALID_ARGUMENT, which does not say the value.
absl::StatusOr<v1::Secret> ParseSecretField(std::string_view field);

// INVALID_ARGUMENT: nothing of the request comes in a part of this name.
absl::Status CheckPartName(const std::string& name, const Route& route);

// Reads the body and calls the service. `kind` is not kOther.
Awaitable<absl::Status> SubmitFiles(Exchange& exchange, AnyStub& stub, BodyKind kind, FilesRequest request,
                                    std::shared_ptr<v1::Submission> response);

}  // namespace crossmill::coordinator::door
