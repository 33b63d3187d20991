// What a BuildKit client serves to its builds while they run: one Control.Session call. The client's end is a
// gRPC server behind that call's stream; here is a channel to it. Knows nothing of builds.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

namespace crossmill::coordinator::buildkit {

// Thread safe. Shared by all that talk to the client; calls on a session that has ended fail with
// UNAVAILABLE.
class ClientSession {
 public:
  struct Introduction {
    // Chosen by the client, known to it only.
    std::string id;
    // Names the same files of the same client over many sessions; may be empty.
    std::string shared_key;
    // Lower case, "/moby.filesync.v1.filesync/diffcopy".
    std::set<std::string, std::less<>> methods;
    // Whose it is (CallerIdentity::key): nobody else's builds find it.
    std::string owner;
  };

  ClientSession(Introduction introduction, std::shared_ptr<grpc::Channel> channel)
      : introduction_(std::move(introduction)), channel_(std::move(channel)) {}

  const std::string& id() const { return introduction_.id; }
  const std::string& shared_key() const { return introduction_.shared_key; }
  const std::string& owner() const { return introduction_.owner; }
  // In any case of letters.
  bool Serves(std::string_view method) const;
  // To the client's own services. Its answers are a stranger's: check sizes and names.
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }
  // Stops when the client has gone.
  std::stop_token ended() const { return ended_.get_token(); }
  void End() { ended_.request_stop(); }

 private:
  const Introduction introduction_;
  const std::shared_ptr<grpc::Channel> channel_;
  std::stop_source ended_;
};

}  // namespace crossmill::coordinator::buildkit
