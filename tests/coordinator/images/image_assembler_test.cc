#include "coordinator/images/image_assembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/oci/base_layers.h"
#include "common/oci/image_walk.h"
#include "coordinator/images/image_store.h"
#include "tests/common/oci/sample_image.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_image_source.h"
#include "tests/support/memory_image_records.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using oci::LinuxPlatform;

constexpr char kPlanned[] =
    R"({"architecture":"amd64","os":"linux","config":{"Cmd":["/app"]},"history":[{"created_by":"RUN one"}]})";

class ImageAssemblerTest : public testing::Test {
 protected:
  v1::Layer PutLayer(const std::string& content) {
    v1::Layer layer;
    const std::string tar = layer::WriteLayer({layer::File("app", content)}).first;
    ToProto(*blobs_->PutBytes(tar), layer.mutable_tar());
    return layer;
  }

  ImageParts Parts(const v1::PinnedImage* base) {
    ImageParts parts;
    parts.platform = LinuxPlatform("amd64");
    parts.planned_config = kPlanned;
    parts.base = base;
    parts.layers = {PutLayer("one")};
    parts.layer_times = {1'200'000'001};
    parts.epoch = 1'200'000'000;
    return parts;
  }

  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  MemoryImageRecords records_;
  FakeImageSource source_;
  FakeClock clock_;
  ImageStore images_{*blobs_, records_, source_, clock_};
  ImageAssembler assembler_{*blobs_, records_, clock_, 2};
};

TEST_F(ImageAssemblerTest, BaseLayersStayAsTheirPublisherCompressedThem) {
  const Digest base = oci::PutImage(*blobs_, "amd64");
  ASSERT_OK(images_.Import("base", base, false));
  const auto pinned = images_.Pin("base", LinuxPlatform("amd64"));
  ASSERT_OK(pinned);
  const auto image = assembler_.AssembleImage(Parts(&*pinned));
  ASSERT_OK(image);
  const auto base_manifest = oci::ParseImageManifest(*blobs_->Get(base));
  const auto manifest = oci::ParseImageManifest(*blobs_->Get(image->manifest));
  ASSERT_OK(manifest);
  ASSERT_EQ(manifest->layers.size(), 3u);
  EXPECT_EQ(manifest->layers[0].digest, base_manifest->layers[0].digest);
  EXPECT_EQ(manifest->layers[1].digest, base_manifest->layers[1].digest);
  EXPECT_EQ(manifest->layers[2].media_type, oci::media_type::kOciLayerGzip);
  const auto config = oci::ParseImageConfig(*blobs_->Get(manifest->config.digest));
  ASSERT_OK(config);
  EXPECT_EQ(config->diff_ids[2], "sha256:" + Parts(nullptr).layers[0].tar().hash());
  EXPECT_EQ(config->created, 1'200'000'001);
  EXPECT_OK(oci::WalkImage(*blobs_, image->manifest));
}

TEST_F(ImageAssemblerTest, EqualPartsGiveEqualBytesAndAreCompressedOnce) {
  const auto first = assembler_.AssembleImage(Parts(nullptr));
  const auto second = assembler_.AssembleImage(Parts(nullptr));
  ASSERT_OK(first);
  EXPECT_EQ(first->manifest, second->manifest);
  EXPECT_EQ(records_.compressions(), 1);
  // Also where nothing is remembered.
  MemoryImageRecords no_records;
  ImageAssembler other(*blobs_, no_records, clock_, 1);
  EXPECT_EQ(other.AssembleImage(Parts(nullptr))->manifest, first->manifest);
}

TEST_F(ImageAssemblerTest, ConcurrentBuildsCompressALayerOnce) {
  const ImageParts parts = Parts(nullptr);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_OK(assembler_.AssembleImage(parts)); });
  }
  EXPECT_EQ(records_.compressions(), 1);
}

TEST_F(ImageAssemblerTest, MissingLayerIsNamed) {
  ImageParts parts = Parts(nullptr);
  ToProto(DigestOf("lost"), parts.layers[0].mutable_tar());
  const auto image = assembler_.AssembleImage(parts);
  EXPECT_TRUE(absl::IsNotFound(image.status()));
  EXPECT_THAT(std::string(image.status().message()), testing::HasSubstr(DigestOf("lost").hash));
}

TEST_F(ImageAssemblerTest, IndexIsFoundByTagsAndDigestAndCanBeBuiltUpon) {
  const auto amd64 = assembler_.AssembleImage(Parts(nullptr));
  ImageParts parts = Parts(nullptr);
  parts.platform = LinuxPlatform("arm64");
  parts.planned_config =
      R"({"architecture":"arm64","os":"linux","config":{},"history":[{"created_by":"RUN one"}]})";
  const auto arm64 = assembler_.AssembleImage(parts);
  ASSERT_OK(arm64);
  const auto root =
      assembler_.AssembleIndex({{*amd64, *arm64}}, std::vector<std::string>{"app", "team/app:1"}, "build 12");
  ASSERT_OK(root);
  EXPECT_EQ(images_.Get("app")->root, *root);
  EXPECT_EQ(images_.Get("docker.io/team/app:1")->origin, "build 12");
  EXPECT_EQ(images_.Get(root->Oci())->root, *root);
  EXPECT_EQ(images_.Get(arm64->manifest.Oci())->root, arm64->manifest);
  EXPECT_EQ(images_.List()->size(), 2u);
  const auto pinned = images_.Pin("app", LinuxPlatform("arm64"));
  ASSERT_OK(pinned);
  EXPECT_EQ(pinned->manifest_digest(), arm64->manifest.Oci());
  EXPECT_EQ(pinned->newest_time(), 1'200'000'001);
  const auto walked = oci::WalkImage(*blobs_, *root);
  ASSERT_OK(walked);
  EXPECT_EQ(walked->platforms.size(), 2u);
}

TEST_F(ImageAssemblerTest, UntaggedIndexIsFoundByDigestOnly) {
  const auto image = assembler_.AssembleImage(Parts(nullptr));
  const auto root = assembler_.AssembleIndex({{*image}}, {}, "build 1");
  ASSERT_OK(root);
  EXPECT_TRUE(images_.List()->empty());
  EXPECT_OK(images_.Get(root->Oci()));
}

TEST_F(ImageAssemblerTest, MalformedTagChangesNothing) {
  const auto image = assembler_.AssembleImage(Parts(nullptr));
  const auto root =
      assembler_.AssembleIndex({{*image}}, std::vector<std::string>{"good", "Bad Tag"}, "build 1");
  EXPECT_TRUE(absl::IsInvalidArgument(root.status()));
  EXPECT_TRUE(images_.List()->empty());
}

v1::BuildArgument Argument(std::string name, std::string value) {
  v1::BuildArgument argument;
  argument.set_name(std::move(name));
  argument.set_value(std::move(value));
  return argument;
}

TEST_F(ImageAssemblerTest, ZstdLayersAreRememberedBesideGzippedOnes) {
  ImageParts parts = Parts(nullptr);
  const auto gzip = assembler_.AssembleImage(parts);
  parts.options.compression = v1::COMPRESSION_ZSTD;
  parts.options.compression_level = 9;
  const auto zstd = assembler_.AssembleImage(parts);
  ASSERT_OK(zstd);
  const auto manifest = oci::ParseImageManifest(*blobs_->Get(zstd->manifest));
  EXPECT_EQ(manifest->layers[0].media_type, oci::media_type::kOciLayerZstd);
  EXPECT_EQ(manifest->config.digest, oci::ParseImageManifest(*blobs_->Get(gzip->manifest))->config.digest);
  EXPECT_EQ(assembler_.AssembleImage(parts)->manifest, zstd->manifest);
  EXPECT_EQ(records_.compressions(), 2);
  EXPECT_OK(oci::PinImage(*blobs_, zstd->manifest, LinuxPlatform("amd64")));
}

TEST_F(ImageAssemblerTest, LabelsAreAddedToTheRecipes) {
  ImageParts parts = Parts(nullptr);
  parts.planned_config =
      R"({"architecture":"amd64","os":"linux","config":{"Labels":{"b":"recipe","c":"recipe"}},"history":[{}]})";
  parts.options.labels = {Argument("c", "flag"), Argument("a", "flag")};
  const auto image = assembler_.AssembleImage(parts);
  ASSERT_OK(image);
  const auto manifest = oci::ParseImageManifest(*blobs_->Get(image->manifest));
  const Json config = *ParseJson(*blobs_->Get(manifest->config.digest));
  EXPECT_EQ(WriteJson(config["config"]["Labels"]), R"({"a":"flag","b":"recipe","c":"flag"})");
}

TEST_F(ImageAssemblerTest, AnnotationsGoToTheirLevels) {
  ImageParts parts = Parts(nullptr);
  parts.options.annotations = {Argument("m", "1"), Argument("index:i", "2"),
                               Argument("manifest-descriptor[linux/amd64]:d", "3"),
                               Argument("manifest[linux/arm64]:other", "4")};
  const auto image = assembler_.AssembleImage(parts);
  ASSERT_OK(image);
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ(oci::ParseImageManifest(*blobs_->Get(image->manifest))->annotations, (Map{{"m", "1"}}));
  const auto root = assembler_.AssembleIndex({{*image}}, {}, "build 1", parts.options);
  ASSERT_OK(root);
  const auto index = oci::ParseImageIndex(*blobs_->Get(*root));
  EXPECT_EQ(index->annotations, (Map{{"i", "2"}}));
  EXPECT_EQ(index->manifests[0].annotations, (Map{{"d", "3"}}));
}

}  // namespace
}  // namespace crossmill::coordinator
