// What reaches the image, judged by where the exporter found the bytes.
#include "coordinator/core/image_reach.h"

#include <gtest/gtest.h>

#include "coordinator/core/exported_paths.h"
#include "tests/coordinator/core/messages.h"

namespace crossmill::core {
namespace {

using Kind = v1::PathDifference;

v1::PathDifference OtherTarget(const std::string& path) {
  return Difference(path, Kind::KIND_METADATA, "link releases/1 != releases/2");
}

v1::ExportedPaths Trees(const std::vector<std::string>& trees, const std::vector<std::string>& links = {}) {
  v1::ExportedPaths paths;
  for (const std::string& tree : trees) paths.add_trees(tree);
  for (const std::string& link : links) paths.add_links(link);
  return paths;
}

v1::ExportedPaths& Search(v1::ExportedPaths& paths, const std::string& folder, const std::string& pattern,
                          bool ignore_dialect = false) {
  v1::ExportedPaths::Search& search = *paths.add_searches();
  search.set_folder(folder);
  search.set_pattern(pattern);
  search.set_ignore_dialect(ignore_dialect);
  return paths;
}

ExportedPathSet SetOf(const v1::ExportedPaths& paths, const std::vector<std::string>& excludes = {}) {
  v1::Export wanted;
  for (const std::string& exclude : excludes) wanted.add_excludes(exclude);
  return {wanted, &paths};
}

TEST(ExportedPathsTest, WhatWasCopiedCountsWhateverDiffers) {
  const ExportedPathSet set = SetOf(Trees({"app/releases/1"}, {"app/current"}));
  for (const auto kind : {Kind::KIND_CONTENT, Kind::KIND_METADATA, Kind::KIND_TIME, Kind::KIND_ONLY_FIRST,
                          Kind::KIND_ONLY_SECOND}) {
    EXPECT_TRUE(set.Holds(Difference("app/releases/1", kind)));
    EXPECT_TRUE(set.Holds(Difference("app/releases/1/lib/x", kind)));
    EXPECT_FALSE(set.Holds(Difference("app/releases/10", kind)));
    EXPECT_FALSE(set.Holds(Difference("app/releases/2/x", kind)));
  }
}

TEST(ExportedPathsTest, LinksThatWereFollowedCountWhereTheyLead) {
  const ExportedPathSet set = SetOf(Trees({"data/v1/app"}, {"app", "srv/current"}));
  EXPECT_TRUE(set.Holds(OtherTarget("app")));
  EXPECT_TRUE(set.Holds(OtherTarget("srv/current")));
  EXPECT_TRUE(set.Holds(Difference("app", Kind::KIND_ONLY_FIRST)));
  EXPECT_TRUE(set.Holds(Difference("srv", Kind::KIND_ONLY_SECOND)))
      << "a removal of the folder the link is in";
  EXPECT_TRUE(set.Holds(Difference("data", Kind::KIND_METADATA, "type directory != symlink")));
  EXPECT_FALSE(set.Holds(Difference("app", Kind::KIND_TIME)));
  EXPECT_FALSE(set.Holds(Difference("data/v1", Kind::KIND_METADATA, "mode 0755 != 0700")));
  EXPECT_FALSE(set.Holds(OtherTarget("srv/previous")));
}

TEST(ExportedPathsTest, FoldersThatParentsKeepsCountThemselves) {
  v1::ExportedPaths paths = Trees({"usr/lib/deep/x"});
  paths.add_folders("usr/lib");
  paths.add_folders("usr/lib/deep");
  const ExportedPathSet set = SetOf(paths);
  EXPECT_TRUE(set.Holds(Difference("usr/lib", Kind::KIND_METADATA, "mode 0755 != 0700")));
  EXPECT_TRUE(set.Holds(Difference("usr/lib/deep", Kind::KIND_TIME)));
  EXPECT_FALSE(set.Holds(Difference("usr", Kind::KIND_METADATA, "mode 0755 != 0700")));
  EXPECT_FALSE(set.Holds(Difference("usr/lib/other")));
}

TEST(ExportedPathsTest, NamesThatAGlobMeetsInOnlyOneRootCount) {
  v1::ExportedPaths paths = Trees({"wheels/a.whl"});
  const ExportedPathSet set = SetOf(Search(paths, "wheels", "*.whl"));
  EXPECT_TRUE(set.Holds(Difference("wheels/b.whl", Kind::KIND_ONLY_SECOND)));
  EXPECT_TRUE(set.Holds(Difference("wheels/b.whl/in", Kind::KIND_ONLY_SECOND)));
  EXPECT_TRUE(set.Holds(Difference("wheels", Kind::KIND_ONLY_FIRST)));
  EXPECT_FALSE(set.Holds(Difference("wheels/pip.log", Kind::KIND_ONLY_SECOND)));
  EXPECT_FALSE(set.Holds(Difference("wheels/pip.log")));
  EXPECT_FALSE(set.Holds(Difference("other/b.whl", Kind::KIND_ONLY_SECOND)));
}

TEST(ExportedPathsTest, AGlobBehindALinkIsLookedForWhereItLeads) {
  v1::ExportedPaths paths = Trees({}, {"wheels"});
  const ExportedPathSet set = SetOf(Search(paths, "data/built", "*.whl"));
  EXPECT_TRUE(set.Holds(Difference("data/built/b.whl", Kind::KIND_ONLY_SECOND)));
  EXPECT_FALSE(set.Holds(Difference("data/built/pip.log", Kind::KIND_ONLY_SECOND)));
}

TEST(ExportedPathsTest, AnyDepthOfFoldersIsAnyDepth) {
  v1::ExportedPaths paths = Trees({"opt/a/b/lib"});
  const ExportedPathSet set = SetOf(Search(paths, "opt", "**/lib", true));
  EXPECT_TRUE(set.Holds(Difference("opt/lib", Kind::KIND_ONLY_SECOND)));
  EXPECT_TRUE(set.Holds(Difference("opt/x/y/lib/z", Kind::KIND_ONLY_SECOND)));
  // A folder below which one may be.
  EXPECT_TRUE(set.Holds(Difference("opt/x", Kind::KIND_ONLY_SECOND)));
  EXPECT_FALSE(set.Holds(Difference("srv/lib", Kind::KIND_ONLY_SECOND)));
}

TEST(ExportedPathsTest, AnExclamationMarkIsAMemberOfAClass) {
  v1::ExportedPaths paths = Trees({"app/a.so"});
  const ExportedPathSet set = SetOf(Search(paths, "app", "[!a].so"));
  EXPECT_TRUE(set.Holds(Difference("app/!.so", Kind::KIND_ONLY_SECOND)));
  EXPECT_TRUE(set.Holds(Difference("app/a.so", Kind::KIND_ONLY_SECOND)));
  EXPECT_FALSE(set.Holds(Difference("app/b.so", Kind::KIND_ONLY_SECOND)));
}

TEST(ExportedPathsTest, WhatAnExcludeHidesDoesNotCount) {
  const ExportedPathSet set = SetOf(Trees({"app"}), {"**/__pycache__", "*.log"});
  EXPECT_FALSE(set.Holds(Difference("app/x/__pycache__/m.pyc")));
  EXPECT_FALSE(set.Holds(Difference("app/1.log", Kind::KIND_ONLY_SECOND)));
  EXPECT_TRUE(set.Holds(Difference("app/x/m.py")));
  EXPECT_TRUE(set.Holds(Difference("app/x/1.log")));
  EXPECT_TRUE(set.Holds(Difference("app")));
  const ExportedPathSet back = SetOf(Trees({"app"}), {"x", "!x/keep"});
  EXPECT_FALSE(back.Holds(Difference("app/x/other")));
  EXPECT_TRUE(back.Holds(Difference("app/x/keep")));
  v1::ExportedPaths paths = Trees({"app/x"});
  const ExportedPathSet globbed = SetOf(Search(paths, "app", "*"), {"*.log"});
  EXPECT_FALSE(globbed.Holds(Difference("app/x/1.log", Kind::KIND_ONLY_SECOND)));
  EXPECT_TRUE(globbed.Holds(Difference("app/y", Kind::KIND_ONLY_SECOND)));
}

TEST(ExportedPathsTest, TheRootIsEverything) {
  EXPECT_TRUE(SetOf(Trees({""})).Holds(Difference("any/where")));
  EXPECT_FALSE(SetOf(Trees({""}), {"var"}).Holds(Difference("var/log/x")));
}

TEST(ExportedPathsTest, WhatNobodyNotedIsEverything) {
  const ExportedPathSet set(v1::Export(), nullptr);
  EXPECT_TRUE(set.Holds(Difference("any/where", Kind::KIND_TIME)));
  EXPECT_TRUE(set.Overlaps("scratch"));
}

TEST(ExportedPathsTest, HostilePatternsTakeNoTime) {
  std::string pattern;
  std::string path;
  for (int i = 0; i < 60; ++i) {
    pattern += "**/a/";
    path += path.empty() ? "a" : "/a";
  }
  v1::ExportedPaths paths;
  Search(paths, "", pattern + "b", true);
  Search(paths, "", std::string(60, '*') + "b");
  const ExportedPathSet set = SetOf(paths);
  EXPECT_TRUE(set.Holds(Difference(path + "/" + path, Kind::KIND_ONLY_SECOND))) << "b may be below";
  EXPECT_FALSE(SetOf(Search(paths = {}, "", std::string(60, '*') + "b"))
                   .Holds(Difference(std::string(2000, 'a'), Kind::KIND_ONLY_SECOND)));
}

// ---- over the stages of a plan ----

class ImageReachTest : public testing::Test {
 protected:
  v1::StagePlan* AddStage() {
    resolved_.paths.emplace_back();
    return plan_.add_stages();
  }
  v1::StagePlan* Stage(int index) { return plan_.mutable_stages(index); }

  v1::CopySource* AddSource(v1::CopySource* source, uint32_t from, const std::string& pattern,
                            const std::optional<v1::ExportedPaths>& paths) {
    source->mutable_export_()->set_stage(from);
    source->mutable_export_()->mutable_export_()->set_pattern(pattern);
    *Stage(static_cast<int>(from))->add_exports() = source->export_().export_();
    resolved_.paths[from].push_back(paths);
    return source;
  }
  // COPY --from whose pattern has no links, at a destination without links.
  void AddCopy(int stage, uint32_t number, uint32_t from, const std::string& pattern, const std::string& to,
               std::optional<v1::ExportedPaths> paths = {}) {
    v1::Step* step = Stage(stage)->add_steps();
    step->set_number(number);
    step->mutable_copy()->set_destination(to);
    if (!paths) paths = Trees({PlainPath(pattern)});
    AddSource(step->mutable_copy()->add_sources(), from, pattern, paths);
    resolved_.plain_copies.emplace(stage, number);
  }
  ImageReach Reach(uint32_t target) { return ImageReach(plan_, target, resolved_); }

  v1::BuildPlan plan_;
  ResolvedExports resolved_;
};

TEST_F(ImageReachTest, WhatIsMountedIntoACommandReachesTheImageAsIfCopied) {
  // Stage 2 is only mounted into the target, stage 3 into the builder, whose /root/.local is copied.
  for (int i = 0; i < 4; ++i) AddStage();
  AddCopy(1, 2, 0, "/root/.local", "/root/.local");
  const auto mount = [&](int stage, uint32_t from, const std::string& pattern) {
    v1::Step* step = Stage(stage)->add_steps();
    step->set_number(9);
    AddSource(step->mutable_run()->add_mounts()->mutable_source(), from, pattern,
              Trees({PlainPath(pattern)}));
  };
  mount(1, 2, "/opt/tools");
  mount(0, 3, "/seed");
  const ImageReach reach = Reach(1);
  EXPECT_FALSE(reach.IsInImage(2));
  EXPECT_TRUE(reach.Reaches(2, Difference("opt/tools/bin/cc")));
  EXPECT_FALSE(reach.Reaches(2, Difference("var/log/x")));
  EXPECT_TRUE(reach.Reaches(3, Difference("seed/a")));
  EXPECT_FALSE(reach.Reaches(3, Difference("other")));
}

TEST_F(ImageReachTest, AnExportThatNobodyResolvedIsTheWholeStage) {
  AddStage();
  AddStage();
  AddCopy(1, 2, 0, "/app/current", "/app");
  resolved_.paths[0][0].reset();
  EXPECT_TRUE(Reach(1).Reaches(0, Difference("anything")));
  resolved_.paths.clear();
  EXPECT_TRUE(Reach(1).Reaches(0, Difference("anything")));
}

TEST_F(ImageReachTest, CopiesOfCopiesReachWhereTheyWereWritten) {
  for (int i = 0; i < 3; ++i) AddStage();
  AddCopy(1, 2, 0, "/used", "/out/used");
  AddCopy(1, 3, 0, "/unused", "/scratch/");
  AddCopy(2, 2, 1, "/out", "/");
  const ImageReach reach = Reach(2);
  EXPECT_TRUE(reach.Reaches(0, Difference("used/a")));
  EXPECT_FALSE(reach.Reaches(0, Difference("unused/a")));
  EXPECT_TRUE(reach.IsConnected(1));
  EXPECT_FALSE(reach.IsInImage(1));
}

TEST_F(ImageReachTest, ACopyThatMayHaveGoneThroughALinkReaches) {
  for (int i = 0; i < 3; ++i) AddStage();
  AddCopy(1, 2, 0, "/used", "/out/current");
  AddCopy(2, 2, 1, "/out/releases", "/");
  EXPECT_FALSE(Reach(2).Reaches(0, Difference("used/a")));
  resolved_.plain_copies.clear();
  EXPECT_TRUE(Reach(2).Reaches(0, Difference("used/a")));
}

TEST_F(ImageReachTest, ACopyOntoALinkOfTheNextExportReaches) {
  for (int i = 0; i < 3; ++i) AddStage();
  AddCopy(1, 2, 0, "/link", "/out/current");
  AddCopy(2, 2, 1, "/out/current", "/", Trees({"out/releases/1"}, {"out/current"}));
  EXPECT_TRUE(Reach(2).Reaches(0, OtherTarget("link")));
}

TEST_F(ImageReachTest, ExportsReachIntoTheStagesBelow) {
  AddStage();
  AddStage()->set_base_stage(0);
  AddStage();
  AddCopy(2, 2, 1, "/opt/current", "/opt", Trees({"opt/1"}, {"opt/current"}));
  const ImageReach reach = Reach(2);
  EXPECT_TRUE(reach.Reaches(0, Difference("opt/1/x")));
  EXPECT_TRUE(reach.Reaches(0, OtherTarget("opt/current")));
  EXPECT_FALSE(reach.Reaches(0, Difference("var/x")));
}

TEST_F(ImageReachTest, WholeStagesReach) {
  AddStage();
  AddStage()->set_base_stage(0);
  EXPECT_TRUE(Reach(1).Reaches(0, Difference("tmp/x", Kind::KIND_TIME)));
}

TEST(WroteWhereToldTest, LinksShowInTheLayer) {
  const auto wrote = [](std::string_view destination, const std::vector<std::string>& lines) {
    std::string text = "crossmill-manifest 1\n";
    for (const std::string& line : lines) text += line + "\n";
    const auto manifest = layer::LayerManifest::Parse(text);
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return WroteWhereTold(*manifest, destination);
  };
  const std::string hash(64, 'a');
  const auto folder = [](const std::string& path) { return "d 0755 0 0 0 1 - " + path; };
  const auto file = [&](const std::string& path) { return "f 0644 0 0 1 1 " + hash + " " + path; };
  EXPECT_TRUE(wrote("/app/current", {folder("app"), folder("app/current"), file("app/current/x")}));
  EXPECT_TRUE(wrote("/app/x", {folder("app"), file("app/x")}));
  EXPECT_TRUE(wrote("/app/", {folder("app"), file("app/x")}));
  EXPECT_TRUE(wrote("/", {file("x")}));
  EXPECT_FALSE(wrote("/app/current", {folder("app"), folder("app/1"), file("app/1/x")}));
  EXPECT_FALSE(wrote("/app", {folder("app"), file("app/x"), folder("srv"), file("srv/y")}));
  EXPECT_FALSE(wrote("/app", {})) << "nothing changed, so nothing shows where it was written";
  EXPECT_FALSE(wrote("/app/x", {folder("app")}));
  EXPECT_FALSE(wrote("/a/../app", {folder("app"), file("app/x")}));
}

}  // namespace
}  // namespace crossmill::core
