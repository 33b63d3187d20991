#include "coordinator/buildkit/session/client_sessions.h"

#include <grpcpp/create_channel_posix.h>
#include <sys/socket.h>

#include <climits>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/rpc/channel.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr size_t kLongestId = 256;
constexpr size_t kLongestSharedKey = 4096;
constexpr size_t kMostMethods = 256;
// The server's end of gRPC in Go takes no longer header lists either.
constexpr int kMostMetadata = 1 << 20;
// Clients send up to 16 MiB by their own settings; folders come in pieces of 32 KiB.
constexpr int kMostMessage = (16 << 20) + (64 << 10);

struct SocketPair {
  UniqueFd ours, grpcs;
};

absl::StatusOr<SocketPair> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    return absl::ResourceExhaustedError("no descriptor is left for a session of BuildKit's client");
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::shared_ptr<grpc::Channel> MakeSessionChannel(UniqueFd socket) {
  rpc::KeepGrpcRunning();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMostMessage);
  arguments.SetMaxSendMessageSize(kMostMessage);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMostMetadata);
  // Whether the client is there the connection below it says.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, INT_MAX);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomInsecureChannelFromFd("localhost", socket.Release(), arguments);
}

std::string_view ViewOf(const grpc::string_ref& text) { return {text.data(), text.size()}; }

// In the words of BuildKit, which its clients look for.
absl::Status NoSession(const std::string& id) {
  return absl::NotFoundError(fmt::format("no active session for {}", Printable(id)));
}

}  // namespace

absl::StatusOr<ClientSession::Introduction> ReadIntroduction(const grpc::ServerContextBase& context,
                                                             const CallerIdentity& caller) {
  ClientSession::Introduction introduction;
  introduction.owner = caller.key;
  for (const auto& [name, value] : context.client_metadata()) {
    if (ViewOf(name) == "x-docker-expose-session-uuid") {
      introduction.id = ViewOf(value);
    } else if (ViewOf(name) == "x-docker-expose-session-sharedkey") {
      introduction.shared_key = ViewOf(value);
    } else if (ViewOf(name) == "x-docker-expose-session-grpc-method") {
      introduction.methods.insert(absl::AsciiStrToLower(Av(ViewOf(value))));
    }
  }
  if (introduction.id.empty())
    return absl::InvalidArgumentError("a session needs an id (metadata x-docker-expose-session-uuid)");
  if (introduction.id.size() > kLongestId || introduction.shared_key.size() > kLongestSharedKey ||
      introduction.methods.size() > kMostMethods) {
    return absl::InvalidArgumentError(fmt::format(
        "a session has an id of at most {} bytes, a shared key of at most {} and at most {} methods",
        kLongestId, kLongestSharedKey, kMostMethods));
  }
  return introduction;
}

absl::Status ClientSessions::Admit(const Key& key, Entry entry) {
  MutexLock lock(mutex_);
  if (stopped_) return absl::UnavailableError("the coordinator is stopping");
  if (entries_.contains(key))
    return absl::AlreadyExistsError(fmt::format("session {} exists already", Printable(key.second)));
  const auto owner = by_owner_.find(key.first);
  const size_t owned = owner == by_owner_.end() ? 0 : owner->second;
  if (entries_.size() >= limits_.most || owned >= limits_.most_of_owner) {
    return absl::ResourceExhaustedError(fmt::format(
        "there are {} sessions of BuildKit's clients, {} of them of this caller, of at most {} and {}: "
        "try again when builds have ended",
        entries_.size(), owned, limits_.most, limits_.most_of_owner));
  }
  entries_.emplace(key, std::move(entry));
  ++by_owner_[key.first];
  changed_.NotifyAll();
  return absl::OkStatus();
}

void ClientSessions::Forget(const Key& key) {
  MutexLock lock(mutex_);
  entries_.erase(key);
  const auto owner = by_owner_.find(key.first);
  if (--owner->second == 0) by_owner_.erase(owner);
}

absl::Status ClientSessions::Serve(ClientSession::Introduction introduction, ByteStream& stream) {
  struct Serving {
    explicit Serving(ClientSessions& sessions) : sessions(sessions) {
      MutexLock lock(sessions.mutex_);
      ++sessions.serving_;
    }
    ~Serving() {
      MutexLock lock(sessions.mutex_);
      --sessions.serving_;
      sessions.changed_.NotifyAll();
    }
    ClientSessions& sessions;
  } serving(*this);
  ASSIGN_OR_RETURN(SocketPair sockets, MakeSocketPair());
  const Key key(introduction.owner, introduction.id);
  Entry entry;
  entry.session =
      std::make_shared<ClientSession>(std::move(introduction), MakeSessionChannel(std::move(sockets.grpcs)));
  const std::shared_ptr<ClientSession> session = entry.session;
  const std::stop_token ending = entry.ending.get_token();
  RETURN_IF_ERROR(Admit(key, std::move(entry)));
  const absl::Status carried = CarryBytes(stream, std::move(sockets.ours), limits_.patience, ending);
  // Nobody finds it any more, and who has it stops.
  Forget(key);
  session->End();
  return carried;
}

absl::StatusOr<std::shared_ptr<ClientSession>> ClientSessions::Wait(const std::string& id,
                                                                    const std::string& owner,
                                                                    std::chrono::milliseconds patience,
                                                                    std::stop_token stop) {
  const auto end = std::chrono::steady_clock::now() + patience;
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  MutexLock lock(mutex_);
  while (true) {
    const auto found = entries_.find(Key(owner, id));
    if (found != entries_.end()) return found->second.session;
    if (stop.stop_requested()) return absl::CancelledError("waiting for the client's session was cancelled");
    const auto left = end - std::chrono::steady_clock::now();
    if (stopped_ || left <= left.zero()) return NoSession(id);
    changed_.WaitFor(mutex_, left);
  }
}

void ClientSessions::EndOf(const std::string& owner) {
  std::vector<std::stop_source> ending;
  {
    MutexLock lock(mutex_);
    for (auto it = entries_.lower_bound(Key(owner, "")); it != entries_.end() && it->first.first == owner;
         ++it)
      ending.push_back(it->second.ending);
  }
  for (std::stop_source& one : ending) one.request_stop();
}

void ClientSessions::Stop() {
  std::vector<std::stop_source> ending;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    for (const auto& [key, entry] : entries_) ending.push_back(entry.ending);
    changed_.NotifyAll();
  }
  for (std::stop_source& one : ending) one.request_stop();
  MutexLock lock(mutex_);
  while (serving_ > 0) changed_.Wait(mutex_);
}

size_t ClientSessions::size() {
  MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace crossmill::coordinator::buildkit
