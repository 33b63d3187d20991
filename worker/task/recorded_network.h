// One step's use of the recording network: joined before it runs, reported after it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/result.pb.h"
#include "worker/mounts/secret_mask.h"
#include "worker/network/network_hint.h"
#include "worker/network/step_networks.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

struct RecordedNetworkOptions {
  // Null: there is none on this worker.
  StepNetworks* networks = nullptr;
  // Java gets a variable of its own in any case, so the proxy may be in it though the root has no Java yet.
  bool java_is_told = false;
  // How many package indexes are announced.
  size_t indexes = 0;
};

// Not thread safe. Move only. For steps on other networks it does nothing.
class RecordedNetwork {
 public:
  // Sets the run's network namespace. `mounts`: of the step. FAILED_PRECONDITION without networks;
  // UNAVAILABLE.
  static absl::StatusOr<RecordedNetwork> Join(const RecordedNetworkOptions& options,
                                              const std::vector<StepMount>& mounts, SandboxRun* run);

  // What the network announces to the step's programs.
  const std::vector<std::pair<std::string, std::string>>& variables() const { return variables_; }
  // A piece of the step's console.
  void Watch(v1::LogChunk::Stream stream, std::string_view bytes);
  // Ends the network, and puts what was fetched into the result, secrets masked. Tells what was refused and,
  // of a step that failed, whether it seems to have gone around the proxy.
  void Report(const SecretPatterns& secrets, bool failed, const std::function<void(const std::string&)>& tell,
              v1::StepResult* result);

 private:
  std::unique_ptr<StepNetwork> network_;
  std::vector<std::pair<std::string, std::string>> variables_;
  bool offline_ = false;
  NetworkHint out_;
  NetworkHint err_;
};

}  // namespace crossmill::worker
