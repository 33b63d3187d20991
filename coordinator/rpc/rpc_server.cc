#include "coordinator/rpc/rpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <sys/un.h>

#include <memory>
#include <mutex>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution_services.pb.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/protocol.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/connections/tls_identity.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/local_service.pb.h"
#include "crossmill/v1/notices_service.pb.h"
#include "crossmill/v1/people_service.pb.h"
#include "crossmill/v1/worker_service.pb.h"
#include "google/bytestream/bytestream_service.pb.h"

namespace crossmill::coordinator {
namespace {

// Reflection needs the descriptors of the services. Nothing else refers to the generated files that hold only
// those, so the linker would leave them out.
[[gnu::used]] const void* const kServiceDescriptors[] = {
    &descriptor_table_build_2fbazel_2fremote_2fexecution_2fv2_2fremote_5fexecution_5fservices_2eproto,
    &descriptor_table_crossmill_2fv1_2fclient_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fnotices_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fpeople_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fworker_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2flocal_5fservice_2eproto,
    &descriptor_table_google_2fbytestream_2fbytestream_5fservice_2eproto};

// Both are process-wide registrations that must happen once, before the first builder. Being linked is enough
// for gRPC to add reflection to every server; WithoutReflection takes it from those that did not ask for it.
void EnableHealthAndReflection() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

absl::Status CheckOptions(const ListenOptions& options) {
  if (options.unix_socket.empty() && options.tcp_address.empty()) {
    return absl::InvalidArgumentError("the coordinator needs a unix socket or a TCP address to listen on");
  }
  if (options.unix_socket.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        fmt::format("socket path {} is longer than {} bytes; choose a shorter data folder",
                    options.unix_socket, sizeof(sockaddr_un::sun_path) - 1));
  }
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError("TLS needs both a certificate and its key");
  }
  if (!options.tcp_address.empty() && options.certificate_file.empty() && !options.insecure &&
      !rpc::IsLoopback(options.tcp_address)) {
    return absl::FailedPreconditionError(
        fmt::format("{} can be reached from other hosts, and tokens would travel in plain text: give a "
                    "certificate and key, or allow plain text explicitly",
                    options.tcp_address));
  }
  return absl::OkStatus();
}

void SetLimits(const ListenOptions& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
  builder.SetMaxSendMessageSize(rpc::kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, rpc::kMaxMetadataBytes);
  // The pings of common/rpc/channel are welcome; a peer that vanished is noticed within 30 s.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(absl::ToInt64Milliseconds(options.handshake_time)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.most_streams);
  // A call that finds no thread is answered RESOURCE_EXHAUSTED.
  grpc::ResourceQuota quota("calls");
  quota.SetMaxThreads(options.most_threads);
  builder.SetResourceQuota(quota);
}

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

// How connections that the door accepted come to gRPC.
std::shared_ptr<Acceptor> AddAcceptor(grpc::ServerBuilder& builder,
                                      std::shared_ptr<grpc::ServerCredentials> credentials) {
  return builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, std::move(credentials));
}

ConnectionDoor::Hand HandTo(std::shared_ptr<Acceptor> acceptor) {
  return [acceptor = std::move(acceptor)](UniqueFd fd) {
    Acceptor::NewConnectionParameters connection;
    connection.fd = fd.Release();
    acceptor->HandleNewConnection(&connection);
  };
}

absl::Status CannotListen(const ListenOptions& options, const absl::Status& why) {
  if (absl::IsInvalidArgument(why)) return why;
  return absl::UnavailableError(
      fmt::format("cannot listen on {}{}{} (is another coordinator running?): {}", options.unix_socket,
                  options.unix_socket.empty() || options.tcp_address.empty() ? "" : " and ",
                  options.tcp_address, Sv(why.message())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const ListenOptions& options,
                                                            absl::Span<const ServedService> services,
                                                            Interceptors interceptors) {
  RETURN_IF_ERROR(CheckOptions(options));
  rpc::KeepGrpcRunning();
  EnableHealthAndReflection();
  grpc::ServerBuilder builder;
  SetLimits(options, builder);
  if (!options.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  for (const ServedService& served : services) {
    if (!HasAccessRules(served.name)) {
      return absl::FailedPreconditionError(
          fmt::format("service {} has a method without access rule", served.name));
    }
    builder.RegisterService(served.service);
  }
  std::unique_ptr<RpcServer> server(new RpcServer());
  RETURN_IF_ERROR(server->Listen(options));
  std::shared_ptr<Acceptor> tcp, local;
  if (!options.tcp_address.empty()) {
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (!options.certificate_file.empty()) {
      ASSIGN_OR_RETURN(server->identity_, TlsIdentity::Load(options.certificate_file, options.key_file));
      credentials = server->identity_->MakeCredentials();
    }
    tcp = AddAcceptor(builder, credentials);
  }
  if (!options.unix_socket.empty()) local = AddAcceptor(builder, grpc::InsecureServerCredentials());
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) return absl::InternalError("gRPC does not start");
  for (const ServedService& served : services) server->services_.emplace_back(served.name);
  server->SetServing(false);
  RETURN_IF_ERROR(server->door_->Start(HandTo(std::move(tcp)), HandTo(std::move(local))));
  return server;
}

absl::Status RpcServer::Listen(const ListenOptions& options) {
  if (options.connections == nullptr)
    own_connections_ =
        std::make_unique<OpenConnections>(ConnectionLimits{}, OpenConnections::kNobodyIsUnknown);
  door_ = std::make_unique<ConnectionDoor>(
      options.connections == nullptr ? *own_connections_ : *options.connections, options.most_local);
  if (!options.tcp_address.empty()) {
    const auto port = door_->ListenOnTcp(options.tcp_address);
    if (!port.ok()) return CannotListen(options, port.status());
    tcp_port_ = *port;
  }
  if (options.unix_socket.empty()) return absl::OkStatus();
  const absl::Status local = door_->ListenOnUnix(options.unix_socket);
  return local.ok() ? local : CannotListen(options, local);
}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

std::shared_ptr<grpc::Channel> RpcServer::InProcessChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix(rpc::UserAgentOf(CROSSMILL_VERSION, rpc::kProtocol));
  arguments.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(rpc::kMaxMessageBytes);
  return server_->InProcessChannel(arguments);
}

absl::Status RpcServer::ReloadCertificate() {
  return identity_ == nullptr ? absl::OkStatus() : identity_->Reload();
}

void RpcServer::SetServing(bool serves) {
  grpc::HealthCheckServiceInterface* const health = server_->GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus("", serves);
  for (const std::string& service : services_) health->SetServingStatus(service, serves);
}

void RpcServer::Shutdown(absl::Duration grace) {
  if (door_ != nullptr) door_->Stop();
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
}

}  // namespace crossmill::coordinator
