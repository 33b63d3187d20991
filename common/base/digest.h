// Content addresses: SHA-256 and size, as in the Remote Execution API.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct evp_md_ctx_st;

namespace crossmill {

struct Digest {
  // 64 lower-case hex digits; empty for "no digest".
  std::string hash;
  // Bytes.
  int64_t size = 0;

  bool empty() const { return hash.empty(); }
  // "sha256:HASH", as OCI documents write it.
  std::string Oci() const { return "sha256:" + hash; }
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes <=> for a comparison with 0
  auto operator<=>(const Digest&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const Digest& digest) {
    return H::combine(std::move(h), digest.hash, digest.size);
  }
};

// "hash/size", for messages.
std::string ToString(const Digest& digest);

// True for 64 lower-case hex digits.
bool IsSha256Hex(std::string_view text);

// The hash part of "sha256:HASH"; INVALID_ARGUMENT for anything else.
absl::StatusOr<std::string> HashOfOci(std::string_view text);

Digest DigestOf(std::string_view bytes);
std::string Sha256Hex(std::string_view bytes);

// Streaming. Not thread safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void Update(std::string_view bytes);
  // Digest of everything so far; no Update after it.
  Digest Finish();

 private:
  evp_md_ctx_st* context_;
  int64_t size_ = 0;
};

// Between Digest and the wire's message (any message with hash and size_bytes), without making
// this library depend on it.
template <typename Message>
Digest FromProto(const Message& message) {
  return Digest{message.hash(), message.size_bytes()};
}
template <typename Message>
void ToProto(const Digest& digest, Message* message) {
  message->set_hash(digest.hash);
  message->set_size_bytes(digest.size);
}

}  // namespace crossmill
