// How often strangers may try to join: a call without a token costs the coordinator little, but not nothing.
// Pure: it is given the time.
#pragma once

#include <map>
#include <string>

#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe.
class JoinRate {
 public:
  // Ten at once and one each second for each peer; a hundred at once and fifty each second for all.
  bool Admit(const std::string& peer, absl::Time now);

 private:
  struct Bucket {
    double tokens = 0;
    absl::Time filled = absl::InfinitePast();
  };
  static bool Take(Bucket& bucket, double most, double each_second, absl::Time now);

  Mutex mutex_;
  std::map<std::string, Bucket> peers_ ABSL_GUARDED_BY(mutex_);
  Bucket all_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
