#include "common/oci/layout.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/oci/base_layers.h"
#include "common/oci/image_walk.h"
#include "tests/common/layer/command.h"
#include "tests/common/oci/sample_image.h"

namespace crossmill::oci {
namespace {

#define REQUIRE_PROGRAM(name) \
  if (layer::RunCommand({"which", name})->exit_code != 0) GTEST_SKIP() << name << " is not installed"

void ExpectInvalid(const absl::Status& status, std::string_view reason) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_NE(Sv(status.message()).find(reason), std::string_view::npos) << status;
}

// A tar of those files.
std::string Archive(const std::map<std::string, std::string>& files) {
  std::string tar;
  layer::CanonicalTarWriter writer(layer::AppendTo(&tar));
  for (const auto& [path, content] : files) {
    EXPECT_OK(writer.Add(layer::File(path, content).entry));
    EXPECT_OK(writer.Data(content));
  }
  EXPECT_OK(writer.Finish());
  return tar;
}

TEST(LayoutTest, EqualImagesGiveEqualBytes) {
  auto first = MakeMemoryBlobStore();
  auto second = MakeMemoryBlobStore();
  ASSERT_OK(second->PutBytes("something else in the store"));
  const std::string tar = LayoutOf(*first, PutIndex(*first), {"app:1"});
  EXPECT_EQ(DigestOf(LayoutOf(*second, PutIndex(*second), {"app:1"})), DigestOf(tar));
}

TEST(LayoutTest, WrittenLayoutIsImportedWithItsNames) {
  auto store = MakeMemoryBlobStore();
  const Digest root = PutIndex(*store);
  const std::string tar = LayoutOf(*store, root, {"app:1", "localhost:5000/team/app"});
  auto other = MakeMemoryBlobStore();
  auto image = ImportArchive(layer::SourceOf(tar), *other);
  ASSERT_OK(image);
  EXPECT_EQ(image->root, root);
  EXPECT_EQ(image->media_type, media_type::kOciIndex);
  EXPECT_EQ(image->names,
            (std::vector<std::string>{"docker.io/library/app:1", "localhost:5000/team/app:latest"}));
  auto blobs = WalkImage(*other, root);
  ASSERT_OK(blobs);
  EXPECT_EQ(blobs->documents.size(), 3u);
  ASSERT_EQ(blobs->platforms.size(), 2u);
  EXPECT_EQ(PlatformText(blobs->platforms[1]), "linux/arm64");
  EXPECT_EQ(DigestOf(LayoutOf(*other, root, {"app:1", "localhost:5000/team/app"})), DigestOf(tar));
}

TEST(LayoutTest, CompressedLayoutIsImported) {
  auto store = MakeMemoryBlobStore();
  const Digest root = PutImage(*store, "amd64");
  std::string compressed;
  ASSERT_OK(layer::GzipMembers(layer::SourceOf(LayoutOf(*store, root)), layer::AppendTo(&compressed)));
  auto other = MakeMemoryBlobStore();
  auto image = ImportArchive(layer::SourceOf(compressed), *other);
  ASSERT_OK(image);
  EXPECT_EQ(image->root, root);
}

TEST(LayoutTest, BlobWithAnotherDigestIsRefused) {
  auto store = MakeMemoryBlobStore();
  std::string tar = LayoutOf(*store, PutImage(*store, "amd64"));
  const size_t config = tar.find("\"first\"");
  ASSERT_NE(config, std::string::npos);
  tar[config + 1] = 'F';
  auto other = MakeMemoryBlobStore();
  ExpectInvalid(ImportArchive(layer::SourceOf(tar), *other).status(), "is not what its name says");
}

TEST(LayoutTest, MissingBlobIsNamedWithWhatNeedsIt) {
  auto store = MakeMemoryBlobStore();
  const Digest root = PutImage(*store, "amd64");
  auto manifest = ParseImageManifest(*store->Get(root));
  ASSERT_OK(manifest);
  auto tree = layer::ReadTar(LayoutOf(*store, root));
  ASSERT_OK(tree);
  std::map<std::string, std::string> files;
  for (const layer::SampleEntry& sample : *tree) {
    const bool layer = sample.entry.path.ends_with(manifest->layers[1].digest.hash);
    if (sample.entry.type == layer::EntryType::kFile && !layer) files[sample.entry.path] = sample.content;
  }
  auto other = MakeMemoryBlobStore();
  ExpectInvalid(ImportArchive(layer::SourceOf(Archive(files)), *other).status(),
                fmt::format("blob {} is missing, which manifest {} names", manifest->layers[1].digest.Oci(),
                            root.Oci()));
}

TEST(LayoutTest, IndexWithoutSomePlatformsIsAccepted) {
  auto store = MakeMemoryBlobStore();
  const Digest root = PutIndex(*store);
  auto index = ParseImageIndex(*store->Get(root));
  ASSERT_OK(index);
  auto tree = layer::ReadTar(LayoutOf(*store, root));
  ASSERT_OK(tree);
  std::map<std::string, std::string> files;
  for (const layer::SampleEntry& sample : *tree) {
    const bool arm = sample.entry.path.ends_with(index->manifests[1].digest.hash);
    if (sample.entry.type == layer::EntryType::kFile && !arm) files[sample.entry.path] = sample.content;
  }
  auto other = MakeMemoryBlobStore();
  auto image = ImportArchive(layer::SourceOf(Archive(files)), *other);
  ASSERT_OK(image);
  EXPECT_EQ(WalkImage(*other, image->root)->platforms.size(), 1u);
}

TEST(LayoutTest, WhatIsNoImageIsRefused) {
  auto store = MakeMemoryBlobStore();
  ExpectInvalid(ImportArchive(layer::SourceOf(Archive({{"readme", "x"}})), *store).status(), "not an image");
  ExpectInvalid(ImportArchive(layer::SourceOf("neither tar nor anything"), *store).status(), "tar");
  ExpectInvalid(ImportArchive(layer::SourceOf(Archive({{"index.json", "{"},
                                                       {"oci-layout", R"({"imageLayoutVersion":"1.0.0"})"}})),
                              *store)
                    .status(),
                "index.json");
  ExpectInvalid(ImportArchive(layer::SourceOf(Archive({{"index.json", "{}"},
                                                       {"oci-layout", R"({"imageLayoutVersion":"2.0.0"})"}})),
                              *store)
                    .status(),
                "version 1");
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ExpectInvalid(ImportImage(folder->path(), *store).status(), "not an OCI layout");
  EXPECT_EQ(ImportImage("/no/such/image", *store).status().code(), absl::StatusCode::kNotFound);
}

TEST(LayoutTest, OneOfSeveralImagesIsChosenByName) {
  auto store = MakeMemoryBlobStore();
  ImageIndex index;
  std::map<std::string, std::string> files = {{"oci-layout", R"({"imageLayoutVersion":"1.0.0"})"}};
  for (const char* name : {"amd64", "arm64"}) {
    Descriptor descriptor;
    descriptor.digest = PutImage(*store, name);
    descriptor.media_type = media_type::kOciManifest;
    descriptor.annotations["org.opencontainers.image.ref.name"] = name;
    index.manifests.push_back(descriptor);
    const auto tree = layer::ReadTar(LayoutOf(*store, descriptor.digest));
    ASSERT_OK(tree);
    for (const layer::SampleEntry& sample : *tree) {
      if (sample.entry.path.starts_with("blobs/sha256/")) files[sample.entry.path] = sample.content;
    }
  }
  files["index.json"] = WriteImageIndex(index);
  auto other = MakeMemoryBlobStore();
  ExpectInvalid(ImportArchive(layer::SourceOf(Archive(files)), *other).status(),
                "several images; choose one by name (amd64, arm64)");
  ImportOptions options;
  options.name = "arm64";
  auto image = ImportArchive(layer::SourceOf(Archive(files)), *other, options);
  ASSERT_OK(image);
  EXPECT_EQ(image->root, index.manifests[1].digest);
  options.name = "s390x";
  ExpectInvalid(ImportArchive(layer::SourceOf(Archive(files)), *other, options).status(), "no image 's390x'");
}

TEST(LayoutTest, SkopeoReadsOursAndWeReadItsFormats) {
  REQUIRE_PROGRAM("skopeo");
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  auto store = MakeMemoryBlobStore();
  const Digest root = PutImage(*store, "amd64");
  const Digest index = PutIndex(*store);
  ASSERT_OK(WriteFileAtomic(folder->Path("image.tar"), LayoutOf(*store, root, {"app:1"})));
  ASSERT_OK(WriteFileAtomic(folder->Path("index.tar"), LayoutOf(*store, index, {"app:2"})));

  auto inspect =
      layer::RunCommand({"skopeo", "inspect", "--raw", "oci-archive:" + folder->Path("image.tar") + ":1"});
  ASSERT_OK(inspect);
  ASSERT_EQ(inspect->exit_code, 0) << inspect->stderr_text;
  EXPECT_EQ(DigestOf(inspect->stdout_text), root);

  auto copy =
      layer::RunCommand({"skopeo", "copy", "-q", "--all", "oci-archive:" + folder->Path("index.tar") + ":2",
                         "oci:" + folder->Path("layout") + ":copied"});
  ASSERT_OK(copy);
  ASSERT_EQ(copy->exit_code, 0) << copy->stderr_text;
  auto other = MakeMemoryBlobStore();
  auto image = ImportImage(folder->Path("layout"), *other);
  ASSERT_OK(image);
  EXPECT_EQ(image->root, index);
  EXPECT_EQ(image->names, std::vector<std::string>{"copied"});

  auto docker = layer::RunCommand({"skopeo", "copy", "-q", "oci-archive:" + folder->Path("image.tar") + ":1",
                                   "docker-archive:" + folder->Path("docker.tar") + ":team/app:3"});
  ASSERT_OK(docker);
  ASSERT_EQ(docker->exit_code, 0) << docker->stderr_text;
  auto third = MakeMemoryBlobStore();
  auto imported = ImportImage(folder->Path("docker.tar"), *third);
  ASSERT_OK(imported);
  EXPECT_EQ(imported->names, std::vector<std::string>{"docker.io/team/app:3"});
  // Another manifest, since its layers are not compressed, of the same layers.
  auto pinned = PinImage(*third, imported->root, LinuxPlatform("amd64"));
  auto original = PinImage(*store, root, LinuxPlatform("amd64"));
  ASSERT_OK(pinned);
  ASSERT_OK(original);
  ASSERT_EQ(pinned->layers_size(), 2);
  EXPECT_EQ(pinned->layers(1).tar().hash(), original->layers(1).tar().hash());
}

TEST(LayoutTest, UmociUnpacksOurs) {
  REQUIRE_PROGRAM("umoci");
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  auto store = MakeMemoryBlobStore();
  ASSERT_OK(
      WriteFileAtomic(folder->Path("image.tar"), LayoutOf(*store, PutImage(*store, "amd64"), {"app:1"})));
  ASSERT_OK(MakeFolders(folder->Path("layout")));
  ASSERT_EQ(
      layer::RunCommand({"tar", "-xf", folder->Path("image.tar"), "-C", folder->Path("layout")})->exit_code,
      0);
  auto unpack = layer::RunCommand(
      {"umoci", "unpack", "--rootless", "--image", folder->Path("layout") + ":1", folder->Path("bundle")});
  ASSERT_OK(unpack);
  ASSERT_EQ(unpack->exit_code, 0) << unpack->stderr_text;
  const std::string root = folder->Path("bundle/rootfs");
  EXPECT_EQ(*ReadFile(root + "/etc/arch"), "amd64");
  EXPECT_FALSE(Exists(root + "/bin/sh"));
  EXPECT_EQ(*ReadFile(root + "/bin/sh2"), "#!");
  struct stat info;
  ASSERT_EQ(stat((root + "/etc/arch").c_str(), &info), 0);
  EXPECT_EQ(info.st_mtime, 1'000'000'000);
}

TEST(BaseLayersTest, PinnedImageHasVerifiedLayersAndTheNewestTime) {
  auto store = MakeMemoryBlobStore();
  const Digest index = PutIndex(*store);
  auto image = PinImage(*store, index, LinuxPlatform("arm64"));
  ASSERT_OK(image);
  EXPECT_EQ(image->manifest_digest(), ParseImageIndex(*store->Get(index))->manifests[1].digest.Oci());
  ASSERT_EQ(image->layers_size(), 2);
  EXPECT_TRUE(store->Has(FromProto(image->layers(0).tar())));
  // The whiteouts' time and the config's.
  EXPECT_EQ(image->newest_time(), 1'000'000'001);
  EXPECT_EQ(ParseImageConfig(image->config())->platform.architecture(), "arm64");
  auto missing = PinImage(*store, index, LinuxPlatform("riscv64"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(Sv(missing.status().message()).find("it has linux/amd64, linux/arm64"), std::string_view::npos);
  // A manifest without an index says its platform in its config.
  EXPECT_EQ(PinImage(*store, PutImage(*store, "amd64"), LinuxPlatform("arm64")).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(BaseLayersTest, LayerWithoutItsDiffIdIsRefused) {
  auto store = MakeMemoryBlobStore();
  auto manifest = *ParseImageManifest(*store->Get(PutImage(*store, "amd64")));
  std::swap(manifest.layers[0], manifest.layers[1]);
  const Digest root = *store->PutBytes(WriteImageManifest(manifest));
  ExpectInvalid(PinImage(*store, root, LinuxPlatform("amd64")).status(), "the image config says");
}

}  // namespace
}  // namespace crossmill::oci
