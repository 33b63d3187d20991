// What COPY --from takes out of a stage: the same as from the context.
#include "common/layer/tar_reader.h"
#include "tests/support/restarting_store.h"
#include "tests/worker/tree/workplace.h"
#include "worker/tree/exporter.h"

namespace crossmill::worker {
namespace {

// A producer's root.
struct Stage {
  explicit Stage(const Workplace& place) : root(place.root + "/../stage"), blobs(*place.blobs) {
    for (const char* path :
         {"dir/f", "dir/g", "dir/sub/h", "other", "many/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
      const std::string file = fmt::format("{}/{}", root, path);
      EXPECT_OK(MakeFolders(file.substr(0, file.rfind('/'))));
      EXPECT_OK(WriteFileAtomic(file, path));
    }
    EXPECT_EQ(0, symlink("dir", (root + "/link").c_str()));
  }

  v1::Export Wanted(std::string_view pattern, const std::vector<std::string>& excludes = {},
                    bool parents = false) const {
    v1::Export wanted;
    wanted.set_pattern(std::string(pattern));
    wanted.set_parents(parents);
    for (const std::string& exclude : excludes) wanted.add_excludes(exclude);
    return wanted;
  }
  // Paths of the export's tar with blanks between, or the error.
  std::string Paths(const v1::Export& wanted, const std::stop_token& stop = {}) const {
    const auto blob = MakeExport(wanted, root, blobs, stop);
    if (!blob.ok()) return blob.status().ToString();
    const std::string bytes = blobs.Get(*blob).value_or("");
    layer::TarReader reader(layer::SourceOf(bytes));
    std::string paths;
    for (auto entry = reader.Next(); entry.ok() && entry->has_value(); entry = reader.Next()) {
      paths += (paths.empty() ? "" : " ") + (*entry)->path;
    }
    return paths;
  }
  void Copy(Workplace& place, const v1::Export& wanted) const {
    const auto blob = MakeExport(wanted, root, blobs);
    ASSERT_OK(blob);
    v1::ExportSource& source = *place.copy.add_sources()->mutable_export_();
    *source.mutable_export_() = wanted;
    ToProto(*blob, source.mutable_blob());
  }

  std::string root;
  BlobStore& blobs;
};

class ExportTest : public CopierTest {};

TEST_F(ExportTest, ExceptionsBringBackWhatAnExcludedFolderHolds) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    EXPECT_EQ("0 0/rootfs 0/rootfs/dir 0/rootfs/dir/f 0/rootfs/link 0/rootfs/other",
              stage.Paths(stage.Wanted("/", {"dir", "!dir/f", "many"})));
    EXPECT_EQ("0 0/dir 0/dir/sub 0/dir/sub/h", stage.Paths(stage.Wanted("/dir", {"*", "!sub/h"})));
    // Nothing is below for the exception, so the folder does not come either.
    EXPECT_EQ("0 0/dir 0/dir/f 0/dir/g", stage.Paths(stage.Wanted("/dir", {"sub", "!sub/none"})));
    EXPECT_EQ("0 0/dir 0/dir/f", stage.Paths(stage.Wanted("/dir", {"dir", "!dir/f"}, true)));
  });
}

TEST_F(ExportTest, ExcludesSayNothingOfTheSourceItself) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    EXPECT_EQ("0 0/other", stage.Paths(stage.Wanted("/other", {"other"})));
    EXPECT_EQ("0 0/f 1 1/g", stage.Paths(stage.Wanted("/dir/[f-g]", {"g", "dir"})));
    EXPECT_EQ("0 0/dir 0/dir/f", stage.Paths(stage.Wanted("/./dir/[f-g]", {"dir/g"}, true)));
  });
}

TEST_F(ExportTest, ParentsFollowNothing) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    EXPECT_EQ("0 0/link", stage.Paths(stage.Wanted("/./link", {}, true)));
    EXPECT_EQ("NOT_FOUND: 'link/f' is not in the stage", stage.Paths(stage.Wanted("/./link/f", {}, true)));
    EXPECT_EQ("0 0/f", stage.Paths(stage.Wanted("/link/./f", {}, true)));
  });
}

TEST_F(ExportTest, AMissingFolderBeforeAWildcardIsNamed) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    EXPECT_EQ("NOT_FOUND: 'nosuch' is not in the stage", stage.Paths(stage.Wanted("/nosuch/*.py")));
    EXPECT_EQ("", stage.Paths(stage.Wanted("/dir/*.py")));
    EXPECT_EQ("NOT_FOUND: '" + std::string(300, 'x') + "' is not in the stage",
              stage.Paths(stage.Wanted(std::string(300, 'x'))));
  });
}

TEST_F(ExportTest, ParentsThatFindNothingMakeTheDestination) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    EXPECT_EQ("0", stage.Paths(stage.Wanted("/dir/./*.none", {}, true)));
    stage.Copy(place, stage.Wanted("/dir/./*.none", {}, true));
    place.copy.set_parents(true);
    ASSERT_OK(place.Run("/made"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/made"));
  });
}

TEST_F(ExportTest, FoldersOnTheWayThatAreThereGetOnlyTheMode) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    ASSERT_EQ(0, chmod((stage.root + "/dir").c_str(), 0750));
    ASSERT_EQ(0, chmod((stage.root + "/dir/sub").c_str(), 0711));
    ASSERT_OK(MakeFolders(place.root + "/out/dir"));
    ASSERT_EQ(0, chown((place.root + "/out/dir").c_str(), 7, 8));
    stage.Copy(place, stage.Wanted("/./dir/sub", {}, true));
    place.copy.set_parents(true);
    place.copy.set_chown("5:6");
    place.copy.set_chmod("2755");
    ASSERT_OK(place.Run("/out"));
    EXPECT_TRUE(place.At("/out/dir").starts_with("directory 750 7:8 ")) << place.At("/out/dir");
    // The match itself has all that it is told to have.
    EXPECT_TRUE(place.At("/out/dir/sub").starts_with("directory 2755 5:6 ")) << place.At("/out/dir/sub");
  });
}

TEST_F(ExportTest, AGlobOfSeveralFilesNeedsAFolder) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    stage.Copy(place, stage.Wanted("/dir/?"));
    EXPECT_TRUE(absl::IsInvalidArgument(place.Run("/x")));
    place.copy.clear_sources();
    // One match, and a pattern that matches nothing: the destination is the file's name.
    stage.Copy(place, stage.Wanted("/dir/f*"));
    stage.Copy(place, stage.Wanted("/dir/*.none"));
    ASSERT_OK(place.Run("/x"));
    EXPECT_TRUE(place.At("/x").starts_with("file 644 ")) << place.At("/x");
  });
}

// Each star of it doubled the time of the search, which heard no stop.
TEST_F(ExportTest, HostilePatternsAreBounded) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    EXPECT_EQ("", stage.Paths(stage.Wanted("/many/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b")));
  });
}

TEST_F(ExportTest, AStopEndsTheSearch) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ("CANCELLED: cancelled", stage.Paths(stage.Wanted("/*/*"), stop.get_token()));
    EXPECT_EQ("CANCELLED: cancelled", stage.Paths(stage.Wanted("/dir"), stop.get_token()));
  });
}

TEST_F(ExportTest, AStoreThatWasStartedAgainGetsTheExportAgain) {
  RUN_HERE([](Workplace& place) {
    const Stage stage(place);
    RestartingStore blobs;
    const auto plain = MakeExport(stage.Wanted("/dir"), stage.root, blobs, {});
    ASSERT_OK(plain);
    blobs.failures = 1;
    EXPECT_EQ(MakeExport(stage.Wanted("/dir"), stage.root, blobs, {}).value_or(Digest()), *plain);
    blobs.failures = 2;
    EXPECT_TRUE(absl::IsUnavailable(MakeExport(stage.Wanted("/dir"), stage.root, blobs, {}).status()));
  });
}

}  // namespace
}  // namespace crossmill::worker
