// The stub's SHA-256 against OpenSSL's, which the farm hashes with.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/escaping.h"
#include "common/base/digest.h"

extern "C" {
#include "worker/accelerators/stub/sha256.h"
}

namespace crossmill::worker {
namespace {

std::string StubHash(const std::string& bytes, bool fast, size_t piece) {
  sha256 hash;
  sha256_begin(&hash);
  if (!fast) hash.fast = 0;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    sha256_add(&hash, reinterpret_cast<const uint8_t*>(bytes.data()) + at,
               std::min(piece, bytes.size() - at));
  }
  uint8_t digest[32];
  sha256_end(&hash, digest);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), sizeof(digest)});
}

bool HasFastBlocks() {
  sha256 hash;
  sha256_begin(&hash);
  return hash.fast != 0;
}

void ExpectSameAsOpenSsl(bool fast) {
  std::string bytes;
  // Around every boundary of blocks and of the padding.
  for (size_t size = 0; size <= 300; ++size) {
    for (const size_t piece : {1u, 7u, 63u, 64u, 65u, 1000u}) {
      ASSERT_EQ(StubHash(bytes, fast, piece), Sha256Hex(bytes)) << size << " bytes in pieces of " << piece;
    }
    bytes.push_back(static_cast<char>(size * 37 + 11));
  }
  const std::string large(1'000'003, '\xa5');
  EXPECT_EQ(StubHash(large, fast, 32768), Sha256Hex(large));
}

TEST(StubSha256Test, PlainInstructions) { ExpectSameAsOpenSsl(false); }

TEST(StubSha256Test, TheProcessorsOwnInstructions) {
  if (!HasFastBlocks()) GTEST_SKIP() << "this processor has no SHA instructions";
  ExpectSameAsOpenSsl(true);
}

}  // namespace
}  // namespace crossmill::worker
