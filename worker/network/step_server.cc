#include "worker/network/step_server.h"

#include <sys/socket.h>

#include <future>
#include <set>

#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr std::chrono::milliseconds kLingerTime = std::chrono::seconds(2);
constexpr size_t kLingerBytes = 4 << 20;
// After an accept that failed for want of descriptors.
constexpr std::chrono::milliseconds kAcceptPause = std::chrono::milliseconds(50);

}  // namespace

// ---- ClientConnection ----

void ClientConnection::Watch(std::chrono::milliseconds time) {
  until_ = Clock::now() + time;
  if (until_ < armed_) Arm();
}

void ClientConnection::Arm() {
  armed_ = until_;
  watch_.expires_at(armed_);
  watch_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    if (Clock::now() < self->until_) {
      self->Arm();
    } else {
      self->Bite();
    }
  });
}

void ClientConnection::Bite() {
  armed_ = until_ = Clock::time_point::max();
  timed_out_ = true;
  client.Cancel();
  if (up) up->Cancel();
  pause.cancel();
}

void ClientConnection::Abort() {
  aborted_ = true;
  watch_.cancel();
  client.Close();
  if (up) up->Close();
  pause.cancel();
}

Awaitable<void> ClientConnection::Pause() {
  if (aborted_) {
    // Others have their turn: what is waited for is on its way.
    co_await asio::post(asio::use_awaitable);
  } else {
    (void)co_await pause.async_wait(kAwait);
  }
}

Awaitable<absl::Status> ClientConnection::FillHead(TcpStream& from, size_t* end, bool* nothing_came) {
  *nothing_came = from.Buffered().empty();
  if (!*nothing_came) Watch(limits_.head_time);
  size_t searched = 0;
  while (true) {
    const std::string_view bytes = from.Buffered();
    // The end may lie across what was searched and what is new.
    const size_t back = searched > 3 ? searched - 3 : 0;
    if (const auto found = EndOfHead(bytes.substr(back))) {
      *end = back + *found;
      if (*end <= limits_.head_bytes) co_return absl::OkStatus();
    }
    searched = bytes.size();
    if (bytes.size() >= limits_.head_bytes) {
      co_return absl::ResourceExhaustedError(fmt::format("a head of more than {} bytes", limits_.head_bytes));
    }
    const boost::system::error_code error = co_await from.Fill();
    if (timed_out_) co_return absl::DeadlineExceededError("the head did not come in time");
    if (error && bytes.empty()) co_return absl::OutOfRangeError("the connection ended");
    if (error) co_return absl::UnavailableError(fmt::format("in the middle of a head: {}", error.message()));
    // One time for the whole head, however it trickles.
    if (*nothing_came) Watch(limits_.head_time);
    *nothing_came = false;
  }
}

Awaitable<absl::StatusOr<RequestHead>> ClientConnection::ReadRequest() {
  Progress();
  size_t end = 0;
  bool nothing = false;
  const absl::Status status = co_await FillHead(client, &end, &nothing);
  if (nothing) co_return absl::OutOfRangeError("no request");
  if (!status.ok()) co_return status;
  absl::StatusOr<RequestHead> head = ParseRequestHead(client.Buffered().substr(0, end));
  client.Consume(end);
  Progress();
  co_return head;
}

Awaitable<absl::StatusOr<ResponseHead>> ClientConnection::ReadResponse(bool* nothing_came) {
  Progress();
  size_t end = 0;
  const absl::Status status = co_await FillHead(*up, &end, nothing_came);
  if (!status.ok()) co_return status;
  absl::StatusOr<ResponseHead> head = ParseResponseHead(up->Buffered().substr(0, end));
  up->Consume(end);
  Progress();
  co_return head;
}

Awaitable<bool> ClientConnection::Answer(const RequestHead* request, int status, std::string reason,
                                         std::string text, std::vector<HeadField> more, bool keep) {
  ForgetTimeout();
  Progress();
  ResponseHead head;
  head.status = status;
  head.reason = std::move(reason);
  head.fields.list = std::move(more);
  head.fields.Set("Content-Type", "text/plain; charset=utf-8");
  head.fields.Set("Content-Length", std::to_string(text.size()));
  head.fields.Set("Connection", keep ? "keep-alive" : "close");
  std::string bytes = WriteResponseHead(head);
  if (request == nullptr || request->method != "HEAD") bytes += text;
  const boost::system::error_code error = co_await client.Write(bytes);
  if (!keep && !error) co_await Linger();
  co_return keep && !error;
}

Awaitable<void> ClientConnection::Linger() {
  client.EndWriting();
  client.Consume(client.Buffered().size());
  Watch(kLingerTime);
  size_t dropped = 0;
  while (dropped < kLingerBytes && !aborted_ && !timed_out_) {
    if (co_await client.Fill()) break;
    dropped += client.Buffered().size();
    client.Consume(client.Buffered().size());
  }
}

// ---- StepServer ----

struct StepServer::Core : std::enable_shared_from_this<StepServer::Core> {
  Core(asio::io_context& context, const ServerLimits& most, Handler serve)
      : io(context), limits(most), handler(std::move(serve)), acceptor(context), room(context) {}

  Awaitable<void> Accept() {
    while (!closing) {
      if (connections.size() >= limits.connections) {
        room.expires_at(asio::steady_timer::time_point::max());
        (void)co_await room.async_wait(kAwait);
        continue;
      }
      const auto [error] = co_await acceptor.async_wait(asio::ip::tcp::acceptor::wait_read, kAwait);
      if (error || closing) break;
      UniqueFd made(accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (made.valid()) {
        Begin(std::move(made));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        room.expires_after(kAcceptPause);
        (void)co_await room.async_wait(kAwait);
      }
    }
    accepting = false;
    Check();
  }

  void Begin(UniqueFd socket) {
    auto connection = std::make_shared<ClientConnection>(io, limits);
    if (!connection->client.Adopt(std::move(socket), false)) return;
    connections.insert(connection);
    asio::co_spawn(io, handler(connection),
                   [self = shared_from_this(), connection](std::exception_ptr problem) {
                     if (problem) LogError("a connection of a step ended by an exception");
                     connection->Abort();
                     self->connections.erase(connection);
                     self->room.cancel();
                     self->Check();
                   });
  }

  void Close(std::promise<void>* ended) {
    closing = true;
    done = ended;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    room.cancel();
    for (const auto& connection : std::set(connections)) connection->Abort();
    Check();
  }

  void Check() {
    if (!closing || accepting || !connections.empty() || done == nullptr) return;
    std::exchange(done, nullptr)->set_value();
  }

  asio::io_context& io;
  const ServerLimits& limits;
  const Handler handler;
  asio::ip::tcp::acceptor acceptor;
  // Cancelled when a connection is over.
  asio::steady_timer room;
  std::set<std::shared_ptr<ClientConnection>> connections;
  bool accepting = true;
  bool closing = false;
  std::promise<void>* done = nullptr;
};

StepServer::StepServer(asio::io_context& context, UniqueFd listener, const ServerLimits& limits,
                       Handler handler)
    : context_(context), core_(std::make_shared<Core>(context, limits, std::move(handler))) {
  boost::system::error_code error;
  core_->acceptor.assign(asio::ip::tcp::v4(), listener.get(), error);
  if (!error) (void)listener.Release();
  asio::co_spawn(context_, core_->Accept(), [core = core_](std::exception_ptr) {
    core->accepting = false;
    core->Check();
  });
}

StepServer::~StepServer() {
  std::promise<void> done;
  const std::future<void> ended = done.get_future();
  asio::post(context_, [core = core_, &done] { core->Close(&done); });
  ended.wait();
}

}  // namespace crossmill::worker
