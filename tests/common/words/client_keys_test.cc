#include "common/words/client_keys.h"

#include <gtest/gtest.h>

#include <set>

namespace crossmill {
namespace {

TEST(ClientKeys, TheSameKeyOfAnotherIsAnother) {
  std::set<std::string> keys;
  const char* const owners[] = {"", "alice", "bob"};
  const char* const given[] = {"k", "k of alice", "k of ", "k of alice of bob", "k of bob"};
  for (const char* owner : owners) {
    for (const char* key : given)
      EXPECT_TRUE(keys.insert(KeyOfClient(owner, key)).second) << owner << ": " << key;
  }
  EXPECT_EQ(KeyOfClient("alice", ""), "");
  EXPECT_EQ(KeyOfClient("", ""), "");
}

}  // namespace
}  // namespace crossmill
