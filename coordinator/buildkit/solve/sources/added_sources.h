// What ADD names and only the client of a build may have: fetched before the build is submitted, with the
// client's own words and agents, and given to it (BuildSubmission.fetched_sources).
#pragma once

#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/solve_services.h"
#include "coordinator/buildkit/solve/sources/source_choices.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator::buildkit {

// Of those steps, each source once. What is fetched as for everybody is left to whoever plans the build.
// Errors have the step's place.
absl::Status FetchAdded(const SolveServices& services, ClientBuild& build, const std::vector<v1::Step>& steps,
                        const SourceChoices& choices, const std::stop_token& stop,
                        v1::BuildSubmission* submission);

}  // namespace crossmill::coordinator::buildkit
