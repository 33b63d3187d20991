// SLSA provenance (v1) of one platform's image: by whom it was built, from which recipe, out of what. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/attest/statement.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::attest {

inline constexpr std::string_view kBuildType = "urn:crossmill:build:dockerfile:v1";

// The farm as a builder: by its coordinator's key, which nobody else can claim.
std::string FarmUri(const std::string& coordinator_key_id);

// A file that a step fetched.
struct FetchedFile {
  std::string url;
  // Hex.
  std::string sha256;
};

struct ProvenanceFacts {
  const v1::CellView* cell = nullptr;  // not owned, as the others
  const v1::BuildView* build = nullptr;
  const v1::BuildSubmission* submission = nullptr;
  // Of the executions that the image has layers of, and of those of its other stages.
  std::vector<FetchedFile> fetched;
  // Fetches through which nobody saw: what came is not among the dependencies.
  int64_t fetches_without_digest = 0;
  std::string coordinator_key_id;
};

// Values of build arguments that say how to reach a proxy are left out, since they may hold a password: they
// are named in internalParameters. Other arguments are there with their values, as in the image's history.
Statement ProvenanceStatement(const ProvenanceFacts& facts);

// Without what a recipe's people may not want beside a public image: values of build arguments, ids of
// secrets and of ssh agents, flags. What is left is as it was.
Statement MinimalProvenance(Statement provenance);

}  // namespace crossmill::attest
