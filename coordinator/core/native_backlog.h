// The tasks of one platform that wait for a native worker, and for which of them emulation would be better.
// Pure.
//
// Emulation is better when it is expected to end earlier: when what is ahead of a task natively (what still
// runs and what is queued before it, shared by those that run it) and its own native time are together longer
// than it takes under emulation, times the policy's factor. Only known times are added up, so the wait is
// never thought longer than it is: a guess sends nothing to emulation. Where times are not known a task is
// emulated when it has waited that long.
//
// A question costs a few looks, however many wait: times ahead are sums in a balanced tree, and only the
// tasks that need the least wait and those at the end of the queue are looked at.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/expected_time.h"
#include "coordinator/core/queue_rank.h"

namespace crossmill::core {

// Amounts of work by rank, with the sum of what is before a rank; in milliseconds, so that sums are exact.
class RankedWork {
 public:
  void Add(const QueueRank& rank, int64_t milliseconds);
  void Remove(const QueueRank& rank);
  // Of all that come before it.
  int64_t Before(const QueueRank& rank) const;
  int64_t total() const { return SumOf(root_.get()); }

 private:
  // A treap: ordered by rank, a heap by `weight`, which is random.
  struct Node {
    QueueRank rank;
    int64_t work = 0;
    int64_t sum = 0;
    uint64_t weight = 0;
    std::unique_ptr<Node> left;
    std::unique_ptr<Node> right;
  };
  using Link = std::unique_ptr<Node>;
  static int64_t SumOf(const Node* node) { return node == nullptr ? 0 : node->sum; }
  static void Sum(Node& node) { node.sum = node.work + SumOf(node.left.get()) + SumOf(node.right.get()); }
  static Link Join(Link left, Link right);
  // What comes before the rank, and the rest.
  static std::pair<Link, Link> Split(Link node, const QueueRank& rank);
  static Link Without(Link node, const QueueRank& rank);

  Link root_;
  uint64_t state_ = 0x9E3779B97F4A7C15;
};

struct EmulationPolicy {
  // How many times as long as emulation the native way has to take; 0: never emulate while one is present.
  double after = 1;
  // What takes more than so many times as long under emulation as natively is not emulated; 0: no limit.
  double most_slowdown = 0;
};

// Not thread safe: the scheduler's lock guards it.
class NativeBacklog {
 public:
  using TaskId = uint64_t;

  explicit NativeBacklog(EmulationPolicy policy) : policy_(policy) {}

  struct Waiting {
    TaskId task = 0;
    QueueRank rank;
    ExpectedTime time;
    bool forbid_emulation = false;
    absl::Time queued_at;
  };
  void Add(const Waiting& waiting);
  // As it was added.
  void Remove(const Waiting& waiting);
  // One began natively, to end then; InfiniteFuture: nobody knows.
  void Begin(absl::Time end);
  void End(absl::Time end);

  // Tasks that should be emulated, those that waited the longest first. `workers`: how many could run them
  // natively.
  std::vector<TaskId> Better(absl::Time now, size_t workers) const;

 private:
  struct Candidate {
    TaskId task;
    QueueRank rank;
    // What has to be ahead of it.
    absl::Duration need;
  };
  bool MayEmulate(const Waiting& waiting) const;
  absl::Duration NeedOf(const Waiting& waiting) const;

  const EmulationPolicy policy_;
  RankedWork work_;
  // Of those that may be emulated and whose times are known: by what they need ahead, the later ones first;
  // and by rank.
  struct NeedsLess {
    bool operator()(const Candidate& left, const Candidate& right) const {
      return left.need != right.need ? left.need < right.need : right.rank < left.rank;
    }
  };
  std::set<Candidate, NeedsLess> by_need_;
  std::map<QueueRank, Candidate> by_rank_;
  // When they will have waited long enough.
  std::set<std::pair<absl::Time, TaskId>> by_due_;
  size_t running_ = 0;
  // Of those whose end is known.
  int64_t ending_ = 0;
  int64_t ends_ = 0;
};

}  // namespace crossmill::core
