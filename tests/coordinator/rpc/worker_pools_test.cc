// Who may be in which pool.
#include <gtest/gtest.h>

#include <string>

#include "coordinator/rpc/peers/worker_names.h"

namespace crossmill::coordinator {
namespace {

TEST(WorkerPoolsTest, APoolIsBoundToTheNamesOfItsWorkers) {
  const Roles roles{.worker = true, .worker_names = {"*"}};
  for (const char* name : {"arm", "arm-1", "arm-east-2"})
    EXPECT_TRUE(CheckWorkerPool(roles, name, "arm").ok());
  for (const char* name : {"army-1", "ar", "x-arm", "arm.1", "w1"}) {
    const absl::Status refused = CheckWorkerPool(roles, name, "arm");
    EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied) << name;
  }
  EXPECT_NE(std::string(CheckWorkerPool(roles, "w1", "arm").message()).find("--name arm-w1"),
            std::string::npos);
  // No pool is everybody's.
  EXPECT_TRUE(CheckWorkerPool(roles, "w1", "").ok());
}

// The token decides the name, and so the pool.
TEST(WorkerPoolsTest, ATokenForOtherNamesIsForNoOtherPool) {
  const Roles ci{.worker = true, .worker_names = {"ci-*"}};
  EXPECT_TRUE(CheckWorkerName(ci, "ci-1").ok());
  EXPECT_TRUE(CheckWorkerPool(ci, "ci-1", "ci").ok());
  EXPECT_FALSE(CheckWorkerPool(ci, "ci-1", "arm").ok());
  EXPECT_FALSE(CheckWorkerName(ci, "arm-1").ok());
}

// By its certificate: a name that looks like a pool's says nothing.
TEST(WorkerPoolsTest, AWorkerThatJoinedIsInThePoolThatItJoinedAndInNoOther) {
  const Roles alone{.worker = true, .worker_names = {"arm-1"}, .pool = ""};
  EXPECT_TRUE(CheckWorkerPool(alone, "arm-1", "").ok());
  EXPECT_FALSE(CheckWorkerPool(alone, "arm-1", "arm").ok());
  const Roles arm{.worker = true, .worker_names = {"arm-1"}, .pool = "arm"};
  EXPECT_TRUE(CheckWorkerPool(arm, "arm-1", "arm").ok());
  EXPECT_FALSE(CheckWorkerPool(arm, "arm-1", "").ok());
  EXPECT_TRUE(CheckWorkerName(arm, "arm-1").ok());
  EXPECT_FALSE(CheckWorkerName(arm, "arm-2").ok());
}

TEST(WorkerPoolsTest, TheOperatorOfTheMachineSaysItAsHeLikes) {
  EXPECT_TRUE(CheckWorkerPool(Roles{.worker = true, .at_socket = true}, "w1", "arm").ok());
}

}  // namespace
}  // namespace crossmill::coordinator
