#include "coordinator/wheels/wheel_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/wheels/ahead_planner.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;

v1::Step RunStep(const std::string& command) {
  v1::Step step;
  v1::Run& run = *step.mutable_run();
  for (const std::string& word : {std::string("/bin/sh"), std::string("-c"), command}) run.add_argv(word);
  run.add_env("PATH=/usr/bin");
  run.add_env("CFLAGS=-O3");
  run.set_cwd("/app");
  run.set_user("app");
  run.set_network(v1::NETWORK_MODE_RECORDED);
  return step;
}

TEST(CompileRunTest, IsTheStepsOwnEnvironmentWithTheArchiveMounted) {
  v1::Step step = RunStep("pip install demo");
  step.mutable_run()->add_mounts()->set_target("/root/.cache");
  step.mutable_run()->add_farm_wheels()->set_project("other");
  WheelCommand command;
  command.install = &step.run();
  command.python = "/usr/bin/python3";
  command.source_file = "demo-1.0.tar.gz";
  command.source = DigestOf("demo");
  const v1::Run run = CompileRun(command);
  EXPECT_THAT(run.argv(), ElementsAre("/usr/bin/python3", "-m", "pip", "wheel", "--no-deps", "--no-cache-dir",
                                      "--disable-pip-version-check", "--no-input", "--wheel-dir",
                                      "/tmp/.crossmill-wheels", "/tmp/.crossmill-sources/demo-1.0.tar.gz"));
  EXPECT_THAT(run.env(), ElementsAre("PATH=/usr/bin", "CFLAGS=-O3"));
  EXPECT_EQ(run.user(), "app");
  EXPECT_EQ(run.cwd(), "/app");
  EXPECT_EQ(run.farm_wheels_size(), 0) << "a wheel is compiled with nothing of the farm's";
  ASSERT_EQ(run.mounts_size(), 1);
  EXPECT_TRUE(run.mounts(0).read_only());
  EXPECT_EQ(FromProto(run.mounts(0).source().context().matches(0).file()), DigestOf("demo"));
  command.uv = "uv";
  EXPECT_THAT(CompileRun(command).argv(),
              ElementsAre("uv", "build", "--wheel", "--no-cache", "--python", "/usr/bin/python3", "--out-dir",
                          "/tmp/.crossmill-wheels", "/tmp/.crossmill-sources/demo-1.0.tar.gz"));
}

TEST(BuildOptionTest, WhatChangesHowSourcesAreCompiledIsNamed) {
  EXPECT_EQ(BuildOptionIn("pip install -r requirements.txt --no-cache-dir"), "");
  EXPECT_EQ(BuildOptionIn("pip install --config-settings=a=b demo"), "--config-setting");
  EXPECT_EQ(BuildOptionIn("demo --global-option=\"x\""), "--global-option");
  EXPECT_EQ(BuildOptionIn("pip install demo -C a=b"), "-C");
  EXPECT_EQ(BuildOptionIn("uv pip install --no-build-isolation demo"), "--no-build-isolation");
  EXPECT_EQ(BuildOptionIn("[tool.uv]\nconfig-settings = { editable_mode = \"compat\" }"), "config-setting");
  EXPECT_EQ(BuildOptionIn("[tool.uv.extra-build-dependencies]\ndemo = [\"numpy\"]"), "extra-build-");
  EXPECT_EQ(BuildVariableIn({"PATH=/", "PIP_NO_CACHE_DIR=1"}), "");
  EXPECT_EQ(BuildVariableIn({"PIP_CONFIG_SETTINGS=a=b"}), "PIP_CONFIG_SETTINGS");
}

TEST(MayCompileTest, OnlyStepsThatInstallOnTheRecordedNetwork) {
  EXPECT_TRUE(MayCompile(RunStep("pip install demo")));
  EXPECT_TRUE(MayCompile(RunStep("apt-get update && python3 -m pip install -r requirements.txt")));
  EXPECT_TRUE(MayCompile(RunStep("uv pip install --system demo")));
  EXPECT_FALSE(MayCompile(RunStep("make install")));
  EXPECT_FALSE(MayCompile(RunStep("echo pip install demo")));
  EXPECT_FALSE(MayCompile(RunStep("pip list")));
  EXPECT_FALSE(MayCompile(RunStep("test -f x && pip install demo || true"))) << "it may not run";
  v1::Step step = RunStep("pip install demo");
  step.mutable_run()->set_network(v1::NETWORK_MODE_NONE);
  EXPECT_FALSE(MayCompile(step));
  step.mutable_run()->set_network(v1::NETWORK_MODE_HOST);
  EXPECT_FALSE(MayCompile(step));
  step = RunStep("pip install demo");
  step.mutable_run()->add_mounts()->set_type(v1::RunMount::TYPE_SECRET);
  EXPECT_FALSE(MayCompile(step)) << "the secret is the step's";
  step = RunStep("pip install demo");
  step.mutable_run()->add_env("PIP_NO_BUILD_ISOLATION=0");
  EXPECT_FALSE(MayCompile(step));
  v1::Step copy;
  copy.mutable_copy();
  EXPECT_FALSE(MayCompile(copy));
}

}  // namespace
}  // namespace crossmill::coordinator
