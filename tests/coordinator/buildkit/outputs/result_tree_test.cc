// Files of a built image, read one by one.
#include "coordinator/buildkit/outputs/result_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/buildkit/outputs/outputs_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

using testing::ElementsAre;

class ResultTreeTest : public OutputsFixture {
 protected:
  // An image with one layer more than the fixture's.
  std::shared_ptr<const ResultTree> TreeWith(const std::vector<layer::SampleEntry>& entries) {
    const v1::Platform platform = oci::LinuxPlatform("amd64");
    const Digest base = oci::PutImage(*blobs_, "amd64");
    EXPECT_OK(images_.Import("base-amd64", base, false));
    const auto pinned = images_.Pin("base-amd64", platform);
    EXPECT_OK(pinned);
    ImageParts parts;
    parts.platform = platform;
    parts.planned_config = R"({"architecture":"amd64","os":"linux","history":[{"created_by":"RUN one"}]})";
    parts.base = &*pinned;
    v1::Layer layer;
    ToProto(*blobs_->PutBytes(layer::WriteLayer(entries).first), layer.mutable_tar());
    parts.layers = {layer};
    parts.layer_times = {1'200'000'001};
    parts.epoch = 1'200'000'000;
    const auto image = assembler_.AssembleImage(parts);
    EXPECT_OK(image);
    const auto tree = ResultTree::Read(image->manifest, services_);
    EXPECT_OK(tree);
    return *tree;
  }
};

TEST_F(ResultTreeTest, FilesAndRangesOfThem) {
  const auto tree = TreeWith({layer::Folder("srv"), layer::File("srv/app", "the app"),
                              layer::Special("srv/other", layer::EntryType::kHardLink, "srv/app")});
  EXPECT_EQ(*tree->ReadFile("/srv/app", 0, 0, 100), "the app");
  EXPECT_EQ(*tree->ReadFile("srv/../srv/./app", 4, 2, 100), "ap");
  EXPECT_EQ(*tree->ReadFile("srv/app", 4, 100, 100), "app");
  EXPECT_EQ(*tree->ReadFile("srv/app", 100, 1, 100), "");
  EXPECT_EQ(*tree->ReadFile("srv/other", 0, 0, 100), "the app");
  EXPECT_TRUE(absl::IsResourceExhausted(tree->ReadFile("srv/app", 0, 0, 6).status()));
  EXPECT_EQ(*tree->ReadFile("srv/app", 0, 6, 6), "the ap");
  EXPECT_TRUE(absl::IsInvalidArgument(tree->ReadFile("srv", 0, 0, 100).status()));
  const auto missing = tree->ReadFile("srv/none", 0, 0, 100);
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_THAT(std::string(missing.status().message()), testing::HasSubstr("no such file"));
}

TEST_F(ResultTreeTest, LinksAreFollowedBelowTheRoot) {
  const auto tree = TreeWith({layer::Special("away", layer::EntryType::kSymlink, "../../../srv/app"),
                              layer::Special("round", layer::EntryType::kSymlink, "round"),
                              layer::Folder("srv"), layer::File("srv/app", "the app"),
                              layer::Special("srv/up", layer::EntryType::kSymlink, "/srv")});
  EXPECT_EQ(*tree->ReadFile("away", 0, 0, 100), "the app");
  EXPECT_EQ(*tree->ReadFile("srv/up/up/app", 0, 0, 100), "the app");
  EXPECT_TRUE(absl::IsInvalidArgument(tree->Stat("round").status()));
  EXPECT_EQ(tree->Stat("away")->path, "srv/app");
}

TEST_F(ResultTreeTest, FoldersAreListedWithTheirOwnEntriesOnly) {
  const auto tree = TreeWith(
      {layer::Folder("z"), layer::File("z/a", "1"), layer::Folder("z/b"), layer::File("z/b/deep", "2"),
       layer::Special("z/c", layer::EntryType::kSymlink, "a"), layer::File("z-", "3")});
  const auto listed = tree->List("/z");
  ASSERT_OK(listed);
  std::vector<std::string> names;
  for (const layer::TarEntry& each : *listed) names.push_back(each.path);
  EXPECT_THAT(names, ElementsAre("a", "b", "c"));
  EXPECT_EQ((*listed)[2].type, layer::EntryType::kSymlink);
  const auto root = tree->List("");
  ASSERT_OK(root);
  bool has_folder = false;
  for (const layer::TarEntry& each : *root) has_folder = has_folder || each.path == "z";
  EXPECT_TRUE(has_folder);
  EXPECT_TRUE(absl::IsInvalidArgument(tree->List("z/a").status()));
  EXPECT_EQ(tree->Stat("/")->type, layer::EntryType::kDirectory);
}

TEST_F(ResultTreeTest, ADiskWithoutRoomIsToldOf) {
  const BuiltImage image = BuiltFor({"amd64"});
  ExportServices services = services_;
  int64_t asked = 0;
  services.take_room = [&](int64_t bytes) {
    asked += bytes;
    return absl::ResourceExhaustedError("the disk has no room");
  };
  const auto tree = ResultTree::Read(image.platforms[0].manifest, services);
  EXPECT_TRUE(absl::IsResourceExhausted(tree.status()));
  EXPECT_THAT(std::string(tree.status().message()), testing::HasSubstr("the disk has no room"));
  EXPECT_GT(asked, 0);
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
