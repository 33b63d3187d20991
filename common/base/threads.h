// Threads that are begun on somebody's request, and let go when they have ended.
#pragma once

#include <iterator>
#include <list>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status.h"

namespace crossmill {

// RESOURCE_EXHAUSTED: the machine, or the limits of this process, allow no further thread: an error of the
// request, not the program's end. `body` did not run then.
template <typename Body>
absl::StatusOr<std::jthread> StartThread(Body&& body) {
  try {
    return std::jthread(std::forward<Body>(body));
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(fmt::format("no thread can be made: {}", error.what()));
  }
}

// Of a server with a thread for each connection: moves the entries that say `ended` out of the list; all keep
// their addresses. Call it under the lock that guards the list and let go of the result without it: that
// joins the entries' threads, which take the lock at their end.
template <typename Entry>
std::list<Entry> TakeEnded(std::list<Entry>& entries) {
  std::list<Entry> ended;
  for (auto it = entries.begin(); it != entries.end();) {
    const auto next = std::next(it);
    if (it->ended) ended.splice(ended.end(), entries, it);
    it = next;
  }
  return ended;
}

}  // namespace crossmill
