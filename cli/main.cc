// crossmill: the command line of the farm.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands/app.h"
#include "cli/session/environment.h"
#include "common/base/log.h"

int main(int argc, char** argv) {
  const char* level = std::getenv("CROSSMILL_LOG");
  crossmill::SetUpLog("crossmill", level == nullptr ? "warn" : level);
  const std::unique_ptr<crossmill::cli::Environment> env = crossmill::cli::MakeSystemEnvironment();
  return crossmill::cli::RunCrossmill(std::vector<std::string>(argv + 1, argv + argc), *env);
}
