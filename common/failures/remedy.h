// What to do about a failure in the root where it happened: a sentence, and the Dockerfile lines that repair
// it. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/failures/failure_rules.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::failures {

// Where it failed. The references must outlive it.
struct Situation {
  const v1::RootFacts& root;
  const v1::Run& run;
  // uv, not pip.
  bool by_uv = false;
  // Of the Python whose headers the compiler was told: "/usr" and "3.11"; empty: it was not told, or nobody
  // saw it.
  std::string python_prefix = {};
  std::string python_version = {};
};

struct Remedy {
  // Names what is to be installed with its distribution, or for Debian and Alpine where that is not known.
  // May be empty.
  std::string sentence;
  // Complete Dockerfile instructions, to be put before the step's. Empty where none is known to be right: the
  // distribution or its package is not known, the package is installed already, the image has no package
  // manager, or the command has settings of its own that the lines would replace. Where the step runs as
  // somebody else, what only root may do stands between two USER lines.
  std::vector<std::string> lines;
};

Remedy MakeRemedy(const Need& need, const ProviderTable& providers, const Situation& situation);

}  // namespace crossmill::failures
