// Serves the connections that one step makes to one port: the part that services share.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "worker/network/http_head.h"
#include "worker/network/step_service.h"
#include "worker/network/tcp_stream.h"

namespace crossmill::worker {

struct ServerLimits {
  // More connections of a step wait until one of them is over.
  size_t connections = 256;
  // A larger head is refused.
  size_t head_bytes = 64 << 10;
  // From a head's first byte to its last.
  std::chrono::milliseconds head_time = std::chrono::seconds(30);
  // Without a byte in either direction.
  std::chrono::milliseconds idle_time = std::chrono::minutes(10);
};

// One connection of a step, and what is open for it. Used on the thread of its context only.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(asio::io_context& context, const ServerLimits& limits)
      : client(context),
        pause(context, asio::steady_timer::time_point::max()),
        limits_(limits),
        watch_(context) {}

  TcpStream client;
  // The other end, where there is one.
  std::unique_ptr<TcpStream> up;
  // What waits for no socket waits for this timer's cancellation (Wake).
  asio::steady_timer pause;

  // Ends waiting operations unless it is called again within the time.
  void Watch(std::chrono::milliseconds time);
  void Progress() { Watch(limits_.idle_time); }
  // The time was up; operations ended with operation_aborted.
  bool timed_out() const { return timed_out_; }
  // After an answer about it: the connection may be used on.
  void ForgetTimeout() { timed_out_ = false; }
  // The step is over.
  bool aborted() const { return aborted_; }
  void Abort();
  Awaitable<void> Pause();
  void Wake() { pause.cancel(); }

  // The head of the next request, and its bytes consumed. OUT_OF_RANGE: the client is done;
  // DEADLINE_EXCEEDED: too slow; RESOURCE_EXHAUSTED: too large; INVALID_ARGUMENT.
  Awaitable<absl::StatusOr<RequestHead>> ReadRequest();
  // The same of `up`, where a response is expected; UNAVAILABLE: the connection broke, and `fresh` is true if
  // nothing had come.
  Awaitable<absl::StatusOr<ResponseHead>> ReadResponse(bool* nothing_came);
  // A response of our own; `more`: fields. `keep`: the connection stays open.
  Awaitable<bool> Answer(const RequestHead* request, int status, std::string reason, std::string text,
                         std::vector<HeadField> more, bool keep);
  // Lets the client read what was written before the connection is closed, though it is still sending.
  Awaitable<void> Linger();

 private:
  using Clock = std::chrono::steady_clock;
  Awaitable<absl::Status> FillHead(TcpStream& from, size_t* end, bool* nothing_came);
  void Arm();
  void Bite();

  const ServerLimits& limits_;
  asio::steady_timer watch_;
  Clock::time_point until_ = Clock::time_point::max();
  Clock::time_point armed_ = Clock::time_point::max();
  bool timed_out_ = false;
  bool aborted_ = false;
};

// Accepts, and calls `handler` for each connection; the connection ends with it. Its destructor is that of
// StepSession.
class StepServer final : public StepSession {
 public:
  using Handler = std::function<Awaitable<void>(std::shared_ptr<ClientConnection>)>;
  // `handler` runs on the context's thread. It and `limits` outlive the server.
  StepServer(asio::io_context& context, UniqueFd listener, const ServerLimits& limits, Handler handler);
  ~StepServer() override;

 private:
  struct Core;
  asio::io_context& context_;
  std::shared_ptr<Core> core_;
};

}  // namespace crossmill::worker
