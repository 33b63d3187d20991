#include "coordinator/rebuild/build_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "-2 text" and "+3 text".
std::vector<std::string> Shown(const std::vector<v1::DockerfileLine>& lines) {
  std::vector<std::string> shown;
  for (const v1::DockerfileLine& line : lines) {
    shown.push_back(line.now() != 0 ? "+" + std::to_string(line.now()) + " " + line.text()
                                    : "-" + std::to_string(line.before()) + " " + line.text());
  }
  return shown;
}

TEST(DiffLinesTest, TellsOnlyWhatIsOnOneSide) {
  EXPECT_THAT(Shown(DiffLines("a\nb\nc\n", "a\nb\nc\n")), IsEmpty());
  EXPECT_THAT(Shown(DiffLines("a\nc\n", "a\nb\nc\n")), ElementsAre("+2 b"));
  EXPECT_THAT(Shown(DiffLines("a\nb\nc\n", "a\nc\n")), ElementsAre("-2 b"));
  EXPECT_THAT(Shown(DiffLines("a\nb\nc\n", "a\nx\nc\n")), ElementsAre("-2 b", "+2 x"));
  EXPECT_THAT(Shown(DiffLines("a\nb\nc\nd\n", "b\nc\nd\na\n")), ElementsAre("-1 a", "+4 a"));
  EXPECT_THAT(Shown(DiffLines("", "a")), ElementsAre("+1 a"));
  EXPECT_THAT(Shown(DiffLines("a\na\n", "a\na\na\n")), ElementsAre("+3 a"));
}

TEST(DiffLinesTest, LongTextsThatDifferThroughoutAreReplaced) {
  std::string before = "same\n";
  std::string now = "same\n";
  for (int i = 0; i < 2100; ++i) {
    before += "b" + std::to_string(i) + "\n";
    now += "n" + std::to_string(i) + "\n";
  }
  const auto lines = DiffLines(before, now);
  ASSERT_EQ(lines.size(), 4200);
  EXPECT_EQ(lines[0].before(), 2);
  EXPECT_EQ(lines[2100].now(), 2);
}

class BuildChangesTest : public ::testing::Test {
 protected:
  struct Build {
    v1::BuildSubmission submission;
    v1::BuildView view;
  };

  static Build Make() {
    Build build;
    build.submission.mutable_recipe()->set_dockerfile("FROM a\nRUN b\n");
    build.view.set_epoch(10);
    v1::PinnedImage& base = *build.view.add_bases();
    base.set_reference("a");
    base.set_manifest_digest("sha256:1");
    v1::PinnedImage& other = *build.view.add_bases();
    other.set_reference("of-another-platform");
    other.set_manifest_digest("sha256:9");
    build.view.add_stages()->set_base(0);
    build.view.add_stages()->set_base(1);
    build.view.add_cells()->add_stages(0);
    return build;
  }
  static v1::BuildChanges Compare(const Build& before, const Build& now) {
    return CompareInputs({before.submission, before.view, before.view.cells(0)},
                         {now.submission, now.view, now.view.cells(0)});
  }
};

TEST_F(BuildChangesTest, NothingIsSaidOfWhatIsTheSame) {
  const v1::BuildChanges changes = Compare(Make(), Make());
  EXPECT_EQ(changes.ByteSizeLong(), 0) << changes.ShortDebugString();
}

TEST_F(BuildChangesTest, ABaseThatMovedIsToldWithBothDigestsAndOthersPlatformsAreNot) {
  Build now = Make();
  now.view.mutable_bases(0)->set_manifest_digest("sha256:2");
  now.view.mutable_bases(1)->set_manifest_digest("sha256:8");
  const v1::BuildChanges changes = Compare(Make(), now);
  ASSERT_EQ(changes.bases_size(), 1);
  EXPECT_EQ(changes.bases(0).before(), "sha256:1");
  EXPECT_EQ(changes.bases(0).now(), "sha256:2");
}

TEST_F(BuildChangesTest, OfABuildThatWasNotPlannedNoBaseIsSaidToBeGone) {
  Build now = Make();
  now.view.clear_stages();
  now.view.clear_bases();
  now.view.set_epoch(0);
  EXPECT_EQ(Compare(Make(), now).ByteSizeLong(), 0);
}

TEST_F(BuildChangesTest, ArgumentsAreNamedWithoutTheirValues) {
  Build before = Make();
  Build now = Make();
  const auto add = [](Build* build, const char* name, const char* value) {
    v1::BuildArgument& argument = *build->submission.mutable_recipe()->add_build_arguments();
    argument.set_name(name);
    argument.set_value(value);
  };
  add(&before, "SAME", "1");
  add(&now, "SAME", "1");
  add(&before, "OTHER", "1");
  add(&now, "OTHER", "hunter2");
  add(&now, "NEW", "1");
  const v1::BuildChanges changes = Compare(before, now);
  EXPECT_THAT(changes.arguments(), ElementsAre("NEW", "OTHER"));
  EXPECT_THAT(changes.ShortDebugString(), ::testing::Not(HasSubstr("hunter2")));
}

TEST_F(BuildChangesTest, OptionsThatCanMatterAreSentences) {
  Build now = Make();
  now.view.set_epoch(11);
  now.view.set_farm_version("2");
  now.submission.mutable_options()->mutable_vary();
  now.submission.mutable_options()->set_network(v1::NETWORK_MODE_NONE);
  now.submission.mutable_options()->add_normalize("apt-logs");
  now.submission.mutable_options()->add_normalize("machine-id");
  const v1::BuildChanges changes = Compare(Make(), now);
  EXPECT_THAT(changes.others(),
              ElementsAre("epoch: 11, was 10", "network: none, was recorded",
                          HasSubstr("variations: none, was clock"),
                          "normalized: apt-logs,machine-id, was none", "farm version: 2, was unknown"));
}

TEST_F(BuildChangesTest, RemoteSourcesAreComparedByContent) {
  Build before = Make();
  Build now = Make();
  for (Build* build : {&before, &now}) {
    v1::RemoteSource& source = *build->view.add_remote_sources();
    source.set_url("https://example/x");
    source.set_digest("sha256:1");
  }
  now.view.mutable_remote_sources(0)->set_digest("sha256:2");
  const v1::BuildChanges changes = Compare(before, now);
  ASSERT_EQ(changes.remote_sources_size(), 1);
  EXPECT_EQ(changes.remote_sources(0).now(), "sha256:2");
}

}  // namespace
}  // namespace crossmill::coordinator
