// A recipe built again and again until something differs (`crossmill build --until-different N`): whether to
// go on, and what the rounds say together. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/json.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::cli {

// Not thread safe.
class Rounds {
 public:
  // At most so many.
  explicit Rounds(uint32_t most) : most_(most) {}

  // A round that has ended; a further one only while GoesOn.
  void Take(const v1::BuildView& ended);
  // Another round is wanted: all so far were reproducible, gave the same images, and there are fewer than
  // asked for.
  bool GoesOn() const { return why_.empty() && builds_.size() < most_; }
  // The last round gave another image than the first, whatever its own executions say of each other.
  bool differs_from_first() const { return differs_; }

  // One line, without its end: "3 rounds gave the same image: builds 12, 13, 14", or which round was another
  // and how to look at it.
  std::string Render() const;
  // `wanted`, `run`, `builds`, `ended_by` (null: all were run): "verdict", "image" or "status".
  Json Document() const;

 private:
  uint32_t most_;
  std::vector<int64_t> builds_;
  // Of the first round, by platform.
  std::vector<std::string> images_;
  // Why it ended before the last round; empty: it did not.
  std::string why_;
  bool differs_ = false;
  v1::Verdict verdict_ = v1::VERDICT_UNSPECIFIED;
};

}  // namespace crossmill::cli
