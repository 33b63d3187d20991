// What the record has of a cell that was built: its image by levels, its steps as witnesses. Jobs: records
// and blobs are read.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "common/compare/known_files.h"
#include "coordinator/rebuild/rebuild_judgement.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/verdict/comparer.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// nullptr: the view has no step with this number in that stage of the plan.
const v1::StepView* FindStepView(const v1::BuildView& view, uint32_t stage, uint32_t number);

// "sha256:..." of the layer of a step, by stage and Step.number; empty: not known.
using LayerOfStep = std::function<std::string(uint32_t stage, uint32_t number)>;
// DiffIDs of the stage's root at its end, bottom first, base included.
std::vector<std::string> RootLayers(const v1::BuildPlan& plan, uint32_t stage, const LayerOfStep& layer_of);
// The same with the layers that the view has.
std::vector<std::string> RecordedLayers(const v1::BuildView& view, const v1::BuildPlan& plan, uint32_t stage);

// Fills in config and compressed layers as the cell's manifest names them. NOT_FOUND: the manifest is not in
// the store.
absl::Status ReadImageFacts(const v1::CellView& cell, BlobStore& blobs, ImageFacts* facts);

// The execution that counted for the step, with the layer that the view has.
v1::Witness RecordedWitness(const v1::StepView& step, storage::RecordStore& records);

// Two executions of what is one step, `first` recorded long ago: how they differ and why. What cannot be read
// any more leaves the step as one that differs, with the reason why nothing more is said.
verdict::StepExecutions CompareRecorded(v1::Witness first, v1::Witness second, BlobStore& blobs,
                                        storage::RecordStore& records, const compare::KnownFiles& known,
                                        const std::stop_token& stop);

}  // namespace crossmill::coordinator
