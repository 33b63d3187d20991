#include "common/registry/registry.h"

#include <gtest/gtest.h>

#include "common/base/blob_store.h"
#include "common/base/status.h"
#include "common/registry/credentials.h"
#include "common/registry/image_pull.h"
#include "tests/common/oci/sample_image.h"
#include "tests/support/fake_http_client.h"

namespace crossmill::registry {
namespace {

using http::FakeAnswer;
using http::FakeHttpClient;
using http::HeaderOf;

class RegistryTest : public testing::Test {
 protected:
  RegistryOptions Options() {
    RegistryOptions options;
    options.sleep = [this](absl::Duration duration) { slept_.push_back(duration); };
    return options;
  }

  // GetBlob into a string.
  absl::StatusOr<std::string> GetBlob(RegistryClient& client, const std::string& name, const Digest& digest) {
    auto store = MakeMemoryBlobStore();
    auto writer = store->Create(digest);
    RETURN_IF_ERROR(client.GetBlob(*oci::ParseReference(name), digest, **writer));
    RETURN_IF_ERROR((*writer)->Commit().status());
    return store->Get(digest);
  }

  std::string BlobUrl(const Digest& digest) { return "GET https://r.example/v2/app/blobs/" + digest.Oci(); }

  static FakeAnswer Manifest(std::string bytes) {
    return {200, {{"content-type", "x"}}, std::move(bytes), {}};
  }
  static FakeAnswer Status(int status, std::map<std::string, std::string> headers = {},
                           std::string body = "") {
    return {status, std::move(headers), std::move(body), {}};
  }
  static FakeAnswer Broken(int status, std::string body, std::map<std::string, std::string> headers = {}) {
    return {status, std::move(headers), std::move(body), absl::UnavailableError("connection reset")};
  }

  void ExpectError(const absl::Status& status, absl::StatusCode code, std::string_view text) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(Sv(status.message()).find(text), std::string_view::npos) << status;
  }

  FakeHttpClient http_;
  std::vector<absl::Duration> slept_;
  const std::string manifest_ = oci::WriteImageManifest(oci::ImageManifest());
  const std::string blob_ = std::string(1000, 'a') + std::string(1000, 'b');
  const Digest digest_ = DigestOf(blob_);
};

TEST_F(RegistryTest, ManifestByTagAndByDigest) {
  http_.Answer("GET https://r.example/v2/app/manifests/1", Manifest(manifest_));
  http_.Answer("GET https://r.example/v2/app/manifests/" + DigestOf(manifest_).Oci(), Manifest(manifest_));
  RegistryClient client(http_, Options());
  auto by_tag = client.GetManifest(*oci::ParseReference("r.example/app:1"));
  ASSERT_OK(by_tag);
  EXPECT_EQ(by_tag->bytes, manifest_);
  EXPECT_EQ(by_tag->digest, DigestOf(manifest_));
  EXPECT_EQ(by_tag->media_type, oci::media_type::kOciManifest);
  EXPECT_OK(client.GetManifest(*oci::ParseReference("r.example/app@" + DigestOf(manifest_).Oci())));
  EXPECT_NE(HeaderOf(http_.requests()[0], "Accept").find(oci::media_type::kDockerIndex), std::string::npos);
}

TEST_F(RegistryTest, ManifestWithAnotherDigestIsRefused) {
  const std::string other = DigestOf("other").Oci();
  http_.Answer("GET https://r.example/v2/app/manifests/" + other, Manifest(manifest_));
  http_.Answer("GET https://r.example/v2/app/manifests/1",
               {200, {{"docker-content-digest", other}}, manifest_, {}});
  RegistryClient client(http_, Options());
  ExpectError(client.GetManifest(*oci::ParseReference("r.example/app@" + other)).status(),
              absl::StatusCode::kDataLoss, "registry r.example, repository app: manifest");
  ExpectError(client.GetManifest(*oci::ParseReference("r.example/app:1")).status(),
              absl::StatusCode::kDataLoss, "digest");
}

TEST_F(RegistryTest, UnknownTagIsNotFoundWithAdvice) {
  http_.Answer("GET https://r.example/v2/app/manifests/9",
               Status(404, {}, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})"));
  RegistryClient client(http_, Options());
  ExpectError(client.GetManifest(*oci::ParseReference("r.example/app:9")).status(),
              absl::StatusCode::kNotFound,
              "registry r.example, repository app: there is no tag '9', HTTP 404 (MANIFEST_UNKNOWN: manifest "
              "unknown); check name and tag");
  EXPECT_TRUE(slept_.empty());
}

TEST_F(RegistryTest, BusyServerIsAskedAgainAfterTheTimeItNames) {
  http_.Answer("GET https://r.example/v2/app/manifests/1", Status(429, {{"retry-after", "7"}}));
  http_.Answer("GET https://r.example/v2/app/manifests/1", Status(503, {{"retry-after", "100000"}}));
  http_.Answer("GET https://r.example/v2/app/manifests/1", Broken(200, manifest_.substr(0, 10)));
  http_.Answer("GET https://r.example/v2/app/manifests/1", Manifest(manifest_));
  RegistryClient client(http_, Options());
  auto manifest = client.GetManifest(*oci::ParseReference("r.example/app:1"));
  ASSERT_OK(manifest);
  EXPECT_EQ(manifest->bytes, manifest_);
  EXPECT_EQ(slept_, (std::vector<absl::Duration>{absl::Seconds(7), absl::Seconds(60), absl::Seconds(2)}));
}

TEST_F(RegistryTest, ServerThatStaysBusyIsUnavailable) {
  http_.Answer("GET https://r.example/v2/app/manifests/1", Status(429));
  RegistryClient client(http_, Options());
  ExpectError(client.GetManifest(*oci::ParseReference("r.example/app:1")).status(),
              absl::StatusCode::kUnavailable, "too many requests");
  EXPECT_EQ(http_.requests().size(), 5u);
}

TEST_F(RegistryTest, TokenIsFetchedOnceAndUsedForTheRepository) {
  const std::string challenge =
      R"(Bearer realm="https://auth.example/token",service="the registry",scope="repository:app:pull")";
  http_.Answer("GET https://r.example/v2/app/manifests/1", Status(401, {{"www-authenticate", challenge}}));
  http_.Answer("GET https://r.example/v2/app/manifests/1", Manifest(manifest_));
  http_.Answer("GET https://auth.example/token?service=the%20registry&scope=repository%3Aapp%3Apull",
               Status(200, {}, R"({"token":"T0"})"));
  http_.Answer(BlobUrl(digest_), Status(200, {}, blob_));
  RegistryOptions options = Options();
  options.credentials = *CredentialFile::Parse(R"({"auths":{"https://r.example/v1/":{"auth":"dTpw"}}})");
  RegistryClient client(http_, options);
  ASSERT_OK(client.GetManifest(*oci::ParseReference("r.example/app:1")));
  EXPECT_EQ(*GetBlob(client, "r.example/app:1", digest_), blob_);
  const auto requests = http_.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(HeaderOf(requests[0], "Authorization"), "");
  EXPECT_EQ(HeaderOf(requests[1], "Authorization"), "Basic dTpw");
  EXPECT_EQ(HeaderOf(requests[2], "Authorization"), "Bearer T0");
  EXPECT_EQ(HeaderOf(requests[3], "Authorization"), "Bearer T0");
}

// A token server can hang as a registry can.
TEST_F(RegistryTest, EveryRequestHearsAStop) {
  const std::string challenge = R"(Bearer realm="https://auth.example/token",service="s",scope="x")";
  http_.Answer("GET https://r.example/v2/app/manifests/1", Status(401, {{"www-authenticate", challenge}}));
  const std::stop_source stop;
  RegistryClient client(http_, Options());
  EXPECT_FALSE(client.GetManifest(*oci::ParseReference("r.example/app:1"), stop.get_token()).ok());
  const auto requests = http_.requests();
  EXPECT_GE(requests.size(), 2u);
  for (const auto& request : requests) EXPECT_TRUE(request.stop == stop.get_token()) << request.url;
}

TEST_F(RegistryTest, ExpiredTokenIsRenewed) {
  const std::string challenge = R"(Bearer realm="https://auth.example/token")";
  const std::string token_url = "GET https://auth.example/token?service=&scope=repository%3Aapp%3Apull";
  for (const int status : {401, 200, 401, 200}) {
    FakeAnswer answer = status == 200 ? Manifest(manifest_) : Status(401, {{"www-authenticate", challenge}});
    http_.Answer("GET https://r.example/v2/app/manifests/1", answer);
  }
  http_.Answer(token_url, Status(200, {}, R"({"access_token":"T0"})"));
  http_.Answer(token_url, Status(200, {}, R"({"access_token":"T1"})"));
  RegistryClient client(http_, Options());
  ASSERT_OK(client.GetManifest(*oci::ParseReference("r.example/app:1")));
  ASSERT_OK(client.GetManifest(*oci::ParseReference("r.example/app:1")));
  EXPECT_EQ(HeaderOf(http_.requests().back(), "Authorization"), "Bearer T1");
}

TEST_F(RegistryTest, RefusedAccessSaysHowToLogIn) {
  http_.Answer("GET https://r.example/v2/app/manifests/1",
               Status(401, {{"www-authenticate", R"(Basic realm="private")"}}));
  RegistryClient anonymous(http_, Options());
  ExpectError(anonymous.GetManifest(*oci::ParseReference("r.example/app:1")).status(),
              absl::StatusCode::kPermissionDenied, "docker login r.example");
  RegistryOptions options = Options();
  options.credentials = *CredentialFile::Parse(R"({"auths":{"r.example":{"username":"u","password":"p"}}})");
  RegistryClient known(http_, options);
  EXPECT_FALSE(known.GetManifest(*oci::ParseReference("r.example/app:1")).ok());
  EXPECT_EQ(HeaderOf(http_.requests().back(), "Authorization"), "Basic dTpw");
}

class FakeKeeper final : public CredentialKeeper {
 public:
  absl::StatusOr<std::string> FetchToken(const TokenQuestion& question, const std::stop_token&) override {
    asked.push_back(question);
    return token;
  }
  absl::StatusOr<std::optional<Credentials>> Give(const std::stop_token&) override {
    ++given;
    return credentials;
  }

  absl::StatusOr<std::string> token = "kept";
  std::optional<Credentials> credentials;
  std::vector<TokenQuestion> asked;
  int given = 0;
};

TEST_F(RegistryTest, TokenIsFetchedByWhoKeepsTheCredentials) {
  http_.Answer(
      "GET https://r.example/v2/app/manifests/1",
      Status(401, {{"www-authenticate", R"(Bearer realm="https://auth.example/token",service="s")"}}));
  http_.Answer("GET https://r.example/v2/app/manifests/1", Manifest(manifest_));
  const auto keeper = std::make_shared<FakeKeeper>();
  RegistryOptions options = Options();
  Credentials kept;
  kept.keeper = keeper;
  options.credentials = WithCredentials({{"r.example", kept}}, nullptr);
  RegistryClient client(http_, options);
  ASSERT_OK(client.GetManifest(*oci::ParseReference("r.example/app:1")));
  EXPECT_EQ(HeaderOf(http_.requests().back(), "Authorization"), "Bearer kept");
  ASSERT_EQ(keeper->asked.size(), 1u);
  EXPECT_EQ(keeper->asked[0].realm, "https://auth.example/token");
  EXPECT_EQ(keeper->asked[0].service, "s");
  EXPECT_EQ(keeper->asked[0].scopes, std::vector<std::string>{"repository:app:pull"});
  // Its password stayed where it is.
  EXPECT_EQ(keeper->given, 0);
}

TEST_F(RegistryTest, WhoFetchesNoTokensGivesTheCredentials) {
  http_.Answer("GET https://r.example/v2/app/manifests/1",
               Status(401, {{"www-authenticate", R"(Bearer realm="https://auth.example/token")"}}));
  http_.Answer("GET https://r.example/v2/app/manifests/1", Manifest(manifest_));
  http_.Answer("GET https://auth.example/token?service=&scope=repository%3Aapp%3Apull",
               Status(200, {}, R"({"token":"T0"})"));
  const auto keeper = std::make_shared<FakeKeeper>();
  keeper->token = absl::UnimplementedError("none");
  keeper->credentials.emplace();
  keeper->credentials->user = "u";
  keeper->credentials->password = "p:";
  RegistryOptions options = Options();
  Credentials kept;
  kept.keeper = keeper;
  options.credentials = WithCredentials({{"r.example", kept}}, nullptr);
  RegistryClient client(http_, options);
  ASSERT_OK(client.GetManifest(*oci::ParseReference("r.example/app:1")));
  EXPECT_EQ(HeaderOf(http_.requests()[1], "Authorization"), BasicAuthorization(*keeper->credentials));
}

TEST_F(RegistryTest, OthersCountWhereTheKeeperHasNone) {
  const auto keeper = std::make_shared<FakeKeeper>();
  Credentials kept;
  kept.keeper = keeper;
  const CredentialLookup others = *CredentialFile::Parse(R"({"auths":{"r.example":{"auth":"dTpw"}}})");
  const auto found = WithCredentials({{"r.example", kept}}, others)("r.example");
  ASSERT_OK(found.status());
  EXPECT_EQ((*found)->user, "u");
  keeper->credentials.emplace();
  keeper->credentials->user = "mine";
  EXPECT_EQ((*WithCredentials({{"r.example", kept}}, others)("r.example"))->user, "mine");
  // Nobody else has any for this one.
  EXPECT_EQ((*WithCredentials({{"s.example", kept}}, others)("s.example"))->keeper, keeper);
}

TEST_F(RegistryTest, PasswordIsNotSentUnencryptedToATokenServer) {
  http_.Answer("GET https://r.example/v2/app/manifests/1",
               Status(401, {{"www-authenticate", R"(Bearer realm="http://auth.example/token")"}}));
  RegistryOptions options = Options();
  options.credentials = *CredentialFile::Parse(R"({"auths":{"r.example":{"username":"u","password":"p"}}})");
  RegistryClient client(http_, options);
  ExpectError(client.GetManifest(*oci::ParseReference("r.example/app:1")).status(),
              absl::StatusCode::kPermissionDenied, "unencrypted");
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(RegistryTest, BrokenBlobIsResumedByRange) {
  http_.Answer(BlobUrl(digest_), Broken(200, blob_.substr(0, 700)));
  http_.Answer(BlobUrl(digest_),
               Broken(206, blob_.substr(700, 600), {{"content-range", "bytes 700-1999/2000"}}));
  http_.Answer(BlobUrl(digest_),
               Status(206, {{"content-range", "bytes 1300-1999/2000"}}, blob_.substr(1300)));
  RegistryClient client(http_, Options());
  auto blob = GetBlob(client, "r.example/app:1", digest_);
  ASSERT_OK(blob);
  EXPECT_EQ(*blob, blob_);
  EXPECT_EQ(HeaderOf(http_.requests()[1], "Range"), "bytes=700-");
  EXPECT_EQ(HeaderOf(http_.requests()[2], "Range"), "bytes=1300-");
}

TEST_F(RegistryTest, ServerThatIgnoresRangeIsReadFromTheBeginning) {
  http_.Answer(BlobUrl(digest_), Broken(200, blob_.substr(0, 700)));
  http_.Answer(BlobUrl(digest_), Status(200, {}, blob_));
  RegistryClient client(http_, Options());
  EXPECT_EQ(*GetBlob(client, "r.example/app:1", digest_), blob_);
}

TEST_F(RegistryTest, ShortAnswerIsABrokenConnection) {
  http_.Answer(BlobUrl(digest_), Status(200, {}, blob_.substr(0, 1500)));
  http_.Answer(BlobUrl(digest_),
               Status(206, {{"content-range", "bytes 1500-1999/2000"}}, blob_.substr(1500)));
  RegistryClient client(http_, Options());
  EXPECT_EQ(*GetBlob(client, "r.example/app:1", digest_), blob_);
}

TEST_F(RegistryTest, WrongRangeIsNotUsed) {
  http_.Answer(BlobUrl(digest_), Broken(200, blob_.substr(0, 700)));
  http_.Answer(BlobUrl(digest_), Status(206, {{"content-range", "bytes 0-1999/2000"}}, blob_));
  RegistryClient client(http_, Options());
  ExpectError(GetBlob(client, "r.example/app:1", digest_).status(), absl::StatusCode::kUnavailable,
              "bytes from 700");
}

TEST_F(RegistryTest, BlobThatLiesIsDataLoss) {
  std::string lie = blob_;
  lie[1] = 'x';
  http_.Answer(BlobUrl(digest_), Status(200, {}, lie));
  RegistryClient client(http_, Options());
  ExpectError(GetBlob(client, "r.example/app:1", digest_).status(), absl::StatusCode::kDataLoss,
              "registry r.example, repository app: blob " + digest_.Oci() + " arrived with digest");
  const Digest shorter{digest_.hash, 1999};
  http_.Answer(BlobUrl(shorter), Status(200, {}, blob_));
  ExpectError(GetBlob(client, "r.example/app:1", shorter).status(), absl::StatusCode::kDataLoss, "");
}

TEST_F(RegistryTest, FullDiskIsNotRetried) {
  class FullWriter final : public BlobWriter {
   public:
    absl::Status Write(std::string_view) override { return absl::ResourceExhaustedError("disk full"); }
    absl::StatusOr<Digest> Commit() override { return absl::InternalError("never"); }
  };
  http_.Answer(BlobUrl(digest_), Status(200, {}, blob_));
  RegistryClient client(http_, Options());
  FullWriter writer;
  ExpectError(client.GetBlob(*oci::ParseReference("r.example/app"), digest_, writer),
              absl::StatusCode::kResourceExhausted, "disk full");
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(RegistryTest, MirrorsAreAskedFirstAndTheRegistryLast) {
  RegistryOptions options = Options();
  options.mirrors["r.example"] = {"http://mirror:5000/prefix", "second.example"};
  http_.Answer("GET https://second.example/v2/app/manifests/1", Status(500));
  http_.Answer("GET https://r.example/v2/app/manifests/1", Manifest(manifest_));
  // A blob that breaks at the mirror goes on at the registry.
  http_.Answer("GET http://mirror:5000/prefix/v2/app/blobs/" + digest_.Oci(),
               Broken(200, blob_.substr(0, 600)));
  http_.Answer("GET http://mirror:5000/prefix/v2/app/blobs/" + digest_.Oci(), Status(404));
  http_.Answer(BlobUrl(digest_), Status(206, {{"content-range", "bytes 600-1999/2000"}}, blob_.substr(600)));
  RegistryClient client(http_, options);
  ASSERT_OK(client.GetManifest(*oci::ParseReference("r.example/app:1")));
  EXPECT_EQ(http_.requests()[0].url, "http://mirror:5000/prefix/v2/app/manifests/1");
  EXPECT_EQ(*GetBlob(client, "r.example/app:1", digest_), blob_);
}

TEST_F(RegistryTest, PlainHttpIsForLoopbackAndWhatIsNamed) {
  RegistryOptions options = Options();
  options.plain_http = {"lan:5000"};
  RegistryClient client(http_, options);
  for (const auto& [name, url] :
       std::map<std::string, std::string>{{"localhost:5000/app", "http://localhost:5000/"},
                                          {"127.0.0.1:5000/app", "http://127.0.0.1:5000/"},
                                          {"[::1]:5000/app", "http://[::1]:5000/"},
                                          {"lan:5000/app", "http://lan:5000/"},
                                          {"lan:5001/app", "https://lan:5001/"},
                                          {"r.example/app", "https://r.example/"}}) {
    EXPECT_FALSE(client.GetManifest(*oci::ParseReference(name)).ok());
    EXPECT_TRUE(http_.requests().back().url.starts_with(url)) << http_.requests().back().url;
  }
}

TEST_F(RegistryTest, PullTakesOnlyThePlatformsAskedForAndWhatIsMissing) {
  auto source = MakeMemoryBlobStore();
  const Digest root = oci::PutIndex(*source);
  auto index = *oci::ParseImageIndex(*source->Get(root));
  const Digest arm = index.manifests[1].digest;
  auto manifest = *oci::ParseImageManifest(*source->Get(arm));
  http_.Answer("GET https://r.example/v2/app/manifests/1", Manifest(*source->Get(root)));
  http_.Answer("GET https://r.example/v2/app/manifests/" + arm.Oci(), Manifest(*source->Get(arm)));
  http_.Answer(BlobUrl(manifest.config.digest), Status(200, {}, *source->Get(manifest.config.digest)));
  http_.Answer(BlobUrl(manifest.layers[1].digest), Status(200, {}, *source->Get(manifest.layers[1].digest)));
  auto store = MakeMemoryBlobStore();
  ASSERT_OK(store->PutBytes(*source->Get(manifest.layers[0].digest)));
  RegistryClient client(http_, Options());
  PullOptions options;
  options.platforms = {oci::LinuxPlatform("arm64")};
  auto pulled = PullImage(client, *oci::ParseReference("r.example/app:1"), *store, options);
  ASSERT_OK(pulled);
  EXPECT_EQ(pulled->root, root);
  EXPECT_TRUE(store->Has(manifest.layers[1].digest));
  EXPECT_FALSE(store->Has(index.manifests[0].digest));
  EXPECT_EQ(http_.requests().size(), 4u);
  options.platforms = {oci::LinuxPlatform("s390x")};
  ExpectError(PullImage(client, *oci::ParseReference("r.example/app:1"), *store, options).status(),
              absl::StatusCode::kNotFound, "r.example/app:1: the image has no platform linux/s390x; it has");
}

TEST(RegistryAuthTest, ChallengesAreParsed) {
  auto bearer =
      ParseChallenge(R"(Negotiate, Bearer realm="https://a/t,x",service="say \"hi\"", scope=plain)");
  ASSERT_TRUE(bearer.has_value());
  EXPECT_EQ(bearer->scheme, "bearer");
  EXPECT_EQ(bearer->parameters["realm"], "https://a/t,x");
  EXPECT_EQ(bearer->parameters["service"], "say \"hi\"");
  EXPECT_EQ(bearer->parameters["scope"], "plain");
  EXPECT_EQ(ParseChallenge("BASIC realm=x")->scheme, "basic");
  for (const char* header : {"", ",", "=", "==,", "Digest realm=\"x\"", "Bearer"}) {
    const auto challenge = ParseChallenge(header);
    EXPECT_EQ(challenge.has_value(), std::string_view(header) == "Bearer") << header;
  }
}

TEST(RegistryAuthTest, DockerConfigIsReadInAllItsSpellings) {
  auto file = CredentialFile::Parse(R"({"credsStore":"x","auths":{
      "https://index.docker.io/v1/":{"auth":"dTpwOnE="},"helper.example":{},
      "azure.example":{"auth":"MDo=","identitytoken":"T"}}})");
  ASSERT_OK(file);
  EXPECT_EQ(file->Find("docker.io")->user, "u");
  EXPECT_EQ(file->Find("docker.io")->password, "p:q");
  EXPECT_FALSE(file->Find("helper.example").has_value());
  EXPECT_EQ(file->Find("azure.example")->identity_token, "T");
  EXPECT_FALSE(CredentialFile::Parse("[]").ok());
  EXPECT_FALSE(CredentialFile::Parse(R"({"auths":{"a":{"auth":"%%"}}})").ok());
  EXPECT_OK(CredentialFile::Parse(""));
}

}  // namespace
}  // namespace crossmill::registry
