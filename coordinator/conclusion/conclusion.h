// The end of a cell and of a build: the image is assembled, the executions are compared, the verdict is
// written. Jobs: they read and write blobs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/compare/known_files.h"
#include "coordinator/core/build_state.h"
#include "coordinator/images/image_assembler.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

// A copy of what the end of a cell needs, so that the job shares nothing with the engine.
struct CellInput {
  v1::BuildPlan plan;
  int64_t build = 0;
  int cell = 0;
  v1::CellView view;
  v1::BuildOptions options;
  struct StepInput {
    int stage = 0;
    uint32_t number = 0;
    core::StepFact fact;
    // Only executions begun then or later are witnesses (Unix nanoseconds).
    int64_t since = 0;
  };
  // Every executed step of every stage the cell needs, in order.
  std::vector<StepInput> steps;
  // Root file system of each needed stage when it was done.
  std::map<int, std::vector<v1::Layer>> chains;
  // How exports were resolved.
  core::ResolvedExports exports;
  // Failures begun earlier are no witnesses: whatever they were, this build did not meet them.
  int64_t submitted_at = 0;
  // Why replicas could not be executed.
  std::vector<std::string> problems;
  // Of a build of wheels: there is no image.
  bool wheels = false;
  // By which files are known that differ for a reason; never null.
  std::shared_ptr<const compare::KnownFiles> known_files = compare::KnownFiles::Shared();
};

// `since`: of a stage's executions, those begun then or later count.
CellInput MakeCellInput(core::BuildState& state, int cell, const std::function<int64_t(int stage)>& since);

// The cell with what is known before its image is packed: sizes, emulation. No I/O.
v1::CellView MeasureCell(const CellInput& input);

// Never fails otherwise than by a cell that says why. After a stop what it says means nothing.
v1::CellView ConcludeCell(const CellInput& input, ImageAssembler& assembler, BlobStore& blobs,
                          storage::RecordStore& records, const std::stop_token& stop);

// The multi-platform index of a build whose cells all succeeded, named as asked; "sha256:...". Empty for a
// build of wheels.
absl::StatusOr<std::string> AssembleBuild(const v1::BuildView& build, const core::Author& author,
                                          ImageAssembler& assembler);

}  // namespace crossmill::coordinator
