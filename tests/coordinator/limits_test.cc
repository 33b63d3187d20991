#include "coordinator/limits.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

TEST(Limits, EachIsSetByItsNameAndOnlyThat) {
  for (const LimitName& changed : LimitNames()) {
    Limits limits;
    ASSERT_OK(SetLimit(fmt::format("{}=7", changed.name), &limits));
    const Limits usual;
    for (const LimitName& limit : LimitNames()) {
      EXPECT_EQ(limit.get(limits), limit.name == changed.name ? 7 : limit.get(usual)) << limit.name;
    }
  }
}

TEST(Limits, WhatIsNoneIsToldWithAllNames) {
  Limits limits;
  const absl::Status unknown = SetLimit("stage=5", &limits);
  EXPECT_NE(Sv(unknown.message()).find("did you mean stages?"), std::string_view::npos) << unknown;
  EXPECT_NE(Sv(unknown.message()).find("download-floor"), std::string_view::npos) << unknown;
  for (const char* setting : {"stages", "stages=", "stages=0", "stages=-1", "stages=many", "=5", ""}) {
    EXPECT_EQ(SetLimit(setting, &limits).code(), absl::StatusCode::kInvalidArgument) << setting;
  }
}

// An operator finds each in the document as the program has it.
TEST(Limits, DocumentHasThemAll) {
  const auto document = ReadFile(CROSSMILL_SOURCE_FOLDER "/docs/operations.md");
  ASSERT_OK(document.status());
  const Limits usual;
  for (const LimitName& limit : LimitNames()) {
    const std::string line = fmt::format("| `{}` | {} | {} |\n", limit.name, limit.meaning, limit.get(usual));
    EXPECT_NE(document->find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace crossmill::coordinator
