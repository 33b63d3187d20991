#include "common/words/worker_labels.h"

#include <gtest/gtest.h>

#include <string>

#include "common/words/priority.h"

namespace crossmill {
namespace {

TEST(WorkerLabelsTest, ReadsWhatItWrites) {
  for (const char* text : {"zone=a", "disk=", "team.example/gpu=a100_80-gb", "a=b/c"}) {
    const auto label = ParseWorkerLabel(text);
    ASSERT_TRUE(label.ok()) << text;
    EXPECT_EQ(FormatWorkerLabel(*label), text);
  }
  for (const char* text : {"zone=a", "zone!=a", "disk!="}) {
    const auto constraint = ParseConstraint(text);
    ASSERT_TRUE(constraint.ok()) << text;
    EXPECT_EQ(FormatConstraint(*constraint), text);
  }
}

TEST(WorkerLabelsTest, RefusesWhatIsNoLabel) {
  const std::string long_key(64, 'k');
  for (const std::string& text :
       {std::string("zone"), std::string("=a"), std::string(""), std::string("-a=b"), std::string("zone=a b"),
        std::string("zone=\x1b[31m"), std::string("z\0ne=a", 6), std::string("zone=a=b"),
        std::string("zöne=a"), long_key + "=a", "a=" + long_key, std::string("a\n=b"), std::string("!=a")}) {
    EXPECT_FALSE(ParseWorkerLabel(text).ok()) << text;
  }
  EXPECT_FALSE(ParseConstraint("!=a").ok());
  EXPECT_FALSE(ParseConstraint("a!!=a").ok());
  // What is shown of it holds no escapes.
  EXPECT_EQ(std::string(ParseWorkerLabel("zone=\x1b[31m").status().message()).find('\x1b'),
            std::string::npos);
}

TEST(WorkerLabelsTest, AWorkerHasEachKeyOnceAndNotTooMany) {
  v1::WorkerInfo info;
  for (int i = 0; i < kMostWorkerLabels; ++i)
    *info.add_labels() = ParseWorkerLabel("k" + std::to_string(i) + "=v").value();
  EXPECT_TRUE(CheckWorkerLabels(info).ok());
  *info.add_labels() = ParseWorkerLabel("more=v").value();
  EXPECT_FALSE(CheckWorkerLabels(info).ok());
  info.mutable_labels()->DeleteSubrange(0, kMostWorkerLabels);
  *info.add_labels() = ParseWorkerLabel("more=w").value();
  EXPECT_FALSE(CheckWorkerLabels(info).ok());
  // As another program than ours may say it.
  info.clear_labels();
  info.add_labels()->set_key("a b");
  EXPECT_FALSE(CheckWorkerLabels(info).ok());
}

TEST(WorkerLabelsTest, APoolHasANameThatEverythingShows) {
  EXPECT_TRUE(CheckPoolName("").ok());
  EXPECT_TRUE(CheckPoolName("arm-64.v8_2").ok());
  for (const std::string& pool : {std::string("-arm"), std::string("a b"), std::string("a*"),
                                  std::string("a/b"), std::string(41, 'a'), std::string("\x1b[1m")}) {
    EXPECT_FALSE(CheckPoolName(pool).ok()) << pool;
  }
}

TEST(WorkerLabelsTest, ABuildAsksForSoMuchAtMost) {
  v1::BuildOptions options;
  for (int i = 0; i < kMostConstraints; ++i)
    *options.add_constraints() = ParseConstraint("k" + std::to_string(i) + "!=v").value();
  EXPECT_TRUE(CheckPlacement(options).ok());
  options.add_constraints()->set_key("more");
  EXPECT_FALSE(CheckPlacement(options).ok());
  options.clear_constraints();
  options.add_constraints()->set_key("a=b");
  EXPECT_FALSE(CheckPlacement(options).ok());
  options.clear_constraints();
  options.set_pool("a\nb");
  EXPECT_FALSE(CheckPlacement(options).ok());
}

TEST(WorkerLabelsTest, AConstraintIsSatisfiedByTheLabel) {
  v1::WorkerInfo info;
  *info.add_labels() = ParseWorkerLabel("zone=a").value();
  EXPECT_TRUE(Satisfies(info, ParseConstraint("zone=a").value()));
  EXPECT_FALSE(Satisfies(info, ParseConstraint("zone=b").value()));
  EXPECT_FALSE(Satisfies(info, ParseConstraint("zone!=a").value()));
  EXPECT_TRUE(Satisfies(info, ParseConstraint("zone!=b").value()));
  EXPECT_TRUE(Satisfies(info, ParseConstraint("other!=b").value()));
  EXPECT_FALSE(Satisfies(info, ParseConstraint("other=").value()));
}

TEST(PriorityTest, IsAWordOrANumber) {
  EXPECT_EQ(ParsePriority("low").value(), -50);
  EXPECT_EQ(ParsePriority("normal").value(), 0);
  EXPECT_EQ(ParsePriority("high").value(), 50);
  EXPECT_EQ(ParsePriority("-100").value(), -100);
  EXPECT_EQ(ParsePriority("100").value(), 100);
  for (const char* text : {"101", "-101", "2147483648", "-99999999999999999999", "1.5", "", "urgent", "0x10"})
    EXPECT_FALSE(ParsePriority(text).ok()) << text;
  for (const int32_t priority : {-100, -50, 0, 7, 50})
    EXPECT_EQ(ParsePriority(FormatPriority(priority)).value(), priority);
}

}  // namespace
}  // namespace crossmill
