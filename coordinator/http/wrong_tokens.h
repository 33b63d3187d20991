// Who gave wrong tokens lately. A token is far too long to be guessed; this keeps logs and threads from those
// who try.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator::door {

// Thread safe.
class WrongTokens {
 public:
  // An address that gave 10 wrong ones within a minute is refused until the minute is over. Those that proved
  // good are not asked (Good): others behind the same address go on.
  bool Refuses(const std::string& address, const std::string& token, absl::Time now);
  void Wrong(const std::string& address, absl::Time now);
  void Good(const std::string& token);

 private:
  struct Count {
    absl::Time begun;
    int wrong = 0;
  };

  Mutex mutex_;
  // Of at most 1024 addresses.
  std::map<std::string, Count> addresses_ ABSL_GUARDED_BY(mutex_);
  // Hashes of the last 256 that proved good.
  std::deque<std::string> good_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator::door
