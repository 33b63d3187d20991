// What builds of BuildKit's clients need of the farm. References outlive whoever has this.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/server_context.h>

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
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

namespace crossmill::coordinator::buildkit {

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
  // outputs/exporters.h: CheckExporters and RunExporter.
  std::function<absl::Status(const std::vector<ExporterRequest>&, size_t platforms)> check_exporters;
  std::function<absl::StatusOr<std::map<std::string, std::string>>(
      const ExporterRequest&, const BuiltImage&, const CallerIdentity&, const std::shared_ptr<ClientSession>&,
      ExportServices, ProgressBoard&, std::stop_token)>
      run_exporter;
};

}  // namespace crossmill::coordinator::buildkit
