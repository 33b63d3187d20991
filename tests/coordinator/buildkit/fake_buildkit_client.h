// The client's end of a BuildKit session: services of a gRPC server behind the bytes of one call, as buildx
// has them. The call itself is two sockets here.
#pragma once

#include <fcntl.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/buildkit/session/client_sessions.h"

namespace crossmill {

class FakeBuildKitClient {
 public:
  explicit FakeBuildKitClient(const std::vector<grpc::Service*>& services) {
    grpc::ServerBuilder builder;
    // As grpc-go and its HTTP/2 server have it.
    builder.SetMaxReceiveMessageSize(4 << 20);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 1 << 20);
    for (grpc::Service* service : services) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) abort();
    call_.socket = UniqueFd(ends[0]);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    grpc::AddInsecureChannelFromFd(server_.get(), ends[1]);
  }
  ~FakeBuildKitClient() {
    Vanish();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  // What the coordinator's Control service would hand to ClientSessions::Serve.
  coordinator::buildkit::ByteStream& call() { return call_; }
  // The client sends no more: the orderly end. It still takes what is sent to it, which a socket whose one
  // direction is shut down would not promise: its other end is told of a broken pipe, and closes both.
  void HalfClose() { eventfd_write(call_.half_closed.get(), 1); }
  // It is gone.
  void Vanish() { call_.Cancel(); }

 private:
  struct Call final : coordinator::buildkit::ByteStream {
    // What was sent before the end comes before it.
    bool Read(std::string* bytes) override {
      pollfd wait[] = {{socket.get(), POLLIN, 0}, {half_closed.get(), POLLIN, 0}};
      while (poll(wait, 2, -1) < 0) {
        if (errno != EINTR) abort();
      }
      if (wait[0].revents == 0) return false;
      bytes->resize(32 << 10);
      const ssize_t size = read(socket.get(), bytes->data(), bytes->size());
      bytes->resize(size > 0 ? static_cast<size_t>(size) : 0);
      return size > 0;
    }
    bool Write(std::string_view bytes) override {
      while (!bytes.empty()) {
        const ssize_t sent = send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return false;
        bytes.remove_prefix(static_cast<size_t>(sent));
      }
      return true;
    }
    void Cancel() override { shutdown(socket.get(), SHUT_RDWR); }
    UniqueFd socket;
    UniqueFd half_closed{eventfd(0, EFD_CLOEXEC)};
  };

  std::unique_ptr<grpc::Server> server_;
  Call call_;
};

// A client with a session that is being served, until it dies.
class ServedBuildKitClient {
 public:
  ServedBuildKitClient(coordinator::buildkit::ClientSessions& sessions,
                       coordinator::buildkit::ClientSession::Introduction introduction,
                       const std::vector<grpc::Service*>& services)
      : client_(services),
        thread_([this, &sessions, introduction] { served_ = sessions.Serve(introduction, client_.call()); }) {
  }
  ~ServedBuildKitClient() { End().IgnoreError(); }

  FakeBuildKitClient& client() { return client_; }
  // What Serve returned.
  absl::Status End() {
    client_.HalfClose();
    return Join();
  }
  absl::Status Join() {
    if (thread_.joinable()) thread_.join();
    return served_;
  }

 private:
  FakeBuildKitClient client_;
  absl::Status served_;
  std::thread thread_;
};

}  // namespace crossmill
