// A Python that packages are chosen for: its tags and its version, and what markers ask of it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/python/marker.h"
#include "common/python/tags.h"
#include "common/python/version.h"

namespace crossmill::python {

class PythonEnvironment {
 public:
  // `full_version` as python_full_version has it ("3.11.7", "3.14.0rc1"); its first two numbers have to be
  // those of `tags`. INVALID_ARGUMENT otherwise, and for what TagRanks refuses.
  static absl::StatusOr<PythonEnvironment> Of(const TagEnvironment& tags, std::string_view full_version);

  const TagRanks& ranks() const { return ranks_; }
  const TagEnvironment& tags() const { return ranks_.environment(); }
  // major.minor.micro alone: what pip compares with requires-python.
  const Version& version() const { return version_; }
  // The same with another minor version and its last micro version.
  absl::StatusOr<PythonEnvironment> WithMinor(int minor) const;

  // For CPython on Linux, without platform_release and platform_version, which only the machine knows.
  MarkerEnvironment Markers() const;

 private:
  PythonEnvironment(TagRanks ranks, std::string full_version, Version version)
      : ranks_(std::move(ranks)), full_version_(std::move(full_version)), version_(std::move(version)) {}

  TagRanks ranks_;
  std::string full_version_;
  Version version_;
};

}  // namespace crossmill::python
