#include "coordinator/rpc/connections/tls_identity.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kLongestFile = int64_t{1} << 20;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

Bio ReaderOf(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// gRPC itself says no more than that a handshake failed.
absl::Status Check(const TlsIdentity::Pair& pair, const std::string& certificate_file,
                   const std::string& key_file) {
  const Bio certificate_text = ReaderOf(pair.certificate_chain), key_text = ReaderOf(pair.key);
  // No question for a pass phrase on a terminal.
  constexpr auto kNoPhrase = [](char*, int, int, void*) { return -1; };
  const Certificate certificate(PEM_read_bio_X509(certificate_text.get(), nullptr, kNoPhrase, nullptr));
  if (certificate == nullptr)
    return absl::FailedPreconditionError(
        fmt::format("{}: there is no PEM certificate in it", certificate_file));
  const Key key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, kNoPhrase, nullptr));
  if (key == nullptr)
    return absl::FailedPreconditionError(
        fmt::format("{}: there is no PEM key without a pass phrase in it", key_file));
  if (X509_check_private_key(certificate.get(), key.get()) == 1) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("the key in {} is not that of the certificate in {}", key_file, certificate_file));
}

// gRPC's C core asks at each handshake whether there is another certificate; its C++ half has no door to
// that.
class FollowingCredentials final : public grpc::ServerCredentials {
 public:
  explicit FollowingCredentials(TlsIdentity& identity)
      : credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY, Fetch, &identity))) {}
  ~FollowingCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  // gRPC's server asks, longer than this object lives.
  static grpc_ssl_certificate_config_reload_status Fetch(void* user_data,
                                                         grpc_ssl_server_certificate_config** config) {
    const auto pair = static_cast<TlsIdentity*>(user_data)->TakeNews();
    if (pair == nullptr) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pem{pair->key.c_str(), pair->certificate_chain.c_str()};
    // It insists on authorities for clients' certificates, though it asks none of them. A client that shows a
    // certificate has to show that it has the key of it; whose it is the record says (Authenticator), which
    // also knows what was revoked and can say why somebody is refused, as no handshake can.
    *config = grpc_ssl_server_certificate_config_create(pair->certificate_chain.c_str(), &pem, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TlsIdentity>> TlsIdentity::Load(std::string certificate_file,
                                                               std::string key_file) {
  std::unique_ptr<TlsIdentity> identity(new TlsIdentity(std::move(certificate_file), std::move(key_file)));
  RETURN_IF_ERROR(identity->Reload());
  return identity;
}

absl::Status TlsIdentity::Reload() {
  auto pair = std::make_unique<Pair>();
  ASSIGN_OR_RETURN(pair->certificate_chain, ReadFile(certificate_file_, kLongestFile));
  ASSIGN_OR_RETURN(pair->key, ReadFile(key_file_, kLongestFile));
  RETURN_IF_ERROR(Check(*pair, certificate_file_, key_file_));
  MutexLock lock(mutex_);
  news_ = std::move(pair);
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> TlsIdentity::MakeCredentials() {
  return std::make_shared<FollowingCredentials>(*this);
}

std::unique_ptr<const TlsIdentity::Pair> TlsIdentity::TakeNews() {
  MutexLock lock(mutex_);
  return std::move(news_);
}

}  // namespace crossmill::coordinator
