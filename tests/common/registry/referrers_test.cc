// Documents beside an image: with a registry that knows referrers, with one that does not, and with a real
// one.
#include "common/registry/referrers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/http/curl_http_client.h"
#include "tests/common/oci/sample_image.h"
#include "tests/common/registry/docker_registry.h"
#include "tests/support/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace crossmill::registry {
namespace {

using http::FakeAnswer;
using http::FakeHttpClient;

Artifact ExampleArtifact(const Digest& subject) {
  Artifact artifact;
  artifact.subject.media_type = oci::media_type::kOciManifest;
  artifact.subject.digest = subject;
  artifact.artifact_type = "application/vnd.example";
  artifact.files.push_back({"application/json", "{\"a\":1}", {{"title", "a.json"}}});
  artifact.annotations["kind"] = "verdict";
  return artifact;
}

class ReferrersTest : public testing::Test {
 protected:
  ReferrersTest() {
    for (const std::string content : {"{}", "{\"a\":1}"})
      http_.Answer("HEAD https://r.example/v2/app/blobs/" + DigestOf(content).Oci(), {200, {}, "", {}});
  }

  absl::StatusOr<Digest> Put() {
    RegistryOptions options;
    options.sleep = [](absl::Duration) {};
    RegistryClient client(http_, options);
    return PutArtifact(client, *oci::ParseReference("r.example/app:1"), *store_, artifact_);
  }
  void TakesManifest(std::map<std::string, std::string> headers) {
    http_.Answer("PUT https://r.example/v2/app/manifests/" + manifest_.Oci(),
                 {201, std::move(headers), "", {}});
  }
  std::vector<std::string> Puts() {
    std::vector<std::string> puts;
    for (const auto& request : http_.requests()) {
      if (request.method == "PUT") puts.push_back(request.url.substr(request.url.rfind('/') + 1));
    }
    return puts;
  }

  FakeHttpClient http_;
  std::unique_ptr<BlobStore> store_ = MakeMemoryBlobStore();
  const Artifact artifact_ = ExampleArtifact({std::string(64, 'a'), 500});
  const Digest manifest_ = DigestOf(WriteArtifactManifest(artifact_));
  const std::string tag_ = "sha256-" + std::string(64, 'a');
  const std::string tag_url_ = "https://r.example/v2/app/manifests/" + tag_;
};

TEST_F(ReferrersTest, ManifestIsOneOfTheSpecification) {
  const auto json = ParseJson(WriteArtifactManifest(artifact_));
  ASSERT_OK(json);
  EXPECT_EQ((*json)["schemaVersion"], 2);
  EXPECT_EQ((*json)["mediaType"], "application/vnd.oci.image.manifest.v1+json");
  EXPECT_EQ((*json)["artifactType"], "application/vnd.example");
  EXPECT_EQ((*json)["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
  EXPECT_EQ((*json)["config"]["digest"],
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  EXPECT_EQ((*json)["subject"]["digest"], "sha256:" + std::string(64, 'a'));
  EXPECT_EQ((*json)["subject"]["size"], 500);
  EXPECT_EQ((*json)["layers"][0]["annotations"]["title"], "a.json");
}

TEST_F(ReferrersTest, ARegistryThatNotesTheSubjectNeedsNoTag) {
  TakesManifest({{"oci-subject", "sha256:" + std::string(64, 'a')}});
  const auto put = Put();
  ASSERT_OK(put);
  EXPECT_EQ(*put, manifest_);
  EXPECT_EQ(Puts(), std::vector<std::string>{manifest_.Oci()});
}

TEST_F(ReferrersTest, AnotherGetsAnIndexUnderTheFallbackTag) {
  TakesManifest({});
  http_.Answer("PUT " + tag_url_, {201, {}, "", {}});
  ASSERT_OK(Put());
  EXPECT_EQ(Puts(), (std::vector<std::string>{manifest_.Oci(), tag_}));
  const auto index = ParseJson(http_.requests().back().body);
  ASSERT_OK(index);
  EXPECT_EQ((*index)["mediaType"], "application/vnd.oci.image.index.v1+json");
  ASSERT_EQ((*index)["manifests"].size(), 1u);
  EXPECT_EQ((*index)["manifests"][0]["digest"], manifest_.Oci());
  EXPECT_EQ((*index)["manifests"][0]["artifactType"], "application/vnd.example");
  EXPECT_EQ((*index)["manifests"][0]["annotations"]["kind"], "verdict");
}

TEST_F(ReferrersTest, WhatOthersPutThereStays) {
  const std::string others =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{)"
      R"("mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:)" +
      std::string(64, 'b') + R"(","size":7,"artifactType":"theirs","data":"x"}],"annotations":{"k":"v"}})";
  TakesManifest({});
  http_.Answer("GET " + tag_url_, {200, {}, others, {}});
  http_.Answer("PUT " + tag_url_, {201, {}, "", {}});
  ASSERT_OK(Put());
  const auto index = ParseJson(http_.requests().back().body);
  ASSERT_OK(index);
  ASSERT_EQ((*index)["manifests"].size(), 2u);
  EXPECT_EQ((*index)["manifests"][0]["data"], "x");
  EXPECT_EQ((*index)["annotations"]["k"], "v");
}

TEST_F(ReferrersTest, OnceMoreChangesNothing) {
  TakesManifest({});
  const std::string index = *WithReferrer("", artifact_, manifest_);
  EXPECT_EQ(*WithReferrer(index, artifact_, manifest_), index);
  http_.Answer("GET " + tag_url_, {200, {}, index, {}});
  ASSERT_OK(Put());
  EXPECT_EQ(Puts(), std::vector<std::string>{manifest_.Oci()});
}

TEST_F(ReferrersTest, ATagThatCannotBeReadIsNotOverwritten) {
  TakesManifest({});
  http_.Answer("GET " + tag_url_, {403, {}, "", {}});
  EXPECT_EQ(Put().status().code(), absl::StatusCode::kPermissionDenied);
  for (const std::string& index :
       {std::string("[]"), std::string("{}"), std::string("{"), std::string(R"({"manifests":{}})")})
    EXPECT_EQ(WithReferrer(index, artifact_, manifest_).status().code(), absl::StatusCode::kInvalidArgument)
        << index;
}

TEST_F(ReferrersTest, ARealRegistryKeepsImageAndArtifact) {
  if (!Exists(DockerRegistry::kProgram)) GTEST_SKIP() << "docker-registry is not installed";
  const auto http = http::MakeCurlHttpClient();
  auto registry = DockerRegistry::Start(*http);
  ASSERT_OK(registry);
  const Digest image = oci::PutImage(*store_, "amd64", 1000);
  ASSERT_OK((*registry)->Push(*http, *store_, image, "app", "1"));
  RegistryClient client(*http, {});
  const oci::Reference reference = *oci::ParseReference((*registry)->host() + "/app:1");
  const Artifact artifact = ExampleArtifact(image);
  const auto put = PutArtifact(client, reference, *store_, artifact);
  ASSERT_OK(put);
  ASSERT_OK(PutArtifact(client, reference, *store_, artifact));
  oci::Reference tagged = reference;
  tagged.tag = ReferrersTag(image);
  const auto index = client.GetManifest(tagged);
  ASSERT_OK(index);
  const auto parsed = oci::ParseImageIndex(index->bytes);
  ASSERT_OK(parsed);
  ASSERT_EQ(parsed->manifests.size(), 1u);
  EXPECT_EQ(parsed->manifests[0].digest, *put);
  EXPECT_EQ(client.GetManifest(reference)->digest, image) << "the image is what it was";
}

}  // namespace
}  // namespace crossmill::registry
