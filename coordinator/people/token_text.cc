#include "coordinator/people/token_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
// 62^43 is more than 2^256.
constexpr size_t kSecretDigits = 43;
// 62^6 is more than 2^32.
constexpr size_t kCheckDigits = 6;

// CRC-32 as in zip and Ethernet (polynomial 0xEDB88320, reflected).
uint32_t Crc32(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

std::string CheckOf(std::string_view secret) {
  uint32_t rest = Crc32(secret);
  std::string text(kCheckDigits, kDigits[0]);
  for (size_t i = kCheckDigits; i > 0; --i) {
    text[i - 1] = kDigits[rest % kDigits.size()];
    rest /= static_cast<uint32_t>(kDigits.size());
  }
  return text;
}

// The number of eight random words in base 62: divides it by hand, since no type holds it.
std::string SecretDigits(std::array<uint32_t, 8> number) {
  std::string text(kSecretDigits, kDigits[0]);
  for (size_t i = kSecretDigits; i > 0; --i) {
    uint64_t rest = 0;
    for (uint32_t& word : number) {
      const uint64_t value = (rest << 32) | word;
      word = static_cast<uint32_t>(value / kDigits.size());
      rest = value % kDigits.size();
    }
    text[i - 1] = kDigits[rest];
  }
  return text;
}

}  // namespace

std::string NewTokenText() {
  std::random_device random;
  std::array<uint32_t, 8> number;
  for (uint32_t& word : number) word = random();
  const std::string secret = SecretDigits(number);
  return std::string(kTokenPrefix) + secret + CheckOf(secret);
}

bool IsTokenText(std::string_view text) {
  if (text.size() != kTokenPrefix.size() + kSecretDigits + kCheckDigits || !text.starts_with(kTokenPrefix))
    return false;
  text.remove_prefix(kTokenPrefix.size());
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return kDigits.find(c) != std::string_view::npos; });
  return plain && CheckOf(text.substr(0, kSecretDigits)) == text.substr(kSecretDigits);
}

}  // namespace crossmill::coordinator
