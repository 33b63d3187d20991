#include "coordinator/buildkit/door/buildkit_door.h"

#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <sys/un.h>

#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/channel.h"

namespace crossmill::coordinator::buildkit {
namespace {

// Clients send up to 16 MiB by their own settings.
constexpr int kMostMessageBytes = (16 << 20) + (64 << 10);
// Go's gRPC takes as much.
constexpr int kMostMetadataBytes = 1 << 20;

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

// gRPC adds its reflection to every server of a program that has it linked: nothing for strangers.
class WithoutPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

absl::Status CheckDoorOptions(const DoorOptions& options) {
  if (options.unix_socket.empty() && options.tcp_address.empty())
    return absl::InvalidArgumentError("the door for BuildKit's clients needs a unix socket or a TCP address");
  if (options.unix_socket.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        fmt::format("socket path {} is longer than {} bytes; choose a shorter data folder",
                    options.unix_socket, sizeof(sockaddr_un::sun_path) - 1));
  }
  if (!options.tcp_address.empty() && (options.tls.certificate.empty() || options.tls.key.empty())) {
    return absl::FailedPreconditionError(fmt::format(
        "BuildKit's clients reach {} over TLS only: give the coordinator a certificate and its key",
        options.tcp_address));
  }
  return absl::OkStatus();
}

void SetDoorLimits(const DoorOptions& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMostMessageBytes);
  builder.SetMaxSendMessageSize(kMostMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMostMetadataBytes);
  // Clients send no pings: a step that says nothing for long would lose its connection in some router.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Go's gRPC measures with bursts of pings.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  // Without a call; clients connect again by themselves.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 15 * 60'000);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(options.handshake_time.count()));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.most_streams);
  grpc::ResourceQuota quota("buildkit");
  quota.SetMaxThreads(options.most_threads);
  quota.Resize(options.most_bytes);
  builder.SetResourceQuota(quota);
}

ConnectionDoor::Hand HandToGrpc(std::shared_ptr<Acceptor> acceptor) {
  return [acceptor = std::move(acceptor)](UniqueFd fd) {
    Acceptor::NewConnectionParameters connection;
    connection.fd = fd.Release();
    acceptor->HandleNewConnection(&connection);
  };
}

absl::Status CannotOpen(const std::string& address, const absl::Status& why) {
  if (!absl::IsUnavailable(why)) return why;
  return absl::UnavailableError(
      fmt::format("cannot listen on {} for BuildKit's clients (is another coordinator running?): {}", address,
                  Sv(why.message())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BuildKitDoor>> BuildKitDoor::Start(const DoorOptions& options,
                                                                  ConnectionCallers& callers,
                                                                  absl::Span<grpc::Service* const> services) {
  RETURN_IF_ERROR(CheckDoorOptions(options));
  rpc::KeepGrpcRunning();
  std::unique_ptr<BuildKitDoor> door(new BuildKitDoor());
  RETURN_IF_ERROR(door->Listen(options, callers));
  grpc::ServerBuilder builder;
  SetDoorLimits(options, builder);
  builder.SetOption(std::make_unique<WithoutPlugins>());
  for (grpc::Service* const service : services) builder.RegisterService(service);
  const std::shared_ptr<Acceptor> acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  door->server_ = builder.BuildAndStart();
  if (door->server_ == nullptr)
    return absl::InternalError("gRPC does not start the door for BuildKit's clients");
  const ConnectionDoor::Hand hand = HandToGrpc(acceptor);
  if (door->tls_connections_) RETURN_IF_ERROR(door->tls_connections_->Start(hand));
  TlsConnections* const tls = door->tls_connections_.get();
  RETURN_IF_ERROR(door->sockets_->Start([tls](UniqueFd fd) { tls->Take(std::move(fd)); }, hand));
  return door;
}

absl::Status BuildKitDoor::Listen(const DoorOptions& options, ConnectionCallers& callers) {
  open_ = std::make_unique<OpenConnections>(options.connections, options.handshake_time);
  sockets_ = std::make_unique<ConnectionDoor>(*open_, options.most_local);
  if (!options.tcp_address.empty()) {
    ASSIGN_OR_RETURN(tls_, DoorTls::Load(options.tls));
    tls_connections_ = std::make_unique<TlsConnections>(*tls_, callers, *open_, options.handshake_time);
    const auto port = sockets_->ListenOnTcp(options.tcp_address);
    if (!port.ok()) return CannotOpen(options.tcp_address, port.status());
    tcp_port_ = *port;
  }
  if (options.unix_socket.empty()) return absl::OkStatus();
  const absl::Status local = sockets_->ListenOnUnix(options.unix_socket);
  return local.ok() ? local : CannotOpen(options.unix_socket, local);
}

BuildKitDoor::~BuildKitDoor() { Shutdown(absl::ZeroDuration()); }

absl::Status BuildKitDoor::ReloadCertificates() { return tls_ ? tls_->Reload() : absl::OkStatus(); }

void BuildKitDoor::Shutdown(absl::Duration grace) {
  if (sockets_ != nullptr) sockets_->Stop();
  if (server_ != nullptr) {
    server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
    server_->Wait();
  }
  // What gRPC has said at the end went out before.
  if (tls_connections_ != nullptr) tls_connections_->Stop();
}

}  // namespace crossmill::coordinator::buildkit
