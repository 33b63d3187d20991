// Debian's docker-registry on a loopback port for a test, in a folder that goes away with it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/http/http_client.h"
#include "common/oci/image_walk.h"

namespace crossmill::registry {

// A loopback port that is free now.
inline int FreePort() {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return 0;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.sin_port);
}

class DockerRegistry {
 public:
  static constexpr const char* kProgram = "/usr/bin/docker-registry";

  // With `htpasswd` (a file's text) the registry asks for Basic authorization. Ready when it returns; an
  // error says what the registry printed. A loaded machine may take long to start it, and somebody else may
  // take the port before it does.
  static absl::StatusOr<std::unique_ptr<DockerRegistry>> Start(http::HttpClient& http,
                                                               const std::string& htpasswd = "") {
    std::string printed;
    for (int tries = 0; tries < 3; ++tries) {
      ASSIGN_OR_RETURN(TemporaryFolder folder, TemporaryFolder::Create());
      std::unique_ptr<DockerRegistry> registry(new DockerRegistry(std::move(folder)));
      RETURN_IF_ERROR(registry->Run(htpasswd));
      if (registry->Answers(http)) return registry;
      registry->thread_.request_stop();
      registry->thread_.join();
      printed = registry->printed_;
    }
    return absl::UnavailableError("docker-registry did not start: " + printed);
  }

  ~DockerRegistry() {
    // Kills its process group; the thread joins.
    if (thread_.joinable()) thread_.request_stop();
  }

  std::string host() const { return fmt::format("127.0.0.1:{}", port_); }
  std::string url() const { return "http://" + host(); }
  const std::string& folder() const { return folder_.path(); }

  // Pushes the image with all its blobs.
  absl::Status Push(http::HttpClient& http, BlobStore& store, const Digest& root,
                    const std::string& repository, const std::string& tag,
                    const std::string& authorization = "") {
    ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(store, root));
    for (const oci::Descriptor& blob : blobs.contents) {
      ASSIGN_OR_RETURN(const std::string bytes, store.Get(blob.digest));
      ASSIGN_OR_RETURN(
          const http::HttpResponse begun,
          Send(http, "POST", url() + "/v2/" + repository + "/blobs/uploads/", "", "", authorization, 202));
      const std::string location(begun.Header("location"));
      RETURN_IF_ERROR(Send(http, "PUT",
                           location + (location.find('?') == std::string::npos ? "?" : "&") +
                               "digest=" + blob.digest.Oci(),
                           "application/octet-stream", bytes, authorization, 201)
                          .status());
    }
    for (auto it = blobs.documents.rbegin(); it != blobs.documents.rend(); ++it) {
      ASSIGN_OR_RETURN(const std::string bytes, store.Get(it->digest));
      const std::string name = it->digest == root ? tag : it->digest.Oci();
      RETURN_IF_ERROR(Send(http, "PUT", url() + "/v2/" + repository + "/manifests/" + name, it->media_type,
                           bytes, authorization, 201)
                          .status());
    }
    return absl::OkStatus();
  }

 private:
  explicit DockerRegistry(TemporaryFolder folder) : folder_(std::move(folder)), port_(FreePort()) {}

  absl::Status Run(const std::string& htpasswd) {
    std::string config = fmt::format(
        "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {0}/data\n"
        "http:\n  addr: 127.0.0.1:{1}\n",
        folder_.path(), port_);
    if (!htpasswd.empty()) {
      RETURN_IF_ERROR(WriteFileAtomic(folder_.Path("htpasswd"), htpasswd));
      config += fmt::format("auth:\n  htpasswd:\n    realm: test\n    path: {}/htpasswd\n", folder_.path());
    }
    RETURN_IF_ERROR(WriteFileAtomic(folder_.Path("config.yml"), config));
    thread_ = std::jthread([this](std::stop_token stop) {
      ProcessOptions options;
      options.argv = {kProgram, "serve", folder_.Path("config.yml")};
      options.stop = stop;
      options.on_output = [this](OutputStream, std::string_view text) { printed_ += text; };
      RunProcess(options).IgnoreError();
      ended_ = true;
    });
    return absl::OkStatus();
  }

  // False: it has ended, or says nothing for a minute.
  bool Answers(http::HttpClient& http) const {
    const absl::Time until = absl::Now() + absl::Minutes(1);
    while (!ended_ && absl::Now() < until) {
      http::HttpRequest request;
      request.url = url() + "/v2/";
      if (http::Fetch(http, request, 1 << 20).ok()) return true;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return false;
  }

  static absl::StatusOr<http::HttpResponse> Send(http::HttpClient& http, const std::string& method,
                                                 const std::string& url, const std::string& type,
                                                 const std::string& body, const std::string& authorization,
                                                 int expected) {
    http::HttpRequest request;
    request.method = method;
    request.url = url;
    request.body = body;
    if (!type.empty()) request.headers.emplace_back("Content-Type", type);
    if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
    ASSIGN_OR_RETURN(const auto answer, http::Fetch(http, request, 1 << 20));
    if (answer.first.status == expected) return answer.first;
    return absl::InternalError(fmt::format("{} {}: {} {}", method, url, answer.first.status, answer.second));
  }

  TemporaryFolder folder_;
  int port_;
  // Of the thread until it has ended.
  std::string printed_;
  std::atomic<bool> ended_ = false;
  std::jthread thread_;  // Last: joined before the folder goes.
};

}  // namespace crossmill::registry
