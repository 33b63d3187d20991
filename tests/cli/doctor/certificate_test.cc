#include "cli/doctor/certificate.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using ::testing::HasSubstr;

// A server that takes one connection and shows a certificate that ends `valid` after now; without
// `speaks` it hangs up at once.
class OneHandshake {
 public:
  OneHandshake(long valid, bool speaks)
      : valid_(valid), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(place);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&place), size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&place), &size), 0);
    address_ = fmt::format("127.0.0.1:{}", ntohs(place.sin_port));
    thread_ = std::thread([this, speaks] { Serve(speaks); });
  }
  ~OneHandshake() {
    thread_.join();
    close(listener_);
  }
  const std::string& address() const { return address_; }

 private:
  void Serve(bool speaks) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (speaks) {
      const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
      const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_);
      X509_set_pubkey(certificate.get(), key.get());
      X509_sign(certificate.get(), key.get(), EVP_sha256());
      const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()),
                                                                      &SSL_CTX_free);
      SSL_CTX_use_certificate(context.get(), certificate.get());
      SSL_CTX_use_PrivateKey(context.get(), key.get());
      SSL_CTX_set_num_tickets(context.get(), 0);
      const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context.get()), &SSL_free);
      SSL_set_fd(tls.get(), fd);
      EXPECT_EQ(SSL_accept(tls.get()), 1);
    }
    close(fd);
  }

  const long valid_;
  const int listener_;
  std::string address_;
  std::thread thread_;
};

TEST(CertificateTest, TheEndIsReadWhoeverSignedIt) {
  for (const long valid : {3600L * 24 * 400, -3600L}) {
    const absl::Time before = absl::Now();
    OneHandshake server(valid, true);
    const auto end = CertificateEnd(server.address(), absl::Seconds(10));
    ASSERT_OK(end);
    // It has whole seconds.
    EXPECT_GE(*end, before + absl::Seconds(valid - 1));
    EXPECT_LE(*end, absl::Now() + absl::Seconds(valid));
  }
}

TEST(CertificateTest, WithoutAHandshakeItIsAnError) {
  // As the program does.
  signal(SIGPIPE, SIG_IGN);
  std::string address;
  {
    OneHandshake server(0, false);
    address = server.address();
    EXPECT_EQ(CertificateEnd(address, absl::Seconds(10)).status().code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(CertificateEnd(address, absl::Seconds(10)).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(CertificateEnd("nothing", absl::Seconds(10)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CertificateTest, IsSaidThirtyDaysBefore) {
  const absl::Time now = absl::FromUnixSeconds(1'000'000'000);
  const auto checked = [now](absl::Duration left) { return CheckCertificate(now + left, now); };
  EXPECT_EQ(checked(absl::Hours(24 * 30)).level, CheckLevel::kOk);
  EXPECT_EQ(checked(absl::Hours(24 * 30)).fix, "");
  EXPECT_THAT(checked(absl::Hours(24 * 30)).detail, HasSubstr("valid until 2001-10-09 01:46 UTC, 30 days"));
  EXPECT_EQ(checked(absl::Hours(24 * 30 - 1)).level, CheckLevel::kWarn);
  EXPECT_EQ(checked(absl::ZeroDuration()).level, CheckLevel::kFail);
  EXPECT_THAT(checked(-absl::Hours(50)).detail, HasSubstr("2 days ago"));
  const Check unseen = CheckCertificate(absl::UnavailableError("nobody there"), now);
  EXPECT_EQ(unseen.level, CheckLevel::kWarn);
  EXPECT_THAT(unseen.detail, HasSubstr("nobody there"));
  EXPECT_NE(unseen.fix, "");
}

}  // namespace
}  // namespace crossmill::cli
