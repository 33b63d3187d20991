// Lists of tags against the golden hashes of `packaging` (before and after 26.3), and ranks against the
// lists.
#include "common/python/tags.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_join.h"
#include "common/base/digest.h"
#include "tests/common/python/golden_table.h"

namespace crossmill::python {
namespace {

struct GoldenTags {
  TagEnvironment environment;
  // Of the new order and of the old one.
  std::string count[2];
  std::string hash[2];
};

std::vector<GoldenTags> ReadGolden() {
  std::vector<GoldenTags> all;
  for (const auto& row : GoldenTable("tags.txt")) {
    GoldenTags one;
    one.environment.python_major = std::stoi(row[0]);
    one.environment.python_minor = std::stoi(row[1]);
    one.environment.free_threaded = row[2] == "1";
    one.environment.machine = row[3];
    one.environment.bits32 = row[4] == "1";
    one.environment.libc.kind = row[5] == "glibc"  ? Libc::Kind::kGlibc
                                : row[5] == "musl" ? Libc::Kind::kMusl
                                                   : Libc::Kind::kNone;
    one.environment.libc.major = std::stoi(row[6]);
    one.environment.libc.minor = std::stoi(row[7]);
    one.count[0] = row[8];
    one.hash[0] = row[9];
    one.count[1] = row[10];
    one.hash[1] = row[11];
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<std::string> Texts(const TagRanks& ranks) {
  std::vector<std::string> texts;
  for (const Tag& tag : ranks.List()) texts.push_back(tag.Text());
  return texts;
}

std::string ShortHash(const std::vector<std::string>& tags) {
  return Sha256Hex(absl::StrJoin(tags, "\n")).substr(0, 12);
}

TEST(TagsTest, ListsAreThoseOfPackagingInBothOrders) {
  const auto golden = ReadGolden();
  EXPECT_GE(golden.size(), 60u);
  for (GoldenTags one : golden) {
    for (const int order : {0, 1}) {
      one.environment.linux_first = order == 0;
      const auto ranks = TagRanks::Of(one.environment);
      ASSERT_OK(ranks);
      const auto texts = Texts(*ranks);
      SCOPED_TRACE(
          fmt::format("{} {} {} {}", AbiName(one.environment), one.environment.machine, order, texts[0]));
      EXPECT_EQ(std::to_string(texts.size()), one.count[order]);
      EXPECT_EQ(ShortHash(texts), one.hash[order]);
    }
  }
}

// The four of the reference (section 3), newest order and the one before.
TEST(TagsTest, ReferenceHashes) {
  const auto of = [](int minor, bool threaded, const char* machine, Libc libc, bool first) {
    const auto ranks = TagRanks::Of({3, minor, threaded, machine, false, libc, first});
    EXPECT_OK(ranks);
    return fmt::format("{} {}", ranks->List().size(), ShortHash(Texts(*ranks)));
  };
  const Libc glibc{Libc::Kind::kGlibc, 2, 36};
  const Libc musl{Libc::Kind::kMusl, 1, 2};
  EXPECT_EQ(of(11, false, "aarch64", glibc, true), "564 0f91229a6bcb");
  EXPECT_EQ(of(11, false, "aarch64", glibc, false), "564 6ae23040664b");
  EXPECT_EQ(of(11, false, "x86_64", glibc, true), "914 d6379b984621");
  EXPECT_EQ(of(11, false, "x86_64", glibc, false), "914 383ffd2beb76");
  EXPECT_EQ(of(12, false, "aarch64", musl, true), "123 1ead08d25891");
  EXPECT_EQ(of(12, false, "aarch64", musl, false), "123 8b24f4f7ea17");
  EXPECT_EQ(of(13, true, "x86_64", {Libc::Kind::kGlibc, 2, 41}, true), "1205 97700d298669");
}

TEST(TagsTest, RanksArePlacesInTheList) {
  for (const GoldenTags& one : ReadGolden()) {
    const auto ranks = TagRanks::Of(one.environment);
    ASSERT_OK(ranks);
    const std::vector<Tag> list = ranks->List();
    std::set<std::string> seen;
    for (size_t i = 0; i < list.size(); ++i) {
      ASSERT_TRUE(seen.insert(list[i].Text()).second) << list[i].Text();
      ASSERT_EQ(ranks->Rank(list[i]), i) << list[i].Text();
    }
  }
}

TEST(TagsTest, TheBestTagOfAWheelCounts) {
  const auto ranks = TagRanks::Of({3, 11, false, "x86_64", false, {Libc::Kind::kGlibc, 2, 36}, true});
  ASSERT_OK(ranks);
  const std::vector<Tag> list = ranks->List();
  const auto rank = [&](const char* tags) {
    const auto wheel = WheelName::Parse(fmt::format("a-1-{}.whl", tags));
    EXPECT_OK(wheel);
    const auto found = ranks->Rank(*wheel);
    return found.has_value() ? list[*found].Text() : "none";
  };
  EXPECT_EQ(rank("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"),
            "cp311-cp311-manylinux_2_17_x86_64");
  EXPECT_EQ(rank("cp39.cp310-abi3-manylinux1_x86_64"), "cp310-abi3-manylinux1_x86_64");
  EXPECT_EQ(rank("py2.py3-none-any"), "py3-none-any");
  EXPECT_EQ(rank("cp311-none-any.manylinux_2_5_x86_64"), "cp311-none-manylinux_2_5_x86_64");
  EXPECT_EQ(rank("cp312-cp312-manylinux_2_17_x86_64"), "none");
  EXPECT_EQ(rank("cp311-cp311-manylinux_2_37_x86_64"), "none");
  EXPECT_EQ(rank("cp311-cp311-musllinux_1_2_x86_64"), "none");
  EXPECT_EQ(rank("cp312-abi3-manylinux_2_17_x86_64"), "none");
  EXPECT_EQ(rank("py3-none-win_amd64"), "none");
}

TEST(TagsTest, PlatformTagsSayWhatTheyNeed) {
  const auto need = ReadPlatformTag("manylinux_2_28_ppc64le");
  EXPECT_EQ(need.system, PlatformNeed::System::kLinux);
  EXPECT_EQ(need.architecture, "ppc64le");
  EXPECT_EQ(need.libc.kind, Libc::Kind::kGlibc);
  EXPECT_EQ(need.libc.minor, 28);
  EXPECT_EQ(ReadPlatformTag("manylinux2010_x86_64").libc.minor, 12);
  EXPECT_EQ(ReadPlatformTag("musllinux_1_1_aarch64").libc.kind, Libc::Kind::kMusl);
  EXPECT_EQ(ReadPlatformTag("linux_armv7l").architecture, "armv7l");
  EXPECT_EQ(ReadPlatformTag("any").system, PlatformNeed::System::kAny);
  for (const char* other :
       {"win_amd64", "macosx_11_0_arm64", "manylinux_x_1_y", "manylinux2013_x86_64", ""}) {
    EXPECT_EQ(ReadPlatformTag(other).system, PlatformNeed::System::kOther) << other;
  }
}

TEST(TagsTest, EnvironmentsThatCannotBeAreRefused) {
  EXPECT_FALSE(TagRanks::Of({3, -1, false, "x86_64", false, {}, true}).ok());
  EXPECT_FALSE(TagRanks::Of({1, 5, false, "x86_64", false, {}, true}).ok());
  EXPECT_FALSE(TagRanks::Of({3, 11, false, "", false, {}, true}).ok());
  EXPECT_FALSE(TagRanks::Of({3, 11, false, "x86_64", false, {Libc::Kind::kGlibc, 2, 100000}, true}).ok());
}

}  // namespace
}  // namespace crossmill::python
