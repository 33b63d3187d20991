#include "cli/recipe/build_flags.h"

#include <gtest/gtest.h>

#include "cli/show/exit_codes.h"
#include "common/context/recipe_files.h"
#include "common/plan/step_flags.h"
#include "common/words/platform.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

v1::Platform Own() { return *ParsePlatform("linux/amd64"); }

TEST(BuildFlagsTest, OutputForms) {
  using Type = OutputTarget::Type;
  EXPECT_EQ(ParseOutput("type=oci,dest=a.tar")->destination, "a.tar");
  EXPECT_EQ(ParseOutput("a.tar")->destination, "a.tar");
  EXPECT_EQ(ParseOutput("a.tar")->type, Type::kOci);
  EXPECT_EQ(ParseOutput("-")->destination, "-");
  EXPECT_EQ(ParseOutput("type=oci,dest=-")->destination, "-");
  EXPECT_EQ(ParseOutput("type=docker,dest=a")->type, Type::kDocker);
  EXPECT_EQ(ParseOutput("dest=-,type=tar")->type, Type::kTar);
  EXPECT_TRUE(ParseOutput("type=local,dest=out,platform-split=true")->split);
  const auto zstd = ParseOutput("type=oci,dest=a,compression=zstd,compression-level=19");
  EXPECT_EQ(zstd->compression, v1::COMPRESSION_ZSTD);
  EXPECT_EQ(zstd->compression_level, 19);
  for (const char* bad : {"", "type=docker", "type=oci", "dest=a,x=1", "type=oci,dest", "dest=a",
                          "type=x,dest=a", "type=local,dest=-", "type=tar,dest=a,compression=zstd",
                          "type=registry", "type=oci,dest=a,compression=zstd,compression-level=23",
                          "type=oci,dest=a,compression=xz", "type=oci,dest=a,platform-split=true"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseOutput(bad).status())) << bad;
  }
}

TEST(BuildFlagsTest, CompressionAndAnnotationsAndPush) {
  BuildFlags flags;
  flags.compression = "zstd,level=9";
  flags.annotations = {"index:a=b=c", "plain=1"};
  flags.tags = {"r.example/app:1"};
  flags.push = true;
  const auto options = MakeBuildOptions(flags, Own(), {});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->compression(), v1::COMPRESSION_ZSTD);
  EXPECT_EQ(options->compression_level(), 9);
  ASSERT_EQ(options->annotations_size(), 2);
  EXPECT_EQ(options->annotations(0).name(), "index:a");
  EXPECT_EQ(options->annotations(0).value(), "b=c");
  const auto fails = [](auto change) {
    BuildFlags bad;
    change(bad);
    return absl::IsInvalidArgument(MakeBuildOptions(bad, Own(), {}).status());
  };
  EXPECT_TRUE(fails([](BuildFlags& bad) { bad.push = true; }));
  EXPECT_TRUE(fails([](BuildFlags& bad) { bad.push = bad.detach = true, bad.tags = {"r.example/a:1"}; }));
  EXPECT_TRUE(fails([](BuildFlags& bad) { bad.annotations = {"novalue"}; }));
  EXPECT_TRUE(fails([](BuildFlags& bad) { bad.compression = "gzip,level=13"; }));
  EXPECT_TRUE(fails([](BuildFlags& bad) { bad.compression = "lzma"; }));
  EXPECT_TRUE(fails([](BuildFlags& bad) {
    bad.compression = "gzip";
    bad.outputs = {"type=oci,dest=a,compression=zstd"};
  }));
}

TEST(BuildFlagsTest, BuildArgumentTakesTheVariable) {
  const auto variable = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SET") return "from environment";
    return std::nullopt;
  };
  EXPECT_EQ((*ParseBuildArgument("A=b=c", variable))->value(), "b=c");
  EXPECT_EQ((*ParseBuildArgument("A=", variable))->value(), "");
  EXPECT_EQ((*ParseBuildArgument("SET", variable))->value(), "from environment");
  EXPECT_FALSE(ParseBuildArgument("UNSET", variable)->has_value());
  EXPECT_FALSE(ParseBuildArgument("=x", variable).ok());
}

TEST(BuildFlagsTest, EpochComesFromFlagBeforeVariable) {
  EXPECT_EQ(ParseEpoch(std::nullopt, std::nullopt)->mode, EpochMode::kByBases);
  EXPECT_EQ(ParseEpoch("7", "9")->seconds, 7);
  EXPECT_EQ(ParseEpoch(std::nullopt, "9")->seconds, 9);
  EXPECT_EQ(ParseEpoch("none", "9")->mode, EpochMode::kNone);
  EXPECT_EQ(ParseEpoch("git", std::nullopt)->mode, EpochMode::kGit);
  EXPECT_FALSE(ParseEpoch("soon", std::nullopt).ok());
  EXPECT_FALSE(ParseEpoch(std::nullopt, "git").ok());
  EXPECT_FALSE(ParseEpoch("-1", std::nullopt).ok());
}

TEST(BuildFlagsTest, Timeouts) {
  EXPECT_EQ(*ParseTimeout("90", "--timeout"), 90u);
  EXPECT_EQ(*ParseTimeout("45m", "--timeout"), 2700u);
  EXPECT_EQ(*ParseTimeout("1h30m", "--timeout"), 5400u);
  for (const char* bad : {"0", "soon", "-5s", "", "100ms"})
    EXPECT_FALSE(ParseTimeout(bad, "--timeout").ok()) << bad;
}

TEST(BuildFlagsTest, PlatformsAreSplitAndNormalised) {
  BuildFlags flags;
  flags.platforms = {"linux/x86_64,aarch64", "linux/arm/v7"};
  const auto options = MakeBuildOptions(flags, Own(), {});
  ASSERT_OK(options);
  ASSERT_EQ(options->platforms_size(), 3);
  EXPECT_EQ(FormatPlatform(options->platforms(1)), "linux/arm64");
  flags.platforms = {"linux/arm64,arm64"};
  EXPECT_FALSE(MakeBuildOptions(flags, Own(), {}).ok());
  flags.platforms = {};
  EXPECT_EQ(MakeBuildOptions(flags, Own(), {})->platforms_size(), 1);
}

TEST(BuildFlagsTest, RequireImpliesVerify) {
  BuildFlags flags;
  EXPECT_EQ(MakeBuildOptions(flags, Own(), {})->verify(), 0u);
  flags.require = {"reproducible"};
  EXPECT_EQ(MakeBuildOptions(flags, Own(), {})->verify(), 2u);
  flags.verify = 3;
  EXPECT_EQ(MakeBuildOptions(flags, Own(), {})->verify(), 3u);
  flags.verify = 1;
  EXPECT_FALSE(MakeBuildOptions(flags, Own(), {}).ok());
  flags.verify = 2;
  flags.require = {"luck"};
  EXPECT_FALSE(MakeBuildOptions(flags, Own(), {}).ok());
}

TEST(BuildFlagsTest, IgnoreFileBesideTheDockerfileComesFirst) {
  BuildFlags flags;
  context::RecipePaths paths = context::FindRecipe(flags.file, "/ctx");
  EXPECT_EQ(paths.dockerfile, "/ctx/Dockerfile");
  EXPECT_EQ(paths.dockerfile_name, "Dockerfile");
  ASSERT_EQ(paths.ignore_files.size(), 2u);
  EXPECT_EQ(paths.ignore_files[0].first, "/ctx/Dockerfile.dockerignore");
  EXPECT_EQ(paths.ignore_files[1].first, "/ctx/.dockerignore");
  flags.file = "/ctx/docker/web.Dockerfile";
  paths = context::FindRecipe(flags.file, "/ctx");
  EXPECT_EQ(paths.dockerfile_name, "docker/web.Dockerfile");
  flags.file = "-";
  EXPECT_EQ(context::FindRecipe(flags.file, "/ctx").ignore_files.size(), 1u);
}

v1::BuildView WithVerdicts(std::initializer_list<v1::Verdict> verdicts) {
  v1::BuildView build;
  build.set_status(v1::BUILD_STATUS_SUCCEEDED);
  for (const v1::Verdict verdict : verdicts) build.add_cells()->mutable_comparison()->set_verdict(verdict);
  return build;
}

TEST(ExitCodeTest, VerdictsCountOnlyWhenRequired) {
  EXPECT_EQ(ExitCodeOf(WithVerdicts({v1::VERDICT_REPRODUCIBLE, v1::VERDICT_UNREPRODUCIBLE}), false), 0);
  EXPECT_EQ(ExitCodeOf(WithVerdicts({v1::VERDICT_REPRODUCIBLE, v1::VERDICT_UNREPRODUCIBLE}), true), 3);
  EXPECT_EQ(ExitCodeOf(WithVerdicts({v1::VERDICT_FLAKY, v1::VERDICT_INCONCLUSIVE}), true), 3);
  EXPECT_EQ(ExitCodeOf(WithVerdicts({v1::VERDICT_REPRODUCIBLE, v1::VERDICT_INCONCLUSIVE}), true), 6);
  EXPECT_EQ(ExitCodeOf(WithVerdicts({v1::VERDICT_UNVERIFIED}), true), 6);
  EXPECT_EQ(ExitCodeOf(WithVerdicts({v1::VERDICT_REPRODUCIBLE}), true), 0);
  EXPECT_EQ(ExitCodeOf(WithVerdicts({}), true), 6);
}

TEST(ExitCodeTest, StatusesOfBuilds) {
  const auto code = [](v1::BuildStatus status) {
    v1::BuildView build;
    build.set_status(status);
    return ExitCodeOf(build, true);
  };
  EXPECT_EQ(code(v1::BUILD_STATUS_FAILED), 1);
  EXPECT_EQ(code(v1::BUILD_STATUS_CANCELLED), 130);
  EXPECT_EQ(code(v1::BUILD_STATUS_TIMED_OUT), 124);
  EXPECT_EQ(code(v1::BUILD_STATUS_INFRASTRUCTURE_FAILED), 5);
}

TEST(ExitCodeTest, Errors) {
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("x")), 4);
  EXPECT_EQ(ExitCodeOf(absl::UnauthenticatedError("x")), 4);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("x")), 5);
  EXPECT_EQ(ExitCodeOf(WithExit(absl::InvalidArgumentError("x"), kExitBuildFailed)), 1);
  EXPECT_EQ(HintOf(WithHint(absl::UnavailableError("x"), "do y")), "do y");
}

TEST(BuildFlagsTest, ExtraHosts) {
  EXPECT_EQ(*plan::ParseExtraHost("db:10.0.0.1"), "10.0.0.1 db");
  EXPECT_EQ(*plan::ParseExtraHost("db=10.0.0.1"), "10.0.0.1 db");
  EXPECT_EQ(*plan::ParseExtraHost("db:::1"), "::1 db");
  EXPECT_EQ(*plan::ParseExtraHost("db=[2001:db8::1]"), "2001:db8::1 db");
  for (const char* bad : {"", "db", ":10.0.0.1", "db:", "db:ten", "db:host-gateway", "a b:10.0.0.1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(plan::ParseExtraHost(bad).status())) << bad;
  }
}

TEST(BuildFlagsTest, Sizes) {
  EXPECT_EQ(*ParseSize("65536", "--shm-size"), 65536);
  EXPECT_EQ(*ParseSize("64m", "--shm-size"), 64 << 20);
  EXPECT_EQ(*ParseSize("1.5g", "--shm-size"), int64_t{3} << 29);
  EXPECT_EQ(*ParseSize("2GiB", "--shm-size"), int64_t{2} << 30);
  EXPECT_EQ(*ParseSize("3kb", "--shm-size"), 3072);
  EXPECT_EQ(*ParseSize("7b", "--shm-size"), 7);
  for (const char* bad : {"", "0", "-1", "m", "1x", "1mm", "1e99", "i", "1i"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseSize(bad, "--shm-size").status())) << bad;
  }
}

TEST(BuildFlagsTest, Ulimits) {
  EXPECT_EQ(plan::ParseUlimit("nofile=1024:2048")->hard(), 2048);
  EXPECT_EQ(plan::ParseUlimit("nofile=1024")->hard(), 1024);
  EXPECT_EQ(plan::ParseUlimit("core=-1")->soft(), -1);
  EXPECT_EQ(plan::ParseUlimit("core=5:-1")->soft(), 5);
  for (const char* bad :
       {"", "nofile", "files=1", "nofile=", "nofile=2:1", "nofile=-1:5", "nofile=1:2:3", "nofile=-2"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(plan::ParseUlimit(bad).status())) << bad;
  }
}

TEST(BuildFlagsTest, NormalizeNamesRules) {
  BuildFlags flags;
  EXPECT_EQ(MakeBuildOptions(flags, Own(), {})->normalize_size(), 0);
  flags.normalize = {"machine-id,apt-logs", "man-db"};
  const auto options = MakeBuildOptions(flags, Own(), {});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(std::vector<std::string>(options->normalize().begin(), options->normalize().end()),
            (std::vector<std::string>{"apt-logs", "machine-id", "man-db"}));
  flags.normalize = {"all"};
  EXPECT_GT(MakeBuildOptions(flags, Own(), {})->normalize_size(), 8);
  flags.normalize = {"moon"};
  EXPECT_TRUE(absl::IsInvalidArgument(MakeBuildOptions(flags, Own(), {}).status()));
}

TEST(BuildFlagsTest, OptionsOfSteps) {
  BuildFlags flags;
  flags.extra_hosts = {"db:10.0.0.1"};
  flags.shm_size = "1m";
  flags.ulimits = {"nofile=1", "nproc=2", "nofile=3"};
  flags.no_cache_stages = {"a,b", "c"};
  flags.labels = {"x=y=z", "empty"};
  const auto options = MakeBuildOptions(flags, Own(), {});
  ASSERT_OK(options);
  EXPECT_EQ(options->extra_hosts(0), "10.0.0.1 db");
  EXPECT_EQ(options->shm_size(), 1 << 20);
  ASSERT_EQ(options->ulimits_size(), 2);
  EXPECT_EQ(options->ulimits(1).soft(), 3) << "the last of a name counts";
  EXPECT_EQ(options->no_cache_stages_size(), 3);
  EXPECT_EQ(options->labels(0).value(), "y=z");
  EXPECT_EQ(options->labels(1).value(), "");
  flags.labels = {"=x"};
  EXPECT_FALSE(MakeBuildOptions(flags, Own(), {}).ok());
}

TEST(BuildFlagsTest, HostsThatAVerdictHasToRestOn) {
  const auto verify_of = [](int min_hosts, int verify, bool require) -> int {
    BuildFlags flags;
    flags.min_hosts = min_hosts;
    flags.verify = verify;
    if (require) flags.require = {"reproducible"};
    const auto options = MakeBuildOptions(flags, Own(), {});
    return options.ok() ? static_cast<int>(options->verify()) : -1;
  };
  EXPECT_EQ(verify_of(3, -1, true), 3) << "as many executions";
  EXPECT_EQ(verify_of(1, -1, true), 2);
  EXPECT_EQ(verify_of(2, 4, true), 4);
  EXPECT_EQ(verify_of(3, 2, true), -1);
  EXPECT_EQ(verify_of(2, -1, false), -1);
}

TEST(BuildFlagsTest, ThePartsOfAMatrixHaveTheirOwnTags) {
  BuildFlags flags;
  flags.tags = {"app:{PYTHON}"};
  flags.matrix = {"PYTHON=3.11,3.12"};
  EXPECT_EQ(MakeBuildOptions(flags, Own(), {})->tags_size(), 0);
}

}  // namespace
}  // namespace crossmill::cli
