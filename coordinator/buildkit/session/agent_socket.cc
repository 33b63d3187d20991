#include "coordinator/buildkit/session/agent_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <list>
#include <stop_token>
#include <utility>

#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/threads.h"
#include "coordinator/buildkit/session/client_call.h"
#include "moby/sshforward/v1/ssh_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {
namespace {

using AgentBytes = moby::sshforward::v1::BytesMessage;

constexpr size_t kMostSocketConnections = 16;
constexpr size_t kSocketPiece = 16 << 10;

absl::StatusOr<UniqueFd> ListenAt(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return absl::InvalidArgumentError(
        fmt::format("{}: too long for a socket: set TMPDIR to a shorter one", path));
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "socket");
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return ErrnoStatus(errno, path);
  if (listen(fd.get(), static_cast<int>(kMostSocketConnections)) != 0) return ErrnoStatus(errno, path);
  return fd;
}

bool SendToProgram(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

}  // namespace

class AgentSocket::Listener {
 public:
  Listener(std::shared_ptr<ClientSession> session, std::string id, std::string path)
      : session_(std::move(session)),
        id_(std::move(id)),
        path_(std::move(path)),
        agents_(moby::sshforward::v1::SSH::NewStub(session_->channel())) {}

  ~Listener() {
    stop_.request_stop();
    thread_ = std::jthread();
    for (Connection& each : connections_) each.Cancel();
    connections_.clear();
    unlink(path_.c_str());
  }

  const std::string& path() const { return path_; }

  absl::Status Start() {
    ASSIGN_OR_RETURN(socket_, ListenAt(path_));
    wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_.valid()) return ErrnoStatus(errno, "eventfd");
    ASSIGN_OR_RETURN(thread_, StartThread([this] { Accept(); }));
    return absl::OkStatus();
  }

 private:
  // One program that talks to the agent.
  class Connection {
   public:
    Connection(Listener& listener, UniqueFd fd)
        : fd_(std::move(fd)),
          listener_(listener),
          call_(*listener.session_, {}, listener.stop_.get_token()) {}
    ~Connection() {
      Cancel();
      reader_ = std::jthread();
      writer_ = std::jthread();
      if (stream_ != nullptr) stream_->Finish();
    }

    absl::Status Start() {
      RETURN_IF_ERROR(call_.AddMetadata("buildkit.ssh.id", listener_.id_, "ssh agent"));
      stream_ = listener_.agents_->ForwardAgent(&call_.context());
      ASSIGN_OR_RETURN(reader_, StartThread([this] { ReadAgent(); }));
      ASSIGN_OR_RETURN(writer_, StartThread([this] { ReadProgram(); }));
      return absl::OkStatus();
    }
    void Cancel() {
      call_.context().TryCancel();
      shutdown(fd_.get(), SHUT_RDWR);
    }
    // Guarded by the listener's mutex.
    bool ended = false;

   private:
    void ReadAgent() {
      AgentBytes piece;
      while (stream_->Read(&piece)) {
        if (!SendToProgram(fd_.get(), piece.data())) break;
      }
      // Whatever came first: the other direction has nobody left to talk to.
      Cancel();
      MutexLock lock(listener_.mutex_);
      ended = true;
      // The listener may have room for the next one.
      listener_.Wake();
    }
    void ReadProgram() {
      std::string buffer(kSocketPiece, '\0');
      while (true) {
        const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        AgentBytes piece;
        piece.set_data(buffer.data(), static_cast<size_t>(count));
        if (!stream_->Write(piece)) return;
      }
      stream_->WritesDone();
    }

    const UniqueFd fd_;
    Listener& listener_;
    ClientCall call_;
    std::unique_ptr<grpc::ClientReaderWriter<AgentBytes, AgentBytes>> stream_;
    std::jthread reader_, writer_;
  };

  void Wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t woken = write(wake_.get(), &one, sizeof(one));
  }

  bool HasRoom() {
    // Joined without the lock, which their threads take at their end.
    std::list<Connection> ended;
    MutexLock lock(mutex_);
    ended = TakeEnded(connections_);
    return connections_.size() < kMostSocketConnections;
  }

  void Accept() {
    const std::function<void()> wake = [this] { Wake(); };
    const std::stop_callback stopped(stop_.get_token(), wake);
    const std::stop_callback gone(session_->ended(), wake);
    while (!stop_.stop_requested() && !session_->ended().stop_requested()) {
      const bool room = HasRoom();
      pollfd waiting[2] = {{wake_.get(), POLLIN, 0}, {room ? socket_.get() : -1, POLLIN, 0}};
      if (poll(waiting, 2, -1) < 0 && errno != EINTR) return;
      uint64_t woken = 0;
      if (waiting[0].revents != 0) [[maybe_unused]]
        const ssize_t count = read(wake_.get(), &woken, sizeof(woken));
      if (waiting[1].revents != 0) Take();
    }
  }

  void Take() {
    UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd.valid()) return;
    std::list<Connection> taken;
    const bool started = taken.emplace_back(*this, std::move(fd)).Start().ok();
    MutexLock lock(mutex_);
    if (started) connections_.splice(connections_.end(), taken);
  }

  const std::shared_ptr<ClientSession> session_;
  const std::string id_;
  const std::string path_;
  const std::unique_ptr<moby::sshforward::v1::SSH::Stub> agents_;
  UniqueFd socket_, wake_;
  std::stop_source stop_;
  Mutex mutex_;
  // Changed by the accepting thread, and when that has gone.
  std::list<Connection> connections_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

absl::StatusOr<std::unique_ptr<AgentSocket>> AgentSocket::Open(std::shared_ptr<ClientSession> session,
                                                               const std::string& id,
                                                               const std::string& folder) {
  std::unique_ptr<AgentSocket> opened(new AgentSocket());
  opened->listener_ = std::make_unique<Listener>(std::move(session), id, folder + "/agent");
  RETURN_IF_ERROR(opened->listener_->Start());
  return opened;
}

AgentSocket::~AgentSocket() = default;

const std::string& AgentSocket::path() const { return listener_->path(); }

}  // namespace crossmill::coordinator::buildkit
