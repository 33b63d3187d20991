// Described Pythons: what belongs together, and what markers see.
#include "common/python/python_environment.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::python {
namespace {

TEST(PythonEnvironmentTest, VersionsHaveToBelongTogether) {
  const TagEnvironment tags = {3, 14, false, "aarch64", false, {Libc::Kind::kMusl, 1, 2}, true};
  const auto environment = PythonEnvironment::Of(tags, "3.14.0rc1+");
  ASSERT_OK(environment);
  EXPECT_EQ(environment->version().Text(), "3.14.0");
  const MarkerEnvironment markers = environment->Markers();
  EXPECT_EQ(markers.at("python_version"), "3.14");
  EXPECT_EQ(markers.at("python_full_version"), "3.14.0rc1+");
  EXPECT_EQ(markers.at("platform_machine"), "aarch64");
  EXPECT_EQ(markers.count("platform_release"), 0u);
  EXPECT_EQ(PythonEnvironment::Of(tags, "3.13.1").status().message(),
            "'3.13.1' is not a version of Python 3.14");
  EXPECT_FALSE(PythonEnvironment::Of(tags, "three").ok());
}

}  // namespace
}  // namespace crossmill::python
