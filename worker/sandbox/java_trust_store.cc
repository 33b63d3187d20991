#include "worker/sandbox/java_trust_store.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace crossmill::worker {
namespace {

// The format has no specification but the JDK's source, sun.security.provider.JavaKeyStore: numbers are big
// endian, texts have their length in two bytes, the end is a digest over password, this salt and all before
// it.
constexpr uint32_t kMagic = 0xfeedfeed;
constexpr uint32_t kVersion = 2;
constexpr uint32_t kTrustedCertificate = 2;
constexpr std::string_view kPassword = "changeit";
constexpr std::string_view kSalt = "Mighty Aphrodite";

void AppendNumber(uint64_t value, int bytes, std::string* out) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

void AppendText(std::string_view text, std::string* out) {
  AppendNumber(text.size(), 2, out);
  out->append(text);
}

std::vector<std::string> Certificates(std::string_view pem) {
  std::vector<std::string> found;
  const std::unique_ptr<BIO, decltype(&BIO_free)> input(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  while (input != nullptr) {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(input.get(), nullptr, nullptr, nullptr), &X509_free);
    if (certificate == nullptr) break;
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    if (size > 0) found.emplace_back(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
    OPENSSL_free(der);
  }
  // The end of the text is an error to OpenSSL, and must not be the next caller's.
  ERR_clear_error();
  return found;
}

std::string Sha1(std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha1(), nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

}  // namespace

absl::StatusOr<std::string> JavaTrustStore(std::string_view pem) {
  const std::vector<std::string> certificates = Certificates(pem);
  if (certificates.empty()) return absl::InvalidArgumentError("no certificate in the bundle");
  std::string store;
  AppendNumber(kMagic, 4, &store);
  AppendNumber(kVersion, 4, &store);
  AppendNumber(certificates.size(), 4, &store);
  int number = 0;
  for (const std::string& certificate : certificates) {
    AppendNumber(kTrustedCertificate, 4, &store);
    AppendText(fmt::format("authority{}", ++number), &store);
    AppendNumber(0, 8, &store);  // when it was added
    AppendText("X.509", &store);
    AppendNumber(certificate.size(), 4, &store);
    store += certificate;
  }
  std::string judged;
  for (const char letter : kPassword) AppendNumber(static_cast<unsigned char>(letter), 2, &judged);
  judged += kSalt;
  judged += store;
  store += Sha1(judged);
  return store;
}

}  // namespace crossmill::worker
