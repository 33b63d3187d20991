// The coordinator's flags about who gets which workers: pools of platforms, shares of projects, what is
// reserved for verification.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/words/priority.h"

namespace CLI {
class App;
}

namespace crossmill::coordinator {

struct PlacingSettings {
  // As written: --default-pool, --project-share.
  std::vector<std::string> pool_texts;
  std::vector<std::string> share_texts;
  // Percent of the slots.
  int verify_reserve = 0;
  int32_t most_priority = kHighPriority;
  // By platform ("linux/arm64").
  std::map<std::string, std::string> pools;
  // By project.
  std::map<std::string, double> shares;
};

// `settings` outlives the app.
void AddPlacingFlags(CLI::App& app, PlacingSettings& settings);
// The texts become what they say. INVALID_ARGUMENT names the flag.
absl::Status ReadPlacingFlags(PlacingSettings& settings);

}  // namespace crossmill::coordinator
