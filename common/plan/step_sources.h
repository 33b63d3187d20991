// Where a step's content comes from: the one place that knows all of it, and with it the edges between
// stages.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// Sources of COPY and ADD, then those of RUN's mounts, in order. They belong to the step.
std::vector<const v1::CopySource*> SourcesOf(const v1::Step& step);
std::vector<v1::CopySource*> MutableSourcesOf(v1::Step& step);

// Indexes into BuildPlan.stages: the stage that this one is FROM, and those that its steps take exports of.
std::set<uint32_t> NeededStages(const v1::StagePlan& stage);

bool SameExport(const v1::Export& left, const v1::Export& right);

// The pattern that matches this path only.
std::string LiteralPattern(std::string_view path);

}  // namespace crossmill::plan
