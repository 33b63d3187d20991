#include "common/compare/normalize_remedy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/compare/causes.h"
#include "common/words/normalize_rules.h"

namespace crossmill::compare {
namespace {

std::string RuleFor(const std::string& path, const std::string& cause_class,
                    const v1::ContentDifference* difference = nullptr) {
  v1::Cause cause;
  cause.set_class_(cause_class);
  AddNormalizeRemedy(path, difference, {}, &cause);
  return cause.normalize();
}

TEST(NormalizeRemedyTest, ClassesOfTheTableAreClasses) {
  for (const NormalizeRule& rule : NormalizeRules()) {
    if (rule.causes.empty() || rule.causes == "*") continue;
    for (const absl::string_view word : absl::StrSplit(Av(rule.causes), ','))
      EXPECT_NE(FindCauseClass(Sv(word)), nullptr) << rule.name << " " << word;
  }
}

TEST(NormalizeRemedyTest, EachRuleIsForItsFiles) {
  EXPECT_EQ(RuleFor("var/log/apt/term.log", "duration"), "apt-logs");
  EXPECT_EQ(RuleFor("var/cache/apt/pkgcache.bin", "cache"), "apt-caches");
  EXPECT_EQ(RuleFor("var/cache/ldconfig/aux-cache", "cache"), "ldconfig-cache");
  EXPECT_EQ(RuleFor("etc/machine-id", "random"), "machine-id");
  EXPECT_EQ(RuleFor("etc/shadow", "embedded-time"), "shadow-dates");
  EXPECT_EQ(RuleFor("var/cache/man/de/index.db", "embedded-time"), "man-db");
  EXPECT_EQ(RuleFor("var/cache/fontconfig/a.cache-7", "random"), "fontconfig");
  EXPECT_EQ(RuleFor("root/.cargo/.global-cache", "embedded-time"), "cargo-cache");
  EXPECT_EQ(RuleFor("usr/local/cargo/.global-cache", "unknown"), "cargo-cache");
  EXPECT_EQ(RuleFor("root/.cargo/registry/index/x/.cargo-index-lock", "unknown"), "");
  EXPECT_EQ(RuleFor("srv/list", "order"), "python-hash-seed");
  EXPECT_EQ(RuleFor("etc/shadow", "random"), "") << "a salt stays";
  EXPECT_EQ(RuleFor("srv/var/log/dpkg.log", "embedded-time"), "");
  EXPECT_EQ(RuleFor("etc/ld.so.cache", "cache"), "");
}

TEST(NormalizeRemedyTest, RulesAboutPartsOfFilesNeedThePart) {
  v1::ContentDifference difference;
  difference.set_place("time of the source in the header");
  EXPECT_EQ(RuleFor("a.pyc", "pyc-header", &difference), "pyc-times");
  EXPECT_EQ(RuleFor("a.pyc", "pyc-header"), "");
  difference.set_place("magic number and flags in the header");
  EXPECT_EQ(RuleFor("a.pyc", "pyc-header", &difference), "");
  difference.set_place("time of the source in the header");
  difference.add_inside("member a.pyc");
  EXPECT_EQ(RuleFor("a.zip", "pyc-header", &difference), "");
  EXPECT_EQ(RuleFor("usr/lib/a.so", "build-path", &difference), "") << "a text in an archive";
  difference.add_inside("section .debug_str");
  EXPECT_EQ(RuleFor("usr/lib/a.so", "build-path", &difference), "build-paths");
  EXPECT_EQ(RuleFor("usr/lib/a.so", "random", &difference), "");
}

TEST(NormalizeRemedyTest, ForWhomARuleIsNotForAllIsSaid) {
  v1::Cause cause;
  cause.set_class_("order");
  AddNormalizeRemedy("a", nullptr, {}, &cause);
  EXPECT_EQ(cause.remedy(),
            "crossmill build --normalize=python-hash-seed, if Python wrote it in the order of a set");
}

}  // namespace
}  // namespace crossmill::compare
