// The command that compiles a source archive into a wheel as the installer of a RUN would, and what makes
// such a RUN compile otherwise. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Where the wheel lies afterwards, in the layer; without leading slash.
inline constexpr std::string_view kWheelFolder = "tmp/.crossmill-wheels";

struct WheelCommand {
  // The step that installs: its environment, user, folder and network are those of the compilation.
  const v1::Run* install = nullptr;
  // "/usr/local/bin/python3.11": the interpreter for which it is compiled.
  std::string python;
  // The program, where uv compiles; empty: pip does.
  std::string uv;
  std::string source_file;
  Digest source;
};

v1::Run CompileRun(const WheelCommand& command);

// Names the option by which a command, a requirements file or the environment (NAME=value) changes how
// sources are compiled, so that compiling them in any other way would give something else; empty: nothing
// does.
std::string BuildOptionIn(std::string_view text);
std::string BuildVariableIn(const std::vector<std::string>& environment);

}  // namespace crossmill::coordinator
