#include "coordinator/webhooks/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kSecretPrefix = "whsec_";

}  // namespace

std::string NewWebhookSecret() {
  std::array<unsigned char, 32> bytes = {};
  // Without random bytes there are no secrets, and nothing to go on with.
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) std::abort();
  return std::string(kSecretPrefix) +
         absl::Base64Escape({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

absl::StatusOr<std::string> SignWebhook(std::string_view secret, std::string_view id, int64_t unix_seconds,
                                        std::string_view body) {
  std::string key;
  if (!secret.starts_with(kSecretPrefix) ||
      !absl::Base64Unescape(Av(secret.substr(kSecretPrefix.size())), &key) || key.empty()) {
    return absl::InvalidArgumentError("the webhook's secret is not \"whsec_\" and base64");
  }
  const std::string content = fmt::format("{}.{}.{}", id, unix_seconds, body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac = {};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(content.data()), content.size(), mac.data(), &size);
  return "v1," + absl::Base64Escape({reinterpret_cast<const char*>(mac.data()), size});
}

}  // namespace crossmill::coordinator
