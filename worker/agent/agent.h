// The worker's side of Synchronize: keeps a stream to the coordinator, says what the lease board has to
// say and hands it what the coordinator desires.
#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "worker/agent/lease_board.h"

namespace crossmill::worker {

struct AgentOptions {
  absl::Duration heartbeat = absl::Seconds(5);
  // While tasks run the load of the machine is told that often; else with the heartbeats.
  absl::Duration load_interval = absl::Seconds(1);
  // What the machine does, since the last call; nothing: it can't be told. May be empty.
  std::function<std::optional<v1::HostLoad>()> measure = {};
  // Between attempts to connect: doubles up to the longest.
  absl::Duration first_wait = absl::Milliseconds(200);
  absl::Duration longest_wait = absl::Seconds(5);
  // Called while the agent gets on: with each message, and while it tries to connect. May be empty.
  std::function<void()> on_alive = {};
  // Told when the coordinator has accepted this worker, and when the connection is lost. May be empty.
  std::function<void(bool connected)> on_connection = {};
  // How long running tasks may go on after a stop request.
  absl::Duration grace = absl::Seconds(60);
  // After that and when nothing runs: how long results may take to be acknowledged.
  absl::Duration farewell = absl::Seconds(5);
};

class Agent {
 public:
  // `board` must outlive it.
  Agent(std::shared_ptr<grpc::Channel> channel, LeaseBoard& board, AgentOptions options);

  // Until a stop was requested and what ran has ended. Lost connections are made anew. An error only if
  // the coordinator refuses this worker (UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT) before it
  // ever accepted it.
  absl::Status Run(const std::stop_token& stop);

 private:
  // One stream, until it breaks or all is done.
  absl::Status Converse(const std::stop_token& stop);
  // How long the next message may be waited for.
  absl::Duration Patience(const std::stop_token& stop);
  // Adds the load of the machine when it is due.
  void AddLoad(v1::SynchronizeRequest* request);
  // After a stop request: cancels when the grace is over; true when there is nothing more to wait for.
  bool Done(const std::stop_token& stop);

  const std::shared_ptr<grpc::Channel> channel_;
  LeaseBoard& board_;
  const AgentOptions options_;
  SteadyClock passing_;
  // Since the stop request.
  absl::Time stopped_at_ = absl::InfiniteFuture();
  absl::Time cancelled_at_ = absl::InfiniteFuture();
  // When the last task ended, once a stop was requested.
  absl::Time quiet_since_ = absl::InfiniteFuture();
  bool accepted_ = false;
  absl::Time load_told_at_ = absl::InfinitePast();
};

}  // namespace crossmill::worker
