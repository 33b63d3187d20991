// The sessions that there are just now: served, and found by the builds that need them. Which of a build's
// calls comes first is the client's chance, so whoever needs a session waits for it.
#pragma once

#include <grpcpp/server_context.h>

#include <chrono>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/buildkit/door/caller_identity.h"
#include "coordinator/buildkit/session/client_session.h"
#include "coordinator/buildkit/session/session_tunnel.h"

namespace crossmill::coordinator::buildkit {

struct SessionLimits {
  // Each has two threads, two descriptors and up to a megabyte on the way.
  size_t most = 512;
  size_t most_of_owner = 128;
  // How long a client that has ended its session may take for what was sent to it before.
  std::chrono::milliseconds patience = std::chrono::seconds(5);
};

// What a Control.Session call says of itself in its metadata. INVALID_ARGUMENT: no id, or more than there may
// be of anything.
absl::StatusOr<ClientSession::Introduction> ReadIntroduction(const grpc::ServerContextBase& context,
                                                             const CallerIdentity& caller);

// Thread safe.
class ClientSessions {
 public:
  explicit ClientSessions(SessionLimits limits = {}) : limits_(limits) {}
  // Waits for all Serve to return.
  ~ClientSessions() { Stop(); }

  // The whole of a Control.Session call: returns when the client has ended it. ALREADY_EXISTS: the caller has
  // a session with this id; RESOURCE_EXHAUSTED: a limit; UNAVAILABLE: Stop was called; CANCELLED.
  absl::Status Serve(ClientSession::Introduction introduction, ByteStream& stream);

  // The session with this id of this owner (CallerIdentity::key), at once or when it comes. NOT_FOUND, in the
  // words that clients know: there is none after `patience`, or it is somebody else's. CANCELLED: `stop`.
  absl::StatusOr<std::shared_ptr<ClientSession>> Wait(const std::string& id, const std::string& owner,
                                                      std::chrono::milliseconds patience,
                                                      std::stop_token stop);

  // Ends the sessions of an owner whose rights are over.
  void EndOf(const std::string& owner);
  // Ends all, and refuses what comes. Returns when all Serve have.
  void Stop();
  size_t size();

 private:
  // By owner and id: ids are random, but only their owners say so.
  using Key = std::pair<std::string, std::string>;
  struct Entry {
    std::shared_ptr<ClientSession> session;
    std::stop_source ending;
  };

  absl::Status Admit(const Key& key, Entry entry) ABSL_LOCKS_EXCLUDED(mutex_);
  void Forget(const Key& key) ABSL_LOCKS_EXCLUDED(mutex_);

  const SessionLimits limits_;
  Mutex mutex_;
  CondVar changed_;
  std::map<Key, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, size_t> by_owner_ ABSL_GUARDED_BY(mutex_);
  size_t serving_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace crossmill::coordinator::buildkit
