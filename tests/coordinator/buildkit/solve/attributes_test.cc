#include "coordinator/buildkit/solve/attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/words/platform.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

using Kind = NamedSource::Kind;

absl::StatusOr<SolveAttributes> Read(const AttributeMap& given,
                                     const std::set<std::string>& entitlements = {}) {
  return ReadAttributes("dockerfile.v0", given, entitlements, *ParsePlatform("linux/amd64"));
}

SolveAttributes MustRead(const AttributeMap& given) {
  auto read = Read(given);
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? *std::move(read) : SolveAttributes();
}

std::string ErrorOf(const AttributeMap& given) { return std::string(Read(given).status().message()); }

TEST(AttributesTest, NothingIsADockerfileInTheClientsContext) {
  const SolveAttributes read = MustRead({});
  EXPECT_EQ(read.file, "Dockerfile");
  EXPECT_EQ(read.file_folder, "dockerfile");
  EXPECT_EQ(read.context.kind, Kind::kLocal);
  EXPECT_EQ(read.context.value, "context");
  ASSERT_EQ(read.options.platforms_size(), 1);
  EXPECT_EQ(FormatPlatform(read.options.platforms(0)), "linux/amd64");
  EXPECT_EQ(read.options.network(), v1::NETWORK_MODE_RECORDED);
}

TEST(AttributesTest, PlatformsAreNormalisedAndNamedOnce) {
  const SolveAttributes read = MustRead({{"platform", "linux/arm64/v8, linux/amd64,linux/arm64"}});
  ASSERT_EQ(read.options.platforms_size(), 2);
  EXPECT_EQ(FormatPlatform(read.options.platforms(0)), "linux/arm64");
  EXPECT_THAT(ErrorOf({{"platform", "linux/vax/v1/x"}}), testing::StartsWith("--platform"));
}

TEST(AttributesTest, TargetArgumentsAndLabels) {
  const SolveAttributes read = MustRead({{"target", "build"}, {"build-arg:A", "1"}, {"label:x", "y"}});
  EXPECT_EQ(read.recipe.target(), "build");
  ASSERT_EQ(read.recipe.build_arguments_size(), 1);
  EXPECT_EQ(read.recipe.build_arguments(0).value(), "1");
  EXPECT_EQ(read.options.labels(0).name(), "x");
}

TEST(AttributesTest, NoCacheIsOfAllStagesOrOfSome) {
  EXPECT_TRUE(MustRead({{"no-cache", ""}}).options.no_cache());
  const SolveAttributes some = MustRead({{"no-cache", "Build,test"}});
  EXPECT_FALSE(some.options.no_cache());
  EXPECT_THAT(some.options.no_cache_stages(), testing::ElementsAre("build", "test"));
}

TEST(AttributesTest, PullAsksRegistriesAgain) {
  EXPECT_TRUE(MustRead({{"image-resolve-mode", "pull"}}).options.pull());
  EXPECT_FALSE(MustRead({{"image-resolve-mode", "default"}}).options.pull());
}

TEST(AttributesTest, ContextsOfAllKinds) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const SolveAttributes read = MustRead({{"context:img", "docker-image://alpine:3"},
                                         {"context:layout", "oci-layout://store:1.0@" + digest},
                                         {"context:Sub::linux/arm64/v8", "local:sub"},
                                         {"context:linked", "input:0-a"},
                                         {"context:git", "https://host/a.git#main:dir"},
                                         {"context:web", "https://host/a.tgz"}});
  std::map<std::string, NamedSource> named;
  for (const NamedSource& source : read.named) named[source.name] = source;
  EXPECT_EQ(named["img"].kind, Kind::kImage);
  EXPECT_EQ(named["img"].value, "alpine:3");
  EXPECT_EQ(named["layout"].kind, Kind::kLayout);
  EXPECT_EQ(named["layout"].value, "store");
  EXPECT_EQ(named["layout"].digest, digest);
  EXPECT_EQ(named["layout"].tag, "1.0");
  EXPECT_EQ(named["sub::linux/arm64"].value, "sub");
  EXPECT_EQ(named["linked"].kind, Kind::kInput);
  EXPECT_EQ(named["git"].kind, Kind::kGit);
  EXPECT_EQ(named["web"].kind, Kind::kHttp);
  EXPECT_THAT(ErrorOf({{"context:x", "ftp://host/a"}}), testing::HasSubstr("--build-context x"));
  EXPECT_THAT(ErrorOf({{"context:x", "oci-layout://store"}}), testing::HasSubstr("sha256"));
}

TEST(AttributesTest, TheContextMayBeElsewhere) {
  EXPECT_EQ(MustRead({{"context", "https://host/a.git"}}).context.kind, Kind::kGit);
  EXPECT_EQ(MustRead({{"context", "http://buildkit-session/abc"}}).context.kind, Kind::kUpload);
  EXPECT_EQ(MustRead({{"context", "http://buildkit-session/abc"}}).context.value, "abc");
  EXPECT_FALSE(MustRead({{"context", "https://host/a.git"}}).file_is_local);
  EXPECT_TRUE(MustRead({{"context", "https://host/a.git"}, {"dockerfilekey", "dockerfile"}}).file_is_local);
  EXPECT_EQ(MustRead({{"contextsubdir", "a/b"}}).context_folder, "a/b");
}

TEST(AttributesTest, HostNetworkNeedsItsEntitlement) {
  EXPECT_TRUE(absl::IsPermissionDenied(Read({{"force-network-mode", "host"}}).status()));
  const auto allowed = Read({{"force-network-mode", "host"}}, {"network.host"});
  ASSERT_OK(allowed);
  EXPECT_EQ(allowed->options.network(), v1::NETWORK_MODE_HOST);
  EXPECT_EQ(MustRead({{"force-network-mode", "none"}}).options.network(), v1::NETWORK_MODE_NONE);
  EXPECT_EQ(MustRead({{"force-network-mode", "sandbox"}}).options.network(), v1::NETWORK_MODE_RECORDED);
}

TEST(AttributesTest, OtherEntitlementsAreRefusedByName) {
  const auto read = Read({}, {"security.insecure"});
  EXPECT_TRUE(absl::IsUnimplemented(read.status()));
  EXPECT_THAT(std::string(read.status().message()), testing::HasSubstr("security.insecure"));
}

TEST(AttributesTest, HostsSharedMemoryAndLimits) {
  const SolveAttributes read = MustRead({{"add-hosts", "h=1.2.3.4,g=::1"},
                                         {"shm-size", "1048576"},
                                         {"ulimit", "core=5:5,nofile=10:20,nofile=1:2"}});
  EXPECT_THAT(read.options.extra_hosts(), testing::ElementsAre("1.2.3.4 h", "::1 g"));
  EXPECT_EQ(read.options.shm_size(), 1048576);
  ASSERT_EQ(read.options.ulimits_size(), 2);
  EXPECT_EQ(read.options.ulimits(1).hard(), 2);
}

TEST(AttributesTest, ResourcesThatMeanSomethingHere) {
  const SolveAttributes read = MustRead(
      {{"memory", "1073741824"}, {"cpuquota", "150000"}, {"cpuperiod", "100000"}, {"cpushares", "512"}});
  EXPECT_EQ(read.options.step_bounds().memory(), 1073741824u);
  EXPECT_EQ(read.options.step_bounds().cpu_millis(), 1500u);
  ASSERT_EQ(read.warnings.size(), 1u);
  EXPECT_THAT(read.warnings[0], testing::HasSubstr("cpushares"));
  EXPECT_FALSE(MustRead({{"memory", "0"}}).options.has_step_bounds());
}

TEST(AttributesTest, ControlGroupsAreRefusedByName) {
  EXPECT_THAT(ErrorOf({{"cgroup-parent", "/x"}}), testing::HasSubstr("--cgroup-parent"));
}

TEST(AttributesTest, FrontendsThatAreNotServedAreNamed) {
  const auto own = *ParsePlatform("linux/amd64");
  EXPECT_OK(ReadAttributes("gateway.v0", {{"source", "docker/dockerfile:1.7"}}, {}, own).status());
  const auto other = ReadAttributes("gateway.v0", {{"source", "ghcr.io/me/front:1"}}, {}, own);
  EXPECT_TRUE(absl::IsUnimplemented(other.status()));
  EXPECT_THAT(std::string(other.status().message()), testing::HasSubstr("ghcr.io/me/front:1"));
  EXPECT_TRUE(absl::IsUnimplemented(ReadAttributes("mockerfile.v0", {}, {}, own).status()));
}

TEST(AttributesTest, ImagesOfTheLanguageItself) {
  for (const char* image :
       {"docker/dockerfile", "docker/dockerfile:1", "docker.io/docker/dockerfile:1.7-labs",
        "docker/dockerfile-upstream:master", "docker/dockerfile:1@sha256:abc"}) {
    EXPECT_TRUE(CheckFrontendImage(image).ok()) << image;
  }
  for (const char* image : {"docker/dockerfilex", "localhost:5000/docker/dockerfile", "me/dockerfile", ""}) {
    EXPECT_FALSE(CheckFrontendImage(image).ok()) << image;
  }
}

TEST(AttributesTest, CapabilitiesThatAreNotServedHaveTheWordsThatClientsKnow) {
  EXPECT_OK(Read({{"frontend.caps", "moby.buildkit.frontend.inputs,moby.buildkit.frontend.contexts+forward"}})
                .status());
  EXPECT_EQ(ErrorOf({{"frontend.caps", "moby.buildkit.frontend.future"}}),
            "unsupported frontend capability moby.buildkit.frontend.future");
}

TEST(AttributesTest, AttestationsThatAreSwitchedOffAreLeftOut) {
  const SolveAttributes read =
      MustRead({{"attest:provenance", "mode=min,inline-only=true"}, {"attest:sbom", "disabled=true"}});
  EXPECT_EQ(read.attestations.at("provenance"), "mode=min,inline-only=true");
  EXPECT_FALSE(read.attestations.contains("sbom"));
}

TEST(AttributesTest, TheFarmsOwnOptionsAreTakenOut) {
  const SolveAttributes read = MustRead({{"build-arg:CROSSMILL_VERIFY", "3"},
                                         {"build-arg:CROSSMILL_REQUIRE", "reproducible"},
                                         {"build-arg:CROSSMILL_PRIORITY", "high"},
                                         {"build-arg:OTHER", "x"}});
  EXPECT_EQ(read.options.verify(), 3u);
  EXPECT_TRUE(read.choices.requirement.reproducible);
  EXPECT_EQ(read.options.priority(), 50);
  ASSERT_EQ(read.recipe.build_arguments_size(), 1);
  EXPECT_EQ(read.recipe.build_arguments(0).name(), "OTHER");
}

TEST(AttributesTest, ARequirementNeedsExecutions) {
  EXPECT_EQ(MustRead({{"build-arg:CROSSMILL_REQUIRE", "reproducible"}}).options.verify(), 2u);
  EXPECT_THAT(ErrorOf({{"build-arg:CROSSMILL_REQUIRE", "reproducible"}, {"build-arg:CROSSMILL_VERIFY", "1"}}),
              testing::HasSubstr("CROSSMILL_VERIFY=2"));
}

TEST(AttributesTest, OptionsThatThereAreNotAreRefusedWithTheList) {
  const std::string error = ErrorOf({{"build-arg:CROSSMILL_VERFIY", "2"}});
  EXPECT_THAT(error, testing::HasSubstr("CROSSMILL_VERFIY"));
  EXPECT_THAT(error, testing::HasSubstr("CROSSMILL_VERIFY"));
  EXPECT_THAT(ErrorOf({{"build-arg:CROSSMILL_VERIFY", "many"}}), testing::HasSubstr("CROSSMILL_VERIFY=many"));
}

TEST(AttributesTest, SyntaxLines) {
  EXPECT_EQ(SyntaxOf("# syntax=docker/dockerfile:1\nFROM a\n"), "docker/dockerfile:1");
  EXPECT_EQ(SyntaxOf("#check=skip=all\n# Syntax = x/y:1 \nFROM a\n"), "x/y:1");
  EXPECT_EQ(SyntaxOf("# a comment\n# syntax=x\nFROM a\n"), "");
  EXPECT_EQ(SyntaxOf("FROM a\n# syntax=x\n"), "");
}

TEST(AttributesTest, FieldsOfCsv) {
  EXPECT_THAT(ReadCsv("a,b"), testing::ElementsAre("a", "b"));
  EXPECT_THAT(ReadCsv("\"a,b\",c"), testing::ElementsAre("a,b", "c"));
  EXPECT_THAT(ReadCsv("\"say \"\"x\"\"\""), testing::ElementsAre("say \"x\""));
  EXPECT_TRUE(ReadCsv("").empty());
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
