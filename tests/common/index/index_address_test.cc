#include "common/index/index_address.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::index {
namespace {

TEST(IndexAddressTest, CredentialsAreTakenOutOfTheAddress) {
  const auto address = ParseIndexAddress("https://us%40er:p%3Ass@index.example:8443/simple");
  ASSERT_OK(address);
  EXPECT_EQ(address->url, "https://index.example:8443/simple/");
  EXPECT_EQ(address->authorization, "Basic dXNAZXI6cDpzcw==");
  EXPECT_EQ(address->PageUrl("My.Project_x"), "https://index.example:8443/simple/my-project-x/");
}

TEST(IndexAddressTest, CredentialsGoToTheirHostOnly) {
  const auto address = ParseIndexAddress("https://token@index.example/simple/");
  ASSERT_OK(address);
  EXPECT_EQ(address->authorization, "Basic dG9rZW46");
  EXPECT_EQ(address->HeadersFor("https://index.example/files/a.whl").size(), 1u);
  for (const char* other :
       {"https://files.example/a.whl", "http://index.example/a.whl", "https://index.example:444/a.whl",
        "https://index.example.evil.example/a", "nonsense"}) {
    EXPECT_TRUE(address->HeadersFor(other).empty()) << other;
  }
}

TEST(IndexAddressTest, WhatIsNoIndexIsRefusedWithoutItsSecrets) {
  for (const char* text :
       {"ftp://u:secret@index.example/", "index.example/simple", "https://u:secret@/simple",
        "https://u:secret@index.example/simple?x=1", "file:///etc/passwd", ""}) {
    const auto address = ParseIndexAddress(text);
    ASSERT_TRUE(absl::IsInvalidArgument(address.status())) << text;
    EXPECT_EQ(address.status().message().find("secret"), std::string::npos) << address.status();
  }
}

TEST(IndexAddressTest, ShownUrlsHaveNoCredentials) {
  EXPECT_EQ(ShownUrl("https://u:p@index.example/a@b/c?token=1#x"), "https://index.example/a@b/c");
  EXPECT_EQ(ShownUrl("https://u:p@index.example"), "https://index.example");
  EXPECT_EQ(ShownUrl("https://index.example/a"), "https://index.example/a");
}

}  // namespace
}  // namespace crossmill::index
