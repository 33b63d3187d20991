// Names that images of built builds are about to get: who asks for one of them waits until it has it, so that
// nobody has to wait for an image to be packed but those who take it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe.
class ExpectedNames {
 public:
  // The build's image will have these names (normalised), until End.
  void Expect(int64_t build, std::vector<std::string> names);
  void End(int64_t build);

  // Returns when no build is expected to set the name. CANCELLED after a stop request.
  absl::Status Await(const std::string& name, std::stop_token stop);
  // Returns when the builds that are expected now have ended.
  absl::Status AwaitAll(std::stop_token stop);

 private:
  absl::Status AwaitBuilds(const std::set<int64_t>& builds, std::stop_token stop);

  Mutex mutex_;
  CondVar ended_;
  std::map<int64_t, std::vector<std::string>> builds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
