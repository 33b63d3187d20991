#include "common/oci/reference.h"

#include <gtest/gtest.h>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::oci {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(ReferenceTest, NamesAreNormalisedAsDockerDoes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"python", "docker.io/library/python:latest"},
      {"python:3.11-slim", "docker.io/library/python:3.11-slim"},
      {"team/app", "docker.io/team/app:latest"},
      {"docker.io/python", "docker.io/library/python:latest"},
      {"index.docker.io/python", "docker.io/library/python:latest"},
      {"localhost/app", "localhost/app:latest"},
      {"localhost:5000/app:1", "localhost:5000/app:1"},
      {"[::1]:5000/app", "[::1]:5000/app:latest"},
      {"registry.example/a/b/c", "registry.example/a/b/c:latest"},
      {"python@" + kDigest, "docker.io/library/python@" + kDigest},
      {"python:3@" + kDigest, "docker.io/library/python:3@" + kDigest},
      {"a__b/c-_d", ""},
      {"a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest"},
  };
  for (const auto& [text, expected] : cases) {
    auto reference = ParseReference(text);
    if (expected.empty()) {
      EXPECT_FALSE(reference.ok()) << text;
      continue;
    }
    ASSERT_OK(reference);
    EXPECT_EQ(reference->ToString(), expected);
    // The normal form is its own normal form.
    EXPECT_EQ(*ParseReference(expected), *reference);
  }
}

TEST(ReferenceTest, ErrorsSayWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "empty"},
      {"Python", "lower case"},
      {"python:", "tag"},
      {"python:-x", "tag"},
      {"python@sha256:12", "64"},
      {"python@md5:12", "64"},
      {"a//b", "name must be"},
      {"/a", "name must be"},
      {"host:port/a", "not a registry host"},
      {std::string(64, 'a'), "image id"},
      {"a/" + std::string(300, 'b'), "255"},
      {"py thon", "name must be"},
  };
  for (const auto& [text, reason] : cases) {
    auto reference = ParseReference(text);
    EXPECT_EQ(reference.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(Sv(reference.status().message()).find(reason), std::string_view::npos) << reference.status();
  }
}

}  // namespace
}  // namespace crossmill::oci
