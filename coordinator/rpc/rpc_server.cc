#include "coordinator/rpc/rpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <mutex>

#include "build/bazel/remote/execution/v2/remote_execution_services.pb.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/local_service.pb.h"
#include "crossmill/v1/notices_service.pb.h"
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
    &descriptor_table_crossmill_2fv1_2fworker_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2flocal_5fservice_2eproto,
    &descriptor_table_google_2fbytestream_2fbytestream_5fservice_2eproto};

// Both are process-wide registrations that must happen once, before the first builder.
void EnableHealthAndReflection() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

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

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TcpCredentials(const ListenOptions& options) {
  if (options.certificate_file.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls;
  grpc::SslServerCredentialsOptions::PemKeyCertPair pair;
  ASSIGN_OR_RETURN(pair.cert_chain, ReadFile(options.certificate_file));
  ASSIGN_OR_RETURN(pair.private_key, ReadFile(options.key_file));
  tls.pem_key_cert_pairs.push_back(std::move(pair));
  return grpc::SslServerCredentials(tls);
}

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
  builder.SetMaxSendMessageSize(rpc::kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, rpc::kMaxMetadataBytes);
  // The pings of common/rpc/channel are welcome; a peer that vanished is noticed within 30 s.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  // Two coordinators must not share one port silently.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const ListenOptions& options,
                                                            absl::Span<const ServedService> services) {
  RETURN_IF_ERROR(CheckOptions(options));
  rpc::KeepGrpcRunning();
  EnableHealthAndReflection();
  grpc::ServerBuilder builder;
  SetLimits(builder);
  for (const ServedService& served : services) {
    if (!HasAccessRules(served.name)) {
      return absl::FailedPreconditionError(
          fmt::format("service {} has a method without access rule", served.name));
    }
    builder.RegisterService(served.service);
  }
  std::unique_ptr<RpcServer> server(new RpcServer());
  if (!options.tcp_address.empty()) {
    ASSIGN_OR_RETURN(auto credentials, TcpCredentials(options));
    builder.AddListeningPort(options.tcp_address, credentials, &server->tcp_port_);
  }
  if (!options.unix_socket.empty()) {
    builder.AddListeningPort("unix:" + options.unix_socket, grpc::InsecureServerCredentials());
  }
  // The socket must never exist with wider permissions, not even between bind and chmod.
  const mode_t previous = umask(0177);
  server->server_ = builder.BuildAndStart();
  umask(previous);
  if (server->server_ == nullptr || (!options.tcp_address.empty() && server->tcp_port_ == 0)) {
    return absl::UnavailableError(fmt::format(
        "cannot listen on {}{}{} (is another coordinator running?)", options.unix_socket,
        options.unix_socket.empty() || options.tcp_address.empty() ? "" : " and ", options.tcp_address));
  }
  return server;
}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

std::shared_ptr<grpc::Channel> RpcServer::InProcessChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(rpc::kMaxMessageBytes);
  return server_->InProcessChannel(arguments);
}

void RpcServer::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
}

}  // namespace crossmill::coordinator
