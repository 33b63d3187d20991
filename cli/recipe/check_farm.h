// Past builds of a Dockerfile and its base images, as a farm knows them, for `crossmill check`. A farm that
// cannot be reached knows nothing; that is no error.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/session/session.h"
#include "common/check/check.h"

namespace crossmill::cli {

struct FarmKnowledge {
  check::History history;
  std::map<std::string, check::KnownBase, std::less<>> bases;
};

// `dockerfile_name` as builds record it. Past builds count that share at least half of their steps with
// `dockerfile`. Takes a few seconds at most.
FarmKnowledge AskFarm(Session& session, const std::string& dockerfile_name, const std::string& dockerfile,
                      const std::vector<std::string>& bases);

}  // namespace crossmill::cli
