// Keeps the certificate of a worker from running out: asks the coordinator, by whose clock it is good,
// whether it is time for the next, over the connection that the worker has.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill::worker {

// From when it is made until it dies.
class IdentityRenewal {
 public:
  // `file`: as IdentityText. It is replaced as a whole, with a new key.
  IdentityRenewal(std::shared_ptr<grpc::Channel> channel, std::string file);

 private:
  // Until it is to be done again.
  absl::StatusOr<absl::Duration> Renew();
  void Run(const std::stop_token& stop);

  const std::shared_ptr<grpc::Channel> channel_;
  const std::string file_;
  // Last: it uses the others.
  std::jthread thread_;
};

}  // namespace crossmill::worker
