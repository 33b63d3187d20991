// Whether the coordinator before this one knew that it ended: one that cannot write its record any more ends
// by itself, and whatever it was at then is not to blame. The file is there while a coordinator runs, and is
// removed by one that knows; removing works on a full disk.
#pragma once

#include <string>
#include <utility>

namespace crossmill::coordinator {

class KnownEnd {
 public:
  explicit KnownEnd(std::string path) : path_(std::move(path)) {}

  // The coordinator before this one knew, or there was none.
  bool WasKnown() const;
  // From now on this one may end without knowing: when it has started.
  void Begin();
  // Any thread.
  void Note();

 private:
  const std::string path_;
};

}  // namespace crossmill::coordinator
