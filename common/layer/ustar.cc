#include "common/layer/ustar.h"

#include <cstring>
#include <limits>

namespace crossmill::layer::ustar {
namespace {

// Big-endian two's complement; the first byte's top bit marks the form.
std::optional<int64_t> GetBase256(std::string_view field) {
  const bool negative = (static_cast<unsigned char>(field[0]) & 0x40) != 0;
  uint64_t value = 0;
  for (size_t i = 0; i < field.size(); ++i) {
    auto byte = static_cast<unsigned char>(field[i]);
    if (negative) byte = static_cast<unsigned char>(~byte);
    if (i == 0) byte &= 0x7f;
    if ((value >> 56) != 0) return std::nullopt;
    value = value << 8 | byte;
  }
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return negative ? -static_cast<int64_t>(value) - 1 : static_cast<int64_t>(value);
}

}  // namespace

void PutOctal(char* block, Field field, int64_t value) {
  char* position = block + field.position + field.length - 1;
  *position = '\0';
  for (size_t i = 1; i < field.length; ++i) {
    *--position = static_cast<char>('0' + (value & 7));
    value >>= 3;
  }
}

std::optional<int64_t> GetNumber(const char* block, Field position) {
  const std::string_view field(block + position.position, position.length);
  if ((static_cast<unsigned char>(field[0]) & 0x80) != 0) return GetBase256(field);
  size_t i = 0;
  while (i < field.size() && field[i] == ' ') ++i;
  int64_t value = 0;
  // Twelve digits of three bits cannot overflow.
  for (; i < field.size() && field[i] >= '0' && field[i] <= '7'; ++i) value = value << 3 | (field[i] - '0');
  for (; i < field.size(); ++i) {
    if (field[i] == '\0') break;
    if (field[i] != ' ') return std::nullopt;
  }
  return value;
}

std::string_view GetText(const char* block, Field field) {
  return {block + field.position, strnlen(block + field.position, field.length)};
}

Checksum ChecksumOf(const char* block) {
  Checksum sum{0, 0};
  for (size_t i = 0; i < kBlock; ++i) {
    sum.as_unsigned += static_cast<unsigned char>(block[i]);
    sum.as_signed += static_cast<signed char>(block[i]);
  }
  for (size_t i = 0; i < kChecksum.length; ++i) {
    const char byte = block[kChecksum.position + i];
    sum.as_unsigned += ' ' - static_cast<unsigned char>(byte);
    sum.as_signed += ' ' - static_cast<signed char>(byte);
  }
  return sum;
}

}  // namespace crossmill::layer::ustar
