// What the network brought as a witness of how packages arrived: each rule a case.
#include "common/packages/fetched_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/packages/package_outcomes.h"

namespace crossmill::packages {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Fetch IndexFile(const std::string& file_name, int status = 200) {
  v1::Fetch fetch;
  fetch.set_kind(v1::Fetch::KIND_INDEX);
  fetch.set_method("GET");
  fetch.set_status(status);
  fetch.set_file_name(file_name);
  fetch.set_seconds(0.25);
  return fetch;
}

v1::Fetch ProxiedFile(const std::string& url) {
  v1::Fetch fetch;
  fetch.set_kind(v1::Fetch::KIND_HTTP);
  fetch.set_method("GET");
  fetch.set_status(200);
  fetch.set_url(url);
  return fetch;
}

v1::Fetch Tunnel(const std::string& host) {
  v1::Fetch fetch;
  fetch.set_kind(v1::Fetch::KIND_TUNNEL);
  fetch.set_method("CONNECT");
  fetch.set_status(200);
  fetch.set_host(host);
  fetch.set_bytes_down(1000);
  return fetch;
}

class FetchedFilesTest : public ::testing::Test {
 protected:
  FetchedFilesTest() { evidence_.run.add_argv("pip install -q demo"); }

  void Install(const std::string& name, const std::string& version, const std::string& tag) {
    v1::DistInfo info;
    info.set_path("usr/local/lib/python3.11/site-packages/" + name + "-" + version + ".dist-info");
    info.set_name(name);
    info.set_version(version);
    info.add_tags(tag);
    info.set_installer("pip");
    info.set_place(v1::DistInfo::PLACE_INTERPRETER);
    info.set_environment("usr/local");
    evidence_.infos.push_back(info);
  }
  void Fetch(const v1::Fetch& fetch) { *evidence_.fetches.add_fetches() = fetch; }
  std::vector<v1::PackageOutcome> Derive() { return DerivePackages(seen_, evidence_); }

  StepEvidence evidence_;
  std::vector<PackageObservation> seen_;
};

TEST_F(FetchedFilesTest, ASilentPureWheelIsAWheelIfItCame) {
  Install("demo", "1.0", "py3-none-any");
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_UNKNOWN);
  Fetch(IndexFile("demo-1.0-py3-none-any.whl"));
  const auto outcomes = Derive();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].outcome(), v1::OUTCOME_WHEEL);
  EXPECT_THAT(outcomes[0].witnesses(), ElementsAre("layer", "index"));
  EXPECT_EQ(outcomes[0].file_name(), "demo-1.0-py3-none-any.whl");
  EXPECT_EQ(outcomes[0].seconds(), 0.25);
  EXPECT_EQ(outcomes[0].remedy(), "");
}

TEST_F(FetchedFilesTest, ASourceAloneWasCompiled) {
  Install("demo", "1.0", "py3-none-any");
  Fetch(IndexFile("demo-1.0.tar.gz"));
  const auto outcomes = Derive();
  EXPECT_EQ(outcomes.at(0).outcome(), v1::OUTCOME_SOURCE);
  EXPECT_THAT(outcomes[0].witnesses(), ElementsAre("layer", "index"));
  EXPECT_EQ(outcomes[0].seconds(), -1) << "how long it was compiled nobody saw";
}

TEST_F(FetchedFilesTest, OfSourceAndWheelTheTagDecides) {
  Install("demo", "1.0", "py3-none-any");
  Fetch(IndexFile("demo-1.0.tar.gz"));
  Fetch(IndexFile("demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_UNKNOWN) << "neither is proved";
  Fetch(IndexFile("demo-1.0-py3-none-any.whl"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_UNKNOWN) << "either may have been installed over the other";
  Install("other", "1.0", "cp311-cp311-manylinux_2_17_x86_64");
  Fetch(IndexFile("other-1.0.tar.gz"));
  Fetch(IndexFile("other-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"));
  EXPECT_EQ(Derive().at(1).outcome(), v1::OUTCOME_WHEEL) << "what is compiled here has no such tag";
}

TEST_F(FetchedFilesTest, AWheelOfTheFarmWasCompiledEarlier) {
  v1::Fetch wheel = IndexFile("demo-1.0-cp311-cp311-linux_x86_64.whl");
  wheel.set_compiled_in_build(7);
  wheel.set_compiled_by_execution(8);
  Install("demo", "1.0", "cp311-cp311-linux_x86_64");
  Fetch(wheel);
  auto outcomes = Derive();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].outcome(), v1::OUTCOME_SOURCE_CACHED);
  EXPECT_EQ(outcomes[0].compiled_in_build(), 7);
  EXPECT_EQ(outcomes[0].compiled_by_execution(), 8);
  EXPECT_EQ(outcomes[0].conflict(), "");
  // pip takes it for any wheel of an index.
  PackageObservation seen;
  seen.name = "demo";
  seen.version = "1.0";
  seen.file_name = wheel.file_name();
  seen.origin = PackageOrigin::kWheel;
  seen.arrived = true;
  seen_ = {seen};
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE_CACHED);
  EXPECT_EQ(Derive()[0].conflict(), "");
  // It came, and was not taken: the step compiled for itself.
  seen_[0].built = true;
  seen_[0].origin = PackageOrigin::kSource;
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE);
  EXPECT_EQ(Derive()[0].compiled_in_build(), 0);
}

TEST_F(FetchedFilesTest, AWheelOfTheFarmThatIsOnlySaved) {
  v1::Fetch wheel = IndexFile("demo-1.0-py3-none-any.whl");
  wheel.set_compiled_in_build(7);
  wheel.set_compiled_by_execution(8);
  Fetch(wheel);
  PackageObservation seen;
  seen.name = "demo";
  seen.version = "1.0";
  seen.file_name = wheel.file_name();
  seen.origin = PackageOrigin::kWheel;
  seen.arrived = true;
  seen.only_saved = true;
  seen_ = {seen};
  const auto outcomes = Derive();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].outcome(), v1::OUTCOME_SOURCE_CACHED);
  EXPECT_EQ(outcomes[0].compiled_in_build(), 7);
}

TEST_F(FetchedFilesTest, OnlyWholeFilesOfThisVersionCount) {
  Install("demo", "1.0", "py3-none-any");
  Fetch(IndexFile("demo-1.0-py3-none-any.whl", 206));
  Fetch(IndexFile("demo-1.0-py3-none-any.whl", 404));
  Fetch(IndexFile(""));
  Fetch(IndexFile("demo-2.0-py3-none-any.whl"));
  Fetch(IndexFile("demon-1.0-py3-none-any.whl"));
  v1::Fetch broken = IndexFile("demo-1.0-py3-none-any.whl");
  broken.set_error("not complete");
  Fetch(broken);
  v1::Fetch refused = IndexFile("demo-1.0-py3-none-any.whl");
  refused.set_refused_by("deny");
  Fetch(refused);
  v1::Fetch head = IndexFile("demo-1.0-py3-none-any.whl");
  head.set_method("HEAD");
  Fetch(head);
  const auto outcomes = Derive();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].outcome(), v1::OUTCOME_UNKNOWN);
}

TEST_F(FetchedFilesTest, MetadataIsNotTheFile) {
  Install("demo", "1.0", "py3-none-any");
  Install("compiled", "1.0", "cp311-cp311-linux_x86_64");
  Fetch(IndexFile("demo-1.0-py3-none-any.whl.metadata"));
  Fetch(IndexFile("candidate-1.0-py3-none-any.whl.metadata"));
  Fetch(ProxiedFile("http://files.example/demo-1.0-py3-none-any.whl.metadata"));
  const auto outcomes = Derive();
  ASSERT_EQ(outcomes.size(), 2u) << "what was only looked at is no build dependency";
  EXPECT_EQ(outcomes[1].name(), "demo");
  EXPECT_EQ(outcomes[1].outcome(), v1::OUTCOME_UNKNOWN);
}

TEST_F(FetchedFilesTest, ALoneWheelWithOtherTagsProvesNothing) {
  Install("demo", "1.0", "py3-none-any");
  Fetch(IndexFile("demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_UNKNOWN)
      << "it was downloaded, something else is installed";
}

TEST_F(FetchedFilesTest, TagsMayStandInAnotherOrder) {
  Install("demo", "1.0", "py3-none-any");
  evidence_.infos[0].clear_tags();
  for (const char* tag : {"py3-none-any", "py2-none-any"}) evidence_.infos[0].add_tags(tag);
  Fetch(IndexFile("demo-1.0-py2.py3-none-any.whl"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_WHEEL);
}

TEST_F(FetchedFilesTest, OfAStepThatFailedNothingIsTakenForABuildDependency) {
  PackageObservation failed;
  failed.name = "demo";
  failed.version = "1.0";
  failed.failed = true;
  seen_.push_back(failed);
  PackageObservation built = failed;
  built.name = "built";
  built.failed = false;
  built.built = true;
  seen_.push_back(built);
  evidence_.has_layer = false;
  Fetch(IndexFile("runtime-1.0-py3-none-any.whl"));
  for (const v1::PackageOutcome& outcome : Derive()) EXPECT_NE(outcome.name(), "runtime");
}

TEST_F(FetchedFilesTest, AWheelThatTheStepKeptIsNoBuildDependency) {
  Install("demo", "1.0", "cp311-cp311-linux_x86_64");
  v1::WheelFile kept;
  kept.set_path("w/kept-1.0-py3-none-any.whl");
  kept.set_file_name("kept-1.0-py3-none-any.whl");
  kept.set_added(true);
  evidence_.wheels.push_back(kept);
  Fetch(IndexFile("kept-1.0-py3-none-any.whl"));
  EXPECT_EQ(Derive().size(), 1u);
  evidence_.wheels[0].set_origin(v1::WheelFile::ORIGIN_BUILT);
  EXPECT_EQ(Derive().size(), 2u) << "the installer's cache keeps what it compiled to compile something else";
  evidence_.wheels[0].clear_origin();
  for (const char* folder :
       {"root/.cache/pypoetry/artifacts/62/4f/", "c/artifacts/62/4f/624ffa0bd7a1c0e5f7aa7b01c0de/"}) {
    evidence_.wheels[0].set_path(folder + std::string("kept-1.0-py3-none-any.whl"));
    EXPECT_EQ(Derive().size(), 2u) << folder;
  }
}

TEST_F(FetchedFilesTest, VersionsAreComparedAsVersions) {
  Install("demo", "2024.8.30", "py3-none-any");
  Fetch(IndexFile("demo-2024.08.30-py3-none-any.whl"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_WHEEL);
}

TEST_F(FetchedFilesTest, AFileThroughTheProxyIsNamedSo) {
  Install("demo", "1.0", "py3-none-any");
  Fetch(ProxiedFile("http://files.example/a/demo-1.0-py3-none-any.whl?token=***#x"));
  const auto outcomes = Derive();
  EXPECT_EQ(outcomes.at(0).outcome(), v1::OUTCOME_WHEEL);
  EXPECT_THAT(outcomes[0].witnesses(), ElementsAre("layer", "proxy"));
}

TEST_F(FetchedFilesTest, WhatATunnelMayHaveBroughtIsBypassed) {
  Install("demo", "1.0", "py3-none-any");
  Install("known", "1.0", "cp311-cp311-manylinux_2_17_x86_64");
  v1::Fetch refused = Tunnel("denied.example");
  refused.set_refused_by("deny");
  Fetch(refused);
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_UNKNOWN)
      << "nothing came through a tunnel that was refused";
  Fetch(Tunnel("files.example"));
  const auto outcomes = Derive();
  EXPECT_EQ(outcomes.at(0).outcome(), v1::OUTCOME_BYPASSED);
  EXPECT_THAT(outcomes[0].remedy(), HasSubstr("files.example"));
  EXPECT_EQ(outcomes.at(1).outcome(), v1::OUTCOME_WHEEL) << "its tag shows it";
}

TEST_F(FetchedFilesTest, ADistributionsPackageDidNotComeFromAnIndex) {
  v1::DistInfo info;
  info.set_path("usr/lib/python3/dist-packages/demo-1.0.dist-info");
  info.set_name("demo");
  info.set_version("1.0");
  info.set_place(v1::DistInfo::PLACE_INTERPRETER);
  info.set_environment("usr");
  evidence_.infos.push_back(info);
  Fetch(IndexFile("demo-1.0-py3-none-any.whl"));
  const auto outcomes = Derive();
  EXPECT_EQ(outcomes.at(0).outcome(), v1::OUTCOME_DISTRO);
  EXPECT_THAT(outcomes[0].witnesses(), ElementsAre("layer"));
}

TEST_F(FetchedFilesTest, WhatCameIsStrongerThanATagInTheLayer) {
  Install("demo", "1.0", "cp311-cp311-manylinux_2_17_x86_64");
  Fetch(IndexFile("demo-1.0.tar.gz"));
  Install("ownindex", "1.0", "cp311-cp311-linux_x86_64");
  Fetch(IndexFile("ownindex-1.0-cp311-cp311-linux_x86_64.whl"));
  const auto outcomes = Derive();
  EXPECT_EQ(outcomes.at(0).outcome(), v1::OUTCOME_SOURCE) << "a build may write any tag";
  EXPECT_THAT(outcomes[0].conflict(), HasSubstr("layer: wheel; network: only demo-1.0.tar.gz"));
  EXPECT_EQ(outcomes.at(1).outcome(), v1::OUTCOME_WHEEL) << "an index of one's own may publish any tag";
  EXPECT_EQ(outcomes[1].file_name(), "ownindex-1.0-cp311-cp311-linux_x86_64.whl");
}

TEST_F(FetchedFilesTest, WhatCameLastBeforeTheRecordWasWrittenIsIt) {
  Install("demo", "1.0", "py3-none-any");
  v1::Fetch wheel = IndexFile("demo-1.0-py3-none-any.whl");
  wheel.set_started_at(1'000'000'000);
  Fetch(wheel);
  v1::Fetch source = IndexFile("demo-1.0.tar.gz");
  source.set_started_at(5'000'000'000);
  Fetch(source);
  evidence_.infos[0].set_written_at(3'000'000'000);
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_WHEEL) << "the source came later";
  evidence_.infos[0].set_written_at(7'000'000'000);
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE) << "installed over the wheel";
  evidence_.infos[0].clear_written_at();
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_UNKNOWN) << "either, for all that is known";
}

PackageObservation Seen(const std::string& name, PackageOrigin origin) {
  PackageObservation seen;
  seen.name = name;
  seen.version = "1.0";
  seen.origin = origin;
  return seen;
}

TEST_F(FetchedFilesTest, OneVersionInTwoEnvironmentsIsToldByTime) {
  Install("demo", "1.0", "py3-none-any");
  evidence_.infos[0].set_environment("later");
  evidence_.infos[0].set_written_at(9'000'000'000);
  Install("demo", "1.0", "py3-none-any");
  evidence_.infos[1].set_environment("earlier");
  evidence_.infos[1].set_written_at(4'000'000'000);
  seen_ = {Seen("demo", PackageOrigin::kWheel), Seen("demo", PackageOrigin::kSource)};
  seen_[0].arrived = seen_[1].arrived = true;
  seen_[0].arrived_ns = 4'100'000'000;
  seen_[1].arrived_ns = 9'100'000'000;
  const auto outcome_in = [&](const std::string& environment) {
    for (const v1::PackageOutcome& outcome : Derive()) {
      if (outcome.environment() == environment) return outcome.outcome();
    }
    return v1::OUTCOME_UNSPECIFIED;
  };
  EXPECT_EQ(outcome_in("/earlier"), v1::OUTCOME_WHEEL);
  EXPECT_EQ(outcome_in("/later"), v1::OUTCOME_SOURCE);
  // A console that came in one piece, when all was over: the order is all that there is.
  seen_[0].arrived_ns = seen_[1].arrived_ns = 9'900'000'000;
  EXPECT_EQ(outcome_in("/earlier"), v1::OUTCOME_WHEEL);
  EXPECT_EQ(outcome_in("/later"), v1::OUTCOME_SOURCE);
  // A line's time is that of the first byte of its chunk: it can be earlier than the record that it tells of.
  seen_[0].arrived_ns = 3'920'000'000;
  seen_[1].arrived_ns = 8'920'000'000;
  EXPECT_EQ(outcome_in("/earlier"), v1::OUTCOME_WHEEL);
  EXPECT_EQ(outcome_in("/later"), v1::OUTCOME_SOURCE);
  // Installed again in one of them: what was said first has no record any more.
  seen_.push_back(Seen("demo", PackageOrigin::kWheel));
  seen_[2].arrived = true;
  seen_[0].arrived_ns = 2'000'000'000;
  seen_[1].arrived_ns = 4'100'000'000;
  seen_[2].arrived_ns = 9'100'000'000;
  EXPECT_EQ(outcome_in("/earlier"), v1::OUTCOME_SOURCE);
  EXPECT_EQ(outcome_in("/later"), v1::OUTCOME_WHEEL);
}

TEST_F(FetchedFilesTest, ASilentPipWheelSavesWhatCame) {
  evidence_.run.clear_argv();
  evidence_.run.add_argv("pip wheel -q -w /w demo pure");
  for (const char* name :
       {"demo-1.0-py3-none-any.whl", "pure-1.0-py3-none-any.whl", "stray-1.0-py3-none-any.whl"}) {
    v1::WheelFile wheel;
    wheel.set_path(std::string("w/") + name);
    wheel.set_file_name(name);
    wheel.set_added(true);
    evidence_.wheels.push_back(wheel);
  }
  Fetch(IndexFile("demo-1.0.tar.gz"));
  Fetch(IndexFile("pure-1.0-py3-none-any.whl"));
  const auto outcomes = Derive();
  ASSERT_EQ(outcomes.size(), 2u) << "of the third nobody knows";
  EXPECT_EQ(outcomes[0].name(), "demo");
  EXPECT_EQ(outcomes[0].outcome(), v1::OUTCOME_SOURCE);
  EXPECT_EQ(outcomes[0].environment(), "/w");
  EXPECT_FALSE(outcomes[0].installed());
  EXPECT_EQ(outcomes[1].outcome(), v1::OUTCOME_WHEEL);
}

TEST_F(FetchedFilesTest, WhatUvDoesNotSayTheNetworkKnows) {
  Install("demo", "1.0", "cp311-cp311-linux_x86_64");
  seen_ = {Seen("demo", PackageOrigin::kUnknown)};
  seen_[0].arrived = seen_[0].by_uv = true;
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE_CACHED) << "uv says when it builds";
  Fetch(IndexFile("demo-1.0.tar.gz"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE) << "old uv does not";
}

TEST_F(FetchedFilesTest, AWheelOfAFolderIsCompiledEarlierForALaterStep) {
  evidence_.run.clear_argv();
  evidence_.run.add_argv("python -m build . > /dev/null");
  v1::WheelFile wheel;
  wheel.set_path("src/dist/demo-1.0-py3-none-any.whl");
  wheel.set_file_name("demo-1.0-py3-none-any.whl");
  wheel.set_added(true);
  evidence_.wheels = {wheel};
  Fetch(IndexFile("backend-1.0-py3-none-any.whl"));
  const auto made = Derive();
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].outcome(), v1::OUTCOME_LOCAL);
  EXPECT_FALSE(made[0].installed());
  EXPECT_EQ(made[1].scope(), "build-dep");
  evidence_ = StepEvidence();
  Install("demo", "1.0", "py3-none-any");
  evidence_.infos[0].set_direct_url(
      R"({"url":"file:///src/dist/demo-1.0-py3-none-any.whl","archive_info":{}})");
  evidence_.earlier_wheels = [&] {
    std::vector<EarlierWheel> wheels;
    AddEarlierWheels(made, &wheels);
    return wheels;
  };
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE_CACHED);
}

TEST_F(FetchedFilesTest, AWheelInAFolderIsWhatAnEarlierStepFetched) {
  Install("demo", "1.0", "py3-none-any");
  evidence_.infos[0].set_direct_url(R"({"url":"file:///d/demo-1.0-py3-none-any.whl","archive_info":{}})");
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_LOCAL);
  v1::StepFetches earlier;
  *earlier.add_fetches() = IndexFile("demo-1.0-py3-none-any.whl");
  evidence_.earlier_wheels = [&] {
    std::vector<EarlierWheel> wheels;
    AddEarlierWheels(earlier, &wheels);
    return wheels;
  };
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_WHEEL);
}

TEST_F(FetchedFilesTest, AConsoleThatDisagreesIsKept) {
  Install("demo", "1.0", "py3-none-any");
  seen_ = {Seen("demo", PackageOrigin::kWheel)};
  seen_[0].arrived = true;
  Fetch(IndexFile("demo-1.0.tar.gz"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_WHEEL);
  EXPECT_THAT(Derive()[0].conflict(), HasSubstr("console: wheel; network: only demo-1.0.tar.gz"));
}

TEST_F(FetchedFilesTest, NothingIsBuiltOfASourceThatDidNotCome) {
  Install("demo", "1.0", "py3-none-any");
  seen_ = {Seen("demo", PackageOrigin::kSource)};
  seen_[0].arrived = seen_[0].built = true;
  Fetch(IndexFile("demo-1.0-py3-none-any.whl"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE) << "a step without a recorded network";
  evidence_.network_recorded = true;
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_WHEEL);
  EXPECT_THAT(Derive()[0].conflict(), HasSubstr("console: source"));
  Fetch(Tunnel("files.example"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE) << "it may have come unseen";
  evidence_.fetches.mutable_fetches()->RemoveLast();
  seen_[0].origin = PackageOrigin::kFolderSource;
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE) << "it lay in a folder";
}

TEST_F(FetchedFilesTest, LinesOfOtherProgramsAreNoPackages) {
  evidence_.network_recorded = true;
  seen_ = {Seen("evil", PackageOrigin::kSource), Seen("failing", PackageOrigin::kUnknown),
           Seen("dependency", PackageOrigin::kWheel), Seen("folder", PackageOrigin::kLocal)};
  seen_[0].built = true;
  seen_[1].failed = true;
  seen_[2].arrived = seen_[2].build_dependency = true;
  seen_[3].failed = true;
  std::vector<std::string> names;
  for (const v1::PackageOutcome& outcome : Derive()) names.push_back(outcome.name());
  EXPECT_THAT(names, ElementsAre("folder")) << "nobody asked for the others";
  for (const char* name : {"evil", "failing", "dependency"}) {
    v1::Fetch page = IndexFile("");
    page.set_project(name);
    Fetch(page);
  }
  EXPECT_EQ(Derive().size(), 4u);
  evidence_.fetches.Clear();
  evidence_.has_layer = false;
  EXPECT_EQ(Derive().size(), 4u) << "of a step that failed every word may explain why";
  evidence_.has_layer = true;
  evidence_.network_recorded = false;
  EXPECT_EQ(Derive().size(), 4u) << "nobody saw what came";
}

TEST_F(FetchedFilesTest, ACompiledPackageOfWhichNothingCameWasCompiledEarlier) {
  Install("demo", "1.0", "cp311-cp311-linux_x86_64");
  evidence_.network_recorded = true;
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE) << "of a folder, for all that is known";
  v1::Fetch page = IndexFile("");
  page.set_project("demo");
  Fetch(page);
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE_CACHED);
  Fetch(IndexFile("backend-1.0-py3-none-any.whl"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE) << "something was compiled with it";
  Install("other", "1.0", "py3-none-any");
  Fetch(IndexFile("other-1.0.tar.gz"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_SOURCE_CACHED) << "the other one was";
}

TEST_F(FetchedFilesTest, WhatASilentInstallerFailedAtIsTheSourceThatIsNowhere) {
  evidence_.has_layer = false;
  seen_ = {Seen(std::string(kUnnamed), PackageOrigin::kUnknown)};
  seen_[0].version.clear();
  seen_[0].failed = true;
  EXPECT_EQ(Derive().at(0).name(), kUnnamed);
  Fetch(IndexFile("demo-1.0.tar.gz"));
  Fetch(IndexFile("backend-1.0-py3-none-any.whl"));
  EXPECT_EQ(Derive().at(0).name(), "demo");
  EXPECT_EQ(Derive()[0].outcome(), v1::OUTCOME_FAILED);
  Fetch(IndexFile("second-1.0.tar.gz"));
  EXPECT_EQ(Derive().at(0).name(), kUnnamed) << "one of two";
}

TEST_F(FetchedFilesTest, WhatIsBuiltFromAnAddressHasBuildDependenciesToo) {
  Install("demo", "1.0", "py3-none-any");
  evidence_.infos[0].set_direct_url(R"({"url":"file:///src","dir_info":{}})");
  Fetch(IndexFile("backend-1.0-py3-none-any.whl"));
  ASSERT_EQ(Derive().size(), 2u);
  EXPECT_EQ(Derive()[1].scope(), "build-dep");
  evidence_.infos[0].set_direct_url(R"({"url":"file:///w/demo-1.0-py3-none-any.whl","archive_info":{}})");
  EXPECT_EQ(Derive().size(), 1u) << "a wheel in a folder is not built";
}

TEST_F(FetchedFilesTest, WhatTheConsoleCollectedAndDroppedIsNoBuildDependency) {
  Install("demo", "1.0", "cp311-cp311-linux_x86_64");
  Fetch(IndexFile("demo-1.0.tar.gz"));
  Fetch(IndexFile("dropped-1.0-py3-none-any.whl"));
  EXPECT_EQ(Derive().size(), 2u);
  seen_ = {Seen("dropped", PackageOrigin::kWheel)};
  EXPECT_EQ(Derive().size(), 1u) << "the resolver went back";
}

TEST_F(FetchedFilesTest, ACheckoutStaysACheckout) {
  Install("demo", "1.0", "py3-none-any");
  evidence_.infos[0].set_direct_url(
      R"({"url":"https://git.example/demo","vcs_info":{"vcs":"git","commit_id":"1"}})");
  Fetch(IndexFile("demo-1.0-py3-none-any.whl"));
  EXPECT_EQ(Derive().at(0).outcome(), v1::OUTCOME_VCS);
}

TEST_F(FetchedFilesTest, WhatCameToCompileSomethingIsABuildDependency) {
  Install("demo", "1.0", "cp311-cp311-linux_x86_64");
  Fetch(IndexFile("demo-1.0.tar.gz"));
  Fetch(IndexFile("setuptools-80.0-py3-none-any.whl"));
  Fetch(IndexFile("demo-0.9.tar.gz"));
  const auto outcomes = Derive();
  ASSERT_EQ(outcomes.size(), 2u) << "another version of what was installed is a candidate that was not taken";
  EXPECT_EQ(outcomes[0].name(), "demo");
  EXPECT_EQ(outcomes[0].outcome(), v1::OUTCOME_SOURCE);
  EXPECT_EQ(outcomes[1].name(), "setuptools");
  EXPECT_EQ(outcomes[1].scope(), "build-dep");
  EXPECT_EQ(outcomes[1].outcome(), v1::OUTCOME_WHEEL);
  EXPECT_FALSE(outcomes[1].installed());
  EXPECT_THAT(outcomes[1].witnesses(), ElementsAre("index"));
}

TEST_F(FetchedFilesTest, WithoutACompileAFetchedFileIsNoPackage) {
  Install("demo", "1.0", "py3-none-any");
  Fetch(IndexFile("demo-1.0-py3-none-any.whl"));
  Fetch(IndexFile("other-1.0-py3-none-any.whl"));
  EXPECT_EQ(Derive().size(), 1u);
  evidence_.infos.clear();
  EXPECT_THAT(Derive(), IsEmpty());
}

}  // namespace
}  // namespace crossmill::packages
