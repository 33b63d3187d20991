#include "coordinator/buildkit/door/tls_connections.h"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/threads.h"
#include "coordinator/buildkit/door/tls_pump.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr auto kBetweenLooks = std::chrono::seconds(1);
// Meanwhile calls are answered with the reason.
constexpr int kLooksBeforeTheEnd = 3;

struct FreeSsl {
  void operator()(SSL* connection) const { SSL_free(connection); }
};

// Whoever writes to a connection that is closed gets an error and no signal: OpenSSL cannot ask for that.
void BlockPipeSignal() {
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
}

struct NamedPair {
  UniqueFd ours, grpcs;
  // What gRPC calls our end.
  std::string peer;
};

// Our end has a name in the abstract namespace, which gRPC asks for as its peer's. 128 random bits: no other
// connection ever has it.
absl::StatusOr<NamedPair> MakeNamedPair() {
  std::array<unsigned char, 16> random;
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return absl::InternalError("OpenSSL has no random bytes");
  const std::string name =
      "crossmill-buildkit-" +
      absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(random.data()), random.size()));
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    return absl::ResourceExhaustedError("no descriptor is left for a connection of BuildKit's client");
  NamedPair pair{UniqueFd(ends[0]), UniqueFd(ends[1]), "unix-abstract:" + name};
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(pair.ours.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    return ErrnoStatus(errno, "naming a connection of BuildKit's client");
  return pair;
}

// As gRPC would name it; OpenConnections knows it by that.
std::string GrpcPeerOf(int tcp) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (getpeername(tcp, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "";
  const std::string endpoint = EndpointOf(address);
  const size_t blank = endpoint.find(' ');
  if (blank == std::string::npos) return "";
  return address.ss_family == AF_INET6
             ? fmt::format("ipv6:%5B{}%5D:{}", endpoint.substr(0, blank), endpoint.substr(blank + 1))
             : fmt::format("ipv4:{}:{}", endpoint.substr(0, blank), endpoint.substr(blank + 1));
}

}  // namespace

absl::Status TlsConnections::Start(Hand grpc) {
  grpc_ = std::move(grpc);
  ASSIGN_OR_RETURN(watcher_, StartThread([this](const std::stop_token& stop) { Watch(stop); }));
  return absl::OkStatus();
}

void TlsConnections::Take(UniqueFd tcp) {
  std::list<Connection> ended;
  MutexLock lock(mutex_);
  ended = TakeEnded(open_);
  if (stopped_) return;
  Connection& connection = open_.emplace_back();
  connection.tcp = std::move(tcp);
  auto thread = StartThread([this, &connection] { Serve(connection); });
  if (thread.ok()) {
    connection.thread = *std::move(thread);
  } else {
    LogWarning("a connection of BuildKit's client is refused: {}", Sv(thread.status().message()));
    open_.pop_back();
  }
}

void TlsConnections::Serve(Connection& connection) {
  BlockPipeSignal();
  const absl::Status served = ServeInTls(connection);
  if (!served.ok() && !absl::IsUnavailable(served))
    LogDebug("event=buildkit_connection_refused reason=\"{}\"", Sv(served.message()));
  MutexLock lock(mutex_);
  if (!connection.peer.empty()) callers_.Remove(connection.peer);
  connection.tcp.Reset();
  connection.plain.Reset();
  connection.ended = true;
}

absl::Status TlsConnections::ServeInTls(Connection& connection) {
  const std::shared_ptr<SSL_CTX> context = tls_.Context();
  const std::unique_ptr<SSL, FreeSsl> ssl(SSL_new(context.get()));
  const int tcp = connection.tcp.get();
  if (ssl == nullptr || SSL_set_fd(ssl.get(), tcp) != 1)
    return absl::ResourceExhaustedError("OpenSSL has no memory for a connection");
  RETURN_IF_ERROR(ShakeHands(ssl.get(), tcp, handshake_time_));
  ASSIGN_OR_RETURN(ShownCertificate shown, tls_.ShownBy(ssl.get()));
  ASSIGN_OR_RETURN(NamedPair pair, MakeNamedPair());
  callers_.Add(pair.peer, std::move(shown));
  // Who has no rights is told so by an answer of gRPC, which can say why, and not kept for long.
  if (callers_.CallerAt(pair.peer).ok()) connections_.Know(GrpcPeerOf(tcp));
  const int plain = pair.ours.get();
  {
    MutexLock lock(mutex_);
    connection.peer = std::move(pair.peer);
    connection.plain = std::move(pair.ours);
    if (stopped_) return absl::UnavailableError("the door is closed");
  }
  grpc_(std::move(pair.grpcs));
  PumpTls(ssl.get(), tcp, plain);
  return absl::OkStatus();
}

void TlsConnections::End(Connection& connection) {
  if (connection.tcp.valid()) shutdown(connection.tcp.get(), SHUT_RDWR);
  if (connection.plain.valid()) shutdown(connection.plain.get(), SHUT_RDWR);
}

void TlsConnections::Watch(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  while (!stop.stop_requested()) {
    EndWorthless();
    MutexLock lock(mutex_);
    if (!stop.stop_requested()) changed_.WaitFor(mutex_, kBetweenLooks);
  }
}

void TlsConnections::EndWorthless() {
  std::vector<std::string> worthless;
  std::list<Connection> ended;
  {
    MutexLock lock(mutex_);
    ended = TakeEnded(open_);
    for (const Connection& connection : open_) {
      if (!connection.ended && !connection.peer.empty()) worthless.push_back(connection.peer);
    }
  }
  // Asked without the lock: it reads files.
  std::erase_if(worthless, [this](const std::string& peer) { return callers_.CallerAt(peer).ok(); });
  MutexLock lock(mutex_);
  for (Connection& connection : open_) {
    if (std::find(worthless.begin(), worthless.end(), connection.peer) == worthless.end()) {
      connection.worthless_looks = 0;
    } else if (++connection.worthless_looks > kLooksBeforeTheEnd) {
      End(connection);
    }
  }
}

void TlsConnections::Stop() {
  if (watcher_.joinable()) {
    watcher_.request_stop();
    watcher_.join();
  }
  // Threads take the mutex at their end.
  std::list<Connection> ending;
  MutexLock lock(mutex_);
  stopped_ = true;
  for (Connection& connection : open_) End(connection);
  ending.splice(ending.end(), open_);
}

size_t TlsConnections::size() {
  MutexLock lock(mutex_);
  return open_.size();
}

}  // namespace crossmill::coordinator::buildkit
