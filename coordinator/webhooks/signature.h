// Signatures of webhooks as Standard Webhooks has them: HMAC-SHA256 over "ID.TIMESTAMP.BODY".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::coordinator {

// "whsec_" and 32 random bytes in base64.
std::string NewWebhookSecret();

// The value of `webhook-signature`: "v1," and the MAC in base64. INVALID_ARGUMENT: the secret is none.
absl::StatusOr<std::string> SignWebhook(std::string_view secret, std::string_view id, int64_t unix_seconds,
                                        std::string_view body);

}  // namespace crossmill::coordinator
