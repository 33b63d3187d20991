#include "coordinator/buildkit/solve/client_builds.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/buildkit/solve/solve_errors.h"
#include "coordinator/rpc/token_file.h"

namespace crossmill::coordinator::buildkit {

std::shared_ptr<ClientResult> NewResult() {
  auto result = std::make_shared<ClientResult>();
  result->id = Sha256Hex(NewToken()).substr(0, 32);
  return result;
}

absl::Status ClientBuild::Return(gateway::ReturnRequest returned) {
  MutexLock lock(mutex_);
  if (returned_) return absl::FailedPreconditionError("the build has its result already");
  returned_ = std::move(returned);
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::StatusOr<gateway::ReturnRequest> ClientBuild::AwaitReturn() {
  const std::stop_callback wake(stop_.get_token(), [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  MutexLock lock(mutex_);
  while (!returned_ && !stop_.stop_requested()) changed_.Wait(mutex_);
  if (!returned_) return absl::CancelledError(kCancelledText);
  return *returned_;
}

void ClientBuild::AddBuild(int64_t build) {
  MutexLock lock(mutex_);
  outcome_.builds.push_back(build);
}

void ClientBuild::AddSteps(int total, int cached, int completed) {
  MutexLock lock(mutex_);
  outcome_.total_steps += total;
  outcome_.cached_steps += cached;
  outcome_.completed_steps += completed;
}

ClientBuild::Outcome ClientBuild::outcome() {
  MutexLock lock(mutex_);
  return outcome_;
}

void ClientBuild::Keep(const std::shared_ptr<ClientResult>& result) {
  MutexLock lock(mutex_);
  results_.push_back(result);
}

std::vector<std::shared_ptr<ClientResult>> ClientBuild::results() {
  MutexLock lock(mutex_);
  return results_;
}

absl::Status ClientBuilds::Begin(const std::shared_ptr<ClientBuild>& build) {
  MutexLock lock(mutex_);
  if (stopped_) return absl::UnavailableError("the coordinator is shutting down");
  const Key key = KeyOf(*build);
  if (running_.contains(key))
    return absl::AlreadyExistsError(fmt::format("build {} is running already", Printable(key.second)));
  const auto of_caller = std::count_if(running_.begin(), running_.end(),
                                       [&](const auto& each) { return each.first.first == key.first; });
  if (running_.size() >= limits_.most || static_cast<size_t>(of_caller) >= limits_.most_of_caller) {
    return absl::ResourceExhaustedError(fmt::format(
        "{} builds of BuildKit's clients are running, {} of them yours, of at most {} and {}: wait until "
        "one has ended, or ask the operator (--limit buildkit-builds, buildkit-client-builds)",
        running_.size(), of_caller, limits_.most, limits_.most_of_caller));
  }
  running_[key] = build;
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<ClientBuild>> ClientBuilds::Wait(const std::string& caller,
                                                                const std::string& reference,
                                                                std::chrono::milliseconds patience,
                                                                std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  const auto until = std::chrono::steady_clock::now() + patience;
  MutexLock lock(mutex_);
  while (true) {
    if (const auto found = running_.find({caller, reference}); found != running_.end()) return found->second;
    if (stop.stop_requested()) return absl::CancelledError(kCancelledText);
    const auto left = until - std::chrono::steady_clock::now();
    if (stopped_ || left <= std::chrono::nanoseconds(0))
      return absl::NotFoundError(fmt::format("no such job {}", Printable(reference.substr(0, 100))));
    changed_.WaitFor(mutex_, left);
  }
}

std::shared_ptr<StatusBoard> ClientBuilds::FindBoard(const std::string& caller,
                                                     const std::string& reference) {
  const Key key(caller, reference);
  MutexLock lock(mutex_);
  if (const auto found = running_.find(key); found != running_.end()) return found->second->shared_board();
  for (auto each = ended_.rbegin(); each != ended_.rend(); ++each) {
    if (each->first == key) return each->second;
  }
  return nullptr;
}

std::shared_ptr<ClientResult> ClientBuilds::FindResult(const std::string& caller, const std::string& id) {
  std::vector<std::shared_ptr<ClientBuild>> builds;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, build] : running_) {
      if (key.first == caller) builds.push_back(build);
    }
  }
  for (const std::shared_ptr<ClientBuild>& build : builds) {
    for (const std::shared_ptr<ClientResult>& result : build->results()) {
      if (result->id == id) return result;
    }
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<void>> ClientBuilds::TakeTree() {
  MutexLock lock(mutex_);
  if (trees_ >= limits_.trees) {
    return absl::ResourceExhaustedError(fmt::format(
        "files of {} images are being read: try again when a build has ended, or export the image",
        limits_.trees));
  }
  ++trees_;
  return std::shared_ptr<void>(this, [](void* builds) {
    auto* const self = static_cast<ClientBuilds*>(builds);
    MutexLock freeing(self->mutex_);
    --self->trees_;
  });
}

void ClientBuilds::End(const std::shared_ptr<ClientBuild>& build) {
  build->board().Close(kCancelledText);
  MutexLock lock(mutex_);
  running_.erase(KeyOf(*build));
  if (limits_.ended > 0) ended_.emplace_back(KeyOf(*build), build->shared_board());
  while (ended_.size() > limits_.ended) ended_.pop_front();
  changed_.NotifyAll();
}

void ClientBuilds::Stop() {
  std::vector<std::shared_ptr<ClientBuild>> builds;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    for (const auto& [key, build] : running_) builds.push_back(build);
    changed_.NotifyAll();
  }
  // Not under the lock: whoever waits takes it.
  for (const std::shared_ptr<ClientBuild>& build : builds) build->Cancel();
  MutexLock lock(mutex_);
  while (!running_.empty()) changed_.Wait(mutex_);
}

size_t ClientBuilds::size() {
  MutexLock lock(mutex_);
  return running_.size();
}

}  // namespace crossmill::coordinator::buildkit
