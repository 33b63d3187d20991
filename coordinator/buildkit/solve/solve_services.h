// What builds of BuildKit's clients need of the farm. References outlive whoever has this.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/server_context.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "coordinator/buildkit/door/caller_identity.h"
#include "coordinator/buildkit/files/client_folders.h"
#include "coordinator/buildkit/outputs/exporters.h"
#include "coordinator/buildkit/session/client_sessions.h"
#include "coordinator/engine/planning.h"
#include "coordinator/images/image_store.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/sources/remote_sources.h"
#include "coordinator/submissions/file_submissions.h"
#include "crossmill/v1/access.pb.h"
#include "opentelemetry/proto/trace/v1/trace.pb.h"

namespace crossmill::coordinator::buildkit {

// For a session that a build names and that has not come yet.
inline constexpr auto kSessionPatience = std::chrono::seconds(6);

struct SolveServices {
  // First line of every method.
  std::function<absl::StatusOr<CallerIdentity>(const grpc::ServerContextBase&, v1::Access)> admit;
  const Authenticator& authenticator;
  // The farm's own services, in this process.
  std::shared_ptr<grpc::Channel> farm;
  ClientSessions& sessions;
  FolderMemory& folders;
  // For what is new.
  BlobStore& blobs;
  ImageStore& images;
  RemoteSources& sources;
  FileSubmissions& archives;
  Clock& clock;
  // As the engine plans.
  v1::Platform build_platform;
  PlanningLimits planning;
  // Where people look at a build: "http://127.0.0.1:7779/builds/7"; without a page "crossmill show 7".
  std::function<std::string(int64_t build)> place_of_build;
  ExportServices exports;
  // Of a build that has ended, out of its record: the same whenever it is asked, as long as that is whole.
  std::function<absl::StatusOr<std::vector<opentelemetry::proto::trace::v1::Span>>(int64_t build)> spans_of;
  // Of one folder of a client's.
  FolderLimits folder_limits = {};
};

}  // namespace crossmill::coordinator::buildkit
