// The verdict on one cell: did its steps give the same bytes wherever they ran, and if not, does the
// difference reach the image? Pure; the rules are those of docs/formats.md, "Verdicts".
//
// A replica executes each step on the first execution's layers, so each step is judged alone: a step whose
// layers differ is divergent, whatever came before it. That is also why equal image digests prove nothing
// when a step of another stage diverged: the replica copied from the first's stage.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/layer/layer_manifest.h"
#include "coordinator/core/image_reach.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::verdict {

// The executions of one step.
struct StepExecutions {
  // Index into BuildPlan.stages.
  uint32_t stage = 0;
  // Step.number.
  uint32_t step_number = 0;
  // The first is the one the build went on from. A witness without a layer failed.
  std::vector<v1::Witness> witnesses;
  // Of all layers that are not the first's, each path once; complete, or differences_total says how many
  // there are.
  std::vector<v1::PathDifference> differences;
  // 0: as many as in `differences`.
  uint32_t differences_total = 0;
  // Why they differ (v1.StepComparison), if it was looked at.
  std::vector<v1::CauseGroup> causes = {};
  std::string causes_problem = {};
  // Of all its layers: compare::StepExplanation.only_packing.
  bool only_packing = false;
  // What the execution that `differences` begin with was given otherwise than the first.
  std::vector<v1::InputChange> input_changes = {};
};

struct CellExecutions {
  const v1::BuildPlan* plan = nullptr;  // not owned
  // Index into BuildPlan.cells.
  uint32_t cell = 0;
  // Every step with an action of every stage that the cell needs. Steps of other stages are ignored.
  std::vector<StepExecutions> steps;
  // How the exports between the stages were resolved; `plain_copies` follows from `layers`.
  core::ResolvedExports resolved;
  // What the first execution of each step changed, by stage and Step.number. Needed when layers differ:
  // without them a copy between stages may have gone anywhere.
  std::map<std::pair<uint32_t, uint32_t>, layer::LayerManifest> layers;
  // --verify N: executions wanted of each step, on so many hosts.
  uint32_t wanted = 0;
  // Distinct workers count, whatever hosts they run on.
  bool allow_same_host = false;
  // "sha256:..." of the image manifest and of the config, and those of the compressed layers in one text, of
  // the first and of each replica in order; empty for a replica that did not execute every step. The last two
  // may be left out.
  std::vector<std::string> image_digests;
  std::vector<std::string> config_digests;
  std::vector<std::string> blob_digests;
  // The image's root file system is the same with the layers that each replica made of its own
  // (SquashedRoot).
  bool same_root = false;
  // Differences kept per step in the result; those that reach the image come first.
  size_t difference_limit = 200;
};

// Verdicts:
//   UNVERIFIED      fewer than two executions were asked for
//   FLAKY           a step succeeded in one execution and failed in another; says nothing of bytes
//   UNREPRODUCIBLE  a divergent step reaches the image
//   INPUT_DRIFT     the same, but every such step was given other input, and nothing shows that its output
//   differs
//                   for another reason alone
//   INCONCLUSIVE    none does so far, but a step has too few executions, or on too few hosts (workers)
//   REPRODUCIBLE    otherwise; divergent steps that do not reach the image are still in `steps`
// A divergent step whose differences are not all known counts as reaching if its stage is copied from.
v1::CellComparison CompareCell(const CellExecutions& executions);

}  // namespace crossmill::verdict
