// Whose credentials a push goes with.
#include "coordinator/images/image_source.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/support/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A registry that wants to know who it is, and lets nobody in.
class AskingRegistry final : public http::HttpClient {
 public:
  absl::StatusOr<http::HttpResponse> Send(const http::HttpRequest& request, const http::BodySink&) override {
    const std::string authorization = http::HeaderOf(request, "Authorization");
    if (!authorization.empty()) given.insert(authorization);
    return http::HttpResponse{401, {{"www-authenticate", "Basic realm=x"}}, request.url};
  }
  std::set<std::string> given;
};

class ImageSourceTest : public testing::Test {
 protected:
  ImageSourceTest() {
    options_.credentials = [](std::string_view) -> absl::StatusOr<std::optional<registry::Credentials>> {
      return registry::Credentials{"farm", "f", ""};
    };
    const Digest config = *blobs_->PutBytes(
        R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}})");
    root_ = *blobs_->PutBytes(fmt::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[]}})",
        config.Oci(), config.size));
  }
  absl::Status Push(RegistrySource& source, const std::string& to,
                    const ClientCredentials& credentials = {}) {
    return source.Push(*oci::ParseReference(to), *blobs_, root_, {}, credentials).status();
  }

  AskingRegistry http_;
  registry::RegistryOptions options_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  Digest root_;
  const std::string farm_ = "Basic ZmFybTpm";    // farm:f
  const std::string client_ = "Basic YW5uOmE=";  // ann:a
};

TEST_F(ImageSourceTest, CoordinatorsCredentialsAreForTheRepositoriesThatMayHaveThem) {
  RegistrySource source(http_, options_,
                        [](const std::string& name) { return name == "r.example/team/app"; });
  EXPECT_FALSE(Push(source, "r.example/team/app:1").ok());
  EXPECT_THAT(http_.given, ElementsAre(farm_));
  http_.given.clear();
  const absl::Status refused = Push(source, "r.example/team/other:1");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--push-credentials 'r.example/team/other'"));
  EXPECT_THAT(http_.given, IsEmpty());
}

TEST_F(ImageSourceTest, ClientsOwnCredentialsGoEverywhere) {
  RegistrySource source(http_, options_, [](const std::string&) { return false; });
  const ClientCredentials own = {{"r.example", {"ann", "a", ""}}};
  EXPECT_FALSE(Push(source, "r.example/team/app:1", own).ok());
  EXPECT_THAT(http_.given, ElementsAre(client_));
  http_.given.clear();
  // Not to another registry, and the coordinator's do not take their place.
  EXPECT_FALSE(Push(source, "other.example/team/app:1", own).ok());
  EXPECT_THAT(http_.given, IsEmpty());
}

TEST_F(ImageSourceTest, PullsGoWithTheCoordinatorsAsBefore) {
  RegistrySource source(http_, options_, [](const std::string&) { return false; });
  EXPECT_FALSE(source.Pull(*oci::ParseReference("r.example/team/app:1"), *blobs_, {}, {}).ok());
  EXPECT_THAT(http_.given, ElementsAre(farm_));
}

}  // namespace
}  // namespace crossmill::coordinator
