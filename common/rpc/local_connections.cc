#include "common/rpc/local_connections.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/base/boot_id.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/room/peer_room.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"

namespace crossmill::rpc {
namespace {

// Of one call and one answer. An answer to Commit waits for the disk.
constexpr absl::Duration kInvitationLimit = absl::Seconds(10);
constexpr absl::Duration kAnswerLimit = absl::Minutes(10);
// Another machine stays another machine; a coordinator that is started again comes back soon.
constexpr absl::Duration kNoDoor = absl::Minutes(10);
constexpr absl::Duration kBroken = absl::Seconds(10);
constexpr size_t kMostIdle = 8;

}  // namespace

absl::Status LocalConnection::Send(const v1::LocalRequest& request, int file) {
  return socket_.Send(request.SerializeAsString(), file);
}

absl::StatusOr<v1::LocalResponse> LocalConnection::Receive(UniqueFd* file) {
  ASSIGN_OR_RETURN(std::optional<Packet> packet, socket_.Receive());
  if (!packet.has_value()) return absl::UnavailableError("the coordinator closed its local door");
  v1::LocalResponse response;
  if (!response.ParseFromString(packet->bytes)) {
    return absl::UnavailableError("the coordinator's local door gave no answer that makes sense");
  }
  RETURN_IF_ERROR(OfPeer(StatusFromProto(response.status())));
  if (file != nullptr) *file = std::move(packet->file);
  return response;
}

LocalConnections::LocalConnections(std::shared_ptr<grpc::Channel> channel)
    : door_(v1::LocalDoor::NewStub(std::move(channel))), boot_id_(ReadBootId().value_or("")) {}

std::unique_ptr<LocalConnection> LocalConnections::Take() {
  {
    MutexLock lock(mutex_);
    while (!idle_.empty()) {
      std::unique_ptr<LocalConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      if (!connection->Ended()) return connection;
    }
    if (absl::Now() < avoided_until_) return nullptr;
  }
  auto connection = Open();
  if (connection.ok()) return *std::move(connection);
  LogDebug("local_door error={}", connection.status().ToString());
  AvoidFor(absl::IsUnavailable(connection.status()) ? kBroken : kNoDoor);
  return nullptr;
}

absl::StatusOr<std::unique_ptr<LocalConnection>> LocalConnections::Open() {
  v1::InviteRequest request;
  request.set_boot_id(boot_id_);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kInvitationLimit));
  v1::InviteResponse invitation;
  RETURN_IF_ERROR(FromGrpc(door_->Invite(&context, request, &invitation)));
  if (invitation.socket().empty()) return absl::NotFoundError("the coordinator has no local door for us");
  auto socket = PacketSocket::Connect(invitation.socket());
  // Abstract names belong to a network namespace: in another one it will never be there.
  if (!socket.ok()) return absl::NotFoundError(socket.status().message());
  RETURN_IF_ERROR(socket->SetTimeout(kAnswerLimit));
  auto connection = std::make_unique<LocalConnection>(*std::move(socket));
  v1::LocalRequest hello;
  hello.set_ticket(invitation.ticket());
  RETURN_IF_ERROR(connection->Send(hello));
  RETURN_IF_ERROR(connection->Receive().status());
  return connection;
}

void LocalConnections::Return(std::unique_ptr<LocalConnection> connection) {
  MutexLock lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
}

void LocalConnections::Broke() {
  MutexLock lock(mutex_);
  idle_.clear();
  avoided_until_ = absl::Now() + kBroken;
}

void LocalConnections::AvoidFor(absl::Duration duration) {
  MutexLock lock(mutex_);
  avoided_until_ = absl::Now() + duration;
}

}  // namespace crossmill::rpc
