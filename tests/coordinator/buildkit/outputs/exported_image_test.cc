#include "coordinator/buildkit/outputs/exported_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/base/json.h"
#include "common/oci/image_walk.h"
#include "tests/coordinator/buildkit/outputs/outputs_fixture.h"

namespace crossmill::coordinator::buildkit {
namespace {

using testing::HasSubstr;

class ExportedImageTest : public OutputsFixture {
 protected:
  absl::StatusOr<ExportedImage> Export(const BuiltImage& image, std::map<std::string, std::string> attributes,
                                       const std::vector<PlatformStatements>& statements = {}) {
    const auto options = ReadExporter({0, "image", std::move(attributes)}, image.platforms.size());
    EXPECT_OK(options);
    return MakeExportedImage(image, *options, statements, services_, vertex_, {});
  }

  static PlatformStatements StatementAbout(const Digest& manifest) {
    attest::Statement statement;
    statement.predicate_type = std::string(attest::kProvenancePredicate);
    statement.subjects = {{"linux/amd64", manifest.hash}};
    statement.predicate = {{"buildDefinition", {{"buildType", "t"}}}};
    return {manifest, {statement}};
  }

  RecordingVertex vertex_;
};

TEST_F(ExportedImageTest, OnePlatformWithoutAttestationsIsAPlainManifest) {
  const BuiltImage image = BuiltFor({"amd64"});
  const auto exported = Export(image, {});
  ASSERT_OK(exported);
  // Nothing was asked for: the farm's own bytes.
  EXPECT_EQ(exported->root.digest, image.platforms[0].manifest);
  EXPECT_EQ(exported->root.media_type, oci::media_type::kOciManifest);
  const auto metadata = ImageMetadata(*exported);
  EXPECT_EQ(metadata.at("containerimage.digest"), exported->root.digest.Oci());
  EXPECT_EQ(metadata.at("containerimage.config.digest"),
            ManifestOf(exported->root.digest).config.digest.Oci());
  std::string descriptor;
  ASSERT_TRUE(absl::Base64Unescape(metadata.at("containerimage.descriptor"), &descriptor));
  const auto json = ParseJson(descriptor);
  ASSERT_OK(json);
  EXPECT_EQ((*json)["digest"], exported->root.digest.Oci());
  EXPECT_EQ((*json)["platform"]["architecture"], "amd64");
}

TEST_F(ExportedImageTest, SeveralPlatformsAreAnIndex) {
  const auto exported = Export(BuiltFor({"amd64", "arm64"}), {{"annotation-index.a", "b"}});
  ASSERT_OK(exported);
  EXPECT_FALSE(exported->config.has_value());
  EXPECT_FALSE(ImageMetadata(*exported).contains("containerimage.config.digest"));
  const auto index = oci::ParseImageIndex(*blobs_->Get(exported->root.digest));
  ASSERT_OK(index);
  ASSERT_EQ(index->manifests.size(), 2u);
  EXPECT_EQ(index->manifests[1].platform->architecture(), "arm64");
  EXPECT_EQ(index->annotations.at("a"), "b");
}

TEST_F(ExportedImageTest, ZstdIsForTheBuildsLayersAndNotForThoseOfTheBase) {
  const BuiltImage image = BuiltFor({"amd64"});
  const auto exported = Export(image, {{"compression", "zstd"}});
  ASSERT_OK(exported);
  const oci::ImageManifest before = ManifestOf(image.platforms[0].manifest);
  const oci::ImageManifest after = ManifestOf(exported->root.digest);
  ASSERT_EQ(after.layers.size(), 3u);
  EXPECT_EQ(after.layers[0].digest, before.layers[0].digest);
  EXPECT_EQ(after.layers[1].digest, before.layers[1].digest);
  EXPECT_EQ(after.layers[2].media_type, oci::media_type::kOciLayerZstd);
  // The configuration, and with it the image's id, is the same.
  EXPECT_EQ(after.config.digest, before.config.digest);
  EXPECT_OK(oci::WalkImage(*blobs_, exported->root.digest).status());
  const auto again = Export(image, {{"compression", "zstd"}});
  ASSERT_OK(again);
  EXPECT_EQ(again->root.digest, exported->root.digest);
}

TEST_F(ExportedImageTest, ForceCompressionIsForEveryLayer) {
  const auto exported =
      Export(BuiltFor({"amd64"}), {{"compression", "uncompressed"}, {"force-compression", "true"}});
  ASSERT_OK(exported);
  for (const oci::Descriptor& layer : ManifestOf(exported->root.digest).layers)
    EXPECT_EQ(layer.media_type, oci::media_type::kOciLayer);
  EXPECT_OK(oci::WalkImage(*blobs_, exported->root.digest).status());
}

TEST_F(ExportedImageTest, DockersMediaTypesAreEverywhere) {
  const auto exported = Export(BuiltFor({"amd64", "arm64"}), {{"oci-mediatypes", "false"}});
  ASSERT_OK(exported);
  EXPECT_EQ(exported->root.media_type, oci::media_type::kDockerIndex);
  const auto index = oci::ParseImageIndex(*blobs_->Get(exported->root.digest));
  ASSERT_OK(index);
  const oci::ImageManifest manifest = ManifestOf(index->manifests[0].digest);
  EXPECT_EQ(index->manifests[0].media_type, oci::media_type::kDockerManifest);
  EXPECT_EQ(manifest.media_type, oci::media_type::kDockerManifest);
  EXPECT_EQ(manifest.config.media_type, oci::media_type::kDockerConfig);
  for (const oci::Descriptor& layer : manifest.layers)
    EXPECT_EQ(layer.media_type, oci::media_type::kDockerLayerGzip);
}

TEST_F(ExportedImageTest, AttestationsStandInTheIndexAndAreAboutWhatIsExported) {
  const BuiltImage image = BuiltFor({"amd64"});
  const auto exported = Export(image, {{"compression", "zstd"}, {"name", "registry.example/app:1"}},
                               {StatementAbout(image.platforms[0].manifest)});
  ASSERT_OK(exported);
  const auto index = oci::ParseImageIndex(*blobs_->Get(exported->root.digest));
  ASSERT_OK(index);
  ASSERT_EQ(index->manifests.size(), 2u);
  const std::string image_digest = index->manifests[0].digest.Oci();
  EXPECT_NE(image_digest, image.platforms[0].manifest.Oci());
  EXPECT_FALSE(oci::IsImageDescriptor(index->manifests[1]));
  EXPECT_EQ(index->manifests[1].annotations.at("vnd.docker.reference.type"), "attestation-manifest");
  EXPECT_EQ(index->manifests[1].annotations.at("vnd.docker.reference.digest"), image_digest);
  const auto manifest = ParseJson(*blobs_->Get(index->manifests[1].digest));
  ASSERT_OK(manifest);
  EXPECT_EQ((*manifest)["artifactType"], "application/vnd.docker.attestation.manifest.v1+json");
  EXPECT_EQ((*manifest)["subject"]["digest"], image_digest);
  EXPECT_EQ((*manifest)["layers"][0]["annotations"]["in-toto.io/predicate-type"],
            "https://slsa.dev/provenance/v1");
  const auto parsed = ManifestOf(index->manifests[1].digest);
  const auto statement = attest::ParseStatement(*blobs_->Get(parsed.layers[0].digest));
  ASSERT_OK(statement);
  ASSERT_EQ(statement->subjects.size(), 1u);
  EXPECT_EQ("sha256:" + statement->subjects[0].sha256, image_digest);
  EXPECT_EQ(statement->subjects[0].name, "pkg:docker/registry.example/app@1?platform=linux%2Famd64");
  // Whoever pushes it finds every blob.
  EXPECT_OK(oci::WalkImage(*blobs_, exported->root.digest).status());
}

TEST_F(ExportedImageTest, TheOlderFormOfAttestationsLooksLikeAnImage) {
  const BuiltImage image = BuiltFor({"amd64"});
  const auto exported =
      Export(image, {{"oci-artifact", "false"}}, {StatementAbout(image.platforms[0].manifest)});
  ASSERT_OK(exported);
  const auto index = oci::ParseImageIndex(*blobs_->Get(exported->root.digest));
  ASSERT_OK(index);
  const auto manifest = ParseJson(*blobs_->Get(index->manifests[1].digest));
  ASSERT_OK(manifest);
  EXPECT_FALSE(manifest->contains("subject"));
  EXPECT_FALSE(manifest->contains("artifactType"));
  EXPECT_EQ((*manifest)["config"]["mediaType"], oci::media_type::kOciConfig);
}

TEST_F(ExportedImageTest, WhatThereIsNoPlaceForIsSaid) {
  const BuiltImage image = BuiltFor({"amd64"});
  EXPECT_THAT(std::string(Export(image, {{"annotation-index.a", "b"}}).status().message()),
              HasSubstr("has no index"));
  EXPECT_THAT(std::string(Export(image, {{"annotation[linux/arm64].a", "b"}}).status().message()),
              HasSubstr("linux/arm64 is not built"));
  EXPECT_THAT(
      std::string(Export(image, {{"oci-mediatypes", "false"}}, {StatementAbout(image.platforms[0].manifest)})
                      .status()
                      .message()),
      HasSubstr("--provenance=false"));
}

TEST(ImageUrlTest, NamesAreAsBuildKitWritesThem) {
  const v1::Platform platform = oci::LinuxPlatform("arm64");
  EXPECT_EQ(ImageUrl("alpine", platform), "pkg:docker/alpine@latest?platform=linux%2Farm64");
  EXPECT_EQ(ImageUrl("docker.io/team/app:2", platform), "pkg:docker/team/app@2?platform=linux%2Farm64");
  EXPECT_EQ(ImageUrl("localhost:5000/app:2", platform),
            "pkg:docker/localhost:5000/app@2?platform=linux%2Farm64");
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
