// What a comparison of two contents has found so far, and what it may still spend. Internal to
// common/compare.
#pragma once

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "crossmill/v1/difference.pb.h"

namespace crossmill::compare {

// What one comparison may spend: hostile input costs no more.
struct CompareLimits {
  // Archives within archives.
  int depth = 8;
  // Differences told of one file.
  size_t differences = 64;
  // Bytes read and unpacked for one file, of both sides together.
  int64_t bytes = int64_t{256} << 20;
  // Bytes of one member, or of one stream that is unpacked, of one side.
  int64_t member_bytes = int64_t{64} << 20;
  // Members of one archive.
  size_t members = 100'000;
};

// As many bytes of a side are told, and kept until the cause is known.
inline constexpr size_t kMostBytesTold = 256;
inline constexpr size_t kMostPieceBytes = 16 << 10;

// The bytes of both sides at a difference, at most kMostPieceBytes of each.
struct Pieces {
  std::string first;
  std::string second;
};

// Members and streams within a file that differ: what names them or their digests only follows from them.
struct DifferingParts {
  // SHA-256 in hex, of both sides.
  std::set<std::string, std::less<>> digests;
  // In bytes, of the first and the second side, where they differ.
  std::set<std::pair<int64_t, int64_t>> sizes;
  // Without folders.
  std::set<std::string, std::less<>> names;
  // Of each difference, in their order: what it is told by, longer than what is shown of it.
  std::vector<Pieces> pieces;
};

// The way from the file to a part of it, and the differences found. Not thread safe.
class Differences {
 public:
  // `parts` may be null.
  Differences(const CompareLimits& limits, const std::stop_token& stop, v1::FileDifference* file,
              DifferingParts* parts)
      : limits_(limits), stop_(stop), file_(file), parts_(parts), bytes_left_(limits.bytes) {}

  const CompareLimits& limits() const { return limits_; }
  // The caller asked for an end, or there are as many differences as may be told.
  bool full() const {
    return stop_.stop_requested() || file_->differences_size() >= static_cast<int>(limits_.differences);
  }
  // RESOURCE_EXHAUSTED: the file has used what it may.
  absl::Status Spend(int64_t bytes);
  // Says that there may be more than what is told.
  void SetIncomplete() { file_->set_incomplete(true); }

  // A new difference at the present part, or nullptr when there are enough. `first` and `second` are cut.
  v1::ContentDifference* Add(std::string_view place, std::string_view first, std::string_view second,
                             int64_t first_offset = 0, int64_t second_offset = 0);
  // Of which the format itself says why: its class is a word of causes.h.
  v1::ContentDifference* AddOf(std::string_view cause, std::string_view place, std::string_view first,
                               std::string_view second, int64_t first_offset = 0, int64_t second_offset = 0);

  int count() const { return file_->differences_size(); }
  // One from index `from` on, at the present part itself, has this class by its format.
  bool HasCause(int from, std::string_view cause) const;
  // Those from index `from` on only follow from others.
  void MarkDerived(int from) {
    for (int i = from; i < count(); ++i) file_->mutable_differences(i)->set_derived(true);
  }
  // Of those from index `from` on: where all of them only follow, there is nothing that they follow from.
  void KeepARoot(int from) {
    bool root = false;
    for (int i = from; i < count(); ++i) root = root || !file_->differences(i).derived();
    for (int i = from; i < count() && !root; ++i) file_->mutable_differences(i)->set_derived(false);
  }
  int depth() const { return static_cast<int>(inside_.size()); }
  // Enters a part for as long as it lives.
  class Part {
   public:
    Part(Differences& all, std::string name) : all_(all) { all_.inside_.push_back(std::move(name)); }
    ~Part() { all_.inside_.pop_back(); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

   private:
    Differences& all_;
  };

 private:
  const CompareLimits& limits_;
  const std::stop_token& stop_;
  v1::FileDifference* file_;
  DifferingParts* parts_;
  int64_t bytes_left_;
  std::vector<std::string> inside_;
};

}  // namespace crossmill::compare
