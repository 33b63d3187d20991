#include "common/base/digest.h"

#include <gtest/gtest.h>

#include "common/base/blob_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

TEST(DigestTest, EmptyAndAbcAreTheKnownVectors) {
  EXPECT_EQ(DigestOf("").hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(DigestOf("abc").hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(DigestOf("abc").size, 3);
}

TEST(DigestTest, OciFormIsStrict) {
  EXPECT_FALSE(HashOfOci("sha512:abc").ok());
  EXPECT_FALSE(HashOfOci("sha256:ABC").ok());
  EXPECT_OK(HashOfOci(DigestOf("x").Oci()));
}

TEST(MemoryBlobStoreTest, RefusesABlobWhoseDigestLies) {
  auto store = MakeMemoryBlobStore();
  auto writer = store->Create(DigestOf("right"));
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write("wrong"));
  EXPECT_EQ((*writer)->Commit().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(store->Has(DigestOf("wrong")));
}

TEST(MemoryBlobStoreTest, EmptyBlobIsAlwaysPresent) {
  auto store = MakeMemoryBlobStore();
  EXPECT_TRUE(store->Has(DigestOf("")));
  EXPECT_EQ(store->Get(DigestOf("")).value(), "");
}

}  // namespace
}  // namespace crossmill
