#include "coordinator/buildkit/outputs/exporter_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<ExporterOptions> Read(const std::string& type, std::map<std::string, std::string> attributes,
                                     size_t platforms = 1) {
  return ReadExporter({0, type, std::move(attributes)}, platforms);
}

std::string Refusal(const std::string& type, std::map<std::string, std::string> attributes,
                    size_t platforms = 1) {
  const auto options = Read(type, std::move(attributes), platforms);
  EXPECT_FALSE(options.ok());
  return options.ok() ? "" : std::string(options.status().message());
}

TEST(ExporterOptionsTest, WhatBuildxSendsForAPushIsUnderstood) {
  const auto options = Read("image", {{"name", "registry.example/app:1,registry.example/app:latest"},
                                      {"push", "true"},
                                      {"unpack", "false"},
                                      {"compression", "zstd"},
                                      {"compression-level", "7"},
                                      {"force-compression", ""},
                                      {"rewrite-timestamp", "true"}});
  ASSERT_OK(options);
  EXPECT_THAT(options->names, ElementsAre("registry.example/app:1", "registry.example/app:latest"));
  EXPECT_TRUE(options->push);
  EXPECT_TRUE(options->form.oci_types);
  EXPECT_TRUE(options->form.every_layer);
  ASSERT_TRUE(options->form.compression.has_value());
  EXPECT_EQ(options->form.compression->kind, layer::Compression::kZstd);
  EXPECT_EQ(options->form.compression->level, 7);
}

TEST(ExporterOptionsTest, LayersStayAsTheyAreUnlessSomebodySays) {
  const auto options = Read("oci", {});
  ASSERT_OK(options);
  EXPECT_FALSE(options->form.compression.has_value());
  EXPECT_TRUE(options->tar);
}

TEST(ExporterOptionsTest, AnnotationsOfEveryLevelBecomeThoseOfTheCommandLine) {
  const auto options = Read("image", {{"annotation.org.example.title", "a"},
                                      {"annotation-index.org.example.title", "b"},
                                      {"annotation-manifest-descriptor[linux/arm64].x", "c"},
                                      {"annotation[linux/amd64].y.z", "d"}});
  ASSERT_OK(options);
  std::vector<std::string> names;
  for (const v1::BuildArgument& each : options->form.annotations) names.push_back(each.name());
  EXPECT_THAT(names, testing::UnorderedElementsAre("manifest:org.example.title", "index:org.example.title",
                                                   "manifest-descriptor[linux/arm64]:x",
                                                   "manifest[linux/amd64]:y.z"));
}

TEST(ExporterOptionsTest, WhatTheFarmDoesNotDoIsRefusedByName) {
  EXPECT_THAT(Refusal("image", {{"compression", "estargz"}}),
              testing::AllOf(HasSubstr("type=image"), HasSubstr("compression=estargz"), HasSubstr("zstd")));
  EXPECT_THAT(Refusal("local", {{"src", "/app"}}), HasSubstr("FROM scratch"));
  EXPECT_THAT(Refusal("cacheonly", {}), HasSubstr("type=cacheonly"));
  EXPECT_THAT(Refusal("tar", {{"platform-split", "false"}}, 2), HasSubstr("platform-split=false"));
}

TEST(ExporterOptionsTest, NoCompressionIsALevel) {
  const auto level = [](const std::string& kind) {
    const auto options = ReadExporter({0, "oci", {{"compression", kind}, {"compression-level", "0"}}}, 1);
    EXPECT_OK(options.status());
    return options.ok() ? options->form.compression->level : std::nullopt;
  };
  EXPECT_EQ(level("gzip"), 0);
  EXPECT_EQ(level("zstd"), 1);
  EXPECT_EQ(level("uncompressed"), 0);
}

TEST(ExporterOptionsTest, NonsenseIsRefused) {
  EXPECT_THAT(Refusal("image", {{"push", "perhaps"}, {"name", "a"}}), HasSubstr("push=perhaps"));
  EXPECT_THAT(Refusal("image", {{"pusch", "true"}}), HasSubstr("'pusch'"));
  EXPECT_THAT(Refusal("image", {{"push", "true"}}), HasSubstr("-t NAME"));
  EXPECT_THAT(Refusal("image", {{"name", "a//b"}}), HasSubstr("type=image"));
  EXPECT_THAT(Refusal("oci", {{"compression", "gzip"}, {"compression-level", "22"}}), HasSubstr("0 to 9"));
  EXPECT_THAT(Refusal("oci", {{"compression", "zstd"}, {"compression-level", "-1"}}), HasSubstr("0 to 22"));
  EXPECT_THAT(Refusal("oci", {{"annotationx.y", "1"}}), HasSubstr("annotationx.y"));
  EXPECT_THAT(Refusal("local", {{"attestation-prefix", "../x"}}), HasSubstr("attestation-prefix"));
  EXPECT_THAT(Refusal("local", {{"mode", "move"}}), HasSubstr("copy or delete"));
}

TEST(ExporterOptionsTest, DockersMediaTypesHaveNoPlaceForSome) {
  const auto options = Read("image", {{"oci-mediatypes", "false"}, {"annotation.a", "1"}});
  ASSERT_OK(options);
  EXPECT_FALSE(options->form.oci_artifact);
  EXPECT_THAT(Refusal("image", {{"oci-mediatypes", "false"}, {"annotation-index.a", "1"}}),
              HasSubstr("oci-mediatypes=false"));
  EXPECT_THAT(Refusal("image", {{"oci-mediatypes", "false"}, {"oci-artifact", "true"}}),
              HasSubstr("oci-artifact=true"));
}

TEST(ExporterOptionsTest, DockersArchiveHoldsOnePlatform) {
  EXPECT_OK(Read("docker", {}, 1).status());
  // In the words that people find in search engines.
  EXPECT_THAT(Refusal("docker", {}, 2), HasSubstr("does not currently support exporting manifest lists"));
}

TEST(ExporterOptionsTest, OnlyAnIndexHoldsWhatIsInlineOnly) {
  EXPECT_TRUE(Read("image", {})->inline_attestations);
  EXPECT_FALSE(Read("image", {{"attestation-inline", "false"}})->inline_attestations);
  EXPECT_FALSE(Read("oci", {})->inline_attestations);
}

TEST(CheckExportersTest, APushThatTheTokenDoesNotAllowIsRefusedOfWhicheverOutput) {
  Roles limited;
  limited.pushes = {"registry.example/team/*"};
  const auto push = [](int index, const std::string& name) {
    return ExporterRequest{index, "image", {{"name", name}, {"push", "true"}}};
  };
  const ExporterRequest named{0, "image", {{"name", "registry.example/others/app:1"}}};
  EXPECT_OK(CheckExporters({named, push(1, "registry.example/team/app:1")}, 1, limited));
  for (const auto& requests : std::vector<std::vector<ExporterRequest>>{
           {push(0, "registry.example/others/app:1")},
           {named, push(1, "registry.example/team/app:1,registry.example/others/app:2")},
           {push(0, "registry.example/team/app:1"), push(1, "app:1")}}) {
    const absl::Status refused = CheckExporters(requests, 1, limited);
    EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("may not push"));
  }
  EXPECT_OK(CheckExporters({push(0, "registry.example/others/app:1")}, 1, Roles()));
}

TEST(AttestationOptionsTest, DefaultsOfClientsAreUnderstood) {
  const auto usual = ReadAttestations({{"provenance", "mode=min,inline-only=true"}});
  ASSERT_OK(usual);
  EXPECT_TRUE(usual->provenance);
  EXPECT_TRUE(usual->provenance_inline_only);
  EXPECT_FALSE(usual->full_provenance);
  EXPECT_FALSE(usual->sbom);
  const auto full = ReadAttestations({{"provenance", "type=provenance,mode=max"},
                                      {"sbom", "type=sbom,generator=docker/buildkit-syft-scanner:stable-1"}});
  ASSERT_OK(full);
  EXPECT_TRUE(full->full_provenance);
  EXPECT_FALSE(full->provenance_inline_only);
  EXPECT_TRUE(full->sbom);
  EXPECT_FALSE(ReadAttestations({{"provenance", "false"}})->any());
  // Asked for by name, without a mode, it is all of it.
  for (const std::string asked : {"", "true", "type=provenance,disabled=false", "mode=full"})
    EXPECT_TRUE(ReadAttestations({{"provenance", asked}})->full_provenance) << asked;
}

TEST(AttestationOptionsTest, ClaimsThatTheFarmCannotMakeAreRefused) {
  const auto refusal = [](const std::map<std::string, std::string>& asked) {
    return std::string(ReadAttestations(asked).status().message());
  };
  EXPECT_THAT(refusal({{"sbom", "generator=registry.example/scanner"}}),
              HasSubstr("registry.example/scanner"));
  EXPECT_THAT(refusal({{"provenance", "mode=max,builder-id=me"}}), HasSubstr("builder-id"));
  EXPECT_THAT(refusal({{"provenance", "version=v0.2"}}), HasSubstr("version=v0.2"));
  EXPECT_THAT(refusal({{"provenance", "mode=most"}}), HasSubstr("min or max"));
  EXPECT_THAT(refusal({{"vex", "a=b"}}), HasSubstr("type=vex"));
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
