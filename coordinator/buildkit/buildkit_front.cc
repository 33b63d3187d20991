#include "coordinator/buildkit/buildkit_front.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "coordinator/buildkit/door/buildkit_door.h"
#include "coordinator/buildkit/door/connection_callers.h"
#include "coordinator/buildkit/files/folder_memory.h"
#include "coordinator/buildkit/history/build_history.h"
#include "coordinator/buildkit/session/client_sessions.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/content_service.h"
#include "coordinator/buildkit/solve/control_service.h"
#include "coordinator/buildkit/solve/gateway_service.h"
#include "coordinator/people/authority_files.h"

namespace crossmill::coordinator::buildkit {
namespace {

// Calls get so long to end by themselves; their builds have been cancelled before.
constexpr absl::Duration kGrace = absl::Seconds(2);

std::string PlaceOfBuild(const std::string& page, int64_t build) {
  return page.empty() ? fmt::format("crossmill show {}", build) : fmt::format("{}/builds/{}", page, build);
}

class FrontImpl final : public BuildKitFront {
 public:
  FrontImpl(const FrontOptions& options, FrontParts parts)
      : socket_(options.data_folder + "/buildkit.sock"),
        page_(std::move(parts.page)),
        callers_(parts.authenticator, parts.clock),
        sessions_({.most = static_cast<size_t>(options.limits.sessions),
                   .most_of_owner = static_cast<size_t>(options.limits.sessions_of_client)}),
        folders_(parts.clock),
        builds_({.most = static_cast<size_t>(options.limits.builds),
                 .most_of_caller = static_cast<size_t>(options.limits.builds_of_client)}),
        services_{
            .admit = [this](const grpc::ServerContextBase& context,
                            v1::Access needed) { return callers_.Admit(context, needed); },
            .authenticator = parts.authenticator,
            .farm = std::move(parts.farm),
            .sessions = sessions_,
            .folders = folders_,
            .blobs = parts.blobs,
            .images = parts.images,
            .sources = parts.sources,
            .archives = parts.archives,
            .clock = parts.clock,
            .build_platform = std::move(parts.build_platform),
            .planning = parts.planning,
            .place_of_build = [this](int64_t build) { return PlaceOfBuild(page_(), build); },
            .exports = parts.exports,
            .spans_of = std::move(parts.spans_of),
            .folder_limits = {.most_entries = options.limits.folder_entries,
                              .most_bytes = options.limits.folder_bytes},
        },
        history_(BuildHistory::Open(options.data_folder + "/buildkit-history")),
        control_(services_, builds_, *history_),
        gateway_(services_, builds_),
        content_(services_, *history_) {}
  ~FrontImpl() override { Stop(); }

  absl::Status Listen(const FrontOptions& options) {
    DoorOptions door;
    door.unix_socket = socket_;
    door.tcp_address = options.tcp_address;
    const FrontLimits& limits = options.limits;
    door.connections = {.most = static_cast<size_t>(limits.connections),
                        .most_of_peer = static_cast<size_t>(limits.connections_of_peer),
                        .most_unknown = static_cast<size_t>(limits.unknown_connections),
                        .most_unknown_of_peer = static_cast<size_t>(limits.unknown_connections_of_peer)};
    door.most_local = static_cast<size_t>(limits.local_connections);
    door.most_streams = static_cast<int>(limits.calls);
    door.most_threads = static_cast<int>(limits.threads);
    door.most_bytes = static_cast<size_t>(limits.message_bytes);
    door.tls.certificate = options.certificate_file;
    door.tls.key = options.key_file;
    door.tls.client_authorities = options.client_authorities_file;
    ASSIGN_OR_RETURN(const auto authority, LoadAuthority(options.data_folder));
    if (authority) door.tls.farm_authority_pem = authority->certificate_pem();
    const std::vector<grpc::Service*> services = {&control_, &gateway_, &content_};
    ASSIGN_OR_RETURN(door_, BuildKitDoor::Start(door, callers_, services));
    return absl::OkStatus();
  }

  const std::string& unix_socket() const override { return socket_; }
  int tcp_port() const override { return door_->tcp_port(); }
  absl::Status ReloadCertificates() override { return door_->ReloadCertificates(); }
  void Stop() override {
    builds_.Stop();
    sessions_.Stop();
    if (door_ != nullptr) door_->Shutdown(kGrace);
  }

 private:
  const std::string socket_;
  const std::function<std::string()> page_;
  ConnectionCallers callers_;
  ClientSessions sessions_;
  FolderMemory folders_;
  ClientBuilds builds_;
  const SolveServices services_;
  const std::unique_ptr<BuildHistory> history_;
  ControlService control_;
  GatewayService gateway_;
  ContentService content_;
  std::unique_ptr<BuildKitDoor> door_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BuildKitFront>> BuildKitFront::Start(const FrontOptions& options,
                                                                    FrontParts parts) {
  auto front = std::make_unique<FrontImpl>(options, std::move(parts));
  const absl::Status listening = front->Listen(options);
  if (!listening.ok()) return Annotate(listening, "the door for BuildKit's clients");
  return front;
}

}  // namespace crossmill::coordinator::buildkit
