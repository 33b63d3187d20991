// A coordinator's blob services and its local door in this process, with blobs on disk.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/base/boot_id.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/blobs/disk_blob_store.h"
#include "common/rpc/local_blob_store.h"
#include "common/rpc/packet_socket.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/local_door.h"
#include "crossmill/v1/local.pb.h"
#include "crossmill/v1/local_service.grpc.pb.h"
#include "tests/support/eventually.h"
#include "tests/support/forwarding_store.h"
#include "tests/support/random_bytes.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill {

inline std::string ThisBoot() { return ReadBootId().value_or(""); }

inline size_t EntriesOf(const std::string& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

// A client that says what it likes.
class Visitor {
 public:
  explicit Visitor(rpc::PacketSocket socket) : socket_(std::move(socket)) {
    // A door that does not answer fails the test instead of stopping it.
    EXPECT_OK(socket_.SetTimeout(absl::Seconds(20)));
  }

  absl::Status Say(const v1::LocalRequest& request, int file = -1) {
    return socket_.Send(request.SerializeAsString(), file);
  }
  absl::Status SayBytes(std::string_view bytes) { return socket_.Send(bytes); }
  // UNAVAILABLE at the end of the connection.
  absl::StatusOr<v1::LocalResponse> Hear() {
    ASSIGN_OR_RETURN(const std::optional<rpc::Packet> packet, socket_.Receive());
    v1::LocalResponse response;
    if (!packet || !response.ParseFromString(packet->bytes)) return absl::UnavailableError("the end");
    return response;
  }
  bool IsLetGo() { return absl::IsUnavailable(Hear().status()); }

  absl::Status Begin(const Digest& expected = {}) {
    v1::LocalRequest request;
    ToProto(expected, request.mutable_begin());
    return Say(request);
  }
  absl::Status Data(std::string bytes) {
    v1::LocalRequest request;
    request.set_data(std::move(bytes));
    return Say(request);
  }
  absl::Status FilePart(int file, int64_t offset, int64_t size) {
    v1::LocalRequest request;
    request.mutable_file_part()->set_offset(offset);
    request.mutable_file_part()->set_size(size);
    return Say(request, file);
  }
  // The digest, or what the door says is wrong.
  absl::StatusOr<Digest> Commit() {
    v1::LocalRequest request;
    request.set_commit(true);
    RETURN_IF_ERROR(Say(request));
    ASSIGN_OR_RETURN(const v1::LocalResponse response, Hear());
    RETURN_IF_ERROR(rpc::StatusFromProto(response.status()));
    return FromProto(response.digest());
  }

 private:
  rpc::PacketSocket socket_;
};

// The door's view of the blobs: counts what goes through it.
class CountingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    ++opened;
    return ForwardingStore::Open(digest, offset);
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    ++created;
    return ForwardingStore::Create(expected);
  }

  std::atomic<int> opened{0};
  std::atomic<int> created{0};
};

class LocalDoorFixture : public RpcFixture {
 protected:
  LocalDoorFixture() : RpcFixture(true) {}

  void SetUp() override {
    StartDoor();
    RpcFixture::SetUp();
  }
  void StartDoor() {
    door_ = std::make_unique<coordinator::LocalDoor>(seen_, authenticator_, clock_);
    ASSERT_OK(door_->Start());
  }
  void TearDown() override { StopAll(); }

  // As the coordinator stops.
  void StopAll() {
    if (door_ != nullptr) door_->Stop();
    if (server_ != nullptr) server_->Shutdown(absl::ZeroDuration());
    server_.reset();
  }
  // Another door at the same address, as after a start of the coordinator.
  void StartAgain() {
    StopAll();
    StartDoor();
    StartServer();
  }

  std::vector<coordinator::ServedService> MoreServices() override {
    return {{"crossmill.v1.LocalDoor", door_.get()}};
  }

  std::unique_ptr<BlobStore> Local() {
    return rpc::MakeLocalBlobStore(UnixChannel(), {folder_.path(), 1 << 20, QuickRetry()});
  }

  v1::InviteResponse Invite(const std::string& boot_id = ThisBoot()) {
    auto stub = v1::LocalDoor::NewStub(UnixChannel());
    grpc::ClientContext context;
    v1::InviteRequest request;
    v1::InviteResponse response;
    request.set_boot_id(boot_id);
    EXPECT_OK(rpc::FromGrpc(stub->Invite(&context, request, &response)));
    return response;
  }
  static std::unique_ptr<Visitor> Connect(const std::string& name) {
    auto socket = rpc::PacketSocket::Connect(name);
    EXPECT_OK(socket);
    return std::make_unique<Visitor>(*std::move(socket));
  }
  static bool LetIn(Visitor& visitor, const std::string& ticket) {
    v1::LocalRequest hello;
    hello.set_ticket(ticket);
    return visitor.Say(hello).ok() && visitor.Hear().ok();
  }
  // Let in with a ticket of its own.
  std::unique_ptr<Visitor> Guest() {
    const v1::InviteResponse invitation = Invite();
    auto visitor = Connect(invitation.socket());
    EXPECT_TRUE(LetIn(*visitor, invitation.ticket()));
    return visitor;
  }

  // A file of these bytes, open for reading.
  UniqueFd FileOf(std::string_view bytes) {
    const std::string path = folder_.Path(fmt::format("file{}", ++files_));
    EXPECT_OK(WriteFileAtomic(path, bytes));
    return *OpenFile(path, O_RDONLY);
  }
  std::string PathOf(const Digest& digest) const {
    return folder_.Path("content/blobs/" + digest.hash.substr(0, 2) + "/" + digest.hash);
  }

  int files_ = 0;
  CountingStore seen_{*blobs_};
  std::unique_ptr<coordinator::LocalDoor> door_;
};

}  // namespace crossmill
