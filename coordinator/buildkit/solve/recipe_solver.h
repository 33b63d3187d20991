// One solve of the frontend dockerfile.v0: attributes in, a build of the farm, results out that exporters and
// other builds of the client can take.
#pragma once

#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/check/check.h"
#include "coordinator/buildkit/solve/attributes.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/farm_caller.h"
#include "coordinator/buildkit/solve/recipe_preview.h"
#include "coordinator/buildkit/solve/recipe_reader.h"
#include "coordinator/buildkit/solve/solve_services.h"
#include "coordinator/buildkit/solve/sources/source_choices.h"

namespace crossmill::coordinator::buildkit {

// The exporters of a build, those of clients before there were several included.
std::vector<ExporterRequest> ExportersOf(const bk::SolveRequest& request);

// Of a result that a client returns: the build behind it; null: it has none (a probe, a question).
std::shared_ptr<const FinishedBuild> BuildBehind(ClientBuilds& builds, const ClientBuild& build,
                                                 const gateway::Result& result);

// Used once. The references outlive it.
class RecipeSolver {
 public:
  RecipeSolver(const SolveServices& services, ClientBuilds& builds, ClientBuild& build, std::stop_token stop)
      : services_(services), builds_(builds), build_(build), stop_(std::move(stop)) {}

  // Of the call, W3C Trace Context; may be empty.
  void SetTrace(std::string traceparent) { traceparent_ = std::move(traceparent); }

  // Errors have the places that clients show. The result is kept by the build.
  absl::StatusOr<gateway::Result> Solve(const gateway::SolveRequest& request);

 private:
  absl::StatusOr<gateway::Result> Build(const SolveAttributes& attributes, const DefinitionMap& inputs);
  absl::StatusOr<gateway::Result> Answer(const SolveAttributes& attributes, const DefinitionMap& inputs);
  // Platforms, and what the store has of the recipe's bases.
  void CompleteInput(const v1::BuildOptions& options, check::CheckInput* input);
  absl::Status CheckRequest(const SolveAttributes& attributes) const;
  void Warn(const SolveAttributes& attributes);
  void TellFindings(const v1::Recipe& recipe, const v1::BuildOptions& options, const std::string& vertex);
  absl::StatusOr<v1::PinnedImage> PinOrPull(const plan::BaseNeed& need, bool refresh);
  // What the client's policy chooses in the need's place, which `choices_` then has.
  absl::StatusOr<v1::PinnedImage> PinChosen(const plan::BaseNeed& need, bool refresh);
  absl::StatusOr<v1::PinnedImage> Pin(const plan::BaseNeed& need, const v1::BuildOptions& options);
  absl::StatusOr<std::shared_ptr<ClientSession>> Session() const;
  // Secrets and agents that the recipe wants and the client has. `agents`: those that are offered while the
  // build runs.
  absl::Status AddSupplies(const RecipePreview& preview, v1::SubmitBuildRequest* request,
                           std::set<std::string>* agents);
  absl::StatusOr<gateway::Result> ResultOf(const v1::BuildView& view, const SolveAttributes& attributes);
  absl::StatusOr<std::string> ConfigOf(const Digest& manifest);

  const SolveServices& services_;
  ClientBuilds& builds_;
  ClientBuild& build_;
  const std::stop_token stop_;
  std::string traceparent_;
  SourceChoices choices_;
};

}  // namespace crossmill::coordinator::buildkit
