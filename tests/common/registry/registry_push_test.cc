// Pushing, against answers that are written down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/blob_store.h"
#include "common/base/status.h"
#include "common/registry/image_push.h"
#include "common/registry/registry.h"
#include "tests/common/oci/sample_image.h"
#include "tests/support/fake_http_client.h"

namespace crossmill::registry {
namespace {

using http::FakeAnswer;
using http::FakeHttpClient;
using http::HeaderOf;

class RegistryPushTest : public testing::Test {
 protected:
  RegistryOptions Options() {
    RegistryOptions options;
    options.sleep = [this](absl::Duration duration) { slept_.push_back(duration); };
    options.chunk_bytes = 1000;
    options.whole_bytes = 0;
    return options;
  }
  static FakeAnswer Status(int status, std::map<std::string, std::string> headers = {}) {
    return {status, std::move(headers), "", {}};
  }
  static FakeAnswer Broken() { return {0, {}, "", absl::UnavailableError("connection reset")}; }
  // The registry opens an upload session at /up/1.
  void Begins() {
    http_.Answer("POST https://r.example/v2/app/blobs/uploads/",
                 Status(202, {{"location", "/up/1?state=a"}}));
  }
  absl::StatusOr<PushedBlob> Put(RegistryClient& client, const Digest& digest, const std::string& from = "") {
    return client.PutBlob(target_, digest, *store_, from, {});
  }
  std::vector<std::string> Asked() {
    std::vector<std::string> asked;
    for (const auto& request : http_.requests()) {
      const std::string range = HeaderOf(request, "Content-Range");
      asked.push_back(request.method + " " + request.url.substr(std::string("https://r.example").size()) +
                      (range.empty() ? "" : " " + range));
    }
    return asked;
  }

  FakeHttpClient http_;
  std::vector<absl::Duration> slept_;
  std::unique_ptr<BlobStore> store_ = MakeMemoryBlobStore();
  const PushTarget target_{*oci::ParseReference("r.example/app:1"), {}};
  const std::string blob_ = std::string(1000, 'a') + std::string(1000, 'b') + std::string(500, 'c');
  const Digest digest_ = *store_->PutBytes(blob_);
  const std::string head_ = "HEAD /v2/app/blobs/" + digest_.Oci();
  const std::string end_ = "digest=sha256%3A" + digest_.hash;
};

TEST_F(RegistryPushTest, BlobThatIsThereIsNotSent) {
  http_.Answer("HEAD https://r.example/v2/app/blobs/" + digest_.Oci(), Status(200));
  RegistryClient client(http_, Options());
  const auto pushed = Put(client, digest_);
  ASSERT_OK(pushed);
  EXPECT_EQ(*pushed, PushedBlob::kExisted);
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(RegistryPushTest, SmallBlobGoesInOneRequest) {
  const Digest small = *store_->PutBytes("small");
  Begins();
  http_.Answer("PUT https://r.example/up/1?state=a&digest=sha256%3A" + small.hash, Status(201));
  RegistryClient client(http_, Options());
  const auto pushed = Put(client, small);
  ASSERT_OK(pushed);
  EXPECT_EQ(*pushed, PushedBlob::kSent);
  EXPECT_EQ(http_.requests().back().body, "small");
}

TEST_F(RegistryPushTest, LargeBlobGoesInChunks) {
  Begins();
  http_.Answer("PATCH https://r.example/up/1?state=a", Status(202, {{"location", "https://r.example/up/2"}}));
  http_.Answer("PATCH https://r.example/up/2", Status(202, {{"location", "/up/3"}}));
  http_.Answer("PATCH https://r.example/up/3", Status(202, {{"location", "/up/4"}}));
  http_.Answer("PUT https://r.example/up/4?" + end_, Status(201, {{"docker-content-digest", digest_.Oci()}}));
  RegistryClient client(http_, Options());
  ASSERT_OK(Put(client, digest_));
  EXPECT_THAT(Asked(),
              testing::ElementsAre(head_, "POST /v2/app/blobs/uploads/", "PATCH /up/1?state=a 0-999",
                                   "PATCH /up/2 1000-1999", "PATCH /up/3 2000-2499", "PUT /up/4?" + end_));
  std::string sent;
  for (const auto& request : http_.requests()) sent += request.method == "PATCH" ? request.body : "";
  EXPECT_EQ(sent, blob_);
}

TEST_F(RegistryPushTest, LargeBlobIsTriedInOneRequest) {
  Begins();
  http_.Answer("PUT https://r.example/up/1?state=a&" + end_,
               Status(201, {{"docker-content-digest", digest_.Oci()}}));
  RegistryOptions options = Options();
  options.whole_bytes = 2500;
  RegistryClient client(http_, options);
  ASSERT_OK(Put(client, digest_));
  EXPECT_THAT(Asked(),
              testing::ElementsAre(head_, "POST /v2/app/blobs/uploads/", "PUT /up/1?state=a&" + end_));
  EXPECT_EQ(http_.requests().back().body, blob_);
}

TEST_F(RegistryPushTest, WhatIsTooLargeOrBreaksGoesInChunksAfterThat) {
  for (const FakeAnswer& first : {Status(413), Broken(), Status(503)}) {
    FakeHttpClient http;
    http.Answer("POST https://r.example/v2/app/blobs/uploads/", Status(202, {{"location", "/up/1"}}));
    http.Answer("POST https://r.example/v2/app/blobs/uploads/", Status(202, {{"location", "/up/2"}}));
    http.Answer("PUT https://r.example/up/1?" + end_, first);
    http.Answer("PATCH https://r.example/up/2", Status(202));
    http.Answer("PUT https://r.example/up/2?" + end_, Status(201));
    RegistryOptions options = Options();
    options.whole_bytes = 1 << 20;
    // The first request is no attempt of the chunks.
    options.attempts = 1;
    RegistryClient client(http, options);
    ASSERT_OK(Put(client, digest_));
    std::string sent;
    for (const auto& request : http.requests()) sent += request.method == "PATCH" ? request.body : "";
    EXPECT_EQ(sent, blob_);
  }
}

TEST_F(RegistryPushTest, ARefusalOfTheWholeIsFinal) {
  Begins();
  http_.Answer("PUT https://r.example/up/1?state=a&" + end_, Status(400));
  RegistryOptions options = Options();
  options.whole_bytes = 2500;
  RegistryClient client(http_, options);
  EXPECT_FALSE(Put(client, digest_).ok());
  EXPECT_EQ(Asked().size(), 3u);
}

TEST_F(RegistryPushTest, BrokenUploadGoesOnWhereTheRegistrySays) {
  Begins();
  http_.Answer("PATCH https://r.example/up/1?state=a", Broken());
  http_.Answer("GET https://r.example/up/1?state=a",
               Status(204, {{"range", "0-699"}, {"location", "/up/2"}}));
  http_.Answer("PATCH https://r.example/up/2", Status(202));
  http_.Answer("PUT https://r.example/up/2?" + end_, Status(201));
  RegistryClient client(http_, Options());
  ASSERT_OK(Put(client, digest_));
  EXPECT_THAT(Asked(), testing::ElementsAre(head_, "POST /v2/app/blobs/uploads/", "PATCH /up/1?state=a 0-999",
                                            "GET /up/1?state=a", "PATCH /up/2 700-1699",
                                            "PATCH /up/2 1700-2499", "PUT /up/2?" + end_));
  EXPECT_EQ(http_.requests()[4].body, blob_.substr(700, 1000));
  EXPECT_EQ(slept_, std::vector<absl::Duration>{absl::Milliseconds(500)});
}

TEST_F(RegistryPushTest, ForgottenSessionIsBegunAnew) {
  Begins();
  http_.Answer("POST https://r.example/v2/app/blobs/uploads/", Status(202, {{"location", "/up/9"}}));
  http_.Answer("PATCH https://r.example/up/1?state=a", Broken());
  http_.Answer("GET https://r.example/up/1?state=a", Status(404));
  http_.Answer("PATCH https://r.example/up/9", Status(202));
  http_.Answer("PUT https://r.example/up/9?" + end_, Status(201));
  RegistryClient client(http_, Options());
  ASSERT_OK(Put(client, digest_));
  EXPECT_EQ(Asked()[5], "PATCH /up/9 0-999");
}

TEST_F(RegistryPushTest, RegistryWithoutChunksGetsTheBlobWhole) {
  Begins();
  http_.Answer("PATCH https://r.example/up/1?state=a", Status(405));
  http_.Answer("PUT https://r.example/up/1?state=a&" + end_, Status(201));
  RegistryClient client(http_, Options());
  ASSERT_OK(Put(client, digest_));
  EXPECT_EQ(http_.requests().back().body, blob_);
}

TEST_F(RegistryPushTest, LeastChunkOfTheRegistryIsHeeded) {
  http_.Answer("POST https://r.example/v2/app/blobs/uploads/",
               Status(202, {{"location", "/up/1"}, {"oci-chunk-min-length", "2400"}}));
  http_.Answer("PATCH https://r.example/up/1", Status(202));
  http_.Answer("PUT https://r.example/up/1?" + end_, Status(201));
  RegistryClient client(http_, Options());
  ASSERT_OK(Put(client, digest_));
  EXPECT_EQ(Asked()[2], "PATCH /up/1 0-2399");
}

TEST_F(RegistryPushTest, BlobIsTakenFromAnotherRepository) {
  http_.Answer("POST https://r.example/v2/app/blobs/uploads/?mount=sha256%3A" + digest_.hash + "&from=base",
               Status(201));
  RegistryClient client(http_, Options());
  const auto pushed = Put(client, digest_, "base");
  ASSERT_OK(pushed);
  EXPECT_EQ(*pushed, PushedBlob::kMounted);
}

TEST_F(RegistryPushTest, MountThatIsRefusedBecomesAnUpload) {
  // 202: "here is a session in its place"; 403: "not from there".
  for (const int status : {202, 403}) {
    FakeHttpClient http;
    http.Answer("POST https://r.example/v2/app/blobs/uploads/?mount=sha256%3A" + digest_.hash + "&from=base",
                Status(status, {{"location", "/up/1"}}));
    http.Answer("POST https://r.example/v2/app/blobs/uploads/", Status(202, {{"location", "/up/1"}}));
    http.Answer("PATCH https://r.example/up/1", Status(202));
    http.Answer("PUT https://r.example/up/1?" + end_, Status(201));
    RegistryClient client(http, Options());
    const auto pushed = Put(client, digest_, "base");
    ASSERT_OK(pushed);
    EXPECT_EQ(*pushed, PushedBlob::kSent);
  }
}

TEST_F(RegistryPushTest, TokenIsAskedForPushingAndForTheRepositoriesToMountFrom) {
  const std::string realm =
      R"(Bearer realm="https://auth.example/token",service="r",scope="repository:app:pull")";
  const std::string url = "HEAD https://r.example/v2/app/blobs/" + digest_.Oci();
  http_.Answer(url, Status(401, {{"www-authenticate", realm}}));
  http_.Answer(url, Status(200));
  http_.Answer(
      "GET "
      "https://auth.example/"
      "token?service=r&scope=repository%3Aapp%3Apull%2Cpush&scope=repository%3Abase%3Apull",
      {200, {}, R"({"token":"t"})", {}});
  RegistryOptions options = Options();
  options.credentials = *CredentialFile::Parse(R"({"auths":{"r.example":{"username":"u","password":"p"}}})");
  RegistryClient client(http_, options);
  ASSERT_OK(client.PutBlob({target_.reference, {"base"}}, digest_, *store_, "", {}));
  EXPECT_EQ(HeaderOf(http_.requests()[2], "Authorization"), "Bearer t");
}

TEST_F(RegistryPushTest, UploadElsewhereGetsNoAuthorization) {
  const Digest small = *store_->PutBytes("small");
  http_.Answer("POST https://r.example/v2/app/blobs/uploads/",
               Status(401, {{"www-authenticate", "Basic realm=x"}}));
  http_.Answer("POST https://r.example/v2/app/blobs/uploads/",
               Status(202, {{"location", "https://store.example/x"}}));
  http_.Answer("PUT https://store.example/x?digest=sha256%3A" + small.hash, Status(201));
  RegistryOptions options = Options();
  options.credentials = *CredentialFile::Parse(R"({"auths":{"r.example":{"username":"u","password":"p"}}})");
  RegistryClient client(http_, options);
  ASSERT_OK(Put(client, small));
  EXPECT_EQ(HeaderOf(http_.requests()[2], "Authorization"), "Basic dTpw");
  EXPECT_EQ(HeaderOf(http_.requests().back(), "Authorization"), "");
}

TEST_F(RegistryPushTest, BusyRegistryIsAskedAgainAndThenExplained) {
  const std::string url = "HEAD https://r.example/v2/app/blobs/" + digest_.Oci();
  http_.Answer(url, Status(429, {{"retry-after", "3"}}));
  http_.Answer(url, Status(429, {{"retry-after", "Wed, 21 Oct 2026 07:28:10 GMT"},
                                 {"date", "Wed, 21 Oct 2026 07:28:00 GMT"}}));
  http_.Answer(url, Status(429));
  RegistryOptions options = Options();
  options.attempts = 3;
  RegistryClient client(http_, options);
  const auto pushed = Put(client, digest_);
  EXPECT_EQ(pushed.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(Sv(pushed.status().message()).find("too many requests"), std::string_view::npos)
      << pushed.status();
  EXPECT_EQ(slept_, (std::vector<absl::Duration>{absl::Seconds(3), absl::Seconds(10)}));
}

TEST_F(RegistryPushTest, DeniedPushSaysWhatToDo) {
  http_.Answer("POST https://r.example/v2/app/blobs/uploads/", Status(403));
  RegistryClient client(http_, Options());
  const auto pushed = Put(client, digest_);
  EXPECT_EQ(pushed.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(Sv(pushed.status().message()).find("docker login r.example"), std::string_view::npos);
}

TEST_F(RegistryPushTest, ManifestStoredUnderAnotherDigestIsDataLoss) {
  RegistryManifest manifest;
  manifest.media_type = std::string(oci::media_type::kDockerManifest);
  manifest.bytes = "{}";
  manifest.digest = DigestOf(manifest.bytes);
  http_.Answer("PUT https://r.example/v2/app/manifests/1",
               Status(201, {{"docker-content-digest", digest_.Oci()}}));
  RegistryClient client(http_, Options());
  EXPECT_EQ(client.PutManifest(target_, manifest, false).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(HeaderOf(http_.requests()[0], "Content-Type"), oci::media_type::kDockerManifest);
}

TEST_F(RegistryPushTest, ByDigestTheRootGetsNoTag) {
  const Digest root = oci::PutImage(*store_, "amd64");
  const auto manifest = oci::ParseImageManifest(*store_->Get(root));
  ASSERT_OK(manifest);
  for (const oci::Descriptor& layer : manifest->layers)
    http_.Answer("HEAD https://r.example/v2/app/blobs/" + layer.digest.Oci(), Status(200));
  http_.Answer("HEAD https://r.example/v2/app/blobs/" + manifest->config.digest.Oci(), Status(200));
  http_.Answer("PUT https://r.example/v2/app/manifests/" + root.Oci(), Status(201));
  RegistryClient client(http_, Options());
  PushOptions options;
  options.by_digest = true;
  const auto pushed = PushImage(client, target_.reference, *store_, root, options);
  ASSERT_OK(pushed);
  EXPECT_EQ(*pushed, root);
  EXPECT_THAT(Asked(), testing::Contains("PUT /v2/app/manifests/" + root.Oci()));
  EXPECT_THAT(Asked(), testing::Not(testing::Contains("PUT /v2/app/manifests/1")));
}

TEST_F(RegistryPushTest, IndexWithPlatformsThatAreNotThereIsRefusedBeforeAnythingIsSent) {
  const Digest root = oci::PutIndex(*store_);
  const auto index = oci::ParseImageIndex(*store_->Get(root));
  auto partial = MakeMemoryBlobStore();
  ASSERT_OK(partial->PutBytes(*store_->Get(root)));
  ASSERT_EQ(oci::PutImage(*partial, "arm64"), index->manifests[1].digest);
  RegistryClient client(http_, Options());
  const auto pushed = PushImage(client, target_.reference, *partial, root, {});
  EXPECT_EQ(pushed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(Sv(pushed.status().message()).find("linux/amd64"), std::string_view::npos) << pushed.status();
  EXPECT_TRUE(http_.requests().empty());
}

}  // namespace
}  // namespace crossmill::registry
