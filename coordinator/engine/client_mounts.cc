#include "coordinator/engine/client_mounts.h"

#include <fmt/format.h>

#include <algorithm>

namespace crossmill::coordinator {
namespace {

std::string What(const v1::RunMount& mount) {
  return fmt::format("RUN --mount=type={},id={}",
                     mount.type() == v1::RunMount::TYPE_SECRET ? "secret" : "ssh", mount.id());
}

std::string HowToGive(const v1::RunMount& mount) {
  if (mount.type() == v1::RunMount::TYPE_SECRET) {
    return fmt::format("give it with --secret id={0},src=FILE or --secret id={0},env=NAME", mount.id());
  }
  return fmt::format("give it with --ssh {0} or --ssh {0}=SOCKET_OR_KEY_FILE", mount.id());
}

// A secret hides what the recipe sets, also one that is not there.
void SetEmpty(const std::string& name, v1::Run* run) {
  auto& env = *run->mutable_env();
  const std::string prefix = name + "=";
  env.erase(std::remove_if(env.begin(), env.end(),
                           [&](const std::string& entry) { return entry.starts_with(prefix); }),
            env.end());
  *env.Add() = prefix;
}

}  // namespace

ClientMounts ClientMountsOf(const v1::Step& step) {
  ClientMounts found;
  for (const v1::RunMount& mount : step.run().mounts()) {
    if (mount.type() == v1::RunMount::TYPE_SECRET) found.secrets.insert(mount.id());
    if (mount.type() == v1::RunMount::TYPE_SSH) found.agents.insert(mount.id());
  }
  return found;
}

ClientMounts ClientMountsOf(const v1::Task& task) {
  ClientMounts all;
  for (const v1::Step& step : task.steps()) {
    ClientMounts mounts = ClientMountsOf(step);
    all.secrets.merge(mounts.secrets);
    all.agents.merge(mounts.agents);
  }
  return all;
}

absl::Status LeaveOutMissing(const v1::BuildOptions& options, v1::BuildPlan* plan) {
  const std::set<std::string> secrets(options.secret_ids().begin(), options.secret_ids().end());
  const std::set<std::string> agents(options.ssh_ids().begin(), options.ssh_ids().end());
  const auto missing = [&](const v1::RunMount& mount) {
    return (mount.type() == v1::RunMount::TYPE_SECRET && !secrets.contains(mount.id())) ||
           (mount.type() == v1::RunMount::TYPE_SSH && !agents.contains(mount.id()));
  };
  for (v1::StagePlan& stage : *plan->mutable_stages()) {
    for (v1::Step& step : *stage.mutable_steps()) {
      if (!step.has_run()) continue;
      auto& mounts = *step.mutable_run()->mutable_mounts();
      for (const v1::RunMount& mount : mounts) {
        if (!missing(mount) || !mount.required()) continue;
        return absl::InvalidArgumentError(
            fmt::format("{}:{}: {} is required, and the build was not given it; {}", step.range().file(),
                        step.range().first_line(), What(mount), HowToGive(mount)));
      }
      for (const v1::RunMount& mount : mounts) {
        if (missing(mount) && !mount.env().empty()) SetEmpty(mount.env(), step.mutable_run());
      }
      mounts.erase(std::remove_if(mounts.begin(), mounts.end(), missing), mounts.end());
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
