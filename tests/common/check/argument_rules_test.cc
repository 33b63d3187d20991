// Our checks of automatic arguments and of --link.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/check/check_fixture.h"

namespace crossmill::check {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Only(const std::string& rule, const std::string& dockerfile) {
  Case given;
  given.dockerfile = dockerfile;
  given.only = {rule};
  std::vector<std::string> lines;
  for (const Finding& finding : Check(given).findings) {
    lines.push_back(fmt::format("{}:{} {}", finding.line, finding.column, finding.message));
  }
  return lines;
}

TEST(ArgumentRulesTest, DefaultsOfAutomaticArgumentsHideTheirValues) {
  const auto defaults = [](const std::string& dockerfile) { return Only("AutomaticArgDefault", dockerfile); };
  EXPECT_THAT(defaults("FROM scratch\nARG TARGETARCH=amd64\nCOPY app-$TARGETARCH /\n"),
              ElementsAre("2:5 ARG TARGETARCH=amd64 hides the automatic value of TARGETARCH"));
  EXPECT_THAT(defaults("ARG BUILDPLATFORM=linux/amd64\nFROM --platform=$BUILDPLATFORM scratch\n"),
              ElementsAre("1:5 ARG BUILDPLATFORM=linux/amd64 hides the automatic value of BUILDPLATFORM"));
  EXPECT_THAT(defaults("FROM scratch\nARG VERSION=1 TARGETVARIANT=\n"),
              ElementsAre("2:15 ARG TARGETVARIANT= hides the automatic value of TARGETVARIANT"));
  EXPECT_THAT(defaults("FROM scratch\nARG TARGETARCH\nARG TARGETARCHIVE=x ARCH=amd64\nENV TARGETOS=x\n"),
              IsEmpty());
  // A stage that the build does not need.
  EXPECT_THAT(defaults("FROM scratch AS a\nARG TARGETARCH=amd64\nFROM scratch\n"), IsEmpty());
  Case given;
  given.dockerfile = "FROM scratch\nARG TARGETARCH=amd64\n";
  const CheckReport report = Check(given);
  EXPECT_EQ(Find(report, "AutomaticArgDefault")->replacement, "ARG TARGETARCH");
}

TEST(ArgumentRulesTest, ScriptsSeeAutomaticArgumentsOnlyAfterArg) {
  const auto undeclared = [](const std::string& dockerfile) {
    return Only("UndeclaredAutomaticArg", dockerfile);
  };
  EXPECT_THAT(undeclared("FROM alpine\nRUN wget https://x.invalid/app-$TARGETARCH\n"),
              ElementsAre("2:32 $TARGETARCH is used in RUN, but no ARG declares it in this stage"));
  EXPECT_THAT(undeclared("FROM alpine\nRUN echo ${TARGETOS:-linux} ${TARGETOS} \\\n  $BUILDPLATFORM\n"),
              ElementsAre("2:10 $TARGETOS is used in RUN, but no ARG declares it in this stage",
                          "3:3 $BUILDPLATFORM is used in RUN, but no ARG declares it in this stage"));
  EXPECT_THAT(undeclared("FROM alpine\nRUN <<EOF\nset -e\necho $TARGETARCH\nEOF\n"),
              ElementsAre("4:6 $TARGETARCH is used in RUN, but no ARG declares it in this stage"));
  // ARG before the first FROM does not reach a stage, nor does one behind.
  EXPECT_THAT(undeclared("ARG TARGETARCH\nFROM alpine\nRUN echo $TARGETARCH\nARG TARGETARCH\n"),
              testing::SizeIs(1));
  for (const char* fine :
       {"FROM alpine\nARG TARGETARCH\nRUN echo $TARGETARCH\n",
        "FROM alpine AS a\nARG TARGETARCH\nFROM a\nRUN echo $TARGETARCH\n",
        "FROM alpine\nENV TARGETARCH=x\nRUN echo $TARGETARCH\n", "FROM alpine\nRUN echo '$TARGETARCH'\n",
        "FROM alpine\nRUN echo \\$TARGETARCH\n",
        "FROM alpine\nRUN TARGETARCH=$(uname -m) && echo $TARGETARCH\n",
        "FROM alpine\nRUN for TARGETARCH in a b; do echo $TARGETARCH; done\n",
        "FROM alpine\nRUN uname -m | while read -r TARGETARCH; do echo $TARGETARCH; done\n",
        "FROM alpine\nRUN echo $TARGETARCHIVE\n", "FROM alpine\nRUN python3 <<EOF\n$TARGETARCH\nEOF\n",
        "FROM alpine AS a\nRUN echo $TARGETARCH\nFROM alpine\n"}) {
    EXPECT_THAT(undeclared(fine), IsEmpty()) << fine;
  }
}

TEST(ArgumentRulesTest, LinkedCopyMakesFoldersAnew) {
  const auto resets = [](const std::string& dockerfile) {
    return Only("LinkedCopyResetsFolder", dockerfile);
  };
  EXPECT_THAT(resets("FROM debian:12\nCOPY --link a.tar /tmp/\n"),
              ElementsAre("2:19 COPY --link gives /tmp the mode 0755 and the owner of what is copied; it had "
                          "1777"));
  EXPECT_THAT(resets("FROM debian:12\nWORKDIR /root\nADD --link k .ssh/\n"),
              ElementsAre("3:14 ADD --link gives /root the mode 0755 and the owner of what is copied; it had "
                          "0700"));
  EXPECT_THAT(
      resets("FROM debian:12 AS base\nRUN mkdir -p -m 750 /srv/app && chmod g+s /opt\nFROM base\n"
             "COPY --link --chown=1:1 x y /srv/app/\nCOPY --link z /opt/z\n"),
      ElementsAre("4:29 COPY --link gives /srv/app the mode 0755 and the owner of what is copied; it had "
                  "0750",
                  "5:15 COPY --link gives /opt the mode 0755 and the owner of what is copied; it had "
                  "g+s"));
  for (const char* fine :
       {"FROM debian:12\nCOPY a /tmp/\n", "FROM debian:12\nCOPY --link a /srv/\n",
        "FROM scratch\nCOPY --link a /tmp/\n", "FROM debian:12\nCOPY --link=false a /tmp/\n",
        "FROM debian:12\nCOPY --link --chmod=1777 a /tmp/\n", "FROM debian:12\nCOPY --link a $DIR\n",
        "FROM debian:12\nRUN chmod 755 /tmp\nCOPY --link a /tmp/\n",
        "FROM debian:12\nCOPY --link a /tmpfiles/x\n"}) {
    EXPECT_THAT(resets(fine), IsEmpty()) << fine;
  }
  // Told once: the second finds what the first made.
  EXPECT_THAT(resets("FROM debian:12\nCOPY --link a /tmp/\nCOPY --link b /tmp/\n"), testing::SizeIs(1));
}

}  // namespace
}  // namespace crossmill::check
