// Large blobs past the coordinator: what a worker takes from a URL, and what not.
#include "worker/agent/direct_blobs.h"

#include <gtest/gtest.h>

#include <atomic>

#include "common/base/status.h"
#include "crossmill/v1/bucket_service.grpc.pb.h"
#include "tests/common/http/scripted_server.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill::worker {
namespace {

class FixedPlaces final : public v1::BlobPlaces::Service {
 public:
  grpc::Status LocateBlob(grpc::ServerContext*, const v1::LocateBlobRequest*,
                          v1::LocateBlobResponse* response) override {
    ++asked;
    if (none) return {grpc::StatusCode::UNIMPLEMENTED, "no bucket"};
    response->set_url(url);
    return grpc::Status::OK;
  }
  std::string url;
  bool none = false;
  std::atomic<int> asked = 0;
};

class DirectBlobsTest : public RpcFixture {
 protected:
  std::vector<coordinator::ServedService> MoreServices() override {
    return {{"crossmill.v1.BlobPlaces", &places_}};
  }
  void SetUp() override {
    RpcFixture::SetUp();
    digest_ = *blobs_->PutBytes(bytes_);
    farm_ = Remote();
    direct_ =
        MakeDirectBlobStore(*farm_, UnixChannel(), *http_,
                            {.buffer_folder = folder_.path(), .least_bytes = 1000, .rest = absl::Hours(1)});
  }
  void Serve(std::string_view status, const std::string& body, std::string_view headers = "") {
    server_ = std::make_unique<http::ScriptedServer>(
        [=, head = std::string(status), more = std::string(headers)](const std::string&) {
          return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n{}", head, body.size(), more, body);
        });
    places_.url = server_->Url("/farm/blob?X-Amz-Signature=secret");
  }
  // The blob comes, from wherever.
  void ExpectRight() {
    const auto content = direct_->Get(digest_);
    ASSERT_OK(content);
    EXPECT_TRUE(*content == bytes_);
  }

  const std::string bytes_ = std::string(5000, 'b') + "end";
  Digest digest_;
  FixedPlaces places_;
  std::unique_ptr<http::HttpClient> http_ = MakeDirectHttpClient();
  std::unique_ptr<http::ScriptedServer> server_;
  std::unique_ptr<BlobStore> farm_;
  std::unique_ptr<BlobStore> direct_;
};

TEST_F(DirectBlobsTest, ALargeBlobComesFromItsUrl) {
  Serve("200 OK", bytes_);
  ExpectRight();
  EXPECT_EQ(server_->requests().size(), 1U);
  auto reader = direct_->Open(digest_, 5000);
  ASSERT_OK(reader);
  char end[10];
  EXPECT_EQ((*reader)->Read(end, 10).value_or(0), 3U);
  EXPECT_EQ(std::string(end, 3), "end");
}

TEST_F(DirectBlobsTest, OtherBytesAreNeverSeen) {
  for (const std::string& wrong :
       {std::string(5003, 'x'), bytes_ + "more", bytes_.substr(1), std::string()}) {
    Serve("200 OK", wrong);
    direct_ = MakeDirectBlobStore(*farm_, UnixChannel(), *http_,
                                  {.buffer_folder = folder_.path(), .least_bytes = 1000});
    ExpectRight();
    EXPECT_EQ(server_->requests().size(), 1U);
  }
}

TEST_F(DirectBlobsTest, ARefusalIsRememberedForAWhile) {
  Serve("403 Expired", "<Error/>");
  ExpectRight();
  ExpectRight();
  EXPECT_EQ(server_->requests().size(), 1U);
  EXPECT_EQ(places_.asked, 1);
}

TEST_F(DirectBlobsTest, ARedirectIsNotFollowed) {
  http::ScriptedServer other([&](const std::string&) { return std::string("HTTP/1.1 200 OK\r\n\r\n"); });
  Serve("302 Found", "", fmt::format("Location: {}\r\n", other.Url("/")));
  ExpectRight();
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(DirectBlobsTest, AServerThatIsAwayCostsNothingButTime) {
  Serve("200 OK", bytes_);
  server_.reset();
  ExpectRight();
}

TEST_F(DirectBlobsTest, WithoutABucketNobodyIsAskedTwice) {
  places_.none = true;
  ExpectRight();
  ExpectRight();
  EXPECT_EQ(places_.asked, 1);
}

TEST_F(DirectBlobsTest, SmallBlobsAndUnknownPlacesAreTheCoordinators) {
  const Digest small = *blobs_->PutBytes("small");
  EXPECT_EQ(*direct_->Get(small), "small");
  EXPECT_EQ(places_.asked, 0);
  ExpectRight();
  EXPECT_EQ(places_.asked, 1);
}

}  // namespace
}  // namespace crossmill::worker
