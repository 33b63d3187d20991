// BuildAttachment: the Attach stream, and a thread for each connection to an agent.
#include <grpcpp/client_context.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <stop_token>
#include <thread>

#include "cli/session/build_session.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"

namespace crossmill::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

// The coordinator may be so far ahead of an agent, which answers one short message after the other.
constexpr size_t kMaxWaitingBytes = 1 << 20;
constexpr auto kFirstWait = std::chrono::milliseconds(100);
constexpr auto kLongestWait = std::chrono::milliseconds(3000);

absl::StatusOr<UniqueFd> ConnectTo(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(fmt::format("socket path {} is too long", socket_path));
  }
  std::copy(socket_path.begin(), socket_path.end(), address.sun_path);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return ErrnoStatus(errno, "socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, "connect to " + socket_path);
  }
  return fd;
}

// One connection to an agent. A thread of its own moves bytes both ways, so that a slow agent holds up
// nobody.
class AgentConnection {
 public:
  // `send` gives the coordinator a message; called on the connection's thread.
  using Send = std::function<void(v1::AttachRequest)>;

  AgentConnection(uint64_t channel, UniqueFd socket, Send send)
      : channel_(channel),
        socket_(std::move(socket)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        send_(std::move(send)),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  ~AgentConnection() {
    thread_.request_stop();
    Wake();
  }

  void Write(std::string data) {
    MutexLock lock(mutex_);
    waiting_bytes_ += data.size();
    waiting_.push_back(std::move(data));
    Wake();
  }
  // The step has nothing more to say.
  void End() {
    MutexLock lock(mutex_);
    end_ = true;
    Wake();
  }
  bool over() {
    MutexLock lock(mutex_);
    return over_;
  }

 private:
  void Wake() { eventfd_write(wake_.get(), 1); }

  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested() && Turn()) {
    }
    v1::AttachRequest end;
    end.set_channel(channel_);
    end.set_end(true);
    if (!stop.stop_requested()) send_(std::move(end));
    MutexLock lock(mutex_);
    over_ = true;
  }

  // Waits for something and handles it; false at the end.
  bool Turn() {
    bool writing = false;
    {
      MutexLock lock(mutex_);
      if (waiting_bytes_ > kMaxWaitingBytes) return false;
      writing = !waiting_.empty();
      if (!writing && end_ && !shut_) {
        shut_ = true;
        shutdown(socket_.get(), SHUT_WR);
      }
    }
    std::array<pollfd, 2> polled = {
        pollfd{socket_.get(), static_cast<short>(POLLIN | (writing ? POLLOUT : 0)), 0},
        pollfd{wake_.get(), POLLIN, 0}};
    if (poll(polled.data(), polled.size(), -1) < 0) return errno == EINTR;
    eventfd_t ignored = 0;
    if (polled[1].revents != 0) eventfd_read(wake_.get(), &ignored);
    if ((polled[0].revents & POLLOUT) != 0 && !WriteSome()) return false;
    if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) return ReadSome();
    return true;
  }

  bool WriteSome() {
    MutexLock lock(mutex_);
    std::string& first = waiting_.front();
    const ssize_t sent = send(socket_.get(), first.data(), first.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    waiting_bytes_ -= static_cast<size_t>(sent);
    first.erase(0, static_cast<size_t>(sent));
    if (first.empty()) waiting_.pop_front();
    return true;
  }

  bool ReadSome() {
    std::array<char, 32 << 10> buffer;
    const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    v1::AttachRequest message;
    message.set_channel(channel_);
    message.set_data(buffer.data(), static_cast<size_t>(got));
    send_(std::move(message));
    return true;
  }

  const uint64_t channel_;
  const UniqueFd socket_;
  const UniqueFd wake_;
  const Send send_;
  // Only used by the thread.
  bool shut_ = false;
  Mutex mutex_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool end_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  // Last: it uses everything above.
  std::jthread thread_;
};

// One Attach call.
class AttachStream {
 public:
  AttachStream(Farm& farm, const ClientOffers& offers)
      : offers_(offers), stream_(farm.builds->Attach(&context_)) {}
  ~AttachStream() { context_.TryCancel(); }

  void Cancel() { context_.TryCancel(); }

  absl::Status Run(int64_t build_id) {
    v1::AttachRequest first;
    first.set_build_id(build_id);
    for (const v1::Secret& secret : offers_.secrets) *first.add_secrets() = secret;
    for (const auto& [id, socket] : offers_.agent_sockets) first.add_ssh_ids(id);
    SendMessage(first);
    WipeValues(first.mutable_secrets());
    v1::AttachResponse message;
    while (stream_->Read(&message)) OnMessage(message);
    // Their threads write to the stream.
    connections_.clear();
    return rpc::FromGrpc(stream_->Finish());
  }

 private:
  void SendMessage(const v1::AttachRequest& message) {
    MutexLock lock(writing_);
    stream_->Write(message);
  }

  void OnMessage(v1::AttachResponse& message) {
    std::erase_if(connections_, [](const auto& entry) { return entry.second->over(); });
    if (!message.ssh_id().empty()) {
      Open(message.channel(), message.ssh_id());
      return;
    }
    const auto found = connections_.find(message.channel());
    if (found == connections_.end()) return;
    if (!message.data().empty()) found->second->Write(std::move(*message.mutable_data()));
    if (message.end()) found->second->End();
  }

  void Open(uint64_t channel, const std::string& ssh_id) {
    const auto path = offers_.agent_sockets.find(ssh_id);
    auto socket =
        path == offers_.agent_sockets.end() ? absl::NotFoundError("not offered") : ConnectTo(path->second);
    if (socket.ok()) {
      connections_[channel] = std::make_unique<AgentConnection>(
          channel, *std::move(socket), [this](const v1::AttachRequest& message) { SendMessage(message); });
      return;
    }
    // The step's program sees an agent that hangs up.
    v1::AttachRequest end;
    end.set_channel(channel);
    end.set_end(true);
    SendMessage(end);
  }

  const ClientOffers& offers_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriterInterface<v1::AttachRequest, v1::AttachResponse>> stream_;
  Mutex writing_;
  std::map<uint64_t, std::unique_ptr<AgentConnection>> connections_;
};

// Trying again does not help.
bool IsFinal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

}  // namespace

class BuildAttachment::Impl {
 public:
  Impl(Farm& farm, int64_t build_id, const ClientOffers& offers,
       std::function<void(std::string_view)> on_problem)
      : farm_(farm),
        build_id_(build_id),
        offers_(offers),
        on_problem_(std::move(on_problem)),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

 private:
  void Run(const std::stop_token& stop) {
    auto wait = kFirstWait;
    while (!stop.stop_requested()) {
      const auto began = SteadyClock::now();
      AttachStream stream(farm_, offers_);
      const std::stop_callback cancel(stop, [&stream] { stream.Cancel(); });
      const absl::Status status = stream.Run(build_id_);
      if (stop.stop_requested()) return;
      if (IsFinal(status)) {
        // It may have ended before we came.
        if (!absl::IsFailedPrecondition(status)) on_problem_(Sv(status.message()));
        return;
      }
      wait = SteadyClock::now() - began > kLongestWait ? kFirstWait : std::min(wait * 2, kLongestWait);
      Pause(stop, wait);
    }
  }

  void Pause(const std::stop_token& stop, std::chrono::milliseconds duration) {
    const std::stop_callback wake(stop, [this] {
      MutexLock lock(mutex_);
      stopped_.NotifyAll();
    });
    MutexLock lock(mutex_);
    if (!stop.stop_requested()) stopped_.WaitFor(mutex_, duration);
  }

  Farm& farm_;
  const int64_t build_id_;
  const ClientOffers& offers_;
  const std::function<void(std::string_view)> on_problem_;
  Mutex mutex_;
  CondVar stopped_;
  // Last: it uses everything above.
  std::jthread thread_;
};

BuildAttachment::BuildAttachment(Farm& farm, int64_t build_id, const ClientOffers& offers,
                                 std::function<void(std::string_view)> on_problem)
    : impl_(std::make_unique<Impl>(farm, build_id, offers, std::move(on_problem))) {}
BuildAttachment::~BuildAttachment() = default;

}  // namespace crossmill::cli
