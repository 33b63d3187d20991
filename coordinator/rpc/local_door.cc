#include "coordinator/rpc/local_door.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/boot_id.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/threads.h"
#include "common/rpc/status_proto.h"

namespace crossmill::coordinator {
namespace {

// A connection says who it is at once; later it may be idle, as clients keep some.
constexpr absl::Duration kFirstWord = absl::Seconds(5);
constexpr absl::Duration kIdle = absl::Minutes(10);
// Of a file at once; between pieces it is seen that nobody waits for the blob any more. A whole number of
// blocks, so that they can be shared (common/blobs/disk_blob_store).
constexpr int64_t kFilePiece = 64 << 20;
// When no descriptor is left for a connection.
constexpr std::chrono::milliseconds kAcceptPause{100};

absl::StatusOr<std::string> RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  if (getrandom(bytes.data(), size, 0) != static_cast<ssize_t>(size)) return ErrnoStatus(errno, "getrandom");
  return bytes;
}

// One connection's conversation after its ticket. The first error of what is not answered is kept for the
// next answer; what comes in between is not looked at.
class Conversation {
 public:
  Conversation(rpc::PacketSocket& socket, BlobStore& blobs) : socket_(socket), blobs_(blobs) {}

  // Until the other side is done, or does not keep to the rules.
  absl::Status Run() {
    while (true) {
      ASSIGN_OR_RETURN(std::optional<rpc::Packet> packet, socket_.Receive());
      // What the other side sent before it went, or before the door was closed, need not be done any more.
      if (!packet.has_value() || socket_.Ended()) return absl::OkStatus();
      v1::LocalRequest request;
      if (!request.ParseFromString(packet->bytes))
        return absl::InvalidArgumentError("a message that is none");
      RETURN_IF_ERROR(Handle(request, packet->file));
    }
  }

 private:
  absl::Status Handle(const v1::LocalRequest& request, const UniqueFd& file) {
    switch (request.request_case()) {
      case v1::LocalRequest::kBegin:
        error_ = Begin(FromProto(request.begin()));
        return absl::OkStatus();
      case v1::LocalRequest::kData:
        Append([&] { return writer_->Write(request.data()); });
        return absl::OkStatus();
      case v1::LocalRequest::kFilePart:
        Append([&] { return AppendFile(request.file_part(), file); });
        return absl::OkStatus();
      case v1::LocalRequest::kBlob:
        return AnswerBlob(FromProto(request.blob()));
      case v1::LocalRequest::kCommit:
        return AnswerCommit();
      case v1::LocalRequest::kOpen:
        return AnswerOpen(FromProto(request.open()));
      case v1::LocalRequest::kTicket:
      case v1::LocalRequest::REQUEST_NOT_SET:
        break;
    }
    return absl::InvalidArgumentError("a message that has no place here");
  }

  absl::Status Begin(const Digest& expected) {
    auto writer = blobs_.Create(expected);
    RETURN_IF_ERROR(writer.status());
    writer_ = *std::move(writer);
    return absl::OkStatus();
  }

  template <typename Action>
  void Append(Action action) {
    if (error_.ok() && writer_ == nullptr) error_ = absl::FailedPreconditionError("no blob was begun");
    if (error_.ok()) error_ = action();
  }

  absl::Status AppendFile(const v1::LocalRequest::FilePart& part, const UniqueFd& file) {
    struct stat info {};
    if (!file.valid()) return absl::InvalidArgumentError("a part of a file without the file");
    if (fstat(file.get(), &info) != 0) return ErrnoStatus(errno, "stat");
    // Reading anything else could last for ever.
    if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError("a part of what is no regular file");
    if (part.offset() < 0 || part.size() < 0 || part.offset() > info.st_size ||
        part.size() > info.st_size - part.offset()) {
      return absl::FailedPreconditionError("a part of a file that is shorter");
    }
    // It may be of any size: a file with a hole of some exabytes is soon made.
    int64_t done = 0;
    do {
      if (socket_.Ended()) return absl::CancelledError("nobody waits for the blob");
      const int64_t piece = std::min(part.size() - done, kFilePiece);
      RETURN_IF_ERROR(writer_->WriteFile(file.get(), part.offset() + done, piece));
      done += piece;
    } while (done < part.size());
    return absl::OkStatus();
  }

  absl::Status AnswerBlob(const Digest& blob) {
    Append([] { return absl::OkStatus(); });
    if (!error_.ok()) return Answer(error_);
    const absl::Status status = writer_->WriteBlob(blob);
    if (!absl::IsUnimplemented(status) && !absl::IsNotFound(status)) error_ = status;
    return Answer(status);
  }

  absl::Status AnswerCommit() {
    Append([] { return absl::OkStatus(); });
    absl::Status status = std::exchange(error_, absl::OkStatus());
    const std::unique_ptr<BlobWriter> writer = std::move(writer_);
    if (!status.ok()) return Answer(status);
    const auto digest = writer->Commit();
    return Answer(digest.status(), digest.value_or(Digest()));
  }

  absl::Status AnswerOpen(const Digest& digest) {
    const auto reader = blobs_.Open(digest, 0);
    if (!reader.ok()) return Answer(reader.status());
    if ((*reader)->file() < 0) return Answer(absl::UnimplementedError("the blob is not one file"));
    return Answer(absl::OkStatus(), digest, (*reader)->file());
  }

  absl::Status Answer(const absl::Status& status, const Digest& digest = {}, int file = -1) {
    v1::LocalResponse response;
    rpc::StatusToProto(status, response.mutable_status());
    ToProto(digest, response.mutable_digest());
    return socket_.Send(response.SerializeAsString(), file);
  }

  rpc::PacketSocket& socket_;
  BlobStore& blobs_;
  std::unique_ptr<BlobWriter> writer_;
  absl::Status error_;
};

}  // namespace

LocalDoor::~LocalDoor() { Stop(); }

absl::Status LocalDoor::Start() {
  ASSIGN_OR_RETURN(boot_id_, ReadBootId());
  ASSIGN_OR_RETURN(const std::string random, RandomBytes(16));
  const std::string name = "crossmill-" + absl::BytesToHexString(random);
  ASSIGN_OR_RETURN(listener_, rpc::PacketListener::Listen(name));
  name_ = name;
  acceptor_ = std::jthread([this] { AcceptAll(); });
  return absl::OkStatus();
}

void LocalDoor::Stop() {
  if (!acceptor_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  listener_.ShutDown();
  acceptor_.join();
  std::list<Connection> connections;
  {
    MutexLock lock(mutex_);
    for (Connection& connection : connections_) connection.socket.ShutDown();
    // Nobody adds to the list any more; the threads only mark their own entry, wherever it is.
    connections.swap(connections_);
  }
  // They are joined as the list dies, without the lock, which they take at their end.
}

void LocalDoor::AcceptAll() {
  while (true) {
    auto socket = listener_.Accept();
    if (absl::IsCancelled(socket.status())) return;
    JoinEnded();
    if (!socket.ok()) {
      LogWarning("local_door error={}", socket.status().ToString());
      std::this_thread::sleep_for(kAcceptPause);
      continue;
    }
    MutexLock lock(mutex_);
    if (connections_.size() >= kMostConnections) continue;
    Connection& connection = connections_.emplace_back();
    connection.socket = *std::move(socket);
    absl::StatusOr<std::jthread> thread = StartThread([this, &connection] { Serve(connection); });
    if (thread.ok()) {
      connection.thread = *std::move(thread);
    } else {
      LogWarning("local_door error='{}'", Sv(thread.status().message()));
      connections_.pop_back();
    }
  }
}

void LocalDoor::Serve(Connection& connection) {
  const absl::Status status = [&]() -> absl::Status {
    RETURN_IF_ERROR(connection.socket.SetTimeout(kFirstWord));
    ASSIGN_OR_RETURN(const std::optional<rpc::Packet> packet, connection.socket.Receive());
    v1::LocalRequest hello;
    if (!packet.has_value() || !hello.ParseFromString(packet->bytes) || !Use(hello.ticket())) {
      return absl::PermissionDeniedError("a connection without a ticket");
    }
    RETURN_IF_ERROR(connection.socket.SetTimeout(kIdle));
    v1::LocalResponse welcome;
    welcome.mutable_status();
    RETURN_IF_ERROR(connection.socket.Send(welcome.SerializeAsString()));
    return Conversation(connection.socket, blobs_).Run();
  }();
  if (!status.ok()) LogDebug("local_door ended={}", status.ToString());
  MutexLock lock(mutex_);
  // Closed now, not when the thread is joined: that may be long after.
  connection.socket = rpc::PacketSocket();
  connection.ended = true;
}

void LocalDoor::JoinEnded() {
  std::list<Connection> ended;
  {
    MutexLock lock(mutex_);
    ended = TakeEnded(connections_);
  }
  // Their threads are at their end: joining them, as the list dies, waits for nobody.
}

absl::StatusOr<std::string> LocalDoor::NewTicket() {
  ASSIGN_OR_RETURN(std::string ticket, RandomBytes(32));
  const absl::Time now = clock_.Now();
  MutexLock lock(mutex_);
  std::erase_if(tickets_, [now](const auto& entry) { return entry.second < now; });
  if (tickets_.size() >= kMostTickets) return absl::ResourceExhaustedError("too many invitations at once");
  tickets_[ticket] = now + kTicketLife;
  return ticket;
}

bool LocalDoor::Use(const std::string& ticket) {
  MutexLock lock(mutex_);
  const auto found = tickets_.find(ticket);
  if (stopping_ || found == tickets_.end()) return false;
  const bool valid = clock_.Now() <= found->second;
  tickets_.erase(found);
  return valid;
}

grpc::Status LocalDoor::Invite(grpc::ServerContext* context, const v1::InviteRequest* request,
                               v1::InviteResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_CONTENT); !status.ok())
    return rpc::ToGrpc(status);
  if (name_.empty() || request->boot_id() != boot_id_) return grpc::Status::OK;
  {
    // "No door" would be believed for a while, also after the next start.
    MutexLock lock(mutex_);
    if (stopping_) return rpc::ToGrpc(absl::UnavailableError("the coordinator stops"));
  }
  auto ticket = NewTicket();
  if (!ticket.ok()) return rpc::ToGrpc(ticket.status());
  response->set_socket(name_);
  response->set_ticket(*std::move(ticket));
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
