#include "cli/doctor/certificate.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/asn1.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::cli {
namespace {

// So early there is time to make another one.
constexpr absl::Duration kNotice = absl::Hours(24 * 30);

// A connected socket, or -1 with errno.
int ConnectTo(const addrinfo& place, absl::Duration patience) {
  const int fd = socket(place.ai_family, place.ai_socktype | SOCK_CLOEXEC, place.ai_protocol);
  if (fd < 0) return -1;
  // The one for sending is that of connect(), too.
  const timeval limit = absl::ToTimeval(patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  if (connect(fd, place.ai_addr, place.ai_addrlen) == 0) return fd;
  const int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
  close(fd);
  errno = error;
  return -1;
}

absl::StatusOr<int> ConnectTo(const std::string& host, const std::string& port, absl::Duration patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    return absl::UnavailableError(fmt::format("{}: {}", host, gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> places(found, &freeaddrinfo);
  for (const addrinfo* place = found; place != nullptr; place = place->ai_next) {
    if (const int fd = ConnectTo(*place, patience); fd >= 0) return fd;
  }
  return absl::UnavailableError(fmt::format("{} port {}: {}", host, port, strerror(errno)));
}

absl::StatusOr<absl::Time> EndOf(const X509* certificate) {
  std::tm parts{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1)
    return absl::InternalError("it shows no certificate with an end");
  return absl::FromTimeT(timegm(&parts));
}

}  // namespace

absl::StatusOr<absl::Time> CertificateEnd(const std::string& address, absl::Duration patience) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos)
    return absl::InvalidArgumentError(fmt::format("{} is not HOST:PORT", Printable(address)));
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  ASSIGN_OR_RETURN(const int fd, ConnectTo(host, address.substr(colon + 1), patience));
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(context == nullptr ? nullptr : SSL_new(context.get()),
                                                      &SSL_free);
  // Whoever gives OpenSSL a socket closes it.
  const std::unique_ptr<const int, void (*)(const int*)> closes(&fd, [](const int* open) { close(*open); });
  if (tls == nullptr || SSL_set_fd(tls.get(), fd) != 1) return absl::InternalError("OpenSSL has no memory");
  // gRPC's servers speak to nobody who does not say that it speaks HTTP/2.
  constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_set_alpn_protos(tls.get(), kHttp2, sizeof(kHttp2));
  unsigned char number[sizeof(in6_addr)];
  const bool is_name =
      inet_pton(AF_INET, host.c_str(), number) != 1 && inet_pton(AF_INET6, host.c_str(), number) != 1;
  if (is_name) SSL_set_tlsext_host_name(tls.get(), host.c_str());
  if (SSL_connect(tls.get()) != 1)
    return absl::UnavailableError(fmt::format("{}: no handshake of TLS", Printable(address)));
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(tls.get()),
                                                                &X509_free);
  return EndOf(certificate.get());
}

Check CheckCertificate(const absl::StatusOr<absl::Time>& end, absl::Time now) {
  Check check{CheckLevel::kOk, "certificate of the coordinator", "", ""};
  if (!end.ok()) {
    check.level = CheckLevel::kWarn;
    check.detail = fmt::format("not seen: {}", Sv(end.status().message()));
    check.fix = "is the address that of the coordinator's --listen, and has it a certificate";
    return check;
  }
  const int64_t days = absl::AbsDuration(*end - now) / absl::Hours(24);
  const std::string day = absl::FormatTime("%Y-%m-%d %H:%M UTC", *end, absl::UTCTimeZone());
  const bool over = *end <= now;
  check.detail = over ? fmt::format("ran out at {}, {} days ago", day, days)
                      : fmt::format("valid until {}, {} days", day, days);
  if (over || *end - now < kNotice) {
    check.level = over ? CheckLevel::kFail : CheckLevel::kWarn;
    check.fix =
        "give the coordinator a new certificate by the same authority, and SIGHUP, at which it reads it "
        "again";
  }
  return check;
}

}  // namespace crossmill::cli
