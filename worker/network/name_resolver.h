// Addresses of hosts, looked up on threads of their own.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "worker/network/ip_address.h"

namespace crossmill::worker {

// Thread safe.
class NameResolver {
 public:
  using Addresses = absl::StatusOr<std::vector<IpAddress>>;
  using Done = std::function<void(const Addresses&)>;
  virtual ~NameResolver() = default;
  // Calls `done` once, on any thread, perhaps before it returns: with at least one address, NOT_FOUND when
  // there is no such host, or UNAVAILABLE. Not at all when the resolver dies before.
  virtual void Resolve(const std::string& host, Done done) = 0;
};

// As this machine resolves (hosts file, DNS). Answers are kept for some seconds, so that a thousand
// connections to one host ask once.
class SystemResolver final : public NameResolver {
 public:
  explicit SystemResolver(Clock& clock, int threads = 4);
  // Waits for lookups that are under way.
  ~SystemResolver() override;
  SystemResolver(const SystemResolver&) = delete;
  SystemResolver& operator=(const SystemResolver&) = delete;

  void Resolve(const std::string& host, Done done) override;

 private:
  struct Question {
    std::string host;
    Done done;
  };
  struct Known {
    Addresses addresses;
    absl::Time until;
  };
  void Work();
  void Keep(const std::string& host, const Addresses& addresses);

  Clock& clock_;
  Mutex mutex_;
  CondVar changed_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Question> questions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Known> known_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace crossmill::worker
