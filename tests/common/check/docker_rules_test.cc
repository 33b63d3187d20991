// Docker's 22 checks: what its builder's own tests expect (moby/buildkit, dockerfile_lint_test.go).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/check/check_fixture.h"

namespace crossmill::check {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Findings(const std::string& dockerfile) {
  Case given;
  given.dockerfile = dockerfile;
  return DockerFindings(given);
}

TEST(DockerRulesTest, StageNamesAndTheirKeywordHaveACase) {
  EXPECT_THAT(Findings("\nFROM scratch AS BadStageName\n\nFROM scratch as base2\n\nFROM scratch AS base3\n"),
              ElementsAre("2 StageNameCasing: Stage name 'BadStageName' should be lowercase",
                          "4 FromAsCasing: 'as' and 'FROM' keywords' casing do not match"));
  EXPECT_THAT(Findings("from scratch AS base\n\nfrom scratch as base2\n"),
              ElementsAre("1 FromAsCasing: 'AS' and 'from' keywords' casing do not match"));
}

TEST(DockerRulesTest, EmptyLineInsideAnInstructionIsToldAtItsEnd) {
  EXPECT_THAT(Findings("FROM scratch\nCOPY Dockerfile \\\n\n.\nCOPY Dockerfile \\\n.\n"),
              ElementsAre("4 NoEmptyContinuation: Empty continuation line"));
  Case given;
  given.dockerfile = "FROM scratch\nCOPY \\\n\n# comment\n  a \\\n  b \\\n  /\n";
  const CheckReport report = Check(given);
  const Finding* finding = Find(report, "NoEmptyContinuation");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->line, 7u);
  EXPECT_EQ(finding->fix, "remove the empty line 3, or end the instruction before it");
  EXPECT_THAT(Findings("FROM alpine\nRUN <<EOF\necho a\n\necho b\nEOF\n"), IsEmpty());
}

TEST(DockerRulesTest, InstructionsFollowTheMajoritysCase) {
  EXPECT_THAT(
      Findings("From scratch as base\nFROM scratch AS base2\n"),
      ElementsAre("1 ConsistentInstructionCasing: Command 'From' should match the case of the command "
                  "majority (uppercase)"));
  EXPECT_THAT(
      Findings("frOM scratch as base\nfrom scratch as base2\n"),
      ElementsAre("1 ConsistentInstructionCasing: Command 'frOM' should match the case of the command "
                  "majority (lowercase)"));
  EXPECT_THAT(
      Findings("FROM scratch\ncopy Dockerfile /foo\nCOPY Dockerfile /bar\n"),
      ElementsAre("2 ConsistentInstructionCasing: Command 'copy' should match the case of the command "
                  "majority (uppercase)"));
  EXPECT_THAT(
      Findings("FROM scratch\ncopy Dockerfile /foo\ncopy Dockerfile /bar\ncopy Dockerfile /baz\n"),
      ElementsAre("1 ConsistentInstructionCasing: Command 'FROM' should match the case of the command "
                  "majority (lowercase)"));
  EXPECT_THAT(Findings("from scratch\ncopy Dockerfile /foo\ncopy Dockerfile /bar\n"), IsEmpty());
  EXPECT_THAT(Findings("FROM alpine\nRUN <<'EOT'\nenv\nEOT\n"), IsEmpty());
}

TEST(DockerRulesTest, StageNamesAreUniqueAndNotReserved) {
  EXPECT_THAT(Findings("FROM scratch AS b\nFROM scratch AS b\n"),
              ElementsAre("2 DuplicateStageName: Duplicate stage name \"b\", stage names should be unique"));
  EXPECT_THAT(
      Findings("FROM scratch AS scratch\nFROM scratch AS context\n"),
      ElementsAre(
          "1 ReservedStageName: Stage name should not use the same name as reserved stage \"scratch\"",
          "2 ReservedStageName: Stage name should not use the same name as reserved stage \"context\""));
  EXPECT_THAT(Findings("FROM scratch\nFROM scratch AS a\n"), IsEmpty());
}

TEST(DockerRulesTest, TextFormOfCmdIsToldUnlessAShellWasChosen) {
  EXPECT_THAT(Findings("FROM scratch\nCMD mycommand\n"),
              ElementsAre("2 JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended "
                          "behavior related to OS signals"));
  EXPECT_THAT(Findings("FROM scratch\nENTRYPOINT mycommand\n"), testing::SizeIs(1));
  EXPECT_THAT(Findings("FROM scratch\nSHELL [\"/usr/bin/customshell\"]\nCMD mycommand\n"), IsEmpty());
  EXPECT_THAT(
      Findings("FROM scratch AS base\nSHELL [\"/usr/bin/customshell\"]\n\nFROM base\nENTRYPOINT mycommand\n"),
      IsEmpty());
}

TEST(DockerRulesTest, MaintainerIsDeprecated) {
  EXPECT_THAT(
      Findings("FROM scratch\nMAINTAINER me@example.org\n"),
      ElementsAre("2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label"));
  EXPECT_THAT(Findings("FROM scratch\nLABEL org.opencontainers.image.authors=\"me@example.org\"\n"),
              IsEmpty());
}

TEST(DockerRulesTest, WarningsBeforeAnErrorAreToldToo) {
  Case given;
  given.dockerfile = "FROM scratch AS BadStageName\nMAINTAINER me@example.org\nBADCMD\n";
  const CheckReport report = Check(given);
  ASSERT_EQ(report.findings.size(), 3u);
  EXPECT_EQ(report.findings[0].rule, "StageNameCasing");
  EXPECT_EQ(report.findings[1].rule, "MaintainerDeprecated");
  EXPECT_EQ(report.findings[2].rule, "RecipeError");
  EXPECT_EQ(report.findings[2].severity, Severity::kError);
  EXPECT_EQ(report.findings[2].line, 3u);
}

TEST(DockerRulesTest, ArgumentsInFromAreDeclared) {
  for (const char* fine :
       {"ARG base=scratch\nFROM $base\nCOPY Dockerfile .\n",
        "ARG BUILDPLATFORM=linux/amd64\nFROM --platform=$BUILDPLATFORM scratch\n",
        "FROM --platform=$BUILDPLATFORM scratch\n", "ARG DEBUG\nFROM scratch${DEBUG}\n",
        "ARG DEBUG\nFROM scra${DEBUG:-tch}\n", "ARG DEBUG=\"\"\nFROM scratch${DEBUG-@bogus}\n"}) {
    EXPECT_THAT(Findings(fine), IsEmpty()) << fine;
  }
  EXPECT_THAT(Findings("FROM --platform=$BULIDPLATFORM scratch\n"),
              ElementsAre("1 UndefinedArgInFrom: FROM argument 'BULIDPLATFORM' is not declared (did you mean "
                          "BUILDPLATFORM?)"));
  EXPECT_THAT(
      Findings("ARG MY_OS=linux\nARG MY_ARCH=amd64\nFROM --platform=linux/${MYARCH} busybox\n"),
      ElementsAre("3 UndefinedArgInFrom: FROM argument 'MYARCH' is not declared (did you mean MY_ARCH?)"));
  EXPECT_THAT(Findings("FROM busybox:${version:-1}\n"),
              ElementsAre("1 UndefinedArgInFrom: FROM argument 'version' is not declared"));
  EXPECT_THAT(Findings("ARG tag=latest\nFROM busybox:${tag}${version} AS b\n"),
              ElementsAre("2 UndefinedArgInFrom: FROM argument 'version' is not declared"));
}

TEST(DockerRulesTest, FirstWorkdirIsAbsolute) {
  EXPECT_THAT(
      Findings("FROM scratch\nWORKDIR app/\n"),
      ElementsAre("2 WorkdirRelativePath: Relative workdir \"app/\" can have unexpected results if the "
                  "base image changes"));
  EXPECT_THAT(Findings("FROM scratch AS a\nWORKDIR /app\n\nFROM a AS b\nWORKDIR subdir/\n"), IsEmpty());
}

TEST(DockerRulesTest, VariablesAreDefinedBeforeTheirUse) {
  for (const char* fine :
       {"FROM scratch\nARG foo\nCOPY Dockerfile${foo} .\n",
        "FROM alpine AS base\nARG foo=Dockerfile\n\nFROM base\nCOPY $foo .\n",
        "FROM alpine\nRUN echo $PATH\n",
        // Which variables these bases set is not known here.
        "FROM registry.example/team/base\nCOPY $foo .\n", "FROM eclipse-temurin:17\nENV X=$JAVA_HOME/bin\n",
        "FROM scratch\nCOPY ${foo:?give it} .\n", "FROM scratch\nARG foo\nCOPY ${foo:-a} .\n",
        "FROM registry.example/team/base\nCOPY ${foo:-a} .\n", "FROM scratch\nCOPY '$foo' .\n",
        "FROM scratch\nCOPY \\$foo .\n"}) {
    EXPECT_THAT(Findings(fine), IsEmpty()) << fine;
  }
  // An alternative does not define it.
  for (const char* use : {"${foo:-a}", "${foo-a}", "${foo:+a}b", "${foo+a}b"}) {
    EXPECT_THAT(Findings(std::string("FROM scratch\nCOPY ") + use + " .\n"),
                ElementsAre("2 UndefinedVar: Usage of undefined variable '$foo'"))
        << use;
  }
  EXPECT_THAT(Findings("FROM scratch\nCOPY ${foo:-${bar}} .\n"),
              ElementsAre("2 UndefinedVar: Usage of undefined variable '$foo'",
                          "2 UndefinedVar: Usage of undefined variable '$bar'"));
  EXPECT_THAT(Findings("FROM alpine\nCOPY $foo .\nARG foo=bar\nRUN echo $foo\n"),
              ElementsAre("2 UndefinedVar: Usage of undefined variable '$foo'"));
  EXPECT_THAT(
      Findings(
          "FROM alpine\nARG DIR_BINARIES=binaries/\nARG DIR_ASSETS=assets/\nARG DIR_CONFIG=config/\nCOPY "
          "$DIR_ASSET .\n"),
      ElementsAre("5 UndefinedVar: Usage of undefined variable '$DIR_ASSET' (did you mean $DIR_ASSETS?)"));
  EXPECT_THAT(Findings("FROM alpine\nENV PATH=$PAHT:/tmp/bin\n"),
              ElementsAre("2 UndefinedVar: Usage of undefined variable '$PAHT' (did you mean $PATH?)"));
  EXPECT_THAT(Findings("FROM scratch AS first\nCOPY $foo .\n\nFROM scratch AS second\nCOPY $bar .\n"),
              ElementsAre("2 UndefinedVar: Usage of undefined variable '$foo'",
                          "5 UndefinedVar: Usage of undefined variable '$bar'"));
}

TEST(DockerRulesTest, GlobalArgumentsAreNotSeenByStages) {
  Case given;
  given.dockerfile = "ARG VERSION=1\nFROM registry.example/base\nCOPY app-${VERSION} /app\n";
  const CheckReport report = Check(given);
  const Finding* finding = Find(report, "UndefinedVar");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->fix, "put ARG VERSION before this line");
}

TEST(DockerRulesTest, OnlyTheLastOfThemCounts) {
  const auto message = [](int line, const char* name) {
    return fmt::format(
        "{} MultipleInstructionsDisallowed: Multiple {} instructions should not be used in the same stage "
        "because "
        "only the last one will be used",
        line, name);
  };
  EXPECT_THAT(
      Findings("FROM scratch\nENTRYPOINT [\"/myapp\"]\nENTRYPOINT [\"/myotherapp\"]\nCMD [\"/myapp\"]\nCMD "
               "[\"/myotherapp\"]\nHEALTHCHECK CMD [\"/myapp\"]\nHEALTHCHECK CMD [\"/myotherapp\"]\n"),
      ElementsAre(message(2, "ENTRYPOINT"), message(4, "CMD"), message(6, "HEALTHCHECK")));
  EXPECT_THAT(Findings("FROM scratch AS a\nCMD [\"/myapp\"]\nFROM a AS b\nCMD [\"/myotherapp\"]\n"),
              IsEmpty());
}

TEST(DockerRulesTest, PairsAreWrittenWithAnEqualsSign) {
  EXPECT_THAT(
      Findings("FROM scratch\nENV testkey value\nLABEL key value\n"),
      ElementsAre("2 LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key "
                  "value\" format",
                  "3 LegacyKeyValueFormat: \"LABEL key=value\" should be used instead of legacy \"LABEL "
                  "key value\" format"));
  EXPECT_THAT(Findings("FROM scratch\nENV testkey=value\nLABEL key=value\n"), IsEmpty());
}

TEST(DockerRulesTest, BaseOfAnotherPlatformIsTold) {
  Case given;
  given.dockerfile = "FROM registry.example/base:1\n";
  given.bases["registry.example/base:1"].platforms = {LinuxPlatform("arm64")};
  EXPECT_THAT(
      DockerFindings(given),
      ElementsAre("1 InvalidBaseImagePlatform: Base image registry.example/base:1 was pulled with platform "
                  "\"linux/arm64\", expected \"linux/amd64\" for current build"));
  given.bases["registry.example/base:1"].platforms.push_back(LinuxPlatform("amd64"));
  EXPECT_THAT(DockerFindings(given), IsEmpty());
}

TEST(DockerRulesTest, TargetPlatformInFromIsRedundant) {
  EXPECT_THAT(
      Findings("FROM --platform=$TARGETPLATFORM scratch\n"),
      ElementsAre("1 RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is "
                  "redundant as this is the default behavior"));
  EXPECT_THAT(Findings("FROM --platform=${TARGETPLATFORM} scratch\n"), testing::SizeIs(1));
}

TEST(DockerRulesTest, SecretsAreKnownByTheWordsOfTheirNames) {
  const auto message = [](int line, const char* name, const char* key) {
    return fmt::format(
        "{} SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data ({} \"{}\")", line,
        name, key);
  };
  EXPECT_THAT(
      Findings("FROM scratch\nARG SECRET_PASSPHRASE\nENV SUPER_Secret=foo\nENV password=bar secret=baz\nARG "
               "super_duper_secret_token=foo auth=bar\nENV apikey=bar sunflower=foo\nENV git_key=\nENV "
               "PUBLIC_KEY=\nARG public_token\nENV PASSWORD_FILE=/run/secrets/p MONKEY=1 KEYBOARD=us\n"),
      ElementsAre(message(2, "ARG", "SECRET_PASSPHRASE"), message(3, "ENV", "SUPER_Secret"),
                  message(4, "ENV", "password"), message(4, "ENV", "secret"),
                  message(5, "ARG", "super_duper_secret_token"), message(5, "ARG", "auth"),
                  message(6, "ENV", "apikey"), message(7, "ENV", "git_key")));
}

TEST(DockerRulesTest, DefaultsOfGlobalArgumentsNameAnImage) {
  Case given;
  given.dockerfile = "ARG VERSION\nFROM busybox:$VERSION\n";
  given.arguments["VERSION"] = "latest";
  EXPECT_THAT(
      DockerFindings(given),
      ElementsAre("2 InvalidDefaultArgInFrom: Default value for ARG busybox:$VERSION results in empty or "
                  "invalid base image name"));
  given.arguments.clear();
  EXPECT_NE(Find(Check(given), "InvalidDefaultArgInFrom"), nullptr);
  given.dockerfile = "ARG IMAGE\nFROM $IMAGE\n";
  EXPECT_THAT(DockerFindings(given), testing::SizeIs(1));
  EXPECT_EQ(Find(Check(given), "RecipeError"), nullptr);
  given.dockerfile = "ARG SFX=\"box:\"\nFROM busy${SFX}\n";
  EXPECT_THAT(DockerFindings(given), testing::SizeIs(1));
  for (const char* fine : {"ARG VERSION=\"latest\"\nFROM busybox:${VERSION}\n",
                           "ARG BUSYBOX_VARIANT=\"\"\nFROM busybox:stable${BUSYBOX_VARIANT}\n",
                           "ARG BUSYBOX_VARIANT\nFROM busybox:stable${BUSYBOX_VARIANT}\n"}) {
    EXPECT_THAT(Findings(fine), IsEmpty()) << fine;
  }
}

TEST(DockerRulesTest, PlatformOfFromIsNoConstant) {
  EXPECT_THAT(
      Findings("FROM --platform=linux/amd64 scratch\n"),
      ElementsAre("1 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "
                  "\"linux/amd64\""));
  EXPECT_THAT(Findings("FROM --platform=linux/amd64 scratch AS my_amd64_stage\n"), IsEmpty());
  EXPECT_THAT(Findings("FROM --platform=linux/amd64 scratch AS linux\n"), IsEmpty());
}

TEST(DockerRulesTest, IgnoredFilesCannotBeCopied) {
  Case given;
  given.dockerfile = "FROM scratch\nCOPY Dockerfile .\nADD Dockerfile /windy\n";
  given.ignore_file = "\nDockerfile\n";
  EXPECT_THAT(DockerFindings(given),
              ElementsAre("2 CopyIgnoredFile: Attempting to Copy file \"Dockerfile\" that is excluded by "
                          ".dockerignore",
                          "3 CopyIgnoredFile: Attempting to Add file \"Dockerfile\" that is excluded by "
                          ".dockerignore"));
  given.ignore_file = "Dockerfile\n!Dockerfile\n";
  EXPECT_THAT(DockerFindings(given), IsEmpty());
  // A pattern is looked at as if it were a path.
  given.ignore_file = "*.log\ndocs\n";
  given.dockerfile = "FROM scratch\nCOPY *.log a*.log docs/*.md *.txt . /x/\n";
  EXPECT_THAT(DockerFindings(given),
              ElementsAre("2 CopyIgnoredFile: Attempting to Copy file \"*.log\" that is excluded by "
                          ".dockerignore",
                          "2 CopyIgnoredFile: Attempting to Copy file \"a*.log\" that is excluded by "
                          ".dockerignore",
                          "2 CopyIgnoredFile: Attempting to Copy file \"docs/*.md\" that is excluded by "
                          ".dockerignore"));
  given.ignore_file = "**\n";
  given.dockerfile = "FROM scratch\nCOPY . /x/\n";
  EXPECT_THAT(
      DockerFindings(given),
      ElementsAre("2 CopyIgnoredFile: Attempting to Copy file \".\" that is excluded by .dockerignore"));
  given.ignore_file = "foobar\n";
  given.dockerfile =
      "FROM scratch AS base\nCOPY Dockerfile /foobar\n\nFROM base\nCOPY --from=base /foobar /Dockerfile\n";
  EXPECT_THAT(DockerFindings(given), IsEmpty());
}

TEST(DockerRulesTest, DescriptionsAreCheckedOnlyWhenAskedFor) {
  const std::string good =
      "# check=experimental=InvalidDefinitionDescription\n# foo this is the foo\nARG foo=bar\n\n# base this "
      "is the "
      "base image\nFROM scratch AS base\n\n# version this is the version number\nARG version=latest\n\n# baz "
      "this is "
      "the baz\nARG foo=baz bar=qux baz=quux\n#\nARG bit=bat\n\n# comment for something other than ARG or "
      "FROM\nCOPY "
      "Dockerfile .\n";
  EXPECT_THAT(Findings(good), IsEmpty());
  const std::string bad =
      "# bar this is the bar\nARG foo=bar\n# BasE this is the BasE image\nFROM scratch AS base\n# definitely "
      "a bad "
      "comment\nARG version=latest\n# definitely a bad comment\nARG foo=baz bar=qux baz=quux\n";
  EXPECT_THAT(Findings(bad), IsEmpty());
  EXPECT_THAT(
      Findings("# check=experimental=InvalidDefinitionDescription\n" + bad),
      ElementsAre(
          "3 InvalidDefinitionDescription: Comment for ARG should follow the format: `# foo <description>`",
          "5 InvalidDefinitionDescription: Comment for FROM should follow the format: `# base <description>`",
          "7 InvalidDefinitionDescription: Comment for ARG should follow the format: `# version "
          "<description>`",
          "9 InvalidDefinitionDescription: Comment for ARG should follow the format: `# <arg_key> "
          "<description>`"));
}

TEST(DockerRulesTest, ExposeNamesPortsOnly) {
  EXPECT_THAT(
      Findings("FROM scratch\nEXPOSE 80/TcP 443/UDP 22/tcp\n"),
      ElementsAre("2 ExposeProtoCasing: Defined protocol '80/TcP' in EXPOSE instruction should be lowercase",
                  "2 ExposeProtoCasing: Defined protocol '443/UDP' in EXPOSE instruction should be "
                  "lowercase"));
  EXPECT_THAT(
      Findings("FROM scratch\nARG PORT\nEXPOSE 127.0.0.1:80:80 ${PORT:-8080}\n"),
      ElementsAre("3 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port "
                  "mapping, found '127.0.0.1:80:80'"));
}

TEST(DockerRulesTest, CheckDirectiveSkipsRulesAndAsksForErrors) {
  const std::string rest = "FROM scratch as base\ncopy Dockerfile .\n";
  EXPECT_THAT(Findings("#check=skip=all\n" + rest), IsEmpty());
  EXPECT_THAT(Findings("#check=skip=ConsistentInstructionCasing,FromAsCasing\n" + rest), IsEmpty());
  Case given;
  given.dockerfile = "#check=skip=ConsistentInstructionCasing;error=true\n" + rest;
  EXPECT_THAT(DockerFindings(given),
              ElementsAre("2 FromAsCasing: 'as' and 'FROM' keywords' casing do not match"));
  EXPECT_TRUE(Check(given).error_requested);
  // The build argument stands in for the directive as a whole.
  given.dockerfile = "#check=skip=all\n" + rest;
  given.arguments["BUILDKIT_DOCKERFILE_CHECK"] = "skip=ConsistentInstructionCasing;error=true";
  EXPECT_THAT(DockerFindings(given), testing::SizeIs(1));
  EXPECT_TRUE(Check(given).error_requested);
  given.dockerfile = "#check=error=true\n" + rest;
  given.arguments["BUILDKIT_DOCKERFILE_CHECK"] = "skip=all";
  EXPECT_THAT(DockerFindings(given), IsEmpty());
  EXPECT_FALSE(Check(given).error_requested);
}

TEST(DockerRulesTest, UnknownCheckOptionIsAnErrorOfItsLine) {
  Case given;
  given.dockerfile = "# syntax=docker/dockerfile:1\n# check=skipp=all\nFROM scratch\n";
  const CheckReport report = Check(given);
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].rule, "RecipeError");
  EXPECT_EQ(report.findings[0].line, 2u);
  EXPECT_EQ(report.findings[0].fix, "did you mean skip?");
}

}  // namespace
}  // namespace crossmill::check
