// RemoteBlobStore::GetAll: many small blobs with few calls, and servers that answer what was not asked.
#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <random>

#include "build/bazel/remote/execution/v2/remote_execution_services.grpc.pb.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "tests/support/random_bytes.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

using testing::HasSubstr;
using testing::IsEmpty;

class GetAllTest : public RpcFixture {
 protected:
  Digest Put(const std::string& bytes) { return *blobs_->PutBytes(bytes); }
};

TEST_F(GetAllTest, GivesEachAsOftenAsItIsAskedFor) {
  const Digest one = Put("one"), two = Put("two"), empty = DigestOf("");
  EXPECT_EQ(*Remote()->GetAll({{two, empty, one, two, empty, two}}),
            (std::vector<std::string>{"two", "", "one", "two", "", "two"}));
  EXPECT_THAT(*Remote()->GetAll({}), IsEmpty());
  EXPECT_EQ(*Remote()->GetAll({{empty}}), (std::vector<std::string>{""}));
}

TEST_F(GetAllTest, ObeysTheBatchLimit) {
  std::vector<Digest> digests;
  std::vector<std::string> expected;
  for (size_t i = 0; i < 30; ++i) expected.push_back(RandomBytes(400'000 + i, i));
  // Beyond the limit alone, at both ends and in the middle.
  expected.insert(expected.begin(), RandomBytes(coordinator::kMaxBatchBytes + 1, 31));
  expected.insert(expected.begin() + 12, RandomBytes(coordinator::kMaxBatchBytes, 32));
  expected.push_back(RandomBytes(coordinator::kMaxBatchBytes + 5, 33));
  expected.push_back(expected.front());
  for (const std::string& bytes : expected) digests.push_back(Put(bytes));
  const auto contents = Remote()->GetAll(digests);
  ASSERT_OK(contents);
  EXPECT_TRUE(*contents == expected);
}

TEST_F(GetAllTest, NamesWhatIsMissing) {
  const Digest here = Put("here"), missing = DigestOf("missing");
  const Digest large{missing.hash, int64_t{1} << 30};
  for (const Digest& absent : {missing, large, Digest{here.hash, 3}}) {
    const absl::Status status = Remote()->GetAll({{here, absent}}).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absent.hash));
  }
}

TEST_F(GetAllTest, ThousandsOfBlobs) {
  std::vector<std::pair<Digest, std::string>> blobs;
  std::vector<Digest> digests;
  std::vector<std::string> expected;
  for (int i = 0; i < 5000; ++i) {
    expected.push_back(std::to_string(i));
    digests.push_back(DigestOf(expected.back()));
    blobs.emplace_back(digests.back(), expected.back());
  }
  ASSERT_OK(blobs_->Put(blobs));
  const auto contents = Remote()->GetAll(digests);
  ASSERT_OK(contents);
  EXPECT_TRUE(*contents == expected);
}

// ---- a server that is wrong ----

class WrongCas final : public reapi::ContentAddressableStorage::Service {
 public:
  grpc::Status BatchReadBlobs(grpc::ServerContext*, const reapi::BatchReadBlobsRequest* request,
                              reapi::BatchReadBlobsResponse* response) override {
    for (const reapi::Digest& digest : request->digests())
      Add(FromProto(digest), right(FromProto(digest)), response);
    change(response);
    return grpc::Status::OK;
  }
  static void Add(const Digest& digest, const std::string& bytes, reapi::BatchReadBlobsResponse* response) {
    auto* blob = response->add_responses();
    ToProto(digest, blob->mutable_digest());
    blob->set_data(bytes);
  }

  std::function<std::string(const Digest&)> right;
  std::function<void(reapi::BatchReadBlobsResponse*)> change = [](reapi::BatchReadBlobsResponse*) {};
};

class WrongServerTest : public testing::Test {
 protected:
  void SetUp() override {
    cas_.right = [this](const Digest& digest) { return known_->Get(digest).value_or("unknown"); };
    coordinator::ListenOptions options;
    options.unix_socket = folder_.Path("socket");
    auto server = coordinator::RpcServer::Start(
        options, {{"build.bazel.remote.execution.v2.ContentAddressableStorage", &cas_}});
    ASSERT_OK(server);
    server_ = *std::move(server);
    remote_ = rpc::MakeRemoteBlobStore(*rpc::MakeChannel({"unix:" + folder_.Path("socket"), "", "", false}),
                                       {folder_.path(), 1 << 20, QuickRetry()});
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<BlobStore> known_ = MakeMemoryBlobStore();
  const Digest one_ = *known_->PutBytes("one"), two_ = *known_->PutBytes("two");
  WrongCas cas_;
  std::unique_ptr<coordinator::RpcServer> server_;
  std::unique_ptr<BlobStore> remote_;
};

TEST_F(WrongServerTest, AnyOrderIsRight) {
  cas_.change = [](reapi::BatchReadBlobsResponse* response) {
    response->mutable_responses()->SwapElements(0, 1);
  };
  EXPECT_EQ(*remote_->GetAll({{one_, two_}}), (std::vector<std::string>{"one", "two"}));
}

TEST_F(WrongServerTest, TooLittleIsAnError) {
  cas_.change = [](reapi::BatchReadBlobsResponse* response) { response->mutable_responses()->RemoveLast(); };
  EXPECT_TRUE(absl::IsInternal(remote_->GetAll({{one_, two_}}).status()));
  EXPECT_TRUE(absl::IsInternal(remote_->Get(one_).status()));
}

TEST_F(WrongServerTest, SomethingElseIsAnError) {
  cas_.change = [](reapi::BatchReadBlobsResponse* response) {
    response->mutable_responses()->RemoveLast();
    WrongCas::Add(DigestOf("three"), "three", response);
  };
  EXPECT_TRUE(absl::IsInternal(remote_->GetAll({{one_, two_}}).status()));
  EXPECT_TRUE(absl::IsInternal(remote_->Get(one_).status()));
}

TEST_F(WrongServerTest, TheSameTwiceIsAnError) {
  cas_.change = [](reapi::BatchReadBlobsResponse* response) {
    *response->add_responses() = response->responses(0);
  };
  EXPECT_TRUE(absl::IsInternal(remote_->GetAll({{one_, two_}}).status()));
}

TEST_F(WrongServerTest, WrongBytesAreDataLoss) {
  for (const char* wrong : {"ONE", "", "on", "one and more"}) {
    cas_.change = [wrong](reapi::BatchReadBlobsResponse* response) {
      response->mutable_responses(0)->set_data(wrong);
    };
    EXPECT_TRUE(absl::IsDataLoss(remote_->GetAll({{one_, two_}}).status())) << wrong;
  }
}

TEST_F(WrongServerTest, AnErrorOfOneBlobIsTheErrorOfAll) {
  cas_.change = [](reapi::BatchReadBlobsResponse* response) {
    rpc::StatusToProto(absl::PermissionDeniedError("not this one"),
                       response->mutable_responses(1)->mutable_status());
  };
  const absl::Status status = remote_->GetAll({{one_, two_}}).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
}

}  // namespace
}  // namespace crossmill
