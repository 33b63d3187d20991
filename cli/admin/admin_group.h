// `crossmill admin`: what an operator does to a farm. Its commands are in several folders, which all add to
// one group.
#pragma once

namespace CLI {
class App;
}

namespace crossmill::cli {

class Session;

// The group; made at the first call.
CLI::App& AdminGroup(CLI::App& app);

// --json, on commands whose result has a document.
void AddAdminJson(CLI::App& command, Session& session);

}  // namespace crossmill::cli
