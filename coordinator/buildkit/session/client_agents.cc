#include "coordinator/buildkit/session/client_agents.h"

#include <deque>
#include <list>
#include <map>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/threads.h"
#include "common/base/utf8.h"
#include "coordinator/buildkit/session/client_call.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "moby/sshforward/v1/ssh_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace ssh = ::moby::sshforward::v1;

constexpr auto kCheckPatience = std::chrono::seconds(60);
constexpr size_t kMostAgentBytes = 1 << 20;
constexpr size_t kMostAgentConnections = 64;

}  // namespace

absl::StatusOr<std::string> MissingAgents(ClientSession& session, const std::set<std::string>& ids,
                                          std::stop_token stop) {
  std::string missing;
  for (const std::string& id : ids) {
    ClientCall call(session, kCheckPatience, stop);
    ssh::CheckAgentRequest request;
    request.set_id(id);
    ssh::CheckAgentResponse response;
    const grpc::Status checked =
        session.Serves("/moby.sshforward.v1.SSH/CheckAgent")
            ? ssh::SSH::NewStub(session.channel())->CheckAgent(&call.context(), request, &response)
            : grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "the client forwards none (--ssh)");
    if (checked.ok()) continue;
    const absl::Status why = call.StatusOf(checked, fmt::format("ssh agent {}", Printable(id)));
    if (absl::IsCancelled(why) || absl::IsUnavailable(why)) return why;
    missing += fmt::format("{}{}", missing.empty() ? "" : "; ", Sv(why.message()));
  }
  return missing;
}

// The Attach stream, and what is open on it.
class ClientAgents::Relay {
 public:
  Relay(std::shared_ptr<ClientSession> session, std::shared_ptr<grpc::Channel> farm, const std::string& token,
        int64_t build, std::set<std::string> ids)
      : session_(std::move(session)),
        builds_(v1::Builds::NewStub(std::move(farm))),
        agents_(ssh::SSH::NewStub(session_->channel())),
        build_(build),
        ids_(std::move(ids)) {
    attach_.AddMetadata("authorization", "Bearer " + token);
  }

  void End() { attach_.TryCancel(); }

  // To the end of the build, of the session, or until End.
  void Run() {
    const std::stop_callback gone(session_->ended(), [this] { End(); });
    const auto stream = builds_->Attach(&attach_);
    v1::AttachRequest first;
    first.set_build_id(build_);
    for (const std::string& id : ids_) first.add_ssh_ids(id);
    send_ = [this, &stream](const v1::AttachRequest& message) {
      MutexLock lock(sending_);
      stream->Write(message);
    };
    send_(first);
    v1::AttachResponse message;
    while (stream->Read(&message)) Take(message);
    for (auto& [channel, connection] : connections_) connection->Cancel();
    connections_.clear();
    stream->Finish();
  }

 private:
  using Send = std::function<void(const v1::AttachRequest&)>;

  // One connection of a step to an agent.
  class Connection {
   public:
    Connection(Relay& relay, uint64_t channel)
        : relay_(relay), channel_(channel), call_(*relay.session_, {}, {}) {}
    ~Connection() {
      Cancel();
      reader_ = std::jthread();
      writer_ = std::jthread();
    }

    absl::Status Start(const std::string& id) {
      RETURN_IF_ERROR(call_.AddMetadata("buildkit.ssh.id", id, "ssh agent"));
      stream_ = relay_.agents_->ForwardAgent(&call_.context());
      ASSIGN_OR_RETURN(reader_, StartThread([this] { ReadAll(); }));
      ASSIGN_OR_RETURN(writer_, StartThread([this] { WriteAll(); }));
      return absl::OkStatus();
    }
    // False: the agent does not read.
    bool Deliver(std::string data, bool end) {
      MutexLock lock(mutex_);
      waiting_bytes_ += data.size();
      if (!data.empty()) waiting_.push_back(std::move(data));
      end_ = end_ || end;
      changed_.NotifyAll();
      return waiting_bytes_ <= kMostAgentBytes;
    }
    void Cancel() {
      call_.context().TryCancel();
      MutexLock lock(mutex_);
      cancelled_ = true;
      changed_.NotifyAll();
    }
    bool over() {
      MutexLock lock(mutex_);
      return over_;
    }

   private:
    void ReadAll() {
      ssh::BytesMessage piece;
      v1::AttachRequest message;
      message.set_channel(channel_);
      while (stream_->Read(&piece)) {
        message.mutable_data()->swap(*piece.mutable_data());
        relay_.send_(message);
      }
      message.clear_data();
      message.set_end(true);
      relay_.send_(message);
      MutexLock lock(mutex_);
      over_ = true;
      changed_.NotifyAll();
      // The writer finishes the call.
    }
    void WriteAll() {
      bool writable = true;
      while (std::optional<std::string> data = Next()) {
        ssh::BytesMessage piece;
        piece.set_data(*std::move(data));
        writable = writable && stream_->Write(piece);
      }
      if (writable) stream_->WritesDone();
      {
        MutexLock lock(mutex_);
        while (!over_) changed_.Wait(mutex_);
      }
      stream_->Finish();
    }
    // Nothing: there will be no more.
    std::optional<std::string> Next() {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !end_ && !over_ && !cancelled_) changed_.Wait(mutex_);
      if (waiting_.empty() || over_ || cancelled_) return std::nullopt;
      std::string data = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_bytes_ -= data.size();
      return data;
    }

    Relay& relay_;
    const uint64_t channel_;
    ClientCall call_;
    std::unique_ptr<grpc::ClientReaderWriter<ssh::BytesMessage, ssh::BytesMessage>> stream_;
    Mutex mutex_;
    CondVar changed_;
    std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
    size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
    bool end_ ABSL_GUARDED_BY(mutex_) = false;
    bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
    // The agent has said all.
    bool over_ ABSL_GUARDED_BY(mutex_) = false;
    std::jthread reader_, writer_;
  };

  void Take(v1::AttachResponse& message) {
    std::erase_if(connections_, [](const auto& entry) { return entry.second->over(); });
    auto found = connections_.find(message.channel());
    // The first message of a channel names the agent; others are of one that is over.
    if (found == connections_.end() && message.ssh_id().empty()) return;
    if (found == connections_.end()) {
      auto connection = std::make_unique<Connection>(*this, message.channel());
      const bool allowed = ids_.contains(message.ssh_id()) && connections_.size() < kMostAgentConnections;
      if (!allowed || !connection->Start(message.ssh_id()).ok()) {
        v1::AttachRequest end;
        end.set_channel(message.channel());
        end.set_end(true);
        send_(end);
        return;
      }
      found = connections_.emplace(message.channel(), std::move(connection)).first;
    }
    if (!found->second->Deliver(std::move(*message.mutable_data()), message.end())) found->second->Cancel();
  }

  const std::shared_ptr<ClientSession> session_;
  const std::unique_ptr<v1::Builds::Stub> builds_;
  const std::unique_ptr<ssh::SSH::Stub> agents_;
  const int64_t build_;
  const std::set<std::string> ids_;
  grpc::ClientContext attach_;
  Mutex sending_;
  // Constant while connections are open.
  Send send_;
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;
};

absl::StatusOr<std::unique_ptr<ClientAgents>> ClientAgents::Offer(std::shared_ptr<ClientSession> session,
                                                                  std::shared_ptr<grpc::Channel> farm,
                                                                  const std::string& token, int64_t build,
                                                                  std::set<std::string> ids) {
  std::unique_ptr<ClientAgents> agents(new ClientAgents());
  agents->relay_ = std::make_unique<Relay>(std::move(session), std::move(farm), token, build, std::move(ids));
  ASSIGN_OR_RETURN(agents->thread_, StartThread([relay = agents->relay_.get()] { relay->Run(); }));
  return agents;
}

ClientAgents::~ClientAgents() {
  if (relay_ != nullptr) relay_->End();
}

}  // namespace crossmill::coordinator::buildkit
