// Both ends of the local door: LocalBlobStore against a coordinator's blob services and its door.
#include "common/rpc/local_blob_store.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <thread>

#include "tests/coordinator/rpc/local_door_fixture.h"

namespace crossmill {
namespace {

using testing::HasSubstr;

class LocalBlobStoreTest : public LocalDoorFixture {
 protected:
  absl::StatusOr<Digest> Write(BlobStore& store, std::string_view bytes, const Digest& expected = {}) {
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, store.Create(expected));
    // Pieces that fit nothing.
    for (size_t at = 0; at < bytes.size(); at += 77'777)
      RETURN_IF_ERROR(writer->Write(bytes.substr(at, 77'777)));
    return writer->Commit();
  }
  absl::StatusOr<std::string> ReadFrom(BlobStore& store, const Digest& digest, int64_t offset) {
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, store.Open(digest, offset));
    std::string content, buffer(50'001, '\0');
    while (true) {
      ASSIGN_OR_RETURN(const size_t count, reader->Read(buffer.data(), buffer.size()));
      if (count == 0) return content;
      content.append(buffer, 0, count);
    }
  }
};

TEST_F(LocalBlobStoreTest, BlobsOfAllSizesTravelInBothDirections) {
  auto local = Local();
  for (const size_t size :
       {0, 1, 127 << 10, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 1 << 20, 5'000'003}) {
    const std::string content = RandomBytes(size, size + 1);
    const auto digest = Write(*local, content);
    ASSERT_OK(digest);
    EXPECT_EQ(*digest, DigestOf(content)) << size;
    EXPECT_TRUE(blobs_->Get(*digest).value_or("nothing") == content) << size;
    EXPECT_TRUE(local->Get(*digest).value_or("nothing") == content) << size;
    for (const size_t offset : {size_t{0}, size / 2, size}) {
      EXPECT_TRUE(ReadFrom(*local, *digest, static_cast<int64_t>(offset)).value_or("nothing") ==
                  content.substr(offset))
          << size << " " << offset;
    }
    EXPECT_TRUE(absl::IsOutOfRange(local->Open(*digest, digest->size + 1).status()));
  }
  // Small ones are not worth a conversation.
  EXPECT_EQ(seen_.created, 3);
  EXPECT_TRUE(absl::IsNotFound(local->Open(DigestOf("missing"), 0).status()));
  EXPECT_TRUE(absl::IsNotFound(local->Open({DigestOf("missing").hash, 1 << 20}, 0).status()));
}

TEST_F(LocalBlobStoreTest, LargeBlobsAreReadFromTheirFile) {
  auto local = Local();
  const std::string content = RandomBytes(1 << 20, 1);
  const Digest digest = *blobs_->PutBytes(content);
  const auto reader = local->Open(digest, 0);
  ASSERT_OK(reader);
  struct stat here, there;
  ASSERT_GE((*reader)->file(), 0);
  ASSERT_EQ(fstat((*reader)->file(), &here), 0);
  ASSERT_EQ(stat(PathOf(digest).c_str(), &there), 0);
  EXPECT_EQ(here.st_ino, there.st_ino);
  EXPECT_EQ(fcntl((*reader)->file(), F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST_F(LocalBlobStoreTest, FilesAreWrittenAsTheirBytesAre) {
  auto local = Local();
  const std::string content = RandomBytes(3'000'017, 2);
  const UniqueFd file = FileOf(content);
  for (const auto& [offset, size] : {std::pair<size_t, size_t>{0, content.size()},
                                     {1, content.size() - 1},
                                     {513, 130'000},
                                     {4096, 100},
                                     {content.size(), 0}}) {
    for (const std::string& before : {std::string(), RandomBytes(600, 3), RandomBytes(500'000, 4)}) {
      auto writer = *local->Create({});
      ASSERT_OK(writer->Write(before));
      ASSERT_OK(writer->WriteFile(file.get(), static_cast<int64_t>(offset), static_cast<int64_t>(size)));
      ASSERT_OK(writer->Write("end"));
      const std::string expected = before + content.substr(offset, size) + "end";
      const auto digest = writer->Commit();
      ASSERT_OK(digest);
      EXPECT_EQ(*digest, DigestOf(expected)) << offset << " " << size << " " << before.size();
      EXPECT_TRUE(blobs_->Get(*digest).value_or("nothing") == expected);
    }
  }
}

TEST_F(LocalBlobStoreTest, TheFileMayBeClosedAtOnceAndMustNotBeShorter) {
  auto local = Local();
  const std::string content = RandomBytes(1 << 20, 5);
  auto writer = *local->Create({});
  ASSERT_OK(writer->WriteFile(FileOf(content).get(), 0, 1 << 20));
  EXPECT_EQ(writer->Commit().value_or(Digest()), DigestOf(content));
  writer = *local->Create({});
  absl::Status status = writer->WriteFile(FileOf(content).get(), 1, 1 << 20);
  if (status.ok()) status = writer->Commit().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST_F(LocalBlobStoreTest, BlobsOfTheStoreAreNotRepeated) {
  auto local = Local();
  const std::string large = RandomBytes(1 << 20, 6), small = RandomBytes(1000, 7);
  ASSERT_OK(blobs_->PutBytes(large));
  ASSERT_OK(blobs_->PutBytes(small));
  auto writer = *local->Create({});
  ASSERT_OK(writer->Write("head"));
  EXPECT_TRUE(absl::IsUnimplemented(writer->WriteBlob(DigestOf(small))));
  ASSERT_OK(writer->Write(small));
  EXPECT_TRUE(absl::IsNotFound(writer->WriteBlob({DigestOf("missing").hash, 1 << 20})));
  ASSERT_OK(writer->WriteBlob(DigestOf(large)));
  ASSERT_OK(writer->Write("end"));
  const std::string expected = "head" + small + large + "end";
  const auto digest = writer->Commit();
  ASSERT_OK(digest);
  EXPECT_EQ(*digest, DigestOf(expected));
  EXPECT_TRUE(Exists(PathOf(*digest) + ".parts"));
  EXPECT_TRUE(local->Get(*digest).value_or("nothing") == expected);
  EXPECT_EQ(ReadFrom(*local, *digest, digest->size - 3).value_or("nothing"), "end");
}

TEST_F(LocalBlobStoreTest, ADigestIsMetOrSaidNotToBe) {
  auto local = Local();
  for (const std::string& content : {std::string("small"), RandomBytes(1 << 20, 8)}) {
    EXPECT_EQ(Write(*local, content, DigestOf(content)).value_or(Digest()), DigestOf(content));
    EXPECT_TRUE(absl::IsInvalidArgument(Write(*local, content, DigestOf("other")).status()));
    EXPECT_FALSE(blobs_->Has(DigestOf("other")));
  }
}

TEST_F(LocalBlobStoreTest, ACorruptFileIsNoticedAndMovedAside) {
  auto local = Local();
  const std::string content = RandomBytes(1 << 20, 9);
  const Digest digest = *blobs_->PutBytes(content);
  std::string damaged = content;
  damaged[500'000] ^= 1;
  ASSERT_OK(WriteFileAtomic(PathOf(digest), damaged));
  EXPECT_TRUE(absl::IsDataLoss(local->Get(digest).status()));
  EXPECT_FALSE(local->Has(digest));
  EXPECT_EQ(EntriesOf(folder_.Path("content/corrupt")), 1u);
  ASSERT_OK(Write(*local, content));
  EXPECT_TRUE(local->Get(digest).value_or("nothing") == content);
  // Cut under the reader's hands.
  auto reader = *local->Open(digest, 0);
  ASSERT_EQ(truncate(PathOf(digest).c_str(), 1000), 0);
  std::string buffer(1 << 20, '\0');
  absl::Status status;
  for (int i = 0; status.ok() && i < 3; ++i) status = reader->Read(buffer.data(), buffer.size()).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_FALSE(local->Has(digest));
}

TEST_F(LocalBlobStoreTest, ConversationsAreUsedAgain) {
  auto local = Local();
  for (int i = 0; i < 5; ++i) ASSERT_OK(Write(*local, RandomBytes(300'000, static_cast<uint64_t>(i) + 20)));
  EXPECT_EQ(seen_.created, 5);
  // Nobody could be let in any more, as the door has no invitation left to give.
  auto stub = v1::LocalDoor::NewStub(UnixChannel());
  for (size_t i = 0; i < coordinator::LocalDoor::kMostTickets; ++i) {
    grpc::ClientContext context;
    v1::InviteRequest request;
    v1::InviteResponse response;
    request.set_boot_id(ThisBoot());
    ASSERT_TRUE(stub->Invite(&context, request, &response).ok());
  }
  ASSERT_OK(Write(*local, RandomBytes(300'000, 30)));
  EXPECT_EQ(seen_.created, 6);
  // A second one at the same time goes over the wire.
  auto first = *local->Create({});
  ASSERT_OK(first->Write(RandomBytes(300'000, 31)));
  ASSERT_OK(Write(*local, RandomBytes(300'000, 32)));
  EXPECT_OK(first->Commit());
  EXPECT_EQ(seen_.created, 7);
}

TEST_F(LocalBlobStoreTest, ManyThreadsShareTheDoor) {
  auto local = Local();
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (uint64_t i = 0; i < 12; ++i) {
      threads.emplace_back([&, i] {
        const std::string content = RandomBytes(300'000 + i, i % 5);
        const auto digest = Write(*local, content);
        if (digest.ok() && local->Get(*digest).value_or("nothing") == content) ++good;
      });
    }
  }
  EXPECT_EQ(good, 12);
}

// ---- where there is no door ----

// A coordinator whose machine has another boot_id than the caller thinks.
class ElsewhereTest : public LocalBlobStoreTest {
 protected:
  // As a machine of its own: never invited.
  class Elsewhere final : public v1::LocalDoor::Service {
   public:
    grpc::Status Invite(grpc::ServerContext*, const v1::InviteRequest*,
                        v1::InviteResponse* response) override {
      ++asked;
      response->set_socket(socket);
      response->set_ticket("ticket");
      return answer;
    }
    std::atomic<int> asked{0};
    std::string socket;
    grpc::Status answer = grpc::Status::OK;
  };
  std::vector<coordinator::ServedService> MoreServices() override {
    return {{"crossmill.v1.LocalDoor", &elsewhere_}};
  }
  void ExpectOverTheWire() {
    auto local = Local();
    const std::string content = RandomBytes(1 << 20, 40);
    const auto digest = Write(*local, content);
    ASSERT_OK(digest);
    auto writer = *local->Create({});
    ASSERT_OK(writer->WriteFile(FileOf(content).get(), 0, 1 << 20));
    EXPECT_TRUE(absl::IsUnimplemented(writer->WriteBlob(*digest)));
    ASSERT_OK(writer->Write("end"));
    EXPECT_EQ(writer->Commit().value_or(Digest()), DigestOf(content + "end"));
    EXPECT_TRUE(local->Get(*digest).value_or("nothing") == content);
    EXPECT_EQ(seen_.created, 0);
    // Not asked for each blob.
    EXPECT_EQ(elsewhere_.asked, 1);
    elsewhere_.asked = 0;
  }
  Elsewhere elsewhere_;
};

TEST_F(ElsewhereTest, BlobsOfAnotherMachineTakeTheWire) { ExpectOverTheWire(); }

TEST_F(ElsewhereTest, ACoordinatorWithoutADoorGetsThemOverTheWire) {
  for (const grpc::StatusCode code : {grpc::StatusCode::UNIMPLEMENTED, grpc::StatusCode::UNAVAILABLE,
                                      grpc::StatusCode::PERMISSION_DENIED}) {
    elsewhere_.answer = grpc::Status(code, "no");
    ExpectOverTheWire();
  }
}

TEST_F(ElsewhereTest, ADoorInAnotherNetworkNamespaceIsNone) {
  elsewhere_.socket = "crossmill-nobody-listens-here";
  ExpectOverTheWire();
  elsewhere_.socket = std::string(500, 'x');
  ExpectOverTheWire();
}

TEST_F(ElsewhereTest, ADoorThatDoesNotLetInIsNone) {
  elsewhere_.socket = "crossmill-test-" + folder_.path();
  auto listener = *rpc::PacketListener::Listen(elsewhere_.socket);
  std::jthread doorman([&] {
    // Closed at once, and answered with what makes no sense.
    for (int i = 0; i < 2; ++i) {
      auto socket = listener.Accept();
      if (!socket.ok()) return;
      EXPECT_OK(socket->Receive());
      if (i == 1) EXPECT_OK(socket->Send("\xff\xff"));
    }
  });
  ExpectOverTheWire();
  ExpectOverTheWire();
  listener.ShutDown();
}

// ---- a coordinator that goes away ----

TEST_F(LocalBlobStoreTest, AWriterInTheMiddleIsUnavailableAndTheNextOneIsNot) {
  auto local = Local();
  const std::string content = RandomBytes(2 << 20, 50);
  auto writer = *local->Create({});
  ASSERT_OK(writer->Write(content.substr(0, 1 << 20)));
  ASSERT_TRUE(Eventually([&] { return seen_.created == 1; }));
  StopAll();
  absl::Status status = writer->Write(content.substr(1 << 20));
  if (status.ok()) status = writer->Commit().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  writer.reset();
  EXPECT_EQ(EntriesOf(folder_.Path("content/tmp")), 0u);
  StartAgain();
  EXPECT_EQ(Write(*local, content).value_or(Digest()), DigestOf(content));
  EXPECT_TRUE(blobs_->Get(DigestOf(content)).value_or("nothing") == content);
}

TEST_F(LocalBlobStoreTest, AnIdleConversationThatEndedIsNotMissed) {
  auto local = Local();
  const std::string content = RandomBytes(1 << 20, 51);
  const Digest digest = *Write(*local, content);
  StartAgain();
  EXPECT_TRUE(local->Get(digest).value_or("nothing") == content);
  EXPECT_GE(seen_.opened, 1) << "it went over the wire";
  StartAgain();
  EXPECT_EQ(Write(*local, content + "more").value_or(Digest()), DigestOf(content + "more"));
  EXPECT_EQ(seen_.created, 2) << "it went over the wire";
}

TEST_F(LocalBlobStoreTest, StoppingDoesNotWaitForClients) {
  auto local = Local();
  std::vector<std::unique_ptr<BlobWriter>> writers;
  for (int i = 0; i < 10; ++i) {
    writers.push_back(*local->Create({}));
    ASSERT_OK(writers.back()->Write(std::string(400'000, 'x')));
  }
  // Would hang here.
  StopAll();
  for (const auto& writer : writers) EXPECT_TRUE(absl::IsUnavailable(writer->Commit().status()));
}

// ---- a disk that is full ----

class FullDiskTest : public LocalBlobStoreTest {
 protected:
  // Before there are threads, so that all see the mount.
  void SetUp() override {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", Content("").c_str(), "tmpfs", 0, "size=3m") != 0) {
      GTEST_SKIP() << "needs root to mount a small tmpfs: " << strerror(errno);
    }
    for (const char* name : {"tmp", "corrupt"}) ASSERT_OK(MakeFolders(Content(name)));
    for (int shard = 0; shard < 256; ++shard)
      ASSERT_OK(MakeFolders(Content(fmt::format("blobs/{:02x}", shard))));
    LocalBlobStoreTest::SetUp();
  }
  void TearDown() override {
    LocalBlobStoreTest::TearDown();
    umount2(Content("").c_str(), MNT_DETACH);
  }
  std::string Content(std::string_view name) const { return folder_.Path(fmt::format("content/{}", name)); }
};

TEST_F(FullDiskTest, IsToldToTheClientWhoCanGoOn) {
  auto local = Local();
  const absl::Status bytes = Write(*local, RandomBytes(8 << 20, 60)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(bytes)) << bytes;
  EXPECT_THAT(std::string(bytes.message()), HasSubstr("No space left on device"));
  auto writer = *local->Create({});
  absl::Status file = writer->WriteFile(FileOf(RandomBytes(8 << 20, 61)).get(), 0, 8 << 20);
  if (file.ok()) file = writer->Commit().status();
  EXPECT_TRUE(absl::IsResourceExhausted(file)) << file;
  writer.reset();
  EXPECT_TRUE(Eventually([&] { return EntriesOf(Content("tmp")) == 0; }));
  const std::string fits = RandomBytes(1 << 20, 62);
  EXPECT_EQ(Write(*local, fits).value_or(Digest()), DigestOf(fits));
  EXPECT_EQ(seen_.created, 3);
}

}  // namespace
}  // namespace crossmill
