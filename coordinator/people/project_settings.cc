#include "coordinator/people/project_settings.h"

#include <algorithm>
#include <string>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/size.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLongestProject = 40;
constexpr int64_t kMostOfAny = 1'000'000;

bool IsLetter(char c) { return c >= 'a' && c <= 'z'; }

absl::StatusOr<int64_t> CountOf(std::string_view value) {
  int64_t count = 0;
  if (!absl::SimpleAtoi(Av(value), &count) || count < 0 || count > kMostOfAny)
    return absl::InvalidArgumentError("expected a number up to a million, or 0 for no limit");
  return count;
}

absl::Status Apply(std::string_view name, std::string_view value, v1::Project* project) {
  if (name == "running-steps") {
    ASSIGN_OR_RETURN(const int64_t count, CountOf(value));
    project->set_running_steps(count);
  } else if (name == "queued-builds") {
    ASSIGN_OR_RETURN(const int64_t count, CountOf(value));
    project->set_queued_builds(count);
  } else if (name == "image-bytes") {
    // 0, which is no size, is no limit.
    int64_t bytes = 0;
    if (value != "0") {
      ASSIGN_OR_RETURN(bytes, ParseSize(value));
    }
    project->set_image_bytes(bytes);
  } else {
    return absl::InvalidArgumentError(
        "there is no such setting: expected running-steps, queued-builds or image-bytes");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckProjectName(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](char c) { return IsLetter(c) || (c >= '0' && c <= '9') || c == '-'; });
  if (!name.empty() && name.size() <= kLongestProject && plain && IsLetter(name.front()) &&
      name.back() != '-')
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("'{}' is no name for a project: expected small letters, digits and \"-\", at most {}, "
                  "beginning with a letter",
                  Printable(name.substr(0, 100)), kLongestProject));
}

absl::Status ApplyProjectSetting(std::string_view setting, v1::Project* project) {
  const size_t equals = setting.find('=');
  if (equals == std::string_view::npos)
    return absl::InvalidArgumentError(fmt::format("'{}': expected NAME=VALUE, such as running-steps=20",
                                                  Printable(setting.substr(0, 100))));
  return Annotate(Apply(setting.substr(0, equals), setting.substr(equals + 1), project),
                  Printable(setting.substr(0, 100)));
}

}  // namespace crossmill::coordinator
