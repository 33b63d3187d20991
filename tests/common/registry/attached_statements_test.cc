// Statements in an image's index and beside it: with a real registry, and with one that answers as it likes.
#include "common/registry/attached_statements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/http/curl_http_client.h"
#include "common/registry/referrers.h"
#include "tests/common/oci/sample_image.h"
#include "tests/common/registry/docker_registry.h"
#include "tests/support/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace crossmill::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kStatementType[] = "application/vnd.in-toto+json";

std::string Descriptor(const std::string& type, const std::string& bytes, const std::string& more = "") {
  return R"({"mediaType":")" + type + R"(","digest":")" + DigestOf(bytes).Oci() + R"(","size":)" +
         std::to_string(bytes.size()) + more + "}";
}

std::string Manifest(const std::string& layers) {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)" +
         Descriptor("application/vnd.oci.empty.v1+json", "{}") + R"(,"layers":[)" + layers + "]}";
}

class AttachedStatementsTest : public testing::Test {
 protected:
  // Below the repository "app" of r.example.
  void Serve(const std::string& path, const std::string& body, int status = 200) {
    http_.Answer("GET https://r.example/v2/app/" + path, {status, {}, body, {}});
  }

  absl::StatusOr<AttachedStatements> Read(const std::string& predicate = "") {
    RegistryOptions options;
    options.attempts = 1;
    RegistryClient client(http_, options);
    return ReadAttachedStatements(client, *oci::ParseReference("r.example/app:1"), {predicate, {}});
  }

  http::FakeHttpClient http_;
};

// As BuildKit writes them.
TEST_F(AttachedStatementsTest, StatementsOfAnIndexAreReadWithTheirSubjects) {
  const std::string statement = R"({"statement":1})";
  const std::string attestation =
      Manifest(Descriptor(kStatementType, statement) + "," + Descriptor("application/other", "other"));
  const std::string image = Manifest("");
  const std::string index =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" +
      Descriptor("application/vnd.oci.image.manifest.v1+json", image,
                 R"(,"platform":{"os":"linux","architecture":"amd64"})") +
      "," +
      Descriptor("application/vnd.oci.image.manifest.v1+json", attestation,
                 R"(,"platform":{"os":"unknown","architecture":"unknown"},"annotations":{)"
                 R"("vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":")" +
                     DigestOf(image).Oci() + R"("})") +
      "]}";
  Serve("manifests/1", index);
  Serve("manifests/" + DigestOf(attestation).Oci(), attestation);
  Serve("blobs/" + DigestOf(statement).Oci(), statement);
  const auto found = Read();
  ASSERT_OK(found);
  EXPECT_EQ(found->root, DigestOf(index));
  ASSERT_EQ(found->statements.size(), 1u);
  EXPECT_EQ(found->statements[0].subject, DigestOf(image).Oci());
  EXPECT_EQ(found->statements[0].document, statement);
  EXPECT_TRUE(found->statements[0].in_index);
}

TEST_F(AttachedStatementsTest, ReferrersAreReadAndOneThatLiesIsLeftOut) {
  const std::string image = Manifest("");
  const std::string statement = R"({"statement":1})";
  const std::string good = Manifest(Descriptor(kStatementType, statement));
  const std::string bad = Manifest(Descriptor(kStatementType, "promised"));
  Serve("manifests/1", image);
  Serve("referrers/" + DigestOf(image).Oci(),
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" +
            Descriptor("application/vnd.oci.image.manifest.v1+json", bad) + "," +
            Descriptor("application/vnd.oci.image.manifest.v1+json", good) + "]}");
  Serve("manifests/" + DigestOf(good).Oci(), good);
  Serve("manifests/" + DigestOf(bad).Oci(), bad);
  Serve("blobs/" + DigestOf(statement).Oci(), statement);
  Serve("blobs/" + DigestOf("promised").Oci(), "replaced");
  const auto found = Read();
  ASSERT_OK(found);
  ASSERT_EQ(found->statements.size(), 1u);
  EXPECT_FALSE(found->statements[0].in_index);
  EXPECT_THAT(found->left_out, ElementsAre(HasSubstr(DigestOf("promised").Oci())));
}

// However many others there are, the one that is wanted is found, and the others are not fetched.
TEST_F(AttachedStatementsTest, OnlyWhatMayBeWantedIsRead) {
  const std::string image = Manifest("");
  const std::string wanted = R"({"wanted":1})";
  std::string files;
  for (int i = 0; i < 100; ++i) {
    files += Descriptor(kStatementType, "execution " + std::to_string(i),
                        R"(,"annotations":{"in-toto.io/predicate-type":"urn:execution"})") +
             ",";
  }
  files += Descriptor(kStatementType, wanted,
                      R"(,"annotations":{"in-toto.io/predicate-type":"https://slsa.dev/provenance/v1"})");
  const std::string artifact = Manifest(files);
  Serve("manifests/1", image);
  Serve("referrers/" + DigestOf(image).Oci(),
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" +
            Descriptor("application/vnd.oci.image.manifest.v1+json", "another",
                       R"(,"annotations":{"in-toto.io/predicate-type":"urn:execution"})") +
            "," + Descriptor("application/vnd.oci.image.manifest.v1+json", artifact) + "]}");
  Serve("manifests/" + DigestOf(artifact).Oci(), artifact);
  Serve("blobs/" + DigestOf(wanted).Oci(), wanted);
  const auto found = Read("https://slsa.dev/provenance/");
  ASSERT_OK(found);
  ASSERT_EQ(found->statements.size(), 1u);
  EXPECT_EQ(found->statements[0].document, wanted);
  EXPECT_THAT(found->left_out, IsEmpty());
}

TEST_F(AttachedStatementsTest, ARegistryThatCouldNotAnswerIsNotOneThatHasNothing) {
  const std::string image = Manifest("");
  Serve("manifests/1", image);
  Serve("referrers/" + DigestOf(image).Oci(), "busy", 503);
  const auto found = Read();
  ASSERT_OK(found);
  EXPECT_THAT(found->left_out, ElementsAre(HasSubstr(DigestOf(image).Oci())));
}

TEST_F(AttachedStatementsTest, TooManyAreToldOnce) {
  const std::string image = Manifest("");
  std::string listed;
  for (size_t i = 0; i < kMostStatements + 3; ++i) {
    const std::string statement = "{\"n\":" + std::to_string(i) + "}";
    const std::string artifact = Manifest(Descriptor(kStatementType, statement));
    Serve("manifests/" + DigestOf(artifact).Oci(), artifact);
    Serve("blobs/" + DigestOf(statement).Oci(), statement);
    listed += (i == 0 ? "" : ",") + Descriptor("application/vnd.oci.image.manifest.v1+json", artifact);
  }
  Serve("manifests/1", image);
  Serve("referrers/" + DigestOf(image).Oci(),
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" + listed +
            "]}");
  const auto found = Read();
  ASSERT_OK(found);
  EXPECT_EQ(found->statements.size(), kMostStatements);
  EXPECT_THAT(found->left_out, ElementsAre(HasSubstr("over 64 statements")));
}

TEST_F(AttachedStatementsTest, AnImageWithoutAnyHasNone) {
  Serve("manifests/1", Manifest(""));
  const auto found = Read();
  ASSERT_OK(found);
  EXPECT_THAT(found->statements, IsEmpty());
  EXPECT_THAT(found->left_out, IsEmpty());
}

TEST_F(AttachedStatementsTest, AnImageThatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Read().status()));
}

// Debian's registry keeps no list of referrers: they are under a tag.
TEST(AttachedStatementsRegistryTest, WhatWasPutBesideAnImageIsReadAgain) {
  if (!Exists(DockerRegistry::kProgram)) GTEST_SKIP() << "docker-registry is not installed";
  const std::unique_ptr<http::HttpClient> http = http::MakeCurlHttpClient();
  const std::unique_ptr<BlobStore> store = MakeMemoryBlobStore();
  auto registry = DockerRegistry::Start(*http);
  ASSERT_OK(registry);
  const Digest root = oci::PutIndex(*store, 1000);
  ASSERT_OK((*registry)->Push(*http, *store, root, "app", "1"));
  RegistryClient client(*http, {});
  const oci::Reference reference = *oci::ParseReference((*registry)->host() + "/app:1");
  Artifact artifact;
  artifact.subject.media_type = oci::media_type::kOciIndex;
  artifact.subject.digest = root;
  artifact.artifact_type = kStatementType;
  artifact.files.push_back({kStatementType, R"({"a":1})", {}});
  ASSERT_OK(PutArtifact(client, reference, *store, artifact));
  const auto found = ReadAttachedStatements(client, reference);
  ASSERT_OK(found);
  ASSERT_EQ(found->statements.size(), 1u);
  EXPECT_EQ(found->statements[0].subject, root.Oci());
  EXPECT_EQ(found->statements[0].document, R"({"a":1})");
}

}  // namespace
}  // namespace crossmill::registry
