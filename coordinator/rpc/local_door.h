// The local door: where clients and workers of this machine hand over open files instead of bytes, and get
// the blobs' files (docs/architecture.md, "Bytes"). crossmill.v1.LocalDoor gives the invitations.
//
// The socket has an abstract name, so whoever shares the network namespace can connect, a RUN step on the
// host network too. The ticket is what lets in: it comes over the authenticated connection, once for each
// connection to the door. What comes in is as untrusted as over the wire: a blob's digest is computed here,
// and only regular files are read.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/rpc/packet_socket.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/local.pb.h"
#include "crossmill/v1/local_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. Owns its threads: one that accepts, and one for each connection, of which there are at most
// kMostConnections; further ones are closed, and their callers take the way over the wire.
class LocalDoor final : public v1::LocalDoor::Service {
 public:
  static constexpr size_t kMostConnections = 128;
  // A ticket that nobody used is forgotten.
  static constexpr absl::Duration kTicketLife = absl::Seconds(30);
  static constexpr size_t kMostTickets = 1024;

  LocalDoor(BlobStore& blobs, const Authenticator& authenticator, Clock& clock)
      : blobs_(blobs), authenticator_(authenticator), clock_(clock) {}
  ~LocalDoor() override;

  // After an error there is no door, and nobody is invited.
  absl::Status Start();
  // Ends all connections and joins the threads.
  void Stop();

  grpc::Status Invite(grpc::ServerContext* context, const v1::InviteRequest* request,
                      v1::InviteResponse* response) override;

 private:
  struct Connection {
    rpc::PacketSocket socket;
    bool ended = false;
    std::jthread thread;
  };

  void AcceptAll();
  void Serve(Connection& connection);
  absl::StatusOr<std::string> NewTicket() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Use(const std::string& ticket) ABSL_LOCKS_EXCLUDED(mutex_);
  void JoinEnded() ABSL_LOCKS_EXCLUDED(mutex_);

  BlobStore& blobs_;
  const Authenticator& authenticator_;
  Clock& clock_;
  // Constant after Start.
  std::string name_;
  std::string boot_id_;
  rpc::PacketListener listener_;
  Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, absl::Time> tickets_ ABSL_GUARDED_BY(mutex_);
  // A list: threads keep references.
  std::list<Connection> connections_ ABSL_GUARDED_BY(mutex_);
  std::jthread acceptor_;
};

}  // namespace crossmill::coordinator
