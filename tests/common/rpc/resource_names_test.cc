#include "common/rpc/resource_names.h"

#include <gtest/gtest.h>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::rpc {
namespace {

const Digest kDigest = DigestOf("content");
const std::string kUuid = "12345678-1234-4abc-8def-123456789ABC";

TEST(BlobNamesTest, ReadNamesWithAndWithoutInstance) {
  for (const std::string instance : {"", "main", "team/farm", "0", "a//b"}) {
    const std::string prefix = instance.empty() ? "" : instance + "/";
    const auto name = ParseReadName(prefix + "blobs/" + ToString(kDigest));
    ASSERT_OK(name);
    EXPECT_EQ(name->instance, instance);
    EXPECT_EQ(name->digest, kDigest);
    EXPECT_FALSE(name->zstd);
    EXPECT_TRUE(ParseReadName(prefix + "compressed-blobs/zstd/" + ToString(kDigest))->zstd);
  }
}

TEST(BlobNamesTest, WriteNamesMayCarryMetadata) {
  const auto name =
      ParseWriteName("a/b/uploads/" + kUuid + "/blobs/" + ToString(kDigest) + "/some/blobs/more");
  ASSERT_OK(name);
  EXPECT_EQ(name->instance, "a/b");
  EXPECT_EQ(name->uuid, kUuid);
  EXPECT_EQ(name->digest, kDigest);
  EXPECT_OK(ParseWriteName(NewWriteName(kDigest)));
  EXPECT_NE(NewWriteName(kDigest), NewWriteName(kDigest));
  EXPECT_OK(ParseReadName(ReadName(kDigest)));
}

TEST(BlobNamesTest, MalformedNamesAreRefused) {
  const std::string hash = kDigest.hash;
  for (const std::string& name :
       {std::string(), std::string("blobs"), "blobs/" + hash, "blobs/" + hash + "/x", "blobs/" + hash + "/-7",
        "blobs/" + hash + "/7/more", "blobs/" + hash.substr(1) + "/7", "blobs/blake3/" + hash + "/7",
        "compressed-blobs/deflate/" + hash + "/7", "uploads/" + kUuid + "/blobs/" + hash + "/7",
        "blobs/" + hash + "/0", "blobs/" + DigestOf("").hash + "/7",
        "blobs/" + hash + "/99999999999999999999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseReadName(name).status())) << name;
  }
  for (const std::string& name :
       {"blobs/" + hash + "/7", "uploads/not-a-uuid/blobs/" + hash + "/7",
        "uploads/" + kUuid + "/" + hash + "/7", "uploads/" + kUuid, "uploads/blobs/" + hash + "/7"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseWriteName(name).status())) << name;
  }
}

}  // namespace
}  // namespace crossmill::rpc
