// Events of builds as the text of their streams: many watch the same build, and an event is turned into JSON
// once for all.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/base/mutex.h"

namespace crossmill::coordinator::door {

// Thread safe. An event of a build never changes, so its text does not either; those that were made first go
// first.
class EventTexts {
 public:
  explicit EventTexts(size_t most_bytes = 8 << 20) : most_bytes_(most_bytes) {}

  // The text of an event; `make` makes it where it is not there. Not kept if it is empty.
  std::shared_ptr<const std::string> Of(int64_t build, int64_t number,
                                        const std::function<std::string()>& make);
  size_t bytes() const;

 private:
  using Key = std::pair<int64_t, int64_t>;
  struct Hash {
    size_t operator()(const Key& key) const {
      return static_cast<size_t>(key.first) * 1'000'003 + static_cast<size_t>(key.second);
    }
  };

  const size_t most_bytes_;
  mutable Mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<const std::string>, Hash> texts_ ABSL_GUARDED_BY(mutex_);
  // In the order in which they were made.
  std::deque<Key> order_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::coordinator::door
