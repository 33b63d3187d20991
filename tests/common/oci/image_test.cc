#include "common/oci/image.h"

#include <gtest/gtest.h>

#include "common/base/json.h"
#include "common/base/status.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace crossmill::oci {
namespace {

v1::Platform MakePlatform(std::string os, std::string architecture, std::string variant = "") {
  v1::Platform platform;
  platform.set_os(std::move(os));
  platform.set_architecture(std::move(architecture));
  platform.set_variant(std::move(variant));
  return platform;
}

Descriptor MakeDescriptor(std::string_view type, std::string_view content) {
  Descriptor descriptor;
  descriptor.media_type = type;
  descriptor.digest = DigestOf(content);
  return descriptor;
}

Descriptor ForPlatform(std::string architecture, std::string variant = "") {
  Descriptor descriptor = MakeDescriptor(media_type::kOciManifest, architecture + variant);
  descriptor.platform = MakePlatform("linux", std::move(architecture), std::move(variant));
  return descriptor;
}

TEST(ImageTest, ManifestAndIndexComeBackAsWritten) {
  ImageManifest manifest;
  manifest.config = MakeDescriptor(media_type::kOciConfig, "config");
  manifest.layers = {MakeDescriptor(media_type::kOciLayerGzip, "layer")};
  manifest.annotations["b"] = "2";
  manifest.annotations["a"] = "1";
  const std::string bytes = WriteImageManifest(manifest);
  EXPECT_EQ(bytes.substr(0, 91),
            R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"medi)");
  EXPECT_EQ(*DocumentType(bytes), media_type::kOciManifest);
  auto parsed = ParseImageManifest(bytes);
  ASSERT_OK(parsed);
  EXPECT_EQ(WriteImageManifest(*parsed), bytes);

  ImageIndex index;
  index.manifests = {ForPlatform("amd64"), ForPlatform("arm", "v7")};
  auto again = ParseImageIndex(WriteImageIndex(index));
  ASSERT_OK(again);
  EXPECT_EQ(WriteImageIndex(*again), WriteImageIndex(index));
  EXPECT_FALSE(ParseImageIndex(bytes).ok());
  EXPECT_FALSE(ParseImageManifest(WriteImageIndex(index)).ok());
}

TEST(ImageTest, BadDocumentsAreRefusedWithTheMember) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not JSON"},
      {"[]", "not a JSON object"},
      {"{}", "neither"},
      {R"({"schemaVersion":1,"name":"x"})", "schema 1"},
      {R"({"config":{},"layers":[],"manifests":[]})", "both"},
      {R"({"mediaType":"text/plain","config":{},"layers":[]})", "neither"},
      {R"({"config":{},"layers":[]})", "'config' has a bad digest"},
      {R"({"config":{"digest":"sha256:zz","size":1},"layers":[]})", "'config' has a bad digest"},
      {R"({"config":3,"layers":[]})", "'config' is not a descriptor"},
  };
  for (const auto& [document, reason] : cases) {
    auto manifest = ParseImageManifest(document);
    EXPECT_EQ(manifest.status().code(), absl::StatusCode::kInvalidArgument) << document;
    EXPECT_NE(Sv(manifest.status().message()).find(reason), std::string_view::npos) << manifest.status();
  }
  const std::string hash = DigestOf("").Oci();
  EXPECT_FALSE(ParseImageManifest(R"({"config":{"digest":")" + hash + R"(","size":-1},"layers":[]})").ok());
  EXPECT_FALSE(ParseImageManifest(R"({"config":{"digest":")" + hash + R"(","size":0},"layers":{}})").ok());
  EXPECT_OK(ParseImageManifest(R"({"config":{"digest":")" + hash + R"(","size":0},"layers":[]})"));
}

TEST(ImageTest, PlatformIsSelectedWithItsUsualVariants) {
  ImageIndex index;
  index.manifests = {ForPlatform("amd64"), ForPlatform("arm64", "v8"), ForPlatform("arm", "v6"),
                     ForPlatform("arm", "v7"), ForPlatform("unknown")};
  EXPECT_EQ(SelectPlatform(index, MakePlatform("linux", "arm64"))->digest, index.manifests[1].digest);
  EXPECT_EQ(SelectPlatform(index, MakePlatform("linux", "arm"))->digest, index.manifests[3].digest);
  EXPECT_EQ(SelectPlatform(index, MakePlatform("linux", "arm", "v6"))->digest, index.manifests[2].digest);
  EXPECT_EQ(SelectPlatform(index, MakePlatform("linux", "amd64", "v1"))->digest, index.manifests[0].digest);
  auto missing = SelectPlatform(index, MakePlatform("linux", "s390x"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Sv(missing.status().message()),
            "the image has no platform linux/s390x; it has linux/amd64, linux/arm64/v8, linux/arm/v6, "
            "linux/arm/v7");
}

TEST(ImageTest, TimesAreWholeSecondsInUtc) {
  EXPECT_EQ(FormatTime(1'000'000'000), "2001-09-09T01:46:40Z");
  EXPECT_EQ(ParseTime("2001-09-09T01:46:40.987654321Z"), 1'000'000'000);
  EXPECT_EQ(ParseTime("2001-09-09T03:46:40+02:00"), 1'000'000'000);
  EXPECT_EQ(ParseTime("yesterday"), std::nullopt);
}

TEST(ImageTest, FinishedConfigHasLayersAndTimes) {
  const std::string planned = R"({"architecture":"amd64","os":"linux","config":{"Env":["A=1"]},"history":[
      {"created":"2001-09-09T01:46:40Z","created_by":"base"},
      {"created_by":"RUN a"},{"created_by":"ENV A=1","empty_layer":true},{"created_by":"COPY b"}]})";
  const std::vector<Digest> layers = {DigestOf("base"), DigestOf("a"), DigestOf("b")};
  auto finished =
      FinishImageConfig(planned, layers, 1'000'000'000, std::vector<int64_t>{1'000'000'001, 1'000'000'002});
  ASSERT_OK(finished);
  ExpectGolden(std::string(CROSSMILL_GOLDEN_FOLDER) + "/images", "finished_config.json",
               WriteJsonPretty(*ParseJson(*finished)) + "\n");
  auto config = ParseImageConfig(*finished);
  ASSERT_OK(config);
  EXPECT_EQ(config->created, 1'000'000'002);
  EXPECT_EQ(config->diff_ids.size(), 3u);
  EXPECT_EQ(config->diff_ids[2], DigestOf("b").Oci());
}

TEST(ImageTest, BaseWithoutHistoryGetsEntriesForItsLayers) {
  const std::vector<Digest> layers = {DigestOf("base"), DigestOf("a")};
  auto finished =
      FinishImageConfig(R"({"architecture":"amd64","os":"linux","history":[{"created_by":"RUN a"}]})", layers,
                        5, std::vector<int64_t>{6});
  ASSERT_OK(finished);
  const Json json = *ParseJson(*finished);
  ASSERT_EQ(json["history"].size(), 2u);
  EXPECT_EQ(json["history"][0]["comment"], "layer of the base image");
  EXPECT_EQ(json["history"][1]["created"], "1970-01-01T00:00:06Z");
}

TEST(ImageTest, HistoryThatDoesNotFitIsRefused) {
  const std::string planned = R"({"architecture":"amd64","os":"linux","history":[{"created_by":"RUN a"}]})";
  EXPECT_FALSE(FinishImageConfig(planned, {}, 5, {}).ok());
  EXPECT_FALSE(FinishImageConfig(planned, std::vector<Digest>{DigestOf("a"), DigestOf("b")}, 5,
                                 std::vector<int64_t>{6, 7})
                   .ok());
}

TEST(ImageTest, ConfigWithoutWhatIsNeededIsRefused) {
  EXPECT_FALSE(ParseImageConfig(R"({"os":"linux","rootfs":{"diff_ids":[]}})").ok());
  EXPECT_FALSE(ParseImageConfig(R"({"os":"linux","architecture":"amd64"})").ok());
  EXPECT_FALSE(ParseImageConfig(R"({"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["x"]}})").ok());
  EXPECT_OK(ParseImageConfig(R"({"os":"linux","architecture":"amd64","rootfs":{"diff_ids":null}})"));
}

}  // namespace
}  // namespace crossmill::oci
