// Which variation makes a step differ: the step is executed again with each of them alone, and with none
// (`crossmill build --attribute`). What is to be tried, and what the trials say. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::cli {

// A build whose executions differ in nothing on purpose, or in one aspect alone.
struct Trial {
  // nullopt: in nothing.
  std::optional<v1::Aspect> aspect;
  v1::BuildSubmission submission;
};

// Of one build with steps whose executions differed. Not thread safe.
class Attribution {
 public:
  // `build` has ended; `submitted` is what it was made from.
  Attribution(const v1::BuildView& build, const v1::BuildSubmission& submitted);

  // No step differed: nothing can be attributed.
  bool empty() const { return steps_.empty(); }
  // The one in which nothing is varied: what differs there as well, no variation explains.
  Trial Baseline() const;
  // Of the aspects that were varied, each alone; none where every step differs without them. After the
  // baseline.
  std::vector<Trial> Singles() const;
  // What became of a trial. Of a build that did not end well, or a step that was not compared in it, nothing
  // is known.
  void Take(const std::optional<v1::Aspect>& aspect, const v1::BuildView& ended);

  // A line for each step that differed, with what it depends on as far as the trials show.
  std::string Render() const;
  // `steps`: `platform`, `stage_name`, `step`, `without` (as of a trial: "differs", "agrees" or null: not
  // known), `differs_with`, `agrees_with`, `unknown_with`; `builds`: the trials'.
  Json Document() const;

 private:
  struct Step {
    std::string platform;
    uint32_t stage = 0;
    std::string stage_name;
    uint32_t number = 0;
    v1::SourceRange range;
    // True: it differed. None: that is not known.
    std::optional<bool> without;
    std::map<v1::Aspect, std::optional<bool>> with;
  };

  Trial TrialOf(std::optional<v1::Aspect> aspect) const;
  std::vector<v1::Aspect> Those(const Step& step, std::optional<bool> differed) const;

  v1::BuildSubmission submitted_;
  std::vector<v1::Aspect> aspects_;
  std::vector<Step> steps_;
  std::vector<int64_t> builds_;
};

}  // namespace crossmill::cli
