// A client of BuildKit over TLS, as Go's library makes them: with a certificate or none, with ALPN or
// without.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel_posix.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "common/base/files.h"
#include "common/certificates/authority.h"
#include "common/certificates/request.h"
#include "common/certificates/x509.h"
#include "coordinator/buildkit/door/tls_pump.h"

namespace crossmill {

// A certificate and its key, in PEM.
struct PemPair {
  std::string certificate, key;
};

inline UniqueFd ConnectTo(int port) {
  UniqueFd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(tcp.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return UniqueFd();
  return tcp;
}

// What reading says to a client without a certificate that speaks at once and reads late: with TLS 1.3 it may
// speak before it is judged. OpenSSL's reason, or that of the connection.
inline std::string RefusalOfAnEagerClient(int port, std::string_view words) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
  const UniqueFd tcp = ConnectTo(port);
  SSL_set_fd(ssl.get(), tcp.get());
  if (SSL_connect(ssl.get()) != 1) return "no handshake";
  for (int i = 0; i < 3; ++i) {
    if (SSL_write(ssl.get(), words.data(), static_cast<int>(words.size())) <= 0)
      return "its words are refused";
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  char answer[64];
  const int size = SSL_read(ssl.get(), answer, sizeof(answer));
  if (size > 0) return "an answer";
  const char* const reason = ERR_reason_error_string(ERR_get_error());
  return reason != nullptr ? reason : std::strerror(errno);
}

class TlsClient {
 public:
  struct Options {
    int port = 0;
    // Whom it trusts.
    std::string authority;
    PemPair own;
    bool alpn = false;
  };
  // Shakes hands. With TLS 1.3 a client hears that its certificate is refused later, when it reads.
  explicit TlsClient(const Options& options) : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    const auto authority = *certificates::ReadCertificate(options.authority);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), authority.get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (!options.own.certificate.empty()) {
      const auto certificate = *certificates::ReadCertificate(options.own.certificate);
      const auto key = *certificates::ReadKey(options.own.key);
      SSL_CTX_use_certificate(context_.get(), certificate.get());
      SSL_CTX_use_PrivateKey(context_.get(), key.get());
    }
    const unsigned char kHttp2[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1', 2, 'h', '2'};
    if (options.alpn) SSL_CTX_set_alpn_protos(context_.get(), kHttp2, sizeof(kHttp2));
    tcp_ = ConnectTo(options.port);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), tcp_.get());
    connected_ = SSL_connect(ssl_.get()) == 1;
    const unsigned char* chosen = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &chosen, &size);
    if (size > 0) alpn_.assign(reinterpret_cast<const char*>(chosen), size);
    if (!connected_) return;
    fcntl(tcp_.get(), F_SETFL, O_NONBLOCK);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) abort();
    plain_ = UniqueFd(ends[0]);
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    channel_ = grpc::CreateCustomInsecureChannelFromFd("door", ends[1], arguments);
    pump_ = std::thread([this] {
      coordinator::buildkit::PumpTls(ssl_.get(), tcp_.get(), plain_.get());
      // gRPC notices the end.
      shutdown(plain_.get(), SHUT_RDWR);
    });
  }
  ~TlsClient() {
    shutdown(tcp_.get(), SHUT_RDWR);
    if (plain_.valid()) shutdown(plain_.get(), SHUT_RDWR);
    if (pump_.joinable()) pump_.join();
  }

  bool connected() const { return connected_; }
  const std::string& alpn() const { return alpn_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::shared_ptr<SSL_CTX> context_;
  UniqueFd tcp_, plain_;
  std::unique_ptr<SSL, Free> ssl_;
  bool connected_ = false;
  std::string alpn_;
  std::shared_ptr<grpc::Channel> channel_;
  std::thread pump_;
};

}  // namespace crossmill
