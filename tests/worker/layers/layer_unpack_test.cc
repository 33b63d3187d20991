// Layers from elsewhere: whiteouts, opaque markers, and tars that mean harm.
#include "worker/layers/layer_unpack.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/namespaces.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"

namespace crossmill::worker {
namespace {

using layer::EntryType;

class LayerUnpackTest : public testing::Test {
 protected:
  // In a user namespace, with folder/layer and folder/outside.
  std::optional<std::string> Run(const std::function<void(const std::string& folder)>& body) {
    return RunInNamespaces(Privilege::kUserNamespace, Disk::kTemporaryFolder, [&](const std::string& folder) {
      ASSERT_OK(MakeFolders(folder + "/layer"));
      ASSERT_OK(WriteFileAtomic(folder + "/outside", "untouched"));
      body(folder);
      EXPECT_EQ("untouched", ReadFile(folder + "/outside").value_or("gone"));
    });
  }
  static absl::StatusOr<UnpackNotes> Unpack(const TarText& tar, const std::string& folder) {
    auto ids = IdMap::OfThisProcess();
    EXPECT_OK(ids);
    const std::string bytes = tar.Finish();
    return UnpackLayer(layer::SourceOf(bytes), folder + "/layer", *ids);
  }
  static FoundFile Inspect(const std::string& file) {
    auto found = InspectFile(file, "x");
    EXPECT_TRUE(found.ok() && found->has_value()) << file;
    return found.ok() && *found ? **found : FoundFile();
  }
};

#define RUN_HERE(...) \
  if (auto reason = Run(__VA_ARGS__)) GTEST_SKIP() << *reason

TEST_F(LayerUnpackTest, WhiteoutsAndOpaqueMarkersBecomeOverlays) {
  RUN_HERE([](const std::string& folder) {
    TarText tar;
    tar.Add("d", EntryType::kDirectory).Add("d/.wh..wh..opq").Add("d/new", EntryType::kFile, "1");
    tar.Add("e/.wh.gone").Add(".wh..wh.plnk", EntryType::kDirectory);
    tar.Add("again", EntryType::kDirectory)
        .Add(".wh.again")
        .Add(".wh.later")
        .Add("later", EntryType::kDirectory);
    tar.Add(".wh.file").Add("file", EntryType::kFile, "2");
    ASSERT_OK(Unpack(tar, folder));
    const std::string layer = folder + "/layer";
    EXPECT_TRUE(Inspect(layer + "/d").opaque);
    EXPECT_EQ(FileKind::kWhiteout, Inspect(layer + "/e/gone").kind);
    EXPECT_EQ(0755u, Inspect(layer + "/e").entry.mode);
    EXPECT_EQ(0, Inspect(layer + "/e").entry.mtime);
    EXPECT_TRUE(Inspect(layer + "/again").opaque);
    EXPECT_TRUE(Inspect(layer + "/later").opaque);
    EXPECT_EQ("2", ReadFile(layer + "/file").value_or("?"));
    EXPECT_FALSE(Exists(layer + "/.wh..wh.plnk"));
  });
}

TEST_F(LayerUnpackTest, EntryBelowALinkStaysInside) {
  RUN_HERE([](const std::string& folder) {
    TarText tar;
    tar.Add("usr", EntryType::kDirectory).Add("usr/lib", EntryType::kDirectory);
    tar.AddLink("lib", EntryType::kSymlink, "/usr/lib").Add("lib/x", EntryType::kFile, "inside");
    tar.AddLink("up", EntryType::kSymlink, "../..").Add("up/outside", EntryType::kFile, "evil");
    tar.AddLink("abs", EntryType::kSymlink, folder).Add("abs/outside", EntryType::kFile, "evil");
    tar.AddLink("leaf", EntryType::kSymlink, folder + "/outside").Add("leaf", EntryType::kFile, "evil");
    ASSERT_OK(Unpack(tar, folder));
    EXPECT_EQ("inside", ReadFile(folder + "/layer/usr/lib/x").value_or("?"));
    EXPECT_EQ("evil", ReadFile(folder + "/layer/outside").value_or("?"));
    EXPECT_EQ("evil", ReadFile(folder + "/layer/leaf").value_or("?"));
  });
}

TEST_F(LayerUnpackTest, HardLinkToAFileOutsideIsRefused) {
  RUN_HERE([](const std::string& folder) {
    TarText tar;
    tar.AddLink("up", EntryType::kSymlink, "../").AddLink("steal", EntryType::kHardLink, "up/outside");
    const auto result = Unpack(tar, folder);
    EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << result.status();
    EXPECT_NE(std::string::npos, Sv(result.status().message()).find("/steal is a hard link to /up/outside"));
  });
}

TEST_F(LayerUnpackTest, DevicesAreSkippedWithANote) {
  RUN_HERE([](const std::string& folder) {
    TarText tar;
    tar.Add("dev", EntryType::kDirectory)
        .Add("dev/null", EntryType::kCharDevice)
        .Add("dev/sda", EntryType::kBlockDevice);
    const auto notes = Unpack(tar, folder);
    ASSERT_OK(notes);
    EXPECT_EQ((std::vector<std::string>{"dev/null", "dev/sda"}), notes->skipped_devices);
    EXPECT_FALSE(Exists(folder + "/layer/dev/null"));
  });
}

TEST_F(LayerUnpackTest, OwnerThatDoesNotExistHereIsRefusedByName) {
  RUN_HERE([](const std::string& folder) {
    TarText tar;
    tar.Add("home/someone", EntryType::kFile, "x", 70000, 5);
    const auto result = Unpack(tar, folder);
    EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
    EXPECT_EQ(
        "home/someone belongs to 70000:5, and the worker's user namespace has only the ids 0..65535 "
        "(scripts/setup-host gives it more)",
        result.status().message());
  });
}

TEST_F(LayerUnpackTest, LaterEntryReplacesEarlierOfAnyType) {
  RUN_HERE([](const std::string& folder) {
    TarText tar;
    tar.Add("a/b/c", EntryType::kFile, "1").Add("a", EntryType::kFile, "2");
    tar.Add("f", EntryType::kFile, "3").Add("f", EntryType::kDirectory).Add("f/g", EntryType::kFile, "4");
    tar.Add("h", EntryType::kFile, "5").AddLink("h", EntryType::kHardLink, "h");
    ASSERT_OK(Unpack(tar, folder));
    EXPECT_EQ("2", ReadFile(folder + "/layer/a").value_or("?"));
    EXPECT_EQ("4", ReadFile(folder + "/layer/f/g").value_or("?"));
    EXPECT_EQ("5", ReadFile(folder + "/layer/h").value_or("?"));
  });
}

TEST_F(LayerUnpackTest, DanglingLinkOnTheWayIsFollowedInside) {
  RUN_HERE([](const std::string& folder) {
    TarText tar;
    tar.AddLink("var/run", EntryType::kSymlink, "/run").Add("var/run/x", EntryType::kFile, "1");
    ASSERT_OK(Unpack(tar, folder));
    EXPECT_EQ("1", ReadFile(folder + "/layer/run/x").value_or("?"));
  });
}

TEST_F(LayerUnpackTest, BytesThatAreNoTarAreAnError) {
  RUN_HERE([](const std::string& folder) {
    auto ids = IdMap::OfThisProcess();
    ASSERT_OK(ids);
    const std::string bytes(2048, 'x');
    EXPECT_TRUE(
        absl::IsInvalidArgument(UnpackLayer(layer::SourceOf(bytes), folder + "/layer", *ids).status()));
  });
}

}  // namespace
}  // namespace crossmill::worker
