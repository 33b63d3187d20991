// RUN --mount of one step, made ready: sources laid out, caches taken, secrets put into memory, ssh sockets
// opened; everything given back when the step is over.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "crossmill/v1/plan.pb.h"
#include "worker/host/mounting.h"
#include "worker/mounts/cache_folders.h"
#include "worker/mounts/ssh_relay.h"
#include "worker/mounts/task_secrets.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

// Folders of a worker for its steps' mounts. Thread safe.
class MountStore {
 public:
  // Below `folder`: caches/ stays, work/ is emptied. Call inside the worker's namespaces; nobody else uses
  // it.
  static absl::StatusOr<std::unique_ptr<MountStore>> Create(const std::string& folder);
  CacheFolders& caches() { return *caches_; }
  // For what lives as long as a step.
  const std::string& work() const { return work_; }

 private:
  MountStore() = default;
  std::unique_ptr<CacheFolders> caches_;
  std::string work_;
};

struct StepMountsContext {
  MountStore& store;
  BlobStore& blobs;
  TaskContext task;
  // See v1::Task.
  std::string fresh_caches = {};
  // nullptr: there is none.
  SshForwarder* ssh = nullptr;
  std::stop_token stop;
  // A line for the step's console, from any thread.
  std::function<void(const std::string& line)> tell;
};

// Not thread safe. The objects of its context must outlive it, and the step must end before it.
class StepMounts {
 public:
  // INVALID_ARGUMENT and NOT_FOUND are the recipe's failure: a required secret that was not given, ...;
  // CANCELLED at a stop.
  static absl::StatusOr<std::unique_ptr<StepMounts>> Prepare(const StepMountsContext& context,
                                                             const v1::Step& step);
  ~StepMounts();

  // In the order in which they are mounted.
  const std::vector<StepMount>& mounts() const { return mounts_; }
  // Puts the variables of secrets and ssh sockets into a step's environment (NAME=value). Its strings are the
  // caller's to wipe.
  void SetEnvironment(std::vector<std::string>* env) const;
  // Ids whose values the step sees.
  const std::vector<std::string>& secrets() const { return secrets_; }

 private:
  StepMounts(const StepMountsContext& context, const v1::Step& step) : context_(context), step_(step) {}
  absl::Status PrepareAll();
  absl::Status TakeCaches();
  absl::Status AddBind(const v1::RunMount& mount);
  absl::Status AddCache(const v1::RunMount& mount);
  absl::Status AddTmpfs(const v1::RunMount& mount);
  absl::Status AddSecret(const v1::RunMount& mount);
  absl::Status AddSsh(const v1::RunMount& mount);
  // A new folder in the step's own; in memory for what must not reach a disk.
  absl::StatusOr<std::string> NewFolder();
  absl::StatusOr<std::string> MemoryFolder();
  CacheRequest RequestOf(const v1::RunMount& mount) const;
  absl::Status SetOwner(const std::string& path, const v1::RunMount& mount, uint32_t default_mode) const;

  const StepMountsContext context_;
  const v1::Step& step_;
  std::vector<StepMount> mounts_;
  std::vector<std::string> secrets_;
  // Secrets replace what the recipe sets; ssh sockets do not.
  std::vector<std::pair<std::string, WipedBytes>> secret_env_;
  std::string ssh_socket_;
  // In the order in which they are made; they go backwards.
  std::unique_ptr<TemporaryFolder> folder_;
  std::string memory_;
  int next_ = 0;
  std::vector<Mount> tmpfs_;
  std::map<std::string, std::unique_ptr<CacheFolders::Use>> caches_;
  std::vector<std::unique_ptr<SshRelay>> relays_;
};

}  // namespace crossmill::worker
