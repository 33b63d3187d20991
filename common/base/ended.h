// For servers with a thread for each connection: those that have ended, to be joined.
#pragma once

#include <iterator>
#include <list>

namespace crossmill {

// Moves the entries that say `ended` out of the list; all keep their addresses. Call it under the lock that
// guards the list and let go of the result without it: that joins the entries' threads, which take the lock
// at their end.
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
