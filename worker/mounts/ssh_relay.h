// The ssh agent that a step sees (RUN --mount=type=ssh): a unix socket whose connections go on to an agent of
// the build's client.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/files.h"
#include "common/base/mutex.h"

namespace crossmill::worker {

// One connection to an agent. Reading and writing may happen on two threads; each blocks.
class ForwardStream {
 public:
  virtual ~ForwardStream() = default;
  // At most `size` bytes; 0: the other side has nothing more.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
  virtual absl::Status Write(std::string_view bytes) = 0;
  // Nothing more will be written.
  virtual absl::Status CloseWrite() = 0;
  // Ends both directions at once, also what blocks in them. From any thread.
  virtual void Cancel() = 0;
};

// The way to the agents. Thread safe.
class SshForwarder {
 public:
  virtual ~SshForwarder() = default;
  // NOT_FOUND: the build was not given `ssh_id`, seen at the latest by the first Read.
  virtual absl::StatusOr<std::unique_ptr<ForwardStream>> Open(uint64_t lease, const std::string& ssh_id) = 0;

  // Whether the build was given `ssh_id`: opens a connection and ends it in order. UNAVAILABLE: nobody knows.
  absl::StatusOr<bool> Has(uint64_t lease, const std::string& ssh_id);
};

// Thread safe. Serves from the first moment to its end, which waits for its threads.
class SshRelay {
 public:
  // Makes the socket `path`, which contains a slash. `forwarder` must outlive it. `on_problem` hears of
  // connections that could not be forwarded, on a thread of the relay.
  static absl::StatusOr<std::unique_ptr<SshRelay>> Create(const std::string& path, uint64_t lease,
                                                          std::string ssh_id, SshForwarder& forwarder,
                                                          std::function<void(const std::string&)> on_problem);
  ~SshRelay();

 private:
  struct Connection {
    UniqueFd socket;
    std::unique_ptr<ForwardStream> stream;
    bool ended = false;
    std::jthread thread;
  };

  SshRelay(uint64_t lease, std::string ssh_id, SshForwarder& forwarder,
           std::function<void(const std::string&)> on_problem)
      : lease_(lease),
        ssh_id_(std::move(ssh_id)),
        forwarder_(forwarder),
        on_problem_(std::move(on_problem)) {}
  void Accept();
  void Serve(Connection& connection);
  absl::Status Exchange(Connection& connection);
  void JoinEnded();

  const uint64_t lease_;
  const std::string ssh_id_;
  SshForwarder& forwarder_;
  const std::function<void(const std::string&)> on_problem_;
  UniqueFd listener_;
  Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Connection> connections_ ABSL_GUARDED_BY(mutex_);
  std::jthread acceptor_;
};

}  // namespace crossmill::worker
