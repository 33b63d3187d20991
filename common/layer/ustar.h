// The ustar header block: where its fields are, and the numbers in it. For the tar writer and reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace crossmill::layer::ustar {

inline constexpr size_t kBlock = 512;

struct Field {
  size_t position;
  size_t length;
};
inline constexpr Field kName{0, 100};
inline constexpr Field kMode{100, 8};
inline constexpr Field kUid{108, 8};
inline constexpr Field kGid{116, 8};
inline constexpr Field kSize{124, 12};
inline constexpr Field kMtime{136, 12};
inline constexpr Field kChecksum{148, 8};
inline constexpr size_t kType = 156;
inline constexpr Field kLink{157, 100};
// Magic and version.
inline constexpr Field kMagic{257, 8};
inline constexpr Field kDevMajor{329, 8};
inline constexpr Field kDevMinor{337, 8};
inline constexpr Field kPrefix{345, 155};
// star's headers end with "tar\0" and have a shorter prefix.
inline constexpr Field kStarMagic{508, 4};
inline constexpr size_t kStarPrefixLength = 131;

inline constexpr std::string_view kMagicUstar{"ustar\00000", 8};
inline constexpr std::string_view kMagicGnu{"ustar  \0", 8};
inline constexpr std::string_view kMagicStar{"tar\0", 4};

// Largest number in a field of that length: octal digits and a NUL.
constexpr int64_t MaxOctal(Field field) { return (int64_t{1} << (3 * (field.length - 1))) - 1; }

// Writes `value` (0 <= value <= MaxOctal) with leading zeros and a NUL.
void PutOctal(char* block, Field field, int64_t value);
// Octal with leading spaces, ended by space or NUL, or GNU's base-256; an empty field is 0. nullopt:
// neither.
std::optional<int64_t> GetNumber(const char* block, Field field);
// The field up to its first NUL.
std::string_view GetText(const char* block, Field field);

// Sum of all bytes, the checksum field counting as spaces; as unsigned and, for old tar programs, as
// signed bytes.
struct Checksum {
  int64_t as_unsigned;
  int64_t as_signed;
};
Checksum ChecksumOf(const char* block);

}  // namespace crossmill::layer::ustar
