// Runs test bodies in namespaces: what a worker does after EnterNamespaces, without its system user.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace crossmill {

enum class Privilege {
  // Root of a user namespace with ids 0..65535, as a worker is.
  kUserNamespace,
  // Real root in a mount namespace.
  kRoot,
};

enum class Disk { kTemporaryFolder, kTmpfs };

// Runs `body` in a forked child that has a mount namespace of its own, with an empty folder that is removed
// afterwards. Assertions of the body count: they are printed by the child, and fail the calling test.
// Returns why it could not run (for GTEST_SKIP), or nullopt when it ran.
std::optional<std::string> RunInNamespaces(Privilege privilege, Disk disk,
                                           const std::function<void(const std::string& folder)>& body);

}  // namespace crossmill

// Skips the current test, saying why, where the body cannot run.
#define RUN_IN_NAMESPACES(privilege, disk, body)                                                    \
  do {                                                                                              \
    if (auto reason = ::crossmill::RunInNamespaces(privilege, disk, body)) GTEST_SKIP() << *reason; \
  } while (false)
