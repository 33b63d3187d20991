#include "common/rpc/channel.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_interceptor.h>
#include <sys/un.h>

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/wiping.h"
#include "common/certificates/certificate.h"
#include "common/rpc/protocol.h"

namespace crossmill::rpc {
namespace {

using grpc::experimental::ClientInterceptorFactoryInterface;
using grpc::experimental::ClientRpcInfo;
using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;

constexpr std::string_view kUnix = "unix:";
constexpr int64_t kMostIdentityBytes = 64 << 10;

// gRPC's own call credentials refuse plain text even on loopback, so the token is added here.
class TokenInterceptor final : public Interceptor {
 public:
  explicit TokenInterceptor(const std::string& header) : header_(header) {}
  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", header_);
    }
    methods->Proceed();
  }

 private:
  const std::string header_;
};

class TokenInterceptorFactory final : public ClientInterceptorFactoryInterface {
 public:
  explicit TokenInterceptorFactory(std::string_view token) : header_(fmt::format("Bearer {}", token)) {}
  Interceptor* CreateClientInterceptor(ClientRpcInfo*) override { return new TokenInterceptor(header_); }

 private:
  const std::string header_;
};

std::string_view HostOf(std::string_view address) {
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return host;
}

absl::Status CheckAddress(const ChannelOptions& options) {
  const std::string_view address = options.address;
  if (address.starts_with(kUnix)) {
    const std::string_view path = address.substr(kUnix.size());
    if (path.empty()) return absl::InvalidArgumentError("address unix: lacks the socket's path");
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
      return absl::InvalidArgumentError(
          fmt::format("socket path {} is longer than {} bytes; choose a shorter folder", path,
                      sizeof(sockaddr_un::sun_path) - 1));
    }
    return absl::OkStatus();
  }
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == address.size()) {
    return absl::InvalidArgumentError(
        fmt::format("address \"{}\" is neither unix:/path nor host:port", address));
  }
  if (options.ca_file.empty() && !options.insecure && !IsLoopback(address)) {
    return absl::FailedPreconditionError(
        fmt::format("{} is another host: name a CA file for TLS, or allow plain text explicitly", address));
  }
  return absl::OkStatus();
}

// The file is watched: a renewed certificate is shown by the next connection, without a new channel.
constexpr unsigned int kSecondsBetweenLooks = 2;

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsWithIdentity(
    const ChannelOptions& options) {
  if (options.ca_file.empty())
    return absl::FailedPreconditionError(
        "an identity is shown over TLS only: name the coordinator's authority too (--ca)");
  ASSIGN_OR_RETURN(std::string identity, ReadFile(options.identity_file, kMostIdentityBytes));
  const absl::Status pair = certificates::CheckPair(identity, identity);
  Wipe(&identity);
  if (!pair.ok())
    return absl::FailedPreconditionError(fmt::format("{}: {}; `crossmill-worker join` writes it anew",
                                                     options.identity_file, Sv(pair.message())));
  grpc::experimental::TlsChannelCredentialsOptions tls;
  tls.set_certificate_provider(std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      options.identity_file, options.identity_file, options.ca_file, kSecondsBetweenLooks));
  tls.watch_root_certs();
  tls.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(tls);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(const ChannelOptions& options) {
  if (options.address.starts_with(kUnix)) return grpc::InsecureChannelCredentials();
  if (!options.identity_file.empty()) return CredentialsWithIdentity(options);
  if (options.ca_file.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions tls;
  ASSIGN_OR_RETURN(tls.pem_root_certs, ReadFile(options.ca_file));
  return grpc::SslCredentials(tls);
}

grpc::ChannelArguments Arguments(const std::string& address) {
  grpc::ChannelArguments arguments;
  // With each call, so that the coordinator knows whom it can work with.
  arguments.SetUserAgentPrefix(UserAgentOf(CROSSMILL_VERSION, kProtocol));
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  // A peer that vanished is noticed within 30 s, well before a lease would outlive it unnoticed.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A restarted coordinator is found again quickly.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  // The machine's web proxy has no business between this machine and itself.
  if (!LeavesMachine(address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

bool IsLoopback(std::string_view address) {
  const std::string_view host = HostOf(address);
  if (host == "localhost" || host == "::1") return true;
  // 127.0.0.0/8 in dotted form; a name such as 127.example.org is not an address.
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool LeavesMachine(std::string_view address) { return !address.starts_with(kUnix) && !IsLoopback(address); }

void KeepGrpcRunning() {
  static const bool kept = [] {
    if (std::getenv("GRPC_VERBOSITY") == nullptr && std::getenv("GRPC_TRACE") == nullptr) {
      gpr_set_log_function([](gpr_log_func_args* line) { LogDebug("grpc {}", line->message); });
    }
    // Debian's Abseil is compiled with its search for lock cycles, which is most of the time of a program
    // with many connections.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    // Between calls nobody looks after a connection that is being made but gRPC's backup poller, by default
    // every 5 s: then each attempt takes longer than it may, and a coordinator that was away for a second is
    // found after five.
    setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "200", 0);
    grpc_init();
    return true;
  }();
  static_cast<void>(kept);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const ChannelOptions& options) {
  KeepGrpcRunning();
  RETURN_IF_ERROR(CheckAddress(options));
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials, CredentialsOf(options));
  const grpc::ChannelArguments arguments = Arguments(options.address);
  if (options.token.empty()) return grpc::CreateCustomChannel(options.address, credentials, arguments);
  std::vector<std::unique_ptr<ClientInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<TokenInterceptorFactory>(options.token));
  return grpc::experimental::CreateCustomChannelWithInterceptors(options.address, credentials, arguments,
                                                                 std::move(interceptors));
}

}  // namespace crossmill::rpc
