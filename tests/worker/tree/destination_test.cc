// Where COPY and ADD put things: destinations, folders that are made, archives. The results are those of
// BuildKit 0.34.2, unless said otherwise.
#include <fmt/format.h>

#include "tests/support/tar_text.h"
#include "tests/worker/tree/workplace.h"

namespace crossmill::worker {
namespace {

using layer::EntryType;

class DestinationTest : public CopierTest {};

TEST_F(DestinationTest, SeveralFilesNeedAFolder) {
  RUN_HERE([](Workplace& place) {
    place.File("a", "1");
    place.File("b", "2");
    // BuildKit copies one over the other.
    EXPECT_EQ("src: several sources are copied to /x, which is not a folder; expected /x/ as destination",
              place.Run("/x").message());
    EXPECT_EQ("nothing", place.At("/x"));
    ASSERT_OK(place.Run("/etc"));
    EXPECT_EQ("file 640 0:0 clamp 2", place.At("/etc/b"));
    ASSERT_OK(place.Run("/x/"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/x/a"));
  });
}

TEST_F(DestinationTest, AFolderMakesTheDestinationThatOthersGoInto) {
  RUN_HERE([](Workplace& place) {
    place.Folder("sub");
    place.File("a", "1");
    ASSERT_OK(place.Run("/x"));
    EXPECT_EQ("file 755 0:0 clamp #!", place.At("/x/script"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/x/a"));
    place.copy.clear_sources();
    place.File("a", "1");
    place.Folder("sub");
    EXPECT_TRUE(absl::IsInvalidArgument(place.Run("/y")));
  });
}

TEST_F(DestinationTest, OctalModesAreThoseOfFoldersThatAreMade) {
  RUN_HERE([](Workplace& place) {
    place.Folder("sub");
    place.copy.set_chmod("700");
    ASSERT_OK(place.Run("/new/a"));
    EXPECT_EQ("directory 700 0:0 clamp", place.At("/new"));
    EXPECT_EQ("directory 700 0:0 clamp", place.At("/new/a"));
    place.copy.clear_sources();
    place.File("f", "1");
    place.copy.set_chmod("4711");
    ASSERT_OK(place.Run("/b/c/"));
    EXPECT_EQ("directory 711 0:0 clamp", place.At("/b/c"));
    EXPECT_EQ("file 4711 0:0 clamp 1", place.At("/b/c/f"));
    place.copy.set_chmod("u=rwx,go=");
    ASSERT_OK(place.Run("/s/"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/s"));
  });
}

TEST_F(DestinationTest, FoldersOnTheWayThatAreThereGetOnlyTheMode) {
  RUN_HERE([](Workplace& place) {
    ASSERT_OK(MakeFolders(place.root + "/out/src"));
    ASSERT_EQ(0, chown((place.root + "/out/src").c_str(), 7, 8));
    place.File("src/deep/a", "1");
    place.File("src/deep/b", "2");
    for (int match = 0; match < 2; ++match) {
      v1::ContextMatch& added = *place.copy.mutable_sources(0)->mutable_context()->mutable_matches(match);
      added.add_parent_modes(0750);
      added.add_parent_modes(match == 0 ? 0700 : 0711);
    }
    place.copy.set_parents(true);
    place.copy.set_chown("5:6");
    place.copy.set_chmod("2755");
    ASSERT_OK(place.Run("/out"));
    EXPECT_TRUE(place.At("/out/src").starts_with("directory 750 7:8 ")) << place.At("/out/src");
    EXPECT_TRUE(place.At("/out/src/deep").starts_with("directory 711 5:6 ")) << place.At("/out/src/deep");
    EXPECT_EQ("file 2755 5:6 clamp 2", place.At("/out/src/deep/b"));
  });
}

TEST_F(DestinationTest, ParentsThatFoundNothingMakeTheDestination) {
  RUN_HERE([](Workplace& place) {
    ToProto(place.Put(reapi::Directory().SerializeAsString()), place.Match("")->mutable_directory());
    place.copy.set_parents(true);
    place.copy.set_chmod("711");
    ASSERT_OK(place.Run("/x/y"));
    EXPECT_EQ("directory 711 0:0 clamp", place.At("/x/y"));
  });
}

TEST_F(DestinationTest, TheContentOfAPivotDoesNotChangeTheDestination) {
  RUN_HERE([](Workplace& place) {
    place.Folder("");
    place.copy.set_parents(true);
    ASSERT_OK(MakeFolders(place.root + "/x"));
    ASSERT_EQ(0, chmod((place.root + "/x").c_str(), 0711));
    ASSERT_OK(place.Run("/x"));
    EXPECT_TRUE(place.At("/x").starts_with("directory 711 0:0")) << place.At("/x");
    EXPECT_EQ("directory 700 0:0 clamp", place.At("/x/inner"));
  });
}

TEST_F(DestinationTest, OwnersInAnArchiveAreItsOwnUnlessTold) {
  RUN_HERE([](Workplace& place) {
    TarText tar;
    // An entry for the archive's own root says nothing about the destination.
    tar.Add("./", EntryType::kDirectory, "", 9, 9)
        .Add("pkg/f", EntryType::kFile, "1", 77, 88, 04711)
        .AddLink("l", EntryType::kSymlink, "pkg/f");
    place.extract = true;
    place.File("x.tar", tar.Finish());
    ASSERT_OK(place.Run("/plain"));
    EXPECT_EQ("file 4711 77:88 clamp 1", place.At("/plain/pkg/f"));
    place.copy.set_chown("5:6");
    // Reaches neither into the archive nor to the folders that are made for it.
    place.copy.set_chmod("600");
    ASSERT_OK(place.Run("/made/for"));
    EXPECT_EQ("directory 755 5:6 clamp", place.At("/made"));
    EXPECT_EQ("directory 755 5:6 clamp", place.At("/made/for"));
    EXPECT_EQ("file 4711 5:6 clamp 1", place.At("/made/for/pkg/f"));
    EXPECT_EQ("symlink 777 5:6 clamp pkg/f", place.At("/made/for/l"));
    // Without an entry of its own it belongs to nobody else.
    EXPECT_EQ("directory 755 0:0 0", place.At("/made/for/pkg"));
  });
}

TEST_F(DestinationTest, AnArchivesLinksStayInTheDestination) {
  RUN_HERE([](Workplace& place) {
    TarText tar;
    tar.AddLink("up", EntryType::kSymlink, "..")
        .Add("up/x", EntryType::kFile, "1")
        .AddLink("far", EntryType::kSymlink, "../../..")
        .Add("far/outside", EntryType::kFile, "2")
        .AddLink("root", EntryType::kSymlink, "/")
        .Add("root/etc/passwd", EntryType::kFile, "3")
        .AddLink("hard", EntryType::kHardLink, "up/x");
    place.extract = true;
    place.File("x.tar", tar.Finish());
    ASSERT_OK(place.Run("/sub/deep"));
    // As the hard link's entry has it.
    EXPECT_EQ("file 777 0:0 clamp 1", place.At("/sub/deep/x"));
    EXPECT_TRUE(place.SameFile("/sub/deep/x", "/sub/deep/hard"));
    EXPECT_EQ("file 644 0:0 clamp 2", place.At("/sub/deep/outside"));
    EXPECT_EQ("file 644 0:0 clamp 3", place.At("/sub/deep/etc/passwd"));
    EXPECT_EQ("nothing", place.At("/sub/x"));
    EXPECT_EQ("app:x:1000:1001::/:\n", ReadFile(place.root + "/etc/passwd").value_or("gone"));
  });
}

TEST_F(DestinationTest, AnEntryBelowALinkToNothingIsAnError) {
  RUN_HERE([](Workplace& place) {
    TarText tar;
    tar.AddLink("far", EntryType::kSymlink, "/nowhere").Add("far/deep/x", EntryType::kFile, "1");
    place.extract = true;
    place.File("x.tar", tar.Finish());
    const absl::Status status = place.Run("/sub");
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_TRUE(Sv(status.message()).ends_with("/far is a link that leads to nothing")) << status;
    // A folder that is missing behind a link is made.
    TarText behind;
    behind.Add("in", EntryType::kDirectory).AddLink("l", EntryType::kSymlink, "in");
    behind.Add("l/new/x", EntryType::kFile, "1");
    place.copy.clear_sources();
    place.File("x.tar", behind.Finish());
    ASSERT_OK(place.Run("/other"));
    EXPECT_EQ("file 644 0:0 clamp 1", place.At("/other/in/new/x"));
  });
}

TEST_F(DestinationTest, AHardLinkOfAnArchiveSaysWhatItsFileIs) {
  RUN_HERE([](Workplace& place) {
    TarText tar;
    tar.Add("a", EntryType::kFile, "1", 1, 2, 0600).AddLink("b", EntryType::kHardLink, "a");
    place.extract = true;
    place.File("x.tar", tar.Finish());
    ASSERT_OK(place.Run("/x/"));
    EXPECT_EQ("file 777 0:0 clamp 1", place.At("/x/a"));
    EXPECT_TRUE(place.SameFile("/x/a", "/x/b"));
  });
}

TEST_F(DestinationTest, NamesOfAnArchiveAreForgiven) {
  RUN_HERE([](Workplace& place) {
    TarText tar;
    // What has no name is left out; ".." stops at the destination.
    tar.Add("", EntryType::kFile, "nobody")
        .Add("../a", EntryType::kFile, "1")
        .Add("d/../b", EntryType::kFile, "2");
    place.extract = true;
    place.File("x.tar", tar.Finish());
    ASSERT_OK(place.Run("/c/"));
    EXPECT_EQ("file 644 0:0 clamp 1", place.At("/c/a"));
    EXPECT_EQ("file 644 0:0 clamp 2", place.At("/c/b"));
    EXPECT_EQ("nothing", place.At("/c/x.tar"));
    EXPECT_EQ("nothing", place.At("/a"));
  });
}

TEST_F(DestinationTest, KeptTimesReachWhatAnArchiveTouches) {
  RUN_HERE([](Workplace& place) {
    ASSERT_OK(MakeFolders(place.root + "/app/inner"));
    TarText tar;
    tar.Add("inner/f", EntryType::kFile, "1");
    place.extract = true;
    place.File("x.tar", tar.Finish());
    ASSERT_OK(place.Run("/app", true));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/app/inner"));
    EXPECT_EQ("file 644 0:0 1500000000 1", place.At("/app/inner/f"));
  });
}

TEST_F(DestinationTest, AStopEndsACopy) {
  RUN_HERE([](Workplace& place) {
    place.File("a", "1");
    place.copy.set_destination("/a");
    std::stop_source stop;
    stop.request_stop();
    EXPECT_TRUE(absl::IsCancelled(
        ExecuteCopy(place.copy, place.root, kClamp, false, *place.blobs, stop.get_token())));
    EXPECT_EQ("nothing", place.At("/a"));
  });
}

}  // namespace
}  // namespace crossmill::worker
