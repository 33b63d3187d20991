#include "coordinator/founding/settings_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

const std::vector<WantedSetting> kWanted = {{"data", "/farm"}, {"listen", "[::]:7777"}};

TEST(SettingsEditTest, WhatIsMissingComesInFrontOfTablesAndTheRestStays) {
  const std::string before = "# mine\nhttp = \"127.0.0.1:80\"\n[limits]\nstages = 7\n";
  const auto text = WithSettings("f.toml", before, kWanted);
  ASSERT_OK(text.status());
  EXPECT_TRUE(text->ends_with(before));
  EXPECT_THAT(*text, HasSubstr("data = \"/farm\"\nlisten = \"[::]:7777\"\n"));
  // Again it is as it is.
  EXPECT_EQ(*WithSettings("f.toml", *text, kWanted), *text);
}

TEST(SettingsEditTest, WhatIsSetOtherwiseIsNotOverwritten) {
  const auto text = WithSettings("f.toml", "\nlisten = \"127.0.0.1:7070\"\n", kWanted);
  EXPECT_EQ(text.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(text.status().message()), HasSubstr("f.toml:2: listen"));
  EXPECT_FALSE(WithSettings("f.toml", "listen = ", kWanted).ok());
}

}  // namespace
}  // namespace crossmill::coordinator
