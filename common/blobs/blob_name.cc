#include "common/blobs/blob_name.h"

namespace crossmill {
namespace {

unsigned char ValueOf(char digit) {
  return static_cast<unsigned char>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

}  // namespace

BlobName NameOfHash(std::string_view hash) {
  BlobName name;
  for (size_t i = 0; i < name.bytes.size(); ++i)
    name.bytes[i] = static_cast<unsigned char>(ValueOf(hash[2 * i]) << 4 | ValueOf(hash[2 * i + 1]));
  return name;
}

std::string HashOfName(const BlobName& name) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hash;
  hash.reserve(2 * name.bytes.size());
  for (const unsigned char byte : name.bytes) {
    hash.push_back(kDigits[byte >> 4]);
    hash.push_back(kDigits[byte & 15]);
  }
  return hash;
}

}  // namespace crossmill
