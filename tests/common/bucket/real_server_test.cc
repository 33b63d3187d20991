// The client against a real server, which checks signatures and hashes.
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/bucket/bucket.h"
#include "common/http/http_client.h"
#include "tests/common/bucket/bucket_server.h"
#include "tests/support/status_matchers.h"

namespace crossmill::bucket {
namespace {

std::string Some(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 12345;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

http::BodySource From(const std::string& bytes) {
  return [&bytes](int64_t offset, char* buffer, size_t size) -> absl::StatusOr<size_t> {
    return bytes.copy(buffer, size, static_cast<size_t>(offset));
  };
}

class RealServerTest : public testing::Test {
 protected:
  void SetUp() override {
    server_ = BucketServer::Start();
    if (server_ == nullptr) GTEST_SKIP() << "no versitygw: scripts/install-bucket-server builds it";
    S3Options options = server_->Options();
    options.part_bytes = 5 << 20;
    bucket_ = MakeS3Bucket(*client_, std::move(options));
  }
  absl::StatusOr<std::string> Read(const std::string& key, int64_t size, int64_t offset = 0) {
    std::string all;
    RETURN_IF_ERROR(bucket_->Get(key, size, offset, size - offset,
                                 [&](std::string_view bytes) {
                                   all.append(bytes);
                                   return absl::OkStatus();
                                 },
                                 {}));
    return all;
  }

  const std::unique_ptr<http::HttpClient> client_ = MakeBucketHttpClient();
  std::unique_ptr<BucketServer> server_;
  std::unique_ptr<Bucket> bucket_;
};

TEST_F(RealServerTest, ObjectsWithOddKeysComeBack) {
  const std::string bytes = Some(100'000);
  for (const char* key :
       {"plain", "a b", "a+b&c=d", "ä/ö.tar", "with%20percent", "tilde~star*'()!", "colon:at@,;$"}) {
    SCOPED_TRACE(key);
    ASSERT_OK(bucket_->Put(key, DigestOf(bytes), From(bytes), {}));
    const auto size = bucket_->Head(key, {});
    ASSERT_OK(size);
    EXPECT_EQ(*size, 100'000);
    const auto read = Read(key, 100'000);
    ASSERT_OK(read);
    EXPECT_EQ(*read, bytes);
    const auto end = Read(key, 100'000, 99'990);
    ASSERT_OK(end);
    EXPECT_EQ(*end, bytes.substr(99'990));
    ASSERT_OK(bucket_->Delete(key, {}));
    EXPECT_TRUE(absl::IsNotFound(bucket_->Head(key, {}).status())) << key;
    ASSERT_OK(bucket_->Delete(key, {}));
  }
}

TEST_F(RealServerTest, LargeObjectsGoInPartsAndLeaveNothingBehind) {
  const std::string bytes = Some((5 << 20) + 17);
  ASSERT_OK(bucket_->Put("blobs/big one", DigestOf(bytes), From(bytes), {}));
  const auto read = Read("blobs/big one", static_cast<int64_t>(bytes.size()));
  ASSERT_OK(read);
  EXPECT_TRUE(*read == bytes);
  // One that is found to be another blob.
  Digest other = DigestOf(bytes);
  other.hash = Sha256Hex("x");
  EXPECT_TRUE(absl::IsDataLoss(bucket_->Put("blobs/wrong", other, From(bytes), {})));
  EXPECT_TRUE(absl::IsNotFound(bucket_->Head("blobs/wrong", {}).status()));
  const auto left = bucket_->ListUnfinished("", {});
  ASSERT_OK(left);
  EXPECT_TRUE(left->empty());
}

TEST_F(RealServerTest, BytesThatAreNotTheirHashAreRefusedByTheServer) {
  const std::string bytes = Some(1000);
  Digest other = DigestOf(bytes);
  other.hash = Sha256Hex("x");
  EXPECT_FALSE(bucket_->Put("wrong", other, From(bytes), {}).ok());
  EXPECT_TRUE(absl::IsNotFound(bucket_->Head("wrong", {}).status()));
}

TEST_F(RealServerTest, ListingsHavePages) {
  // As files of the server's, which takes seconds less.
  const std::string folder = server_->FileOf("pre fix+ä/many");
  ASSERT_OK(MakeFolders(folder));
  for (int i = 0; i < 1005; ++i) ASSERT_OK(WriteFileAtomic(fmt::format("{}/k {:04}", folder, i), "x"));
  size_t count = 0;
  int pages = 0;
  ASSERT_OK(bucket_->List("many/",
                          [&](const std::vector<ObjectInfo>& page) {
                            for (const ObjectInfo& object : page)
                              EXPECT_EQ(object.key, fmt::format("many/k {:04}", count++));
                            ++pages;
                            return absl::OkStatus();
                          },
                          {}));
  EXPECT_EQ(count, 1005U);
  EXPECT_EQ(pages, 2);
}

TEST_F(RealServerTest, ANewObjectReplacesNone) {
  ASSERT_OK(bucket_->PutNew("owner", "first", {}));
  EXPECT_TRUE(absl::IsAlreadyExists(bucket_->PutNew("owner", "second", {})));
  const auto owner = bucket_->GetSmall("owner", 100, {});
  ASSERT_OK(owner);
  EXPECT_EQ(*owner, "first");
}

TEST_F(RealServerTest, AUrlIsGoodForItsObjectAndItsTimeOnly) {
  const std::string bytes = Some(5000);
  ASSERT_OK(bucket_->Put("a b", DigestOf(bytes), From(bytes), {}));
  ASSERT_OK(bucket_->Put("other", DigestOf(bytes), From(bytes), {}));
  const auto url = bucket_->PresignGet("a b", absl::Minutes(1));
  ASSERT_OK(url);
  const auto fetch = [&](const std::string& address, const std::string& method) {
    http::HttpRequest request;
    request.method = method;
    request.url = address;
    if (method == "GET") request.headers = {{"range", "bytes=10-19"}};
    return http::Fetch(*client_, request, 1 << 20);
  };
  const auto part = fetch(*url, "GET");
  ASSERT_OK(part);
  EXPECT_EQ(part->first.status, 206) << part->second;
  EXPECT_EQ(part->second, bytes.substr(10, 10));
  EXPECT_EQ(fetch(*url, "DELETE")->first.status, 403);
  std::string moved = *url;
  moved.replace(moved.find("a%20b"), 5, "other");
  EXPECT_EQ(fetch(moved, "GET")->first.status, 403);
  S3Options past = server_->Options();
  past.now = [] { return absl::Now() - absl::Minutes(10); };
  const auto old = MakeS3Bucket(*client_, past)->PresignGet("a b", absl::Minutes(1));
  EXPECT_EQ(fetch(*old, "GET")->first.status, 403);
}

TEST_F(RealServerTest, WrongKeysAndBucketsAreSaid) {
  S3Options options = server_->Options();
  options.credentials = [] { return Credentials{"AKID", "wrong", ""}; };
  const auto stranger = MakeS3Bucket(*client_, options);
  const auto refused = stranger->GetSmall("owner", 10, {});
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status())) << refused.status();
  EXPECT_EQ(refused.status().message().find("wrong"), absl::string_view::npos) << refused.status();
  const auto nowhere = MakeS3Bucket(*client_, server_->Options("s3://nothere"));
  EXPECT_TRUE(absl::IsFailedPrecondition(nowhere->GetSmall("owner", 10, {}).status()))
      << nowhere->GetSmall("owner", 10, {}).status();
  EXPECT_TRUE(absl::IsNotFound(bucket_->GetSmall("owner", 10, {}).status()));
}

TEST_F(RealServerTest, AServerThatIsAwayIsUnavailable) {
  server_->Kill();
  EXPECT_TRUE(absl::IsUnavailable(bucket_->Head("x", {}).status())) << bucket_->Head("x", {}).status();
  server_->Restart();
  EXPECT_TRUE(absl::IsNotFound(bucket_->Head("x", {}).status())) << bucket_->Head("x", {}).status();
}

}  // namespace
}  // namespace crossmill::bucket
