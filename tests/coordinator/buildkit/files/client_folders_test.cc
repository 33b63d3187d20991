#include "coordinator/buildkit/files/client_folders.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>

#include "common/base/log.h"
#include "common/blobs/disk_blob_store.h"
#include "common/context/context_scan.h"
#include "coordinator/buildkit/files/folder_memory.h"
#include "tests/coordinator/buildkit/fake_buildkit_client.h"
#include "tests/coordinator/buildkit/files/fake_file_sync.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using Stream = FakeFileSync::Stream;

Stat EntryOf(const std::string& path, uint32_t mode = 0644, int64_t size = 0) {
  Stat stat;
  stat.set_path(path);
  stat.set_mode(mode);
  stat.set_size(size);
  return stat;
}
constexpr uint32_t kFolder = (1U << 31) | 0755;

Packet DataOf(uint32_t id, const std::string& bytes) {
  Packet packet;
  packet.set_type(Packet::PACKET_DATA);
  packet.set_id(id);
  packet.set_data(bytes);
  return packet;
}
Packet Plain(Packet::Type type, const std::string& text = "") {
  Packet packet;
  packet.set_type(type);
  packet.set_data(text);
  return packet;
}

class ClientFoldersTest : public testing::Test {
 protected:
  ClientFoldersTest() {
    session_ = *sessions_.Wait("s", "alice", seconds(20), {});
    sync_.folder = folder_.Path("context");
    mkdir(sync_.folder.c_str(), 0755);
    chmod(sync_.folder.c_str(), 0755);
    request_.dir_name = "context";
    request_.limits.patience = seconds(20);
  }
  void Write(const std::string& path, const std::string& bytes, mode_t mode = 0644) {
    const std::string full = sync_.folder + "/" + path;
    ASSERT_OK(MakeFolders(full.substr(0, full.rfind('/')), 0755));
    ASSERT_OK(WriteFileAtomic(full, bytes, mode));
    chmod(full.c_str(), mode);
    // Old enough to be known.
    const timespec times[2] = {{1'600'000'000, 5}, {1'600'000'000, 5}};
    utimensat(AT_FDCWD, full.c_str(), times, 0);
  }
  absl::StatusOr<ClientFolder> Read(FolderMemory* memory = nullptr, std::stop_token stop = {}) {
    return ReadClientFolder(*session_, request_, *blobs_, memory, nullptr, stop);
  }
  // A client that sends these packets and then reads until the call is over.
  absl::Status ReadOf(const std::vector<Packet>& packets) {
    sync_.script = [packets](grpc::ServerContext*, Stream* stream) {
      for (const Packet& packet : packets) stream->Write(packet);
      Packet ignored;
      while (stream->Read(&ignored)) {
      }
      return grpc::Status::OK;
    };
    return Read().status();
  }
  absl::Status ReadOf(const std::vector<Stat>& stats) {
    std::vector<Packet> packets;
    for (const Stat& stat : stats) packets.push_back(EntryPacket(stat));
    return ReadOf(packets);
  }
  Digest ScannedRoot() {
    context::ScanOptions options;
    options.folder = sync_.folder;
    options.keep_times = request_.keep_times;
    SystemClock clock;
    return context::ScanContext(options, clock)->root;
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  FakeFileSync sync_;
  ClientSessions sessions_;
  ServedBuildKitClient client_{sessions_,
                               {.id = "s",
                                .shared_key = "context:node",
                                .methods = {"/moby.filesync.v1.filesync/diffcopy"},
                                .owner = "alice"},
                               {&sync_}};
  std::shared_ptr<ClientSession> session_;
  FolderRequest request_;
};

TEST_F(ClientFoldersTest, RootIsThatOfCrossmillBuild) {
  Write("Dockerfile", "FROM scratch\n");
  Write("a.b", "sorted before a/");
  Write("a/b", "sorted behind a.b in this order");
  Write("a/deep/er/file", std::string(70'000, 'x'), 0755);
  Write("bin/tool", "#!/bin/sh\n", 04711);
  Write("empty", "");
  Write("exactly", std::string(64 << 10, 'e'));
  Write("large", std::string(3 << 20, 'l'));
  Write("name with \xff and \n", "not UTF-8");
  ASSERT_EQ(mkdir((sync_.folder + "/nothing").c_str(), 0700), 0);
  ASSERT_EQ(symlink("../outside", (sync_.folder + "/link").c_str()), 0);
  ASSERT_EQ(link((sync_.folder + "/a/b").c_str(), (sync_.folder + "/again").c_str()), 0);
  ASSERT_EQ(link((sync_.folder + "/a/b").c_str(), (sync_.folder + "/Again").c_str()), 0);
  const auto read = Read();
  ASSERT_OK(read.status());
  EXPECT_EQ(read->root, ScannedRoot());
  EXPECT_EQ(read->files, 11);
  EXPECT_EQ(read->sent_files, 8);
  // All of it is there.
  EXPECT_EQ(*blobs_->Get(DigestOf(std::string(3 << 20, 'l'))), std::string(3 << 20, 'l'));
  EXPECT_TRUE(blobs_->Has(read->root));
}

TEST_F(ClientFoldersTest, TimesAreKeptWhereTheyAreAskedFor) {
  Write("a/file", "x");
  const auto without = Read();
  request_.keep_times = true;
  const auto with = Read();
  ASSERT_OK(with.status());
  EXPECT_NE(with->root, without->root);
  const std::string message = *blobs_->Get(with->root);
  EXPECT_NE(message.find("a"), std::string::npos);
}

TEST_F(ClientFoldersTest, AnEmptyFolderIsOne) {
  const auto read = Read();
  ASSERT_OK(read.status());
  EXPECT_EQ(read->root, ScannedRoot());
  EXPECT_EQ(read->files, 0);
}

TEST_F(ClientFoldersTest, PatternsReachTheClientWhateverIsInThem) {
  request_.follow_paths = {"src", "caf\xc3\xa9 au lait", "a+b"};
  request_.exclude_patterns = {"*.o", "!keep.o"};
  ASSERT_OK(Read().status());
  EXPECT_THAT(sync_.metadata, testing::Contains(testing::Pair("dir-name", "context")));
  EXPECT_THAT(sync_.metadata, testing::Contains(testing::Pair("exclude-patterns", "!keep.o")));
  EXPECT_EQ(sync_.metadata.count("exclude-patterns-encoded"), 0u);
  EXPECT_THAT(sync_.metadata, testing::Contains(testing::Pair("followpaths", "caf%C3%A9+au+lait")));
  EXPECT_THAT(sync_.metadata, testing::Contains(testing::Pair("followpaths", "a%2Bb")));
  EXPECT_THAT(sync_.metadata, testing::Contains(testing::Pair("followpaths-encoded", "1")));
}

TEST_F(ClientFoldersTest, MorePathsThanHeadersTakeAreLeftOutAndMoreRulesAreSaid) {
  request_.follow_paths.assign(20'000, std::string(40, 'p'));
  ASSERT_OK(Read().status());
  EXPECT_EQ(sync_.metadata.count("followpaths"), 0u);
  request_.exclude_patterns.assign(20'000, std::string(40, 'p'));
  EXPECT_TRUE(absl::IsResourceExhausted(Read().status()));
}

TEST_F(ClientFoldersTest, WhatIsUnchangedIsNotSentAgain) {
  FakeClock clock;
  clock.Set(absl::FromUnixSeconds(1'700'000'000));
  FolderMemory memory(clock);
  for (int i = 0; i < 200; ++i)
    Write("d" + std::to_string(i % 7) + "/f" + std::to_string(i), "n" + std::to_string(i));
  const auto cold = Read(&memory);
  ASSERT_OK(cold.status());
  EXPECT_EQ(cold->sent_files, 200);
  const auto again = Read(&memory);
  ASSERT_OK(again.status());
  EXPECT_EQ(again->sent_files, 0);
  EXPECT_EQ(again->root, cold->root);
  EXPECT_EQ(again->files, 200);
  // One has other bytes of the same length, at another time; one has another mode only.
  Write("d0/f0", "x0");
  const timespec times[2] = {{1'600'000'001, 0}, {1'600'000'001, 0}};
  utimensat(AT_FDCWD, (sync_.folder + "/d0/f0").c_str(), times, 0);
  chmod((sync_.folder + "/d1/f1").c_str(), 0755);
  const auto changed = Read(&memory);
  ASSERT_OK(changed.status());
  EXPECT_EQ(changed->sent_files, 2);
  EXPECT_EQ(changed->root, ScannedRoot());
}

TEST_F(ClientFoldersTest, WhatTheStoreHasLostIsSentAgain) {
  FakeClock clock;
  clock.Set(absl::FromUnixSeconds(1'700'000'000));
  FolderMemory memory(clock);
  Write("file", "content");
  ASSERT_OK(Read(&memory).status());
  blobs_ = MakeMemoryBlobStore();
  const auto again = Read(&memory);
  ASSERT_OK(again.status());
  EXPECT_EQ(again->sent_files, 1);
  EXPECT_TRUE(blobs_->Has(DigestOf("content")));
}

TEST_F(ClientFoldersTest, YoungFilesAreNotRemembered) {
  FakeClock clock;
  clock.Set(absl::FromUnixSeconds(1'600'000'001));
  FolderMemory memory(clock);
  Write("file", "content");
  ASSERT_OK(Read(&memory).status());
  EXPECT_EQ(Read(&memory)->sent_files, 1);
}

TEST_F(ClientFoldersTest, SingleFilesAreReadThroughLinks) {
  Write("docker/Dockerfile.prod", "FROM scratch\n");
  Write(".dockerignore", "");
  ASSERT_EQ(symlink("docker/Dockerfile.prod", (sync_.folder + "/Dockerfile").c_str()), 0);
  ASSERT_EQ(symlink("../../etc/passwd", (sync_.folder + "/out").c_str()), 0);
  ASSERT_EQ(symlink("round", (sync_.folder + "/round").c_str()), 0);
  ASSERT_EQ(symlink("docker", (sync_.folder + "/d").c_str()), 0);
  const auto read = ReadClientFiles(
      *session_, "context",
      {"Dockerfile", ".dockerignore", "none", "out", "round", "docker", "d/Dockerfile.prod"}, 1 << 20, {});
  ASSERT_OK(read.status());
  EXPECT_THAT(*read, testing::ElementsAre(testing::Pair(".dockerignore", ""),
                                          testing::Pair("Dockerfile", "FROM scratch\n"),
                                          testing::Pair("d/Dockerfile.prod", "FROM scratch\n")));
  EXPECT_TRUE(
      absl::IsResourceExhausted(ReadClientFiles(*session_, "context", {"Dockerfile"}, 5, {}).status()));
}

// ---- clients that lie ----

TEST_F(ClientFoldersTest, PathsOutOfTheFolderAreRefused) {
  for (const std::string path : {"../x", "/etc/passwd", "a/../../x", "a/./b", "a//b", "a/", ".", "..", "",
                                 "a/..", std::string("a\0b", 3).c_str()}) {
    const absl::Status status =
        ReadOf({EntryOf("a", kFolder), EntryOf(path == "a" ? std::string("z\0b", 3) : path)});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << path << ": " << status;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ReadOf({EntryOf(std::string(300, 'n'))})));
  std::string deep = "d";
  std::vector<Stat> folders;
  for (int i = 0; i < 300; ++i, deep += "/d") folders.push_back(EntryOf(deep, kFolder));
  EXPECT_THAT(std::string(ReadOf(folders).message()), HasSubstr("deeper than"));
}

TEST_F(ClientFoldersTest, AnotherOrderIsRefused) {
  EXPECT_THAT(std::string(ReadOf({EntryOf("b"), EntryOf("a")}).message()), HasSubstr("out of order"));
  EXPECT_THAT(std::string(ReadOf({EntryOf("a"), EntryOf("a")}).message()), HasSubstr("out of order"));
  EXPECT_THAT(std::string(ReadOf({EntryOf("a"), EntryOf("a/b")}).message()),
              HasSubstr("did not come before"));
  EXPECT_THAT(std::string(ReadOf({EntryOf("a/b")}).message()), HasSubstr("did not come before"));
  EXPECT_THAT(std::string(ReadOf({EntryOf("a", kFolder), EntryOf("b", kFolder), EntryOf("a/x")}).message()),
              HasSubstr("did not come before"));
}

TEST_F(ClientFoldersTest, LinksToNothingAreRefused) {
  Stat link = EntryOf("b", 0644, 3);
  link.set_linkname("a");
  EXPECT_THAT(std::string(ReadOf({link}).message()), HasSubstr("further name"));
  EXPECT_THAT(std::string(ReadOf({EntryOf("a", kFolder), link}).message()), HasSubstr("further name"));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadOf({EntryOf("a", (1U << 27) | 0777)})));
}

TEST_F(ClientFoldersTest, SizesThatDoNotMatchAreRefused) {
  const std::vector<Packet> announced = {EntryPacket(EntryOf("file", 0644, 10))};
  // Content that nobody has asked for yet would be refused for that.
  const auto answer = [&](const std::vector<Packet>& packets) {
    sync_.script = [=](grpc::ServerContext*, Stream* stream) {
      for (const Packet& packet : announced) stream->Write(packet);
      Packet request;
      stream->Read(&request);
      for (const Packet& packet : packets) stream->Write(packet);
      while (stream->Read(&request)) {
      }
      return grpc::Status::OK;
    };
    return Read().status();
  };
  EXPECT_THAT(std::string(answer({DataOf(0, "short"), DataOf(0, "")}).message()),
              HasSubstr("announced with 10"));
  EXPECT_THAT(std::string(answer({DataOf(0, "eleven bytes")}).message()), HasSubstr("announced with 10"));
  EXPECT_THAT(std::string(answer({DataOf(0, "")}).message()), HasSubstr("announced with 10"));
  EXPECT_THAT(std::string(answer({DataOf(1, "x")}).message()), HasSubstr("nobody asked for"));
  EXPECT_THAT(std::string(answer({Plain(Packet::PACKET_FIN)}).message()), HasSubstr("before all was sent"));
  EXPECT_THAT(std::string(answer({Plain(Packet::PACKET_REQ)}).message()), HasSubstr("only receivers"));
  const absl::Status told = answer({Plain(Packet::PACKET_ERR, "disk on fire\x1b[31m")});
  EXPECT_TRUE(absl::IsFailedPrecondition(told));
  EXPECT_THAT(std::string(told.message()), HasSubstr("disk on fire?[31m"));
}

TEST_F(ClientFoldersTest, EntriesAfterTheListAreRefused) {
  EXPECT_THAT(std::string(ReadOf({Packet(), EntryPacket(EntryOf("a"))}).message()),
              HasSubstr("after the end"));
  EXPECT_THAT(std::string(ReadOf({Packet(), Packet()}).message()), HasSubstr("after the end"));
}

TEST_F(ClientFoldersTest, EntriesAndBytesHaveLimits) {
  request_.limits.most_entries = 100;
  sync_.script = [](grpc::ServerContext*, Stream* stream) {
    for (int i = 0;; ++i) {
      if (!stream->Write(EntryPacket(EntryOf(std::to_string(1'000'000 + i))))) return grpc::Status::OK;
    }
  };
  EXPECT_TRUE(absl::IsResourceExhausted(Read().status()));
  request_.limits = {};
  EXPECT_TRUE(absl::IsResourceExhausted(ReadOf({EntryOf("a", 0644, INT64_MAX)})));
  EXPECT_TRUE(absl::IsResourceExhausted(
      ReadOf({EntryOf("a", 0644, int64_t{40} << 30), EntryOf("b", 0644, int64_t{40} << 30)})));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadOf({EntryOf("a", 0644, -1)})));
  request_.limits.most_name_bytes = 1000;
  std::vector<Stat> named;
  for (int i = 0; i < 10; ++i) named.push_back(EntryOf(std::to_string(i) + std::string(200, 'n')));
  EXPECT_TRUE(absl::IsResourceExhausted(ReadOf(named)));
}

TEST_F(ClientFoldersTest, AGigabyteThatNeverComesIsWaitedForWithPatience) {
  request_.limits.patience = std::chrono::milliseconds(300);
  const absl::Status status = ReadOf({EntryPacket(EntryOf("huge", 0644, int64_t{1} << 30)), Packet()});
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST_F(ClientFoldersTest, ManyContentsAtOnceAreRefused) {
  sync_.script = [](grpc::ServerContext*, Stream* stream) {
    for (int i = 0; i < 500; ++i)
      stream->Write(EntryPacket(EntryOf(std::to_string(1000 + i), 0644, 1'000'000)));
    Packet request;
    for (int i = 0; i < 500; ++i) stream->Read(&request);
    for (uint32_t i = 0; i < 500; ++i) stream->Write(DataOf(i, "x"));
    while (stream->Read(&request)) {
    }
    return grpc::Status::OK;
  };
  EXPECT_THAT(std::string(Read().status().message()), HasSubstr("at the same time"));
}

TEST_F(ClientFoldersTest, ItEndsWithTheSessionAndWhenItIsStopped) {
  sync_.script = [](grpc::ServerContext* context, Stream*) {
    while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return grpc::Status::CANCELLED;
  };
  std::stop_source stop;
  std::thread stopping([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  EXPECT_TRUE(absl::IsCancelled(Read(nullptr, stop.get_token()).status()));
  stopping.join();
  std::thread vanishing([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    client_.client().Vanish();
  });
  const absl::Status gone = Read().status();
  EXPECT_TRUE(absl::IsUnavailable(gone)) << gone;
  vanishing.join();
}

TEST_F(ClientFoldersTest, WhatTheClientSaysOfAFolderThatItDoesNotHaveIsTold) {
  sync_.script = [](grpc::ServerContext*, Stream*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no access allowed to dir \"context\"");
  };
  const absl::Status status = Read().status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no access allowed"));
}

// How quick it is says its log; nothing is judged by it.
TEST_F(ClientFoldersTest, ManyFiles) {
  FakeClock clock;
  clock.Set(absl::FromUnixSeconds(1'700'000'000));
  FolderMemory memory(clock);
  const auto disk = OpenDiskBlobStore(folder_.Path("blobs"));
  ASSERT_OK(disk.status());
  for (int d = 0; d < 20; ++d) {
    const std::string in = sync_.folder + "/d" + std::to_string(d);
    ASSERT_OK(MakeFolders(in, 0755));
    for (int i = 0; i < 100; ++i) {
      std::ofstream(in + "/f" + std::to_string(i)) << std::string(4000, 'x') << d << " " << i;
      const timespec times[2] = {{1'600'000'000, 5}, {1'600'000'000, 5}};
      utimensat(AT_FDCWD, (in + "/f" + std::to_string(i)).c_str(), times, 0);
    }
  }
  for (const int64_t sent : {2'000, 0}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto read = ReadClientFolder(*session_, request_, **disk, &memory, nullptr, {});
    ASSERT_OK(read.status());
    LogInfo("2,000 files, {} sent: {} ms", sent,
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin)
                .count());
    EXPECT_EQ(read->sent_files, sent);
    EXPECT_EQ(read->root, ScannedRoot());
  }
}

TEST(FolderMemoryTest, WhatWasUsedLongestAgoIsForgotten) {
  FakeClock clock;
  FolderMemory memory(clock, 10);
  const auto files = [](int count) {
    auto known = std::make_shared<KnownFiles>();
    for (int i = 0; i < count; ++i) known->Add({std::to_string(i), 1, 2, 3}, {});
    return known;
  };
  memory.Keep("a", files(4));
  memory.Keep("b", files(4));
  EXPECT_NE(memory.Find("a"), nullptr);
  memory.Keep("c", files(4));
  EXPECT_EQ(memory.Find("b"), nullptr);
  EXPECT_NE(memory.Find("a"), nullptr);
  memory.Keep("a", files(2));
  EXPECT_EQ(memory.files(), 6u);
  memory.Keep("huge", files(11));
  EXPECT_EQ(memory.Find("huge"), nullptr);
  EXPECT_EQ(memory.files(), 6u);
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
