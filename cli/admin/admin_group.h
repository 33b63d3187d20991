// `crossmill admin`: what an operator does to a farm. Its commands are in several folders, which all add to
// one group.
#pragma once

namespace CLI {
class App;
}

namespace crossmill::cli {

// The group; made at the first call.
CLI::App& AdminGroup(CLI::App& app);

}  // namespace crossmill::cli
