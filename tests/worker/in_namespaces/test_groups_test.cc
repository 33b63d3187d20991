#include "tests/worker/in_namespaces/test_groups.h"

#include <pwd.h>
#include <unistd.h>

#include <optional>

namespace crossmill::worker {
namespace {

std::optional<StepGroups>& Groups() {
  static std::optional<StepGroups> groups;
  return groups;
}

}  // namespace

void MakeTestGroups() {
  StepGroupOptions options;
  options.memory = uint64_t{512} << 20;
  options.processes = 400;
  const passwd* entry = geteuid() == 0 ? getpwnam("crossmill") : nullptr;
  if (entry != nullptr) options.owner = std::pair<uint32_t, uint32_t>(entry->pw_uid, entry->pw_gid);
  Groups() = StepGroups::Make(options);
}

const StepGroups& TestGroups() { return *Groups(); }

}  // namespace crossmill::worker
