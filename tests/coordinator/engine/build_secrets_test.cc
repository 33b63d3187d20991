#include "coordinator/engine/build_secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "coordinator/engine/client_mounts.h"
#include "tests/coordinator/engine/secret.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::BuildOptions Options(const std::vector<std::string>& secrets,
                         const std::vector<std::string>& agents = {}) {
  v1::BuildOptions options;
  for (const std::string& id : secrets) options.add_secret_ids(id);
  for (const std::string& id : agents) options.add_ssh_ids(id);
  return options;
}

TEST(BuildSecretsTest, ValuesAreKeptPerBuildUntilItEnds) {
  BuildSecrets secrets;
  secrets.Give(1, {Secret("a", "one")});
  secrets.Give(2, {Secret("a", "two")});
  EXPECT_EQ(*secrets.Find(1, "a"), "one");
  EXPECT_EQ(secrets.Find(1, "b"), nullptr);
  secrets.Give(1, {Secret("a", "other"), Secret("b", "new")});
  EXPECT_EQ(*secrets.Find(1, "a"), "one") << "steps see one value from first to last";
  EXPECT_EQ(*secrets.Find(1, "b"), "new");
  secrets.Forget(1);
  EXPECT_EQ(secrets.Find(1, "a"), nullptr);
  EXPECT_EQ(*secrets.Find(2, "a"), "two");
}

TEST(BuildSecretsTest, OnlyEqualValuesAreTheSame) {
  BuildSecrets secrets;
  secrets.Give(1, {Secret("a", "x"), Secret("b", "y")});
  secrets.Give(2, {Secret("a", "x"), Secret("b", "z")});
  EXPECT_TRUE(secrets.SameValues(1, 2, {"a"}));
  EXPECT_FALSE(secrets.SameValues(1, 2, {"a", "b"}));
  EXPECT_FALSE(secrets.SameValues(1, 3, {"a"})) << "nobody's value is nobody's";
  EXPECT_TRUE(secrets.SameValues(1, 3, {}));
}

TEST(BuildSecretsTest, SubmissionGivesExactlyWhatItsOptionsName) {
  EXPECT_OK(CheckSecrets(Options({}), {}));
  EXPECT_OK(CheckSecrets(Options({"a"}), {Secret("a", "")}));
  EXPECT_OK(CheckSecrets(Options({"a"}), {Secret("a", std::string(kMaxSecretBytes, 'x'))}));
  EXPECT_FALSE(CheckSecrets(Options({"a"}), {}).ok());
  EXPECT_FALSE(CheckSecrets(Options({}), {Secret("a", "x")}).ok());
  EXPECT_FALSE(CheckSecrets(Options({"a"}), {Secret("a", "x"), Secret("a", "y")}).ok());
  EXPECT_FALSE(CheckSecrets(Options({""}), {Secret("", "x")}).ok());
  const absl::Status large =
      CheckSecrets(Options({"a"}), {Secret("a", std::string(kMaxSecretBytes + 1, 'x'))});
  EXPECT_TRUE(absl::IsInvalidArgument(large));
  EXPECT_THAT(std::string(Sv(large.message())), Not(HasSubstr("xxx")));
}

v1::BuildPlan PlanWith(v1::RunMount::Type type, const std::string& id, bool required) {
  v1::BuildPlan plan;
  v1::Step& step = *plan.add_stages()->add_steps();
  step.mutable_range()->set_file("Dockerfile");
  step.mutable_range()->set_first_line(3);
  v1::RunMount& cache = *step.mutable_run()->add_mounts();
  cache.set_type(v1::RunMount::TYPE_CACHE);
  cache.set_id("pip");
  v1::RunMount& mount = *step.mutable_run()->add_mounts();
  mount.set_type(type);
  mount.set_id(id);
  mount.set_required(required);
  return plan;
}

TEST(ClientMountsTest, WhatWasGivenStays) {
  v1::BuildPlan plan = PlanWith(v1::RunMount::TYPE_SECRET, "token", true);
  EXPECT_OK(LeaveOutMissing(Options({"token"}), &plan));
  EXPECT_EQ(plan.stages(0).steps(0).run().mounts_size(), 2);
  plan = PlanWith(v1::RunMount::TYPE_SSH, "default", true);
  EXPECT_OK(LeaveOutMissing(Options({}, {"default"}), &plan));
  EXPECT_EQ(plan.stages(0).steps(0).run().mounts_size(), 2);
}

TEST(ClientMountsTest, WhatWasNotGivenAndIsNotRequiredIsLeftOut) {
  v1::BuildPlan plan = PlanWith(v1::RunMount::TYPE_SECRET, "token", false);
  EXPECT_OK(LeaveOutMissing(Options({"other"}, {"token"}), &plan));
  ASSERT_EQ(plan.stages(0).steps(0).run().mounts_size(), 1);
  EXPECT_EQ(plan.stages(0).steps(0).run().mounts(0).id(), "pip");
}

TEST(ClientMountsTest, VariableOfASecretThatWasNotGivenIsEmpty) {
  v1::BuildPlan plan = PlanWith(v1::RunMount::TYPE_SECRET, "token", false);
  v1::Run& run = *plan.mutable_stages(0)->mutable_steps(0)->mutable_run();
  run.mutable_mounts(1)->set_env("TOKEN");
  for (const char* entry : {"TOKEN=of the recipe", "TOKENS=stay", "A=b"}) run.add_env(entry);
  v1::BuildPlan given = plan;
  EXPECT_OK(LeaveOutMissing(Options({}), &plan));
  EXPECT_THAT(run.env(), testing::ElementsAre("TOKENS=stay", "A=b", "TOKEN="));
  EXPECT_OK(LeaveOutMissing(Options({"token"}), &given));
  EXPECT_THAT(given.stages(0).steps(0).run().env(),
              testing::ElementsAre("TOKEN=of the recipe", "TOKENS=stay", "A=b"));
}

TEST(ClientMountsTest, RequiredOneThatIsMissingIsNamedWithItsLine) {
  v1::BuildPlan plan = PlanWith(v1::RunMount::TYPE_SECRET, "token", true);
  absl::Status missing = LeaveOutMissing(Options({}), &plan);
  EXPECT_TRUE(absl::IsInvalidArgument(missing));
  EXPECT_THAT(std::string(Sv(missing.message())),
              HasSubstr("Dockerfile:3: RUN --mount=type=secret,id=token"));
  EXPECT_THAT(std::string(Sv(missing.message())), HasSubstr("--secret id=token,src=FILE"));
  plan = PlanWith(v1::RunMount::TYPE_SSH, "default", true);
  missing = LeaveOutMissing(Options({"default"}), &plan);
  EXPECT_THAT(std::string(Sv(missing.message())), HasSubstr("--ssh default"));
}

TEST(ClientMountsTest, MountsOfATaskAreThoseOfAllItsSteps) {
  v1::Task task;
  *task.add_steps() = PlanWith(v1::RunMount::TYPE_SECRET, "a", false).stages(0).steps(0);
  *task.add_steps() = PlanWith(v1::RunMount::TYPE_SSH, "b", false).stages(0).steps(0);
  const ClientMounts mounts = ClientMountsOf(task);
  EXPECT_EQ(mounts.secrets, std::set<std::string>{"a"});
  EXPECT_EQ(mounts.agents, std::set<std::string>{"b"});
  EXPECT_TRUE(ClientMountsOf(v1::Step()).empty());
}

}  // namespace
}  // namespace crossmill::coordinator
