// What this farm says that it can, in the words of BuildKit's clients: exactly what is served. Pure.
#pragma once

#include "absl/types/span.h"
#include "crossmill/v1/client_service.pb.h"
#include "moby/buildkit/v1/control.pb.h"
#include "moby/buildkit/v1/gateway.pb.h"

namespace crossmill::coordinator::buildkit {

// The version of BuildKit whose API this is: clients compare it.
inline constexpr char kBuildKitVersion[] = "v0.32.0";

void SetVersion(moby::buildkit::v1::BuildkitVersion* version);
void AddCapabilities(moby::buildkit::v1::frontend::PongResponse* response);
// Workers as clients list them: one for each worker of the farm that is connected; the build platform comes
// first. Without any the farm itself is one.
void AddWorkers(const v1::ListWorkersResponse& workers, const v1::Platform& build_platform,
                google::protobuf::RepeatedPtrField<moby::buildkit::v1::WorkerRecord>* records);

}  // namespace crossmill::coordinator::buildkit
