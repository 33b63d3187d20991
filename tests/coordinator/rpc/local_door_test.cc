// The coordinator's local door and whoever comes to it, welcome or not.
#include "coordinator/rpc/local_door.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <thread>

#include "tests/coordinator/rpc/local_door_fixture.h"

namespace crossmill {
namespace {

using coordinator::LocalDoor;
using testing::HasSubstr;

class LocalDoorTest : public LocalDoorFixture {};

size_t OpenFiles() { return EntriesOf("/proc/self/fd"); }
size_t Threads() { return EntriesOf("/proc/self/task"); }

// ---- who is let in ----

TEST_F(LocalDoorTest, ATicketLetsInOnce) {
  const v1::InviteResponse invitation = Invite();
  auto first = Connect(invitation.socket()), second = Connect(invitation.socket());
  EXPECT_TRUE(LetIn(*first, invitation.ticket()));
  EXPECT_FALSE(LetIn(*second, invitation.ticket()));
  ASSERT_OK(first->Begin());
  EXPECT_OK(first->Commit());
}

TEST_F(LocalDoorTest, WithoutATicketNobodyIsLetIn) {
  const v1::InviteResponse invitation = Invite();
  for (const std::string& ticket : {std::string(), std::string(32, '\0'), std::string(100'000, 'x'),
                                    invitation.ticket().substr(1), invitation.ticket() + "x"}) {
    EXPECT_FALSE(LetIn(*Connect(invitation.socket()), ticket)) << ticket.size();
  }
  auto hasty = Connect(invitation.socket());
  ASSERT_OK(hasty->Begin());
  EXPECT_TRUE(hasty->IsLetGo());
  auto garbage = Connect(invitation.socket());
  ASSERT_OK(garbage->SayBytes("\xff\xff\xff"));
  EXPECT_TRUE(garbage->IsLetGo());
  EXPECT_EQ(seen_.created, 0);
  // None of them used it up.
  EXPECT_TRUE(LetIn(*Connect(invitation.socket()), invitation.ticket()));
}

TEST_F(LocalDoorTest, ATicketExpires) {
  const v1::InviteResponse early = Invite(), late = Invite();
  clock_.Advance(LocalDoor::kTicketLife);
  EXPECT_TRUE(LetIn(*Connect(early.socket()), early.ticket()));
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(LetIn(*Connect(late.socket()), late.ticket()));
}

TEST_F(LocalDoorTest, TicketsThatNobodyUsesAreLimitedAndForgotten) {
  auto stub = v1::LocalDoor::NewStub(UnixChannel());
  const auto invite = [&] {
    grpc::ClientContext context;
    v1::InviteRequest request;
    v1::InviteResponse response;
    request.set_boot_id(ThisBoot());
    return rpc::FromGrpc(stub->Invite(&context, request, &response));
  };
  for (size_t i = 0; i < LocalDoor::kMostTickets; ++i) ASSERT_OK(invite());
  EXPECT_TRUE(absl::IsResourceExhausted(invite()));
  clock_.Advance(LocalDoor::kTicketLife + absl::Seconds(1));
  EXPECT_OK(invite());
}

TEST_F(LocalDoorTest, OtherMachinesAndStrangersAreNotInvited) {
  const v1::InviteResponse other = Invite("another boot");
  EXPECT_EQ(other.socket(), "");
  EXPECT_EQ(other.ticket(), "");
  EXPECT_EQ(Invite("").socket(), "");
  v1::InviteRequest request;
  request.set_boot_id(ThisBoot());
  const auto call = [&](const std::string& token) {
    return CallRaw(token, "/crossmill.v1.LocalDoor/Invite", request.SerializeAsString()).first.error_code();
  };
  EXPECT_EQ(call("no such token"), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(call(kClientToken), grpc::StatusCode::OK);
  EXPECT_EQ(call(kWorkerToken), grpc::StatusCode::OK);
}

TEST_F(LocalDoorTest, WhileItStopsNobodyIsToldThatThereIsNone) {
  door_->Stop();
  auto stub = v1::LocalDoor::NewStub(UnixChannel());
  grpc::ClientContext context;
  v1::InviteRequest request;
  v1::InviteResponse response;
  request.set_boot_id(ThisBoot());
  EXPECT_TRUE(absl::IsUnavailable(rpc::FromGrpc(stub->Invite(&context, request, &response))));
}

// ---- what is said ----

TEST_F(LocalDoorTest, ABlobOfPieces) {
  auto guest = Guest();
  const std::string large = RandomBytes(3'000'001, 1);
  const UniqueFd file = FileOf(large);
  ASSERT_OK(blobs_->PutBytes(large));
  ASSERT_OK(guest->Begin());
  ASSERT_OK(guest->Data("head"));
  ASSERT_OK(guest->FilePart(file.get(), 1, 3'000'000));
  ASSERT_OK(guest->FilePart(file.get(), 0, 0));
  v1::LocalRequest blob;
  ToProto(DigestOf(large), blob.mutable_blob());
  ASSERT_OK(guest->Say(blob));
  EXPECT_OK(rpc::StatusFromProto(guest->Hear()->status()));
  ASSERT_OK(guest->Data("end"));
  const std::string expected = "head" + large.substr(1) + large + "end";
  const auto digest = guest->Commit();
  ASSERT_OK(digest);
  EXPECT_EQ(*digest, DigestOf(expected));
  EXPECT_TRUE(blobs_->Get(*digest).value_or("nothing") == expected);
}

TEST_F(LocalDoorTest, WhatWasBegunBeforeIsForgotten) {
  auto guest = Guest();
  ASSERT_OK(guest->Begin(DigestOf("something else")));
  ASSERT_OK(guest->Data("first"));
  ASSERT_OK(guest->FilePart(-1, 0, 1));
  ASSERT_OK(guest->Begin());
  ASSERT_OK(guest->Data("second"));
  EXPECT_EQ(guest->Commit().value_or(Digest()), DigestOf("second"));
  EXPECT_FALSE(blobs_->Has(DigestOf("first")));
}

TEST_F(LocalDoorTest, WithoutABeginningNothingIsWritten) {
  auto guest = Guest();
  EXPECT_TRUE(absl::IsFailedPrecondition(guest->Commit().status()));
  ASSERT_OK(guest->Data("x"));
  EXPECT_TRUE(absl::IsFailedPrecondition(guest->Commit().status()));
  v1::LocalRequest blob;
  ToProto(DigestOf("x"), blob.mutable_blob());
  ASSERT_OK(guest->Say(blob));
  EXPECT_EQ(guest->Hear()->status().code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
  // It is as good as before.
  ASSERT_OK(guest->Begin());
  EXPECT_EQ(guest->Commit().value_or(Digest()), DigestOf(""));
}

TEST_F(LocalDoorTest, AnErrorInTheMiddleIsToldAtTheEnd) {
  auto guest = Guest();
  const UniqueFd file = FileOf("0123456789");
  ASSERT_OK(guest->Begin());
  ASSERT_OK(guest->FilePart(file.get(), 5, 6));
  ASSERT_OK(guest->Data("ignored"));
  EXPECT_TRUE(absl::IsFailedPrecondition(guest->Commit().status()));
  ASSERT_OK(guest->Begin());
  ASSERT_OK(guest->FilePart(file.get(), 5, 5));
  EXPECT_EQ(guest->Commit().value_or(Digest()), DigestOf("56789"));
}

TEST_F(LocalDoorTest, ADigestThatIsNotMetIsSaidSo) {
  auto guest = Guest();
  ASSERT_OK(guest->Begin(DigestOf("promised")));
  ASSERT_OK(guest->Data("given"));
  EXPECT_TRUE(absl::IsInvalidArgument(guest->Commit().status()));
  EXPECT_FALSE(blobs_->Has(DigestOf("promised")));
  EXPECT_FALSE(blobs_->Has(DigestOf("given")));
}

TEST_F(LocalDoorTest, PartsThatAFileDoesNotHaveAreRefused) {
  auto guest = Guest();
  const UniqueFd file = FileOf("0123456789");
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  const std::pair<int64_t, int64_t> parts[] = {{0, 11},        {11, 0},         {10, 1},     {-1, 5},
                                               {0, -1},        {-5, 5},         {kMost, 1},  {1, kMost},
                                               {kMost, kMost}, {kLeast, kMost}, {kLeast, 0}, {0, kLeast}};
  for (const auto& [offset, size] : parts) {
    ASSERT_OK(guest->Begin());
    ASSERT_OK(guest->FilePart(file.get(), offset, size));
    EXPECT_TRUE(absl::IsFailedPrecondition(guest->Commit().status())) << offset << " " << size;
  }
}

TEST_F(LocalDoorTest, OnlyRegularFilesAreRead) {
  auto guest = Guest();
  const std::string fifo = folder_.Path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const auto& [path, flags] : {std::pair<std::string, int>{fifo, O_RDWR},
                                    {"/dev/zero", O_RDONLY},
                                    {folder_.path(), O_RDONLY},
                                    {"/proc/self/mem", O_RDONLY}}) {
    const UniqueFd file = *OpenFile(path, flags);
    ASSERT_OK(guest->Begin());
    ASSERT_OK(guest->FilePart(file.get(), 0, 1));
    EXPECT_FALSE(guest->Commit().ok()) << path;
  }
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const UniqueFd one(pair[0]), two(pair[1]);
  ASSERT_OK(guest->Begin());
  ASSERT_OK(guest->FilePart(one.get(), 0, 1));
  EXPECT_TRUE(absl::IsInvalidArgument(guest->Commit().status()));
  ASSERT_OK(guest->Begin());
  ASSERT_OK(guest->FilePart(-1, 0, 1));
  EXPECT_TRUE(absl::IsInvalidArgument(guest->Commit().status()));
}

TEST_F(LocalDoorTest, AFileThatIsNotOpenForReadingIsAnError) {
  auto guest = Guest();
  ASSERT_OK(WriteFileAtomic(folder_.Path("closed"), std::string(1 << 20, 'x')));
  for (const int flags : {O_WRONLY, O_PATH}) {
    const UniqueFd file = *OpenFile(folder_.Path("closed"), flags);
    ASSERT_OK(guest->Begin());
    ASSERT_OK(guest->FilePart(file.get(), 0, 1 << 20));
    EXPECT_FALSE(guest->Commit().ok());
  }
}

TEST_F(LocalDoorTest, GarbageEndsTheConversation) {
  const std::string ticket = [] {
    v1::LocalRequest request;
    request.set_ticket("again");
    return request.SerializeAsString();
  }();
  for (const std::string& garbage : {std::string("\xff\xff\xff"), std::string(100'000, '\x7f'), ticket,
                                     // A field that nobody knows.
                                     std::string("\xf8\x07\x01")}) {
    auto guest = Guest();
    ASSERT_OK(guest->Begin());
    ASSERT_OK(guest->SayBytes(garbage));
    EXPECT_TRUE(guest->IsLetGo());
  }
  EXPECT_TRUE(Eventually([&] { return EntriesOf(folder_.Path("content/tmp")) == 0; }));
}

TEST_F(LocalDoorTest, ManySmallPacketsAreOneBlob) {
  auto guest = Guest();
  ASSERT_OK(guest->Begin());
  std::string expected;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_OK(guest->Data(std::to_string(i)));
    expected += std::to_string(i);
  }
  EXPECT_EQ(guest->Commit().value_or(Digest()), DigestOf(expected));
}

TEST_F(LocalDoorTest, WhatIsOpenedIsTheBlobsFile) {
  auto guest = Guest();
  const std::string content = RandomBytes(300'000, 3);
  const Digest digest = *blobs_->PutBytes(content);
  const auto code = [&](const Digest& wanted) {
    v1::LocalRequest request;
    ToProto(wanted, request.mutable_open());
    EXPECT_OK(guest->Say(request));
    return static_cast<absl::StatusCode>(guest->Hear()->status().code());
  };
  EXPECT_EQ(code(digest), absl::StatusCode::kOk);
  EXPECT_EQ(code(DigestOf("missing")), absl::StatusCode::kNotFound);
  EXPECT_EQ(code({digest.hash, 5}), absl::StatusCode::kNotFound);
  EXPECT_EQ(code({"../../lock", 5}), absl::StatusCode::kNotFound);
  EXPECT_EQ(code({digest.hash, -1}), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(code(DigestOf("")), absl::StatusCode::kUnimplemented);
  // Put together from parts: no file of its own.
  auto writer = *blobs_->Create({});
  ASSERT_OK(writer->WriteBlob(digest));
  ASSERT_OK(writer->Write("end"));
  EXPECT_EQ(code(*writer->Commit()), absl::StatusCode::kUnimplemented);
}

// ---- who does harm ----

// A packet with `count` files, which PacketSocket would not send.
void SendFiles(const std::string& name, const std::vector<int>& files) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, name.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  ASSERT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                    static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
            0);
  char byte = 'x';
  iovec piece{&byte, 1};
  std::vector<char> control(CMSG_SPACE(files.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(files.size() * sizeof(int));
  std::copy(files.begin(), files.end(), reinterpret_cast<int*>(CMSG_DATA(header)));
  ASSERT_EQ(sendmsg(fd.get(), &message, MSG_NOSIGNAL), 1);
  // Until the door has let it go.
  EXPECT_EQ(recv(fd.get(), &byte, 1, 0), 0);
}

TEST_F(LocalDoorTest, FilesOfStrangersAreClosed) {
  const std::string name = Invite().socket();
  const UniqueFd file = FileOf("x");
  SendFiles(name, {file.get()});
  const size_t before = OpenFiles();
  for (const size_t count : {1, 2, 3, 100}) {
    for (int i = 0; i < 10; ++i) SendFiles(name, std::vector<int>(count, file.get()));
  }
  EXPECT_TRUE(Eventually([&] { return OpenFiles() <= before; })) << OpenFiles() << " instead of " << before;
}

TEST_F(LocalDoorTest, NothingIsLeftOfThoseWhoWent) {
  const UniqueFd file = FileOf(std::string(1 << 20, 'x'));
  const std::string name = Invite().socket();
  const auto visit = [&] {
    auto guest = Guest();
    EXPECT_OK(guest->Begin());
    EXPECT_OK(guest->Data(std::string(100'000, 'x')));
    EXPECT_OK(guest->FilePart(file.get(), 0, 1 << 20));
    if (seen_.created % 2 == 0) EXPECT_OK(guest->Commit());
    EXPECT_FALSE(LetIn(*Connect(name), "no ticket"));
  };
  visit();
  ASSERT_TRUE(Eventually([&] { return EntriesOf(folder_.Path("content/tmp")) == 0; }));
  const size_t files = OpenFiles(), threads = Threads();
  for (int i = 0; i < 50; ++i) visit();
  EXPECT_TRUE(Eventually([&] { return EntriesOf(folder_.Path("content/tmp")) == 0; }));
  // The last ones are cleared away when the next comes.
  EXPECT_TRUE(Eventually([&] {
    EXPECT_FALSE(LetIn(*Connect(name), "no ticket"));
    return OpenFiles() <= files && Threads() <= threads;
  })) << OpenFiles()
      << " files instead of " << files << ", " << Threads() << " threads instead of " << threads;
}

TEST_F(LocalDoorTest, WhoSaysNothingDoesNotKeepOthersOut) {
  const std::string name = Invite().socket();
  auto silent = Connect(name);
  auto guest = Guest();
  ASSERT_OK(guest->Begin());
  EXPECT_OK(guest->Commit());
  // After some seconds.
  EXPECT_TRUE(silent->IsLetGo());
}

TEST_F(LocalDoorTest, WhenThereAreTooManyOthersTakeTheWire) {
  const std::string name = Invite().socket();
  std::vector<std::unique_ptr<Visitor>> crowd;
  for (size_t i = 0; i < LocalDoor::kMostConnections; ++i) crowd.push_back(Guest());
  EXPECT_TRUE(Connect(name)->IsLetGo());
  auto local = Local();
  const std::string content = RandomBytes(2 << 20, 5);
  const auto digest = local->PutBytes(content);
  ASSERT_OK(digest);
  auto writer = *local->Create({});
  ASSERT_OK(writer->Write(content + "more"));
  EXPECT_EQ(writer->Commit().value_or(Digest()), DigestOf(content + "more"));
  EXPECT_TRUE(local->Get(*digest).value_or("nothing") == content);
  EXPECT_EQ(seen_.created, 0);
  crowd.clear();
  auto guest = [&] {
    std::unique_ptr<Visitor> visitor;
    EXPECT_TRUE(Eventually([&] {
      const v1::InviteResponse invitation = Invite();
      visitor = Connect(invitation.socket());
      return LetIn(*visitor, invitation.ticket());
    }));
    return visitor;
  }();
  ASSERT_OK(guest->Begin());
  EXPECT_OK(guest->Commit());
}

TEST_F(LocalDoorTest, WhoNeverListensIsLetGoWhenTheDoorCloses) {
  auto guest = Guest();
  const Digest digest = *blobs_->PutBytes(std::string(300'000, 'x'));
  // Until the door's answers fill the socket, and then our questions do.
  std::thread chatter([&] {
    v1::LocalRequest request;
    ToProto(digest, request.mutable_open());
    while (guest->Say(request).ok()) {
    }
  });
  EXPECT_TRUE(Eventually([&] { return seen_.opened > 10; }));
  door_->Stop();
  chatter.join();
}

TEST_F(LocalDoorTest, AFileOfExabytesDoesNotKeepTheDoorOpen) {
  const UniqueFd file = *OpenFile(folder_.Path("holes"), O_CREAT | O_RDWR, 0600);
  int64_t size = std::numeric_limits<int64_t>::max();
  while (size > (int64_t{1} << 30) && ftruncate(file.get(), size) != 0) size /= 2;
  ASSERT_GT(size, int64_t{1} << 40);
  auto guest = Guest(), other = Guest();
  ASSERT_OK(guest->Begin());
  ASSERT_OK(other->Begin());
  for (int i = 0; i < 5; ++i) {
    // A blob of its digest would be written for hours.
    ASSERT_OK(guest->FilePart(file.get(), 0, size));
    ASSERT_OK(other->FilePart(file.get(), 0, size));
  }
  EXPECT_TRUE(Eventually([&] { return EntriesOf(folder_.Path("content/tmp")) == 2; }));
  // One goes; the other stays until the door is closed.
  guest.reset();
  EXPECT_TRUE(Eventually([&] { return EntriesOf(folder_.Path("content/tmp")) == 1; }));
  door_->Stop();
  EXPECT_EQ(EntriesOf(folder_.Path("content/tmp")), 0u);
}

TEST_F(LocalDoorTest, AFileThatChangesWhileItIsReadGivesABlobOrAnError) {
  const UniqueFd file = *OpenFile(folder_.Path("moving"), O_CREAT | O_RDWR, 0600);
  constexpr int64_t kSize = 8 << 20;
  std::jthread changer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      EXPECT_EQ(ftruncate(file.get(), 1000), 0);
      EXPECT_EQ(ftruncate(file.get(), 2 * kSize), 0);
    }
  });
  auto guest = Guest();
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(guest->Begin());
    ASSERT_OK(guest->FilePart(file.get(), 0, kSize));
    const auto digest = guest->Commit();
    if (digest.ok()) {
      EXPECT_EQ(digest->size, kSize);
      EXPECT_OK(blobs_->Get(*digest));
    } else {
      EXPECT_TRUE(absl::IsFailedPrecondition(digest.status())) << digest.status();
    }
  }
}

}  // namespace
}  // namespace crossmill
