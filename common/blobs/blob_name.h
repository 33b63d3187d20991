// The SHA-256 of a blob in 32 bytes: for tables that have one row for each blob of a store.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>
#include <utility>

namespace crossmill {

struct BlobName {
  std::array<unsigned char, 32> bytes{};

  auto operator<=>(const BlobName&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const BlobName& name) {
    return H::combine_contiguous(std::move(h), name.bytes.data(), name.bytes.size());
  }
};

// Of 64 lower-case hex digits (IsSha256Hex), which the caller has made sure of.
BlobName NameOfHash(std::string_view hash);
std::string HashOfName(const BlobName& name);

}  // namespace crossmill
