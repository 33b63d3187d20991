// Executes a task: (task, blobs) -> (result, blobs). Knows no coordinator.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "crossmill/v1/result.pb.h"
#include "crossmill/v1/worker.pb.h"
#include "worker/accelerators/step_accelerators.h"
#include "worker/bounds/disk_lows.h"
#include "worker/layers/snapshotter.h"
#include "worker/mounts/ssh_relay.h"
#include "worker/mounts/step_mounts.h"
#include "worker/mounts/task_secrets.h"
#include "worker/network/step_networks.h"
#include "worker/sandbox/host_settings.h"
#include "worker/sandbox/sandbox.h"
#include "worker/task/step_circumstances.h"

namespace crossmill::worker {

struct ExecutorOptions {
  // What RUN can execute here.
  std::vector<v1::PlatformSupport> platforms;
  HostSettings host_settings;
  // Told with each RUN.
  HostFacts host_facts = {};
  // Of the worker's disk, which is to blame for a command that has failed while there was less than
  // `least_space` (WhyFull), or that succeeded while nothing could be written. Thread safe; empty: it is
  // never to blame.
  DiskLows::Space disk_space = {};
  uint64_t least_space = 0;
  // For tasks that name none.
  absl::Duration step_timeout = absl::Hours(6);
  // The most that a RUN gets of each, whatever its task says.
  v1::StepBounds most_bounds = {};
  // For RUN --mount; nullptr: such steps cannot be executed here. Outlives the executor.
  MountStore* mounts = nullptr;
  // For steps whose network is recorded; nullptr: such steps cannot be executed here. Outlives the executor.
  StepNetworks* networks = nullptr;
  // How many package indexes are announced to such steps.
  size_t indexes = 0;
  // The way to ssh agents; nullptr: there are none. Outlives the executor.
  SshForwarder* ssh = nullptr;
  // For emulated steps; nullptr: nothing of theirs is executed natively. Outlives the executor.
  const StepAccelerators* accelerators = nullptr;
};

// Hears of a task's progress. Thread safe: log pieces may come from another thread than the rest, but
// each step's pieces come in order and before its OnStepFinished.
class ExecutionObserver {
 public:
  virtual ~ExecutionObserver() = default;
  virtual void OnStepStarted(const v1::StepStarted& started) = 0;
  virtual void OnLog(const v1::LogChunk& chunk) = 0;
  // The step's layer and manifest are in the blob store.
  virtual void OnStepFinished(const v1::StepResult& result) = 0;
};

// Thread safe: one call of Execute per task, several at the same time. The objects it was given must
// outlive it.
class StageExecutor {
 public:
  StageExecutor(Snapshotter& snapshotter, Sandbox& sandbox, BlobStore& blobs, Clock& clock,
                ExecutorOptions options);

  // Never fails otherwise: the outcome says it. A step that exits non-zero, a COPY that does not work and
  // an export that matches nothing are FAILED; what another worker might do better is INFRASTRUCTURE.
  v1::TaskResult Execute(const v1::Task& task, const TaskContext& context, ExecutionObserver& observer,
                         const std::stop_token& stop);

 private:
  class Execution;

  Snapshotter& snapshotter_;
  Sandbox& sandbox_;
  BlobStore& blobs_;
  Clock& clock_;
  const ExecutorOptions options_;
};

}  // namespace crossmill::worker
