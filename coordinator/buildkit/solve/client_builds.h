// Builds of BuildKit's clients while they are asked for: the calls of one build come in any order and find
// each other here, by the caller and the reference that the client chose.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/buildkit/door/caller_identity.h"
#include "coordinator/buildkit/solve/client_results.h"
#include "coordinator/buildkit/status/status_board.h"
#include "google/rpc/status.pb.h"
#include "moby/buildkit/v1/control.pb.h"
#include "moby/buildkit/v1/gateway.pb.h"

namespace crossmill::coordinator::buildkit {

namespace gateway = ::moby::buildkit::v1::frontend;

// One Control.Solve. Thread safe.
class ClientBuild {
 public:
  ClientBuild(CallerIdentity caller, bk::SolveRequest request, Clock& clock)
      : caller_(std::move(caller)),
        request_(std::move(request)),
        board_(std::make_shared<StatusBoard>(clock, request_.ref())),
        began_(clock.Now()) {}

  const std::string& reference() const { return request_.ref(); }
  const CallerIdentity& caller() const { return caller_; }
  const bk::SolveRequest& request() const { return request_; }
  StatusBoard& board() { return *board_; }
  const std::shared_ptr<StatusBoard>& shared_board() const { return board_; }
  absl::Time began() const { return began_; }

  // Stops when the client gives up, its session is lost, or the coordinator stops.
  std::stop_token stop() const { return stop_.get_token(); }
  void Cancel() { stop_.request_stop(); }

  // What the client's end of the build came to; at most once. FAILED_PRECONDITION: it was said before.
  absl::Status Return(gateway::ReturnRequest returned);
  // Waits for that; CANCELLED: `stop`.
  absl::StatusOr<gateway::ReturnRequest> AwaitReturn();

  // What it became, for the record of builds.
  struct Outcome {
    std::vector<int64_t> builds;
    int total_steps = 0;
    int cached_steps = 0;
    int completed_steps = 0;
  };
  void AddBuild(int64_t build);
  void AddSteps(int total, int cached, int completed);
  Outcome outcome();

  // Results that this build has made; they live as long as it.
  void Keep(const std::shared_ptr<ClientResult>& result);
  std::vector<std::shared_ptr<ClientResult>> results();

 private:
  const CallerIdentity caller_;
  const bk::SolveRequest request_;
  // Readers of the status may stay longer.
  const std::shared_ptr<StatusBoard> board_;
  const absl::Time began_;
  std::stop_source stop_;
  Mutex mutex_;
  CondVar changed_;
  std::optional<gateway::ReturnRequest> returned_ ABSL_GUARDED_BY(mutex_);
  Outcome outcome_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<ClientResult>> results_ ABSL_GUARDED_BY(mutex_);
};

struct ClientBuildLimits {
  // Each has threads of its calls, and a board of 4 MiB at most.
  size_t most = 256;
  size_t most_of_caller = 96;
  // Builds that have ended and whose status can be read from its beginning.
  size_t ended = 32;
  // Images whose files clients read: each has its paths in memory, a million at most, until its build ends.
  size_t trees = 4;
};

// Thread safe.
class ClientBuilds {
 public:
  explicit ClientBuilds(ClientBuildLimits limits = {}) : limits_(limits) {}

  // ALREADY_EXISTS: the caller has a build of this reference; RESOURCE_EXHAUSTED: a limit; UNAVAILABLE: Stop
  // was called.
  absl::Status Begin(const std::shared_ptr<ClientBuild>& build);
  // The caller's build of this reference, at once or when it comes. NOT_FOUND, in the words that clients
  // know: there is none after `patience`. CANCELLED: `stop`.
  absl::StatusOr<std::shared_ptr<ClientBuild>> Wait(const std::string& caller, const std::string& reference,
                                                    std::chrono::milliseconds patience, std::stop_token stop);
  // The board of one that runs or ended a while ago; null: there is none.
  std::shared_ptr<StatusBoard> FindBoard(const std::string& caller, const std::string& reference);
  // A result of any build of the caller that goes on.
  std::shared_ptr<ClientResult> FindResult(const std::string& caller, const std::string& id);
  // A place for the files of one image, until it is let go of. RESOURCE_EXHAUSTED: there is none.
  absl::StatusOr<std::shared_ptr<void>> TakeTree();
  // It has ended: its status ends, its results are gone.
  void End(const std::shared_ptr<ClientBuild>& build);

  // Cancels all, refuses what comes, and waits until all have ended.
  void Stop();
  size_t size();

 private:
  using Key = std::pair<std::string, std::string>;
  static Key KeyOf(const ClientBuild& build) { return {build.caller().key, build.reference()}; }

  const ClientBuildLimits limits_;
  Mutex mutex_;
  CondVar changed_;
  std::map<Key, std::shared_ptr<ClientBuild>> running_ ABSL_GUARDED_BY(mutex_);
  // The oldest first: only what was shown, a request may be large.
  std::deque<std::pair<Key, std::shared_ptr<StatusBoard>>> ended_ ABSL_GUARDED_BY(mutex_);
  size_t trees_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace crossmill::coordinator::buildkit
