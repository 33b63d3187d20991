// A loopback HTTP server that answers with bytes the test wrote down.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"

namespace crossmill::http {

// One connection at a time, one answer per connection. Stops when it dies.
class ScriptedServer {
 public:
  // Gets the request's head and body, returns the whole response; the connection is closed after it.
  using Handler = std::function<std::string(const std::string& request)>;

  explicit ScriptedServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
        listen(listener_.get(), 16) == 0 &&
        getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0) {
      port_ = ntohs(address.sin_port);
    }
    thread_ = std::jthread([this] { Serve(); });
  }

  ~ScriptedServer() {
    // Wakes accept().
    shutdown(listener_.get(), SHUT_RDWR);
  }

  int port() const { return port_; }
  std::string Url(std::string_view path) const { return fmt::format("http://127.0.0.1:{}{}", port_, path); }

  std::vector<std::string> requests() {
    MutexLock lock(mutex_);
    return requests_;
  }

 private:
  void Serve() {
    while (true) {
      const UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection.valid()) return;
      const std::string request = ReadRequest(connection.get());
      {
        MutexLock lock(mutex_);
        requests_.push_back(request);
      }
      const std::string response = handler_(request);
      send(connection.get(), response.data(), response.size(), MSG_NOSIGNAL);
      shutdown(connection.get(), SHUT_WR);
      // Until the client has closed, so that nothing is lost to a reset; but clients keep connections.
      const timeval patience{0, 100'000};
      setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      char rest[256];
      while (recv(connection.get(), rest, sizeof(rest), 0) > 0) {
      }
    }
  }

  static std::string ReadRequest(int fd) {
    std::string request;
    char buffer[4096];
    while (true) {
      const size_t end = request.find("\r\n\r\n");
      if (end != std::string::npos) {
        const size_t length = request.find("Content-Length: ");
        const size_t body = length < end ? std::stoul(request.substr(length + 16)) : 0;
        if (request.size() >= end + 4 + body) return request;
      }
      const ssize_t count = recv(fd, buffer, sizeof(buffer), 0);
      if (count <= 0) return request;
      request.append(buffer, static_cast<size_t>(count));
    }
  }

  const Handler handler_;
  UniqueFd listener_;
  int port_ = 0;
  Mutex mutex_;
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace crossmill::http
