// What the worker makes of a secret's value leaves no copy in its memory.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/files.h"
#include "tests/support/freed_memory.h"
#include "tests/support/status_matchers.h"
#include "worker/mounts/secret_mask.h"
#include "worker/mounts/secret_search.h"
#include "worker/mounts/task_secrets.h"

namespace crossmill::worker {
namespace {

constexpr std::string_view kPlanted = "pw-7Zq4Kx9";
// The value is inside it, in several places and forms.
constexpr std::string_view kFile =
    "[global]\nindex-url = https://builder:pw-7Zq4Kx9@pypi.example/simple\n{\"password\": \"pw-7Zq4Kx9\"}\n"
    "_auth = dXNlcjpwdy03WnE0S3g5\nmachine h login u password pw-7Zq4Kx9\n";

TEST(SecretsInMemoryTest, MaskLeavesNothing) {
  const FreedMemory freed(kPlanted.substr(1));
  {
    SecretPatterns patterns;
    patterns.AddValue(kFile);
    patterns.AddValue(kPlanted);
    MaskedStream stream(patterns);
    std::string shown;
    for (int i = 0; i < 100; ++i) {
      shown += stream.Add("it is ");
      shown += stream.Add(kPlanted.substr(0, 5));
      shown += stream.Add(kPlanted.substr(5));
      shown += stream.Add(", ");
    }
    EXPECT_EQ(shown.substr(0, 22), "it is ***, it is ***, ");
    stream.Add(kPlanted.substr(0, 9));
  }
  EXPECT_EQ(freed.found(), 0);
}

TEST(SecretsInMemoryTest, SearchLeavesNothing) {
  const TemporaryFolder folder = *TemporaryFolder::Create();
  ASSERT_OK(WriteFileAtomic(folder.Path("leak"), std::string(3'000'000, '.') + std::string(kPlanted)));
  const FreedMemory freed(kPlanted.substr(1));
  {
    TaskSecrets secrets;
    secrets.Add("id", kFile);
    secrets.Add("id", kFile);
    const auto leaked = FindSecrets(folder.path(), {"leak"}, secrets, {"id"});
    ASSERT_OK(leaked.status());
    EXPECT_EQ(leaked->size(), 1u);
  }
  EXPECT_EQ(freed.found(), 0);
}

}  // namespace
}  // namespace crossmill::worker
