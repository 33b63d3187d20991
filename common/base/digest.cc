#include "common/base/digest.h"

#include <openssl/evp.h>

#include <algorithm>

#include "common/base/status.h"

namespace crossmill {
namespace {

std::string Hex(const unsigned char* bytes, size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(size * 2);
  for (size_t i = 0; i < size; ++i) {
    text.push_back(kDigits[bytes[i] >> 4]);
    text.push_back(kDigits[bytes[i] & 15]);
  }
  return text;
}

// Fetched once: OpenSSL 3 looks an algorithm up by name at every use otherwise.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

}  // namespace

std::string ToString(const Digest& digest) { return fmt::format("{}/{}", digest.hash, digest.size); }

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

absl::StatusOr<std::string> HashOfOci(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (!text.starts_with(kPrefix) || !IsSha256Hex(text.substr(kPrefix.size()))) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a digest of the form sha256:<64 hex digits>", text));
  }
  return std::string(text.substr(kPrefix.size()));
}

Digest DigestOf(std::string_view bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.Finish();
}

std::string Sha256Hex(std::string_view bytes) { return DigestOf(bytes).hash; }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, Algorithm(), nullptr); }
Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::Update(std::string_view bytes) {
  EVP_DigestUpdate(context_, bytes.data(), bytes.size());
  size_ += static_cast<int64_t>(bytes.size());
}

Digest Sha256::Finish() {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(context_, hash, &length);
  return Digest{Hex(hash, length), size_};
}

}  // namespace crossmill
