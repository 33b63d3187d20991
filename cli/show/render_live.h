// The live display's picture at one moment: platforms, their stages and running steps, the last
// lines of running consoles. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "cli/show/build_model.h"
#include "cli/show/progress.h"

namespace crossmill::cli {

// (stage, replica, step)
using StepKey = std::tuple<uint32_t, uint32_t, uint32_t>;

struct LiveState {
  // Null until there is a build.
  const BuildModel* model = nullptr;
  std::map<StepKey, std::deque<std::string>> tails;
  // Pulls and downloads that planning waits for, by what they fetch.
  std::map<std::string, std::string> planning;
  // Before the build: what goes on.
  std::string activity;
};

// Lines without newlines, at most `size.height - 1` of them and none wider than the terminal.
// `now`: Unix nanoseconds; `frame` turns the spinner.
std::vector<std::string> RenderLive(const LiveState& state, int64_t now, int frame, TerminalSize size,
                                    bool colour);

}  // namespace crossmill::cli
