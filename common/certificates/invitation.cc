#include "common/certificates/invitation.h"

#include <algorithm>

#include "common/base/status.h"

namespace crossmill::certificates {
namespace {

constexpr size_t kSecretCharacters = 49;
constexpr size_t kFingerprintCharacters = 64;

bool IsOf(std::string_view text, size_t size, bool hex) {
  return text.size() == size && std::all_of(text.begin(), text.end(), [hex](char c) {
           const bool digit = c >= '0' && c <= '9';
           return digit || (hex ? c >= 'a' && c <= 'f' : (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
         });
}

}  // namespace

std::string InvitationText(const Invitation& invitation) {
  return invitation.secret + "_" + invitation.authority;
}

absl::StatusOr<Invitation> ParseInvitation(std::string_view text) {
  const size_t end = kInvitationPrefix.size() + kSecretCharacters;
  const bool whole =
      text.starts_with(kInvitationPrefix) && text.size() > end && text[end] == '_' &&
      IsOf(text.substr(kInvitationPrefix.size(), kSecretCharacters), kSecretCharacters, false) &&
      IsOf(text.substr(end + 1), kFingerprintCharacters, true);
  if (whole) return Invitation{std::string(text.substr(0, end)), std::string(text.substr(end + 1))};
  return absl::InvalidArgumentError(fmt::format(
      "this is no whole invitation: expected {}, {} letters and digits, _ and {} hexadecimal digits, as "
      "`crossmill admin invite worker` prints it",
      kInvitationPrefix, kSecretCharacters, kFingerprintCharacters));
}

}  // namespace crossmill::certificates
