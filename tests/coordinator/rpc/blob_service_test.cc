// Both ends together: RemoteBlobStore against the coordinator's blob services.
#include <gmock/gmock.h>

#include <atomic>
#include <random>
#include <thread>

#include "absl/container/flat_hash_set.h"
#include "build/bazel/remote/execution/v2/remote_execution_services.grpc.pb.h"
#include "common/base/status.h"
#include "common/rpc/resource_names.h"
#include "common/rpc/status_proto.h"
#include "common/rpc/zstd_stream.h"
#include "google/bytestream/bytestream_service.grpc.pb.h"
#include "tests/support/random_bytes.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

using google::bytestream::ByteStream;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BlobServiceTest : public RpcFixture {
 protected:
  std::unique_ptr<ByteStream::Stub> Bytes() { return ByteStream::NewStub(UnixChannel()); }
  std::unique_ptr<reapi::ContentAddressableStorage::Stub> Cas() {
    return reapi::ContentAddressableStorage::NewStub(UnixChannel());
  }

  // Writes `bytes` under `name` from `offset` in one message and returns the server's answer.
  absl::StatusOr<int64_t> Write(const std::string& name, const std::string& bytes, int64_t offset,
                                bool finish) {
    auto stub = Bytes();
    grpc::ClientContext context;
    google::bytestream::WriteResponse response;
    auto stream = stub->Write(&context, &response);
    google::bytestream::WriteRequest request;
    request.set_resource_name(name);
    request.set_write_offset(offset);
    request.set_data(bytes);
    request.set_finish_write(finish);
    stream->Write(request);
    stream->WritesDone();
    RETURN_IF_ERROR(rpc::FromGrpc(stream->Finish()));
    return response.committed_size();
  }

  google::bytestream::QueryWriteStatusResponse Query(const std::string& name) {
    auto stub = Bytes();
    grpc::ClientContext context;
    google::bytestream::QueryWriteStatusRequest request;
    google::bytestream::QueryWriteStatusResponse response;
    request.set_resource_name(name);
    EXPECT_OK(rpc::FromGrpc(stub->QueryWriteStatus(&context, request, &response)));
    return response;
  }

  absl::StatusOr<std::string> Read(const std::string& name, int64_t offset, int64_t limit) {
    auto stub = Bytes();
    grpc::ClientContext context;
    google::bytestream::ReadRequest request;
    request.set_resource_name(name);
    request.set_read_offset(offset);
    request.set_read_limit(limit);
    auto stream = stub->Read(&context, request);
    std::string bytes;
    google::bytestream::ReadResponse response;
    while (stream->Read(&response)) bytes += response.data();
    RETURN_IF_ERROR(rpc::FromGrpc(stream->Finish()));
    return bytes;
  }
};

TEST_F(BlobServiceTest, SmallBlobsTravelInBothDirections) {
  auto remote = Remote();
  const Digest digest = *remote->PutBytes("content");
  EXPECT_EQ(*blobs_->Get(digest), "content");
  EXPECT_EQ(*remote->Get(digest), "content");
  EXPECT_EQ(*remote->Get(DigestOf("")), "");
  EXPECT_TRUE(absl::IsNotFound(remote->Get(DigestOf("other")).status()));
  EXPECT_TRUE(absl::IsNotFound(remote->Open(DigestOf("other"), 0).status()));
}

TEST_F(BlobServiceTest, LargeBlobsTravelInBothDirections) {
  auto remote = Remote();
  const std::string content = RandomBytes(9'000'001);
  auto writer = *remote->Create({});
  for (size_t i = 0; i < content.size(); i += 100'000) ASSERT_OK(writer->Write(content.substr(i, 100'000)));
  const auto digest = writer->Commit();
  ASSERT_OK(digest);
  EXPECT_EQ(*digest, DigestOf(content));
  EXPECT_TRUE(*remote->Get(*digest) == content);
  auto reader = remote->Open(*digest, 8'999'999);
  ASSERT_OK(reader);
  char buffer[8];
  ASSERT_EQ(*(*reader)->Read(buffer, sizeof buffer), 2u);
  EXPECT_EQ(std::string(buffer, 2), content.substr(8'999'999));
  EXPECT_EQ(*(*reader)->Read(buffer, sizeof buffer), 0u);
  EXPECT_TRUE(absl::IsNotFound(remote->Open(DigestOf(content + "x"), 0).status()));
}

TEST_F(BlobServiceTest, PutOfManyBlobsObeysTheBatchLimit) {
  auto remote = Remote();
  std::vector<std::pair<Digest, std::string>> blobs;
  std::vector<Digest> digests;
  for (size_t i = 0; i < 30; ++i) {
    std::string bytes = RandomBytes(400'000 + i);
    digests.push_back(DigestOf(bytes));
    blobs.emplace_back(digests.back(), std::move(bytes));
  }
  blobs.emplace_back(DigestOf(""), "");
  blobs.push_back(blobs[0]);
  std::string large = RandomBytes(coordinator::kMaxBatchBytes + 5);
  digests.push_back(DigestOf(large));
  blobs.emplace_back(digests.back(), std::move(large));
  ASSERT_OK(remote->Put(blobs));
  EXPECT_THAT(*blobs_->FindMissing(digests), IsEmpty());
}

TEST_F(BlobServiceTest, FindMissingIsExactOverSeveralCalls) {
  auto remote = Remote();
  std::vector<Digest> digests, expected;
  for (int i = 0; i < 45'000; ++i) {
    const std::string bytes = fmt::format("blob {}", i);
    digests.push_back(DigestOf(bytes));
    if (i % 9'000 == 7) {
      ASSERT_OK(blobs_->PutBytes(bytes));
    } else {
      expected.push_back(digests.back());
    }
  }
  digests.push_back(digests[0]);
  digests.push_back(DigestOf(""));
  EXPECT_EQ(*remote->FindMissing(digests), expected);
}

TEST_F(BlobServiceTest, BlobWhoseDigestLiesIsRefused) {
  auto remote = Remote();
  const Digest lie = DigestOf("something else");
  EXPECT_TRUE(absl::IsInvalidArgument(remote->Put({{{lie, "content"}}})));
  auto writer = *remote->Create(lie);
  ASSERT_OK(writer->Write("content"));
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Commit().status()));

  // A client that does not check itself.
  reapi::BatchUpdateBlobsRequest request;
  auto* bad = request.add_requests();
  ToProto(lie, bad->mutable_digest());
  bad->set_data("something els");
  auto* good = request.add_requests();
  ToProto(DigestOf("good"), good->mutable_digest());
  good->set_data("good");
  reapi::BatchUpdateBlobsResponse response;
  grpc::ClientContext context;
  ASSERT_OK(rpc::FromGrpc(Cas()->BatchUpdateBlobs(&context, request, &response)));
  ASSERT_EQ(response.responses_size(), 2);
  EXPECT_EQ(response.responses(0).status().code(), static_cast<int>(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(response.responses(1).status().code(), 0);
  const std::string same_size(lie.size, 'x');
  EXPECT_TRUE(absl::IsInvalidArgument(Write(rpc::NewWriteName(lie), same_size, 0, true).status()));
  EXPECT_FALSE(blobs_->Has(lie));
  EXPECT_TRUE(blobs_->Has(DigestOf("good")));
}

TEST_F(BlobServiceTest, OversizedUploadIsRefusedBeforeItsEnd) {
  const Digest digest = DigestOf("short");
  const auto committed = Write(rpc::NewWriteName(digest), "short and then some", 0, false);
  EXPECT_TRUE(absl::IsInvalidArgument(committed.status())) << committed.status();
}

TEST_F(BlobServiceTest, ExistingBlobEndsAnUploadAtOnce) {
  const Digest digest = *blobs_->PutBytes("content");
  EXPECT_EQ(*Write(rpc::NewWriteName(digest), "con", 0, false), 7);
  const std::string name =
      "uploads/00000000-0000-0000-0000-000000000000/compressed-blobs/zstd/" + ToString(digest);
  EXPECT_EQ(*Write(name, "anything", 0, false), -1);
  EXPECT_TRUE(Query(name).complete());
  // The empty blob always exists.
  EXPECT_EQ(*Write(rpc::NewWriteName(DigestOf("")), "", 0, true), 0);
}

TEST_F(BlobServiceTest, InterruptedUploadGoesOnWhereItWas) {
  const std::string content = RandomBytes(100'000);
  const Digest digest = DigestOf(content);
  const std::string name = "main/farm/" + rpc::NewWriteName(digest) + "/meta/data";
  EXPECT_EQ(*Write(name, content.substr(0, 40'000), 0, false), 40'000);
  EXPECT_EQ(Query(name).committed_size(), 40'000);
  EXPECT_FALSE(Query(name).complete());
  EXPECT_TRUE(absl::IsOutOfRange(Write(name, content.substr(50'000), 50'000, true).status()));
  EXPECT_EQ(*Write(name, content.substr(40'000), 40'000, true), 100'000);
  EXPECT_TRUE(Query(name).complete());
  EXPECT_TRUE(*blobs_->Get(digest) == content);
}

TEST_F(BlobServiceTest, UploadMayStartAgainFromTheBeginning) {
  const Digest digest = DigestOf("content");
  const std::string name = rpc::NewWriteName(digest);
  EXPECT_EQ(*Write(name, "cont", 0, false), 4);
  EXPECT_EQ(*Write(name, "content", 0, true), 7);
}

TEST_F(BlobServiceTest, AbandonedUploadIsForgotten) {
  const std::string name = rpc::NewWriteName(DigestOf("content"));
  EXPECT_EQ(*Write(name, "cont", 0, false), 4);
  clock_.Advance(absl::Seconds(coordinator::UploadLimits().kept_seconds + 1));
  // By a timer: nobody uploads anything.
  for (int i = 0; i < 1000 && Query(name).committed_size() != 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(Query(name).committed_size(), 0);
}

TEST_F(BlobServiceTest, AnUploadThatSendsNothingIsEndedAndCanGoOn) {
  const std::string content = RandomBytes(1'000);
  const std::string name = rpc::NewWriteName(DigestOf(content));
  auto stub = Bytes();
  grpc::ClientContext context;
  google::bytestream::WriteResponse response;
  auto stream = stub->Write(&context, &response);
  google::bytestream::WriteRequest request;
  request.set_resource_name(name);
  request.set_data(content.substr(0, 600));
  ASSERT_TRUE(stream->Write(request));
  while (Query(name).committed_size() != 600) std::this_thread::yield();
  clock_.Advance(absl::Seconds(coordinator::UploadLimits().idle_seconds + 1));
  EXPECT_TRUE(absl::IsCancelled(rpc::FromGrpc(stream->Finish())));
  EXPECT_EQ(*Write(name, content.substr(600), 600, true), 1'000);
}

TEST_F(BlobServiceTest, AMessageOfAnUploadHasALimit) {
  const std::string content = RandomBytes((4 << 20) + 1);
  const auto committed = Write(rpc::NewWriteName(DigestOf(content)), content, 0, true);
  EXPECT_TRUE(absl::IsInvalidArgument(committed.status())) << committed.status();
  EXPECT_THAT(committed.status().message(), HasSubstr("expected at most 4194304"));
}

TEST_F(BlobServiceTest, UploadSurvivesARestartOfTheServer) {
  auto remote = Remote();
  ASSERT_OK(remote->PutBytes("the channel is up"));
  const std::string content = RandomBytes(12'000'000);
  auto writer = *remote->Create({});
  ASSERT_OK(writer->Write(content));
  std::atomic<bool> done{false};
  std::jthread restarts([&] {
    for (int i = 0; i < 3 && !done; ++i) {
      server_->Shutdown(absl::ZeroDuration());
      server_.reset();
      StartServer();
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
  });
  const auto digest = writer->Commit();
  done = true;
  restarts.join();
  ASSERT_OK(digest);
  EXPECT_TRUE(*blobs_->Get(*digest) == content);
}

TEST_F(BlobServiceTest, DownloadSurvivesARestartOfTheServer) {
  const std::string content = RandomBytes(12'000'000);
  const Digest digest = *blobs_->PutBytes(content);
  auto remote = Remote();
  auto reader = remote->Open(digest, 0);
  ASSERT_OK(reader);
  std::string received;
  std::string buffer(300'000, '\0');
  while (true) {
    const auto count = (*reader)->Read(buffer.data(), buffer.size());
    ASSERT_OK(count);
    if (*count == 0) break;
    const size_t before = received.size();
    received.append(buffer, 0, *count);
    if (before / 5'000'000 != received.size() / 5'000'000) {
      server_->Shutdown(absl::ZeroDuration());
      server_.reset();
      StartServer();
    }
  }
  EXPECT_TRUE(received == content);
}

TEST_F(BlobServiceTest, NoServerIsUnavailableAfterAFewAttempts) {
  auto remote = Remote();
  server_.reset();
  EXPECT_TRUE(absl::IsUnavailable(remote->FindMissing({{DigestOf("x")}}).status()));
}

TEST_F(BlobServiceTest, ConcurrentWritersOfOneBlobAllSucceed) {
  const std::string content = RandomBytes(3'500'000);
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        auto remote = Remote();
        auto writer = *remote->Create(DigestOf(content));
        if (writer->Write(content).ok() && writer->Commit().ok() &&
            *remote->Get(DigestOf(content)) == content)
          ++good;
      });
    }
  }
  EXPECT_EQ(good, 6);
}

TEST_F(BlobServiceTest, ReadsHonourOffsetAndLimit) {
  const Digest digest = *blobs_->PutBytes("0123456789");
  const std::string name = "some/instance/" + rpc::ReadName(digest);
  EXPECT_EQ(*Read(name, 0, 0), "0123456789");
  EXPECT_EQ(*Read(name, 3, 4), "3456");
  EXPECT_EQ(*Read(name, 10, 0), "");
  EXPECT_TRUE(absl::IsOutOfRange(Read(name, 11, 0).status()));
  EXPECT_TRUE(absl::IsOutOfRange(Read(name, -1, 0).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Read(name, 0, -1).status()));
  EXPECT_TRUE(absl::IsNotFound(Read(rpc::ReadName(DigestOf("other")), 0, 0).status()));
}

TEST_F(BlobServiceTest, CompressedBlobsTravelInBothDirections) {
  const std::string content = RandomBytes(10'000) + std::string(3'000'000, 'a');
  const Digest digest = DigestOf(content);
  std::string compressed;
  rpc::ZstdCompressor compressor([&](std::string_view bytes) {
    compressed += bytes;
    return absl::OkStatus();
  });
  ASSERT_OK(compressor.Write(content));
  ASSERT_OK(compressor.Finish());
  const std::string part = "compressed-blobs/zstd/" + ToString(digest);
  const std::string name = "uploads/00000000-0000-0000-0000-000000000000/" + part;
  EXPECT_TRUE(
      absl::IsInvalidArgument(Write(name, compressed.substr(0, compressed.size() - 9), 0, true).status()));
  EXPECT_EQ(*Write(name, compressed, 0, true), static_cast<int64_t>(compressed.size()));
  EXPECT_TRUE(*blobs_->Get(digest) == content);
  const auto received = Read(part, 0, 0);
  ASSERT_OK(received);
  EXPECT_LT(received->size(), content.size() / 50);
  EXPECT_TRUE(*rpc::ZstdDecompress(*received, digest.size) == content);
  EXPECT_TRUE(absl::IsInvalidArgument(Read(part, 0, 5).status()));
}

TEST_F(BlobServiceTest, CompressedDataCannotUnfoldBeyondItsDigest) {
  std::string compressed;
  rpc::ZstdCompressor compressor([&](std::string_view bytes) {
    compressed += bytes;
    return absl::OkStatus();
  });
  ASSERT_OK(compressor.Write(std::string(50 << 20, '\0')));
  ASSERT_OK(compressor.Finish());
  reapi::BatchUpdateBlobsRequest request;
  auto* blob = request.add_requests();
  ToProto(DigestOf("content"), blob->mutable_digest());
  blob->set_data(compressed);
  blob->set_compressor(reapi::Compressor::ZSTD);
  reapi::BatchUpdateBlobsResponse response;
  grpc::ClientContext context;
  ASSERT_OK(rpc::FromGrpc(Cas()->BatchUpdateBlobs(&context, request, &response)));
  EXPECT_THAT(response.responses(0).status().message(), HasSubstr("more than 7 bytes"));
}

TEST_F(BlobServiceTest, TreeHasEveryDirectoryOnce) {
  reapi::Directory leaf;
  leaf.add_files()->set_name("file");
  const Digest leaf_digest = *blobs_->PutBytes(leaf.SerializeAsString());
  reapi::Directory root;
  for (const char* name : {"a", "b"}) {
    auto* child = root.add_directories();
    child->set_name(name);
    ToProto(leaf_digest, child->mutable_digest());
  }
  auto* lost = root.add_directories();
  lost->set_name("c");
  ToProto(DigestOf("not there"), lost->mutable_digest());
  const Digest root_digest = *blobs_->PutBytes(root.SerializeAsString());
  reapi::GetTreeRequest request;
  ToProto(root_digest, request.mutable_root_digest());
  auto cas = Cas();
  grpc::ClientContext context;
  auto stream = cas->GetTree(&context, request);
  std::vector<std::string> received;
  reapi::GetTreeResponse response;
  while (stream->Read(&response)) {
    for (const auto& directory : response.directories()) received.push_back(directory.SerializeAsString());
  }
  ASSERT_OK(rpc::FromGrpc(stream->Finish()));
  EXPECT_THAT(received, ElementsAre(root.SerializeAsString(), leaf.SerializeAsString()));
}

TEST_F(BlobServiceTest, CapabilitiesNameWhatIsServed) {
  auto stub = reapi::Capabilities::NewStub(UnixChannel());
  grpc::ClientContext context;
  reapi::ServerCapabilities capabilities;
  ASSERT_OK(rpc::FromGrpc(stub->GetCapabilities(&context, {}, &capabilities)));
  EXPECT_GT(capabilities.cache_capabilities().max_batch_total_size_bytes(), 0);
  EXPECT_THAT(capabilities.cache_capabilities().digest_functions(),
              ElementsAre(reapi::DigestFunction::SHA256));
  EXPECT_EQ(capabilities.high_api_version().major(), 2);
}

TEST_F(BlobServiceTest, MalformedDigestsAreRefused) {
  reapi::FindMissingBlobsRequest request;
  auto* digest = request.add_blob_digests();
  digest->set_hash("../../etc/passwd");
  digest->set_size_bytes(5);
  reapi::FindMissingBlobsResponse response;
  grpc::ClientContext context;
  EXPECT_TRUE(absl::IsInvalidArgument(rpc::FromGrpc(Cas()->FindMissingBlobs(&context, request, &response))));
}

}  // namespace
}  // namespace crossmill
