// A real server of buckets (versitygw, scripts/install-bucket-server) on loopback, which checks signatures.
// Tests are skipped where it was not built.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/bucket/bucket.h"

namespace crossmill::bucket {

class BucketServer {
 public:
  // nullptr: there is no such program.
  static std::unique_ptr<BucketServer> Start() {
    const char* set = std::getenv("CROSSMILL_BUCKET_SERVER");
    std::string program = set != nullptr ? set : "";
    for (const char* folder :
         {CROSSMILL_BINARY_FOLDER "/../../peers/bin", CROSSMILL_SOURCE_FOLDER "/build/peers/bin"})
      if (program.empty() && Exists(std::string(folder) + "/versitygw"))
        program = std::string(folder) + "/versitygw";
    if (program.empty()) return nullptr;
    auto server = std::unique_ptr<BucketServer>(new BucketServer(program));
    server->Restart();
    return server;
  }
  ~BucketServer() { Kill(); }

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // On the same port, with what it had.
  void Restart() {
    Kill();
    const std::string address = fmt::format("127.0.0.1:{}", port_);
    const std::string meta = folder_.Path("meta");
    const std::string data = folder_.Path("data");
    pid_ = fork();
    if (pid_ == 0) {
      execl(program_.c_str(), "versitygw", "--port", address.c_str(), "--access", "AKID", "--secret",
            "topsecret", "--quiet", "--keep-alive", "posix", "--sidecar", meta.c_str(), data.c_str(),
            nullptr);
      _exit(127);
    }
    for (int i = 0; i < 500 && !Answers(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }

  // Of the bucket's objects, as files.
  std::string FileOf(std::string_view key) const {
    return fmt::format("{}/farm/{}", folder_.Path("data"), key);
  }
  S3Options Options(std::string_view place = "s3://farm/pre fix+ä") const {
    S3Options options;
    options.address = *ParseBucketAddress(place, fmt::format("http://127.0.0.1:{}", port_), "");
    options.credentials = [] { return Credentials{"AKID", "topsecret", ""}; };
    options.attempts = 3;
    options.first_pause = absl::Milliseconds(20);
    return options;
  }

 private:
  explicit BucketServer(std::string program)
      : program_(std::move(program)), folder_(*TemporaryFolder::Create()) {
    for (const char* name : {"meta", "data/farm"}) MakeFolders(folder_.Path(name)).IgnoreError();
    const UniqueFd probe(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof(address);
    if (bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
        getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0)
      port_ = ntohs(address.sin_port);
  }
  static sockaddr_in Loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  bool Answers() const {
    const UniqueFd probe(socket(AF_INET, SOCK_STREAM, 0));
    const sockaddr_in address = Loopback(port_);
    return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }

  const std::string program_;
  const TemporaryFolder folder_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace crossmill::bucket
