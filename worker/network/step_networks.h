// The networks of steps: each step gets a fresh namespace in which the worker's services listen.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "worker/host/mounting.h"
#include "worker/network/fetch_log.h"
#include "worker/network/network_namespace.h"
#include "worker/network/step_service.h"

namespace crossmill::worker {

// What a step is joined to. Its destructor ends all connections and gives the namespace up; the step's
// processes are gone by then.
class StepNetwork {
 public:
  virtual ~StepNetwork() = default;
  // Of the namespace, for a runtime.
  virtual const std::string& path() const = 0;
  // Ends all connections first: nothing is noted afterwards.
  virtual v1::StepFetches Finish() = 0;
};

// Thread safe.
class StepNetworks {
 public:
  virtual ~StepNetworks() = default;
  // `hosts`: lines "ADDRESS NAME" that the recipe adds. UNAVAILABLE: this worker cannot make one now.
  virtual absl::StatusOr<std::unique_ptr<StepNetwork>> Take(const std::vector<std::string>& hosts,
                                                            const IndexPolicy& index) = 0;
};

struct PreparedNetworksOptions {
  // For the places where namespaces are mounted: the only name that another process can open them by. Made if
  // missing, and emptied.
  std::string folder;
  // So many are made before anybody needs them: making one takes milliseconds.
  size_t ahead = 3;
};

// Namespaces are made on a thread of its own, ahead of need. Nothing of it outlives the process: mounts are
// in the worker's mount namespace, and all else is descriptors.
class PreparedNetworks final : public StepNetworks {
 public:
  // `services` outlive it. Works as root of the worker's user namespace and as root of the machine.
  static absl::StatusOr<std::unique_ptr<PreparedNetworks>> Create(PreparedNetworksOptions options,
                                                                  std::vector<StepService*> services);
  // After all its networks.
  ~PreparedNetworks() override;

  absl::StatusOr<std::unique_ptr<StepNetwork>> Take(const std::vector<std::string>& hosts,
                                                    const IndexPolicy& index) override;

 private:
  struct Prepared {
    NetworkNamespace network;
    std::string path;
    Mount mount;
  };
  class Network;

  PreparedNetworks(PreparedNetworksOptions options, std::vector<StepService*> services)
      : options_(std::move(options)), services_(std::move(services)) {}
  absl::StatusOr<Prepared> Prepare();
  void PrepareAhead();

  const PreparedNetworksOptions options_;
  const std::vector<StepService*> services_;
  Mount memory_;
  Mutex mutex_;
  CondVar changed_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Prepared> ready_ ABSL_GUARDED_BY(mutex_);
  std::jthread preparer_;
};

}  // namespace crossmill::worker
