#include "coordinator/core/native_backlog.h"

#include <algorithm>

namespace crossmill::core {
namespace {

// Looks from either end.
constexpr int kMostLooks = 8;

int64_t KnownWork(const ExpectedTime& time) {
  return time.native ? std::max<int64_t>(0, absl::ToInt64Milliseconds(*time.native)) : 0;
}

}  // namespace

// ---- RankedWork ----

RankedWork::Link RankedWork::Join(Link left, Link right) {
  if (!left) return right;
  if (!right) return left;
  Link top;
  if (left->weight > right->weight) {
    left->right = Join(std::move(left->right), std::move(right));
    top = std::move(left);
  } else {
    right->left = Join(std::move(left), std::move(right->left));
    top = std::move(right);
  }
  Sum(*top);
  return top;
}

std::pair<RankedWork::Link, RankedWork::Link> RankedWork::Split(Link node, const QueueRank& rank) {
  if (!node) return {};
  std::pair<Link, Link> parts;
  if (node->rank < rank) {
    auto [before, rest] = Split(std::move(node->right), rank);
    node->right = std::move(before);
    Sum(*node);
    return {std::move(node), std::move(rest)};
  }
  auto [before, rest] = Split(std::move(node->left), rank);
  node->left = std::move(rest);
  Sum(*node);
  return {std::move(before), std::move(node)};
}

RankedWork::Link RankedWork::Without(Link node, const QueueRank& rank) {
  if (!node) return node;
  if (node->rank == rank) return Join(std::move(node->left), std::move(node->right));
  Link& side = rank < node->rank ? node->left : node->right;
  side = Without(std::move(side), rank);
  Sum(*node);
  return node;
}

void RankedWork::Add(const QueueRank& rank, int64_t milliseconds) {
  auto node = std::make_unique<Node>();
  node->rank = rank;
  node->work = node->sum = milliseconds;
  // xorshift: the weights only have to be unlike the order of the ranks.
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  node->weight = state_;
  auto [before, rest] = Split(std::move(root_), rank);
  root_ = Join(Join(std::move(before), std::move(node)), std::move(rest));
}

void RankedWork::Remove(const QueueRank& rank) { root_ = Without(std::move(root_), rank); }

int64_t RankedWork::Before(const QueueRank& rank) const {
  int64_t sum = 0;
  for (const Node* node = root_.get(); node != nullptr;) {
    if (node->rank < rank) {
      sum += node->work + SumOf(node->left.get());
      node = node->right.get();
    } else {
      node = node->left.get();
    }
  }
  return sum;
}

// ---- NativeBacklog ----

bool NativeBacklog::MayEmulate(const Waiting& waiting) const {
  const ExpectedTime& time = waiting.time;
  if (waiting.forbid_emulation || policy_.after <= 0 || !time.emulated) return false;
  return policy_.most_slowdown <= 0 || !time.native || *time.emulated <= *time.native * policy_.most_slowdown;
}

absl::Duration NativeBacklog::NeedOf(const Waiting& waiting) const {
  return *waiting.time.emulated * policy_.after - *waiting.time.native;
}

void NativeBacklog::Add(const Waiting& waiting) {
  work_.Add(waiting.rank, KnownWork(waiting.time));
  if (!MayEmulate(waiting)) return;
  by_due_.emplace(waiting.queued_at + *waiting.time.emulated * policy_.after, waiting.task);
  if (!waiting.time.native) return;
  const Candidate candidate{waiting.task, waiting.rank, NeedOf(waiting)};
  by_need_.insert(candidate);
  by_rank_.emplace(waiting.rank, candidate);
}

void NativeBacklog::Remove(const Waiting& waiting) {
  work_.Remove(waiting.rank);
  if (!MayEmulate(waiting)) return;
  by_due_.erase({waiting.queued_at + *waiting.time.emulated * policy_.after, waiting.task});
  if (!waiting.time.native) return;
  by_need_.erase({waiting.task, waiting.rank, NeedOf(waiting)});
  by_rank_.erase(waiting.rank);
}

void NativeBacklog::Begin(absl::Time end) {
  ++running_;
  if (end == absl::InfiniteFuture()) return;
  ++ending_;
  ends_ += absl::ToUnixMillis(end);
}

void NativeBacklog::End(absl::Time end) {
  --running_;
  if (end == absl::InfiniteFuture()) return;
  --ending_;
  ends_ -= absl::ToUnixMillis(end);
}

std::vector<NativeBacklog::TaskId> NativeBacklog::Better(absl::Time now, size_t workers) const {
  std::vector<TaskId> better;
  for (const auto& [due, task] : by_due_) {
    if (due > now || better.size() >= kMostLooks) break;
    better.push_back(task);
  }
  if (by_need_.empty()) return better;
  // What is late already is taken from what the others still need: the wait is rather thought too short.
  const int64_t left = std::max<int64_t>(0, ends_ - ending_ * absl::ToUnixMillis(now));
  const auto shared = static_cast<double>(std::max<size_t>({running_, workers, 1}));
  const auto ahead = [&](int64_t queued) {
    return absl::Milliseconds(static_cast<double>(left + queued) / shared);
  };
  const auto look = [&](const Candidate& candidate) {
    if (ahead(work_.Before(candidate.rank)) > candidate.need) better.push_back(candidate.task);
  };
  if (ahead(work_.total()) <= by_need_.begin()->need) return better;
  int looks = 0;
  for (auto each = by_need_.begin(); each != by_need_.end() && looks < kMostLooks; ++each, ++looks) {
    look(*each);
  }
  looks = 0;
  for (auto each = by_rank_.rbegin(); each != by_rank_.rend() && looks < kMostLooks; ++each, ++looks) {
    look(each->second);
  }
  return better;
}

}  // namespace crossmill::core
