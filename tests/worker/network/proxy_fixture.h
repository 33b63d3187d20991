// A forward proxy on loopback with a resolver of the test's, and raw sockets on both of its sides.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"
#include "worker/network/forward_proxy.h"

namespace crossmill::worker {

class TableResolver final : public NameResolver {
 public:
  void Resolve(const std::string& host, Done done) override {
    ++asked;
    const auto found = table.find(host);
    if (found == table.end()) return done(absl::NotFoundError(host + ": no such host"));
    done(std::vector<IpAddress>{*IpAddress::Parse(found->second)});
  }
  std::map<std::string, std::string> table = {{"origin.example", "127.0.0.1"},
                                              {"cloud.example", "169.254.169.254"}};
  std::atomic<int> asked = 0;
};

// A connected socket of a test, with limits on its patience.
class RawPeer {
 public:
  explicit RawPeer(int fd) : fd_(fd) {}
  static RawPeer To(uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return RawPeer(fd);
  }
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }
  // Everything up to and with `end`, or what came until the stream ended or five seconds were over.
  std::string ReadUntil(std::string_view end) {
    while (end.empty() || buffer_.find(end) == std::string::npos) {
      pollfd poller{fd_.get(), POLLIN, 0};
      char bytes[65536];
      if (poll(&poller, 1, 5000) != 1) break;
      const ssize_t count = recv(fd_.get(), bytes, sizeof(bytes), 0);
      if (count <= 0) {
        ended_ = true;
        break;
      }
      buffer_.append(bytes, static_cast<size_t>(count));
    }
    const size_t at = end.empty() ? std::string::npos : buffer_.find(end);
    const size_t size = at == std::string::npos ? buffer_.size() : at + end.size();
    std::string taken = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return taken;
  }
  std::string ReadAll() { return ReadUntil(""); }
  bool ended() const { return ended_; }
  void EndWriting() { shutdown(fd_.get(), SHUT_WR); }
  void Close() { fd_.Reset(); }

 private:
  UniqueFd fd_;
  std::string buffer_;
  bool ended_ = false;
};

class Listening {
 public:
  Listening() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_.get(), 64), 0);
    socklen_t size = sizeof(address);
    getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  uint16_t port() const { return port_; }
  // -1 inside when nobody came within five seconds.
  RawPeer Accept() {
    pollfd poller{fd_.get(), POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 5000), 1) << "nobody connected";
    return RawPeer(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  bool SomebodyWaits(int patience_ms) {
    pollfd poller{fd_.get(), POLLIN, 0};
    return poll(&poller, 1, patience_ms) == 1;
  }
  UniqueFd Release() { return std::move(fd_); }

 private:
  UniqueFd fd_;
  uint16_t port_ = 0;
};

class ProxyTest : public testing::Test {
 protected:
  void Start() {
    options_.settings.rules.allow_local.push_back(
        *HostPattern::Parse(fmt::format("127.0.0.1:{}", origin_.port())));
    proxy_ = std::make_unique<ForwardProxy>(threads_, resolver_, clock_, options_);
    Listening door;
    port_ = door.port();
    auto session = proxy_->Serve(door.Release(), {.log = log_, .hosts = {}});
    ASSERT_OK(session);
    session_ = *std::move(session);
  }
  std::string Url(const std::string& path = "/") const {
    return fmt::format("http://origin.example:{}{}", origin_.port(), path);
  }
  std::string Head(const std::string& method, const std::string& path, const std::string& fields = "") const {
    return fmt::format("{} {} HTTP/1.1\r\nHost: origin.example:{}\r\n{}\r\n", method, Url(path),
                       origin_.port(), fields);
  }
  std::string Connect() const {
    return fmt::format("CONNECT origin.example:{} HTTP/1.1\r\n\r\n", origin_.port());
  }
  // Ends the step and takes its record.
  v1::StepFetches Finish() {
    session_.reset();
    return log_.Take();
  }

  SystemClock clock_;
  TableResolver resolver_;
  IoThreads threads_{1};
  Listening origin_;
  ForwardProxyOptions options_;
  FetchLog log_;
  std::unique_ptr<ForwardProxy> proxy_;
  std::unique_ptr<StepSession> session_;
  uint16_t port_ = 0;
};

}  // namespace crossmill::worker
