// The way of a step's ssh connections to the build's client: one Forward stream to the coordinator for each.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "worker/mounts/ssh_relay.h"

namespace crossmill::worker {

class CoordinatorForwarder final : public SshForwarder {
 public:
  explicit CoordinatorForwarder(std::shared_ptr<grpc::Channel> channel) : channel_(std::move(channel)) {}
  absl::StatusOr<std::unique_ptr<ForwardStream>> Open(uint64_t lease, const std::string& ssh_id) override;

 private:
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace crossmill::worker
