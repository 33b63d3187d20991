// main of the sandbox tests: enters the namespaces that a worker lives in, then runs the tests there.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "common/base/status.h"
#include "tests/worker/in_namespaces/test_groups.h"
#include "worker/host/user_namespace.h"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    // Only listed, not run: no namespaces for that.
    if (std::string_view(argv[i]) == "--gtest_list_tests") {
      testing::InitGoogleTest(&argc, argv);
      return RUN_ALL_TESTS();
    }
  }
  crossmill::worker::MakeTestGroups();
  const auto entered = crossmill::worker::EnterNamespaces({});
  if (!entered.ok()) setenv("CROSSMILL_TEST_NO_NAMESPACES", entered.status().ToString().c_str(), 1);
  if (entered.ok() && *entered) return **entered;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
