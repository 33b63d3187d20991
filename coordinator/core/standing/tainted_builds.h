// Which builds have something of executions that are not believed: steps they executed or reused, stages that
// go on from those or copy from them, and bases that are images of such builds. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::core {

// Not thread safe. Says rather too much than too little: a layer is known by its digest, and a stage that
// copies from another is taken to have got what is wrong.
class TaintedBuilds {
 public:
  explicit TaintedBuilds(std::set<int64_t> executions) : executions_(std::move(executions)) {}

  // Whether it is one; what its stages made above that is known for the builds that are added next.
  bool Add(const v1::BuildPlan& plan, const v1::BuildView& view);
  // How many layers are known by now: while a round over all builds adds some, another round may find more.
  size_t layers() const { return layers_.size(); }

 private:
  const std::set<int64_t> executions_;
  // Hashes of tars.
  std::set<std::string> layers_;
};

}  // namespace crossmill::core
