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
#include "coordinator/core/standing/scope.h"

namespace crossmill::coordinator {

// Thread safe.
class ExpectedNames {
 public:
  // The build's image will have these names (normalised) in its project, until End.
  void Expect(int64_t build, std::vector<std::string> names,
              const std::string& project = std::string(core::kDefaultProject));
  void End(int64_t build);

  // Returns when no build that the scope sees is expected to set the name. CANCELLED after a stop request.
  absl::Status Await(const core::Scope& scope, const std::string& name, std::stop_token stop);
  // Returns when the builds that the scope sees and that are expected now have ended.
  absl::Status AwaitAll(const core::Scope& scope, std::stop_token stop);

 private:
  struct Expected {
    std::string project;
    std::vector<std::string> names;
  };
  absl::Status AwaitBuilds(const std::set<int64_t>& builds, std::stop_token stop);

  Mutex mutex_;
  CondVar ended_;
  std::map<int64_t, Expected> builds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
