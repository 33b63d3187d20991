// Connections from steps to the ssh agents of clients: bytes between a worker's Forward stream and a channel
// of the client's Attach stream. Knows nothing of gRPC; nothing that passes through is recorded.
//
// Each direction of a channel holds at most kMaxWaitingBytes. A worker that sends faster than its client
// takes waits. What a client sends comes by one stream for all its channels, so a channel whose worker does
// not read is closed in place of holding the others up; an agent answers one short message with another, so
// it does not come to that.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

class AttachedClient;

// A piece of one channel of an Attach stream. The first to the client names the ssh id.
struct AgentFrame {
  uint64_t channel = 0;
  std::string ssh_id = {};
  std::string data = {};
  bool end = false;
};

// One connection. Thread safe; the worker's side of it.
class AgentChannel {
 public:
  static constexpr size_t kMaxWaitingBytes = 1 << 20;

  // Towards the agent. Waits while too much is waiting; false when the connection is over.
  bool Send(std::string data);
  // The worker has nothing more to say.
  void SendEnd();
  // The next frame from the agent, waiting up to `patience`; its `end` is the last. Nothing: not yet, or the
  // connection is over, which `over` then says.
  std::optional<v1::ForwardFrame> Receive(std::chrono::milliseconds patience, bool* over);
  // Why it is over: OK after both ends, UNAVAILABLE when the client went away.
  absl::Status status();
  // The worker's stream is over.
  void Close();

 private:
  friend class AttachedClient;
  AgentChannel(std::shared_ptr<AttachedClient> client, uint64_t number, std::string ssh_id);

  const std::shared_ptr<AttachedClient> client_;
  const uint64_t number_;
  const std::string ssh_id_;
  // The rest is protected by the client's mutex.
  std::deque<std::string> to_agent_;
  std::deque<std::string> to_worker_;
  size_t to_agent_bytes_ = 0;
  size_t to_worker_bytes_ = 0;
  bool opened_ = false;
  bool worker_ended_ = false;
  bool end_sent_ = false;
  bool agent_ended_ = false;
  bool end_received_ = false;
  bool closed_ = false;
  absl::Status why_;
};

// One Attach stream of one client. Thread safe; the client's side of all its channels.
class AttachedClient : public std::enable_shared_from_this<AttachedClient> {
 public:
  AttachedClient(int64_t build, std::set<std::string> ssh_ids)
      : build_(build), ssh_ids_(std::move(ssh_ids)) {}

  int64_t build() const { return build_; }
  bool Offers(const std::string& ssh_id) const { return ssh_ids_.contains(ssh_id); }
  // The next message for the client, its channels taking turns; waits up to `patience`. `over`: there will be
  // none.
  std::optional<AgentFrame> Next(std::chrono::milliseconds patience, bool* over);
  // A message from the client. One for a channel that is over is dropped.
  void Deliver(AgentFrame message);
  // The stream is over, or the build: every channel ends with `why`.
  void Close(const absl::Status& why);

  std::shared_ptr<AgentChannel> Open(const std::string& ssh_id);

 private:
  friend class AgentChannel;
  // The first channel with something for the client after the one that was served last, around; or null.
  std::shared_ptr<AgentChannel> FindDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseChannel(AgentChannel& channel, const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetIfOver(AgentChannel& channel) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t build_;
  const std::set<std::string> ssh_ids_;
  Mutex mutex_;
  // One for everything: agents are not busy.
  CondVar changed_;
  uint64_t next_channel_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t last_served_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::shared_ptr<AgentChannel>> channels_ ABSL_GUARDED_BY(mutex_);
  // Ends of channels that the worker gave up: the client has to hear of them.
  std::deque<uint64_t> abandoned_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// The attached clients. Thread safe.
class AgentRelay {
 public:
  // A client and its channels hold each other until it is closed.
  ~AgentRelay() { CloseAll(); }
  std::shared_ptr<AttachedClient> Attach(int64_t build, std::set<std::string> ssh_ids);
  // Ends the client's channels, with UNAVAILABLE.
  void Detach(const std::shared_ptr<AttachedClient>& client);
  bool Offers(int64_t build, const std::string& ssh_id);
  // UNAVAILABLE when no attached client of the build offers the id. The client that attached last counts.
  absl::StatusOr<std::shared_ptr<AgentChannel>> Open(int64_t build, const std::string& ssh_id);
  // The build has ended.
  void CloseBuild(int64_t build);
  // The coordinator stops; who attaches later is closed at once.
  void CloseAll();

 private:
  std::shared_ptr<AttachedClient> Find(int64_t build, const std::string& ssh_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::map<int64_t, std::vector<std::shared_ptr<AttachedClient>>> clients_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace crossmill::coordinator
