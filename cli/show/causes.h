// What differs and why (v1.CauseGroup, v1.FileDifference, v1.NeutralComparison), as text and as JSON. Pure.
#pragma once

#include <string>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/difference.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::cli {

// One paragraph for each cause, at most `limit` of them, the lines indented by `indent`: the paths, the
// evidence, what to do, what differs only because of it. With `with_bytes` the bytes of both sides too.
std::string RenderCauses(const v1::StepComparison& step, const TextOptions& options, int indent, size_t limit,
                         bool with_bytes);

// The paths that no cause names stand in `differences` of the same step.
Json CausesJson(const google::protobuf::RepeatedPtrField<v1::CauseGroup>& causes);

// All that differs in one file.
std::string RenderFileDifference(const v1::FileDifference& file, const TextOptions& options, int indent);
Json FileDifferenceJson(const v1::FileDifference& file);

// What should be the same on all platforms of a build, a line for each kind and at most `paths` that differ.
// Empty: nothing was compared.
std::string RenderNeutral(const v1::NeutralComparison& neutral, const TextOptions& options, size_t paths);
// null: nothing was compared.
Json NeutralJson(const v1::NeutralComparison& neutral);

Json InputChangeJson(const v1::InputChange& change);

}  // namespace crossmill::cli
