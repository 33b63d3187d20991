#include "worker/agent/agent.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "crossmill/v1/worker_service.grpc.pb.h"
#include "worker/mounts/task_secrets.h"

namespace crossmill::worker {
namespace {

bool IsRefusal(const absl::Status& status) {
  return absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status) ||
         absl::IsInvalidArgument(status);
}

// Ends early when a stop is requested.
void Sleep(absl::Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock lock(mutex);
  condition.wait_for(lock, stop, absl::ToChronoNanoseconds(duration), [] { return false; });
}

}  // namespace

Agent::Agent(std::shared_ptr<grpc::Channel> channel, LeaseBoard& board, AgentOptions options)
    : channel_(std::move(channel)), board_(board), options_(options) {}

absl::Status Agent::Run(const std::stop_token& stop) {
  const std::stop_callback drain(stop, [this] { board_.Drain(); });
  absl::Duration wait = options_.first_wait;
  bool complained = false;
  while (!Done(stop)) {
    if (options_.on_alive) options_.on_alive();
    const bool accepted_before = accepted_;
    const absl::Time began = passing_.Now();
    const absl::Status status = Converse(stop);
    if (Done(stop)) break;
    if (options_.on_connection) options_.on_connection(false);
    if (!accepted_ && IsRefusal(status)) return Annotate(status, "the coordinator refuses this worker");
    if (!complained || accepted_before != accepted_) {
      LogWarning("no connection to the coordinator: {}", Sv(status.message()));
    }
    complained = true;
    // A stream that lasted was a good one.
    if (passing_.Now() - began > options_.longest_wait) wait = options_.first_wait;
    Sleep(std::min(wait, options_.longest_wait), stop.stop_requested() ? std::stop_token() : stop);
    wait = std::min(wait * 2, options_.longest_wait);
  }
  return absl::OkStatus();
}

absl::Status Agent::Converse(const std::stop_token& stop) {
  const auto stub = v1::WorkerQueue::NewStub(channel_);
  grpc::ClientContext context;
  const auto stream = stub->Synchronize(&context);
  std::atomic<bool> broken = false;
  board_.Connected();
  std::jthread reader([&] {
    v1::SynchronizeResponse desired;
    bool first = true;
    while (stream->Read(&desired)) {
      if (std::exchange(first, false) && options_.on_connection) options_.on_connection(true);
      if (!accepted_) LogInfo("connected to the coordinator");
      accepted_ = true;
      board_.Apply(desired);
      for (v1::DesiredLease& lease : *desired.mutable_leases()) WipeValues(lease.mutable_secrets());
      if (stop.stop_requested()) board_.Wake();
    }
    broken = true;
    board_.Wake();
  });
  // Only this thread writes.
  bool done = false;
  while (!broken && !(done = Done(stop))) {
    if (options_.on_alive) options_.on_alive();
    std::optional<v1::SynchronizeRequest> request = board_.Next(Patience(stop));
    if (broken) break;
    if (!request) {
      request.emplace();
      request->set_heartbeat(true);
    }
    AddLoad(&*request);
    if (!stream->Write(*request)) break;
  }
  // After a failed write the reader ends by itself, and Finish says why.
  if (done) context.TryCancel();
  reader.join();
  const grpc::Status status = stream->Finish();
  return done || status.ok() ? absl::UnavailableError("the coordinator closed the stream")
                             : rpc::FromGrpc(status);
}

absl::Duration Agent::Patience(const std::stop_token& stop) {
  // After a stop request the end of the grace has to be noticed.
  if (stop.stop_requested()) return std::min(options_.heartbeat, absl::Milliseconds(200));
  return options_.measure && board_.Running() ? std::min(options_.heartbeat, options_.load_interval)
                                              : options_.heartbeat;
}

void Agent::AddLoad(v1::SynchronizeRequest* request) {
  const absl::Time now = passing_.Now();
  // A message of its own may come a little early.
  if (!options_.measure || now - load_told_at_ < options_.load_interval * 0.9) return;
  std::optional<v1::HostLoad> load = options_.measure();
  if (!load) return;
  load_told_at_ = now;
  *request->mutable_load() = *std::move(load);
}

bool Agent::Done(const std::stop_token& stop) {
  if (!stop.stop_requested()) return false;
  const absl::Time now = passing_.Now();
  stopped_at_ = std::min(stopped_at_, now);
  if (board_.Idle()) return true;
  if (now - stopped_at_ >= options_.grace && cancelled_at_ == absl::InfiniteFuture()) {
    cancelled_at_ = now;
    board_.CancelAll("the worker was shut down");
  }
  if (board_.Running()) {
    quiet_since_ = absl::InfiniteFuture();
    return false;
  }
  // Results that nobody takes stay on disk for the next worker with this data folder.
  quiet_since_ = std::min(quiet_since_, now);
  return now - quiet_since_ >= options_.farewell;
}

}  // namespace crossmill::worker
