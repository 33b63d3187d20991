// A coordinator's blob services in this process, for tests of both ends of the wire.
#pragma once

#include <grpcpp/channel.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/blobs/disk_blob_store.h"
#include "common/rpc/channel.h"
#include "common/rpc/remote_blob_store.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/byte_stream_service.h"
#include "coordinator/rpc/cas_service.h"
#include "coordinator/rpc/rpc_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/raw_call.h"
#include "tests/support/status_matchers.h"

namespace crossmill {

// A retry policy that does not make tests wait.
inline rpc::RetryPolicy QuickRetry() {
  return rpc::RetryPolicy{8, absl::Milliseconds(5), absl::Milliseconds(200), nullptr};
}

class RpcFixture : public testing::Test {
 protected:
  static constexpr char kReadToken[] = "read-token";
  static constexpr char kSubmitToken[] = "submit-token";
  // It may operate.
  static constexpr char kClientToken[] = "client-token";
  static constexpr char kWorkerToken[] = "worker-token";

  // Blobs in memory, or in folder_/content.
  explicit RpcFixture(bool blobs_on_disk = false)
      : blobs_(blobs_on_disk ? *OpenDiskBlobStore(folder_.Path("content")) : MakeMemoryBlobStore()) {}
  void SetUp() override { StartServer(); }

  void StartServer() {
    coordinator::ListenOptions options;
    options.unix_socket = folder_.Path("coordinator.sock");
    options.tcp_address = "127.0.0.1:0";
    std::vector<coordinator::ServedService> services = {
        {"build.bazel.remote.execution.v2.ContentAddressableStorage", &cas_},
        {"build.bazel.remote.execution.v2.Capabilities", &capabilities_},
        {"google.bytestream.ByteStream", &bytes_}};
    for (const auto& service : MoreServices()) services.push_back(service);
    auto server = coordinator::RpcServer::Start(options, services, MoreInterceptors());
    ASSERT_OK(server);
    server_ = *std::move(server);
  }

  virtual std::vector<coordinator::ServedService> MoreServices() { return {}; }
  virtual coordinator::Interceptors MoreInterceptors() { return {}; }

  std::shared_ptr<grpc::Channel> UnixChannel() {
    return *rpc::MakeChannel({"unix:" + folder_.Path("coordinator.sock"), "", "", false});
  }
  std::shared_ptr<grpc::Channel> TcpChannel(const std::string& token) {
    return *rpc::MakeChannel({"127.0.0.1:" + std::to_string(server_->tcp_port()), token, "", false});
  }
  // Any method over TCP with this token, with a message of these bytes.
  std::pair<grpc::Status, std::string> CallRaw(const std::string& token, const std::string& method,
                                               const std::string& message) {
    return crossmill::CallRaw(TcpChannel(token), method, message);
  }
  std::unique_ptr<BlobStore> Remote(size_t memory_buffer = 1 << 20) {
    return rpc::MakeRemoteBlobStore(UnixChannel(), {folder_.path(), memory_buffer, QuickRetry()});
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  FakeClock clock_;
  std::unique_ptr<BlobStore> blobs_;
  coordinator::Authenticator authenticator_{
      {{Sha256Hex(kReadToken), v1::ACCESS_READ, false, "reader"},
       {Sha256Hex(kSubmitToken), v1::ACCESS_SUBMIT, false, "submitter"},
       {Sha256Hex(kClientToken), v1::ACCESS_OPERATE, false, "client"},
       {Sha256Hex(kWorkerToken), v1::ACCESS_UNSPECIFIED, true, "worker"}}};
  coordinator::CasService cas_{*blobs_, authenticator_};
  coordinator::CapabilitiesService capabilities_{authenticator_};
  coordinator::ByteStreamService bytes_{*blobs_, authenticator_, clock_};
  std::unique_ptr<coordinator::RpcServer> server_;
};

}  // namespace crossmill
