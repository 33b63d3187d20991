#include "common/base/opening/resolve_in_root.h"

#include <gtest/gtest.h>

#include <map>

namespace crossmill {
namespace {

std::string Resolved(const std::string& path) {
  static const std::map<std::string, std::string> kRoot = {
      {"/bin", "usr/bin"},     {"/usr", ""},          {"/usr/bin", ""},
      {"/usr/bin/sh", "dash"}, {"/usr/bin/dash", ""}, {"/usr/bin/up", "../../../bin"},
      {"/round", "/circle"},   {"/circle", "round"}};
  const auto real =
      ResolveInRoot(path, [](const std::string& at) -> absl::StatusOr<std::optional<std::string>> {
        const auto found = kRoot.find(at);
        if (found == kRoot.end()) return absl::NotFoundError(at);
        return found->second.empty() ? std::nullopt : std::optional(found->second);
      });
  return real.ok() ? *real : std::string(absl::StatusCodeToString(real.status().code()));
}

TEST(ResolveInRootTest, LinksAreFollowedInsideTheRoot) {
  EXPECT_EQ(Resolved("/bin/sh"), "/usr/bin/dash");
  EXPECT_EQ(Resolved("bin/./up/sh"), "/usr/bin/dash");
  EXPECT_EQ(Resolved("/../../usr/bin/../bin"), "/usr/bin");
  EXPECT_EQ(Resolved("/"), "/");
  EXPECT_EQ(Resolved(""), "/");
}

TEST(ResolveInRootTest, WhatLeadsNowhereSaysWhy) {
  EXPECT_EQ(Resolved("/bin/zsh"), "NOT_FOUND");
  EXPECT_EQ(Resolved("/round/x"), "FAILED_PRECONDITION");
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "usr/../";
  EXPECT_EQ(Resolved(many), "FAILED_PRECONDITION");
}

}  // namespace
}  // namespace crossmill
