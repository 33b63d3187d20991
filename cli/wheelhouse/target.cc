#include "cli/wheelhouse/target.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "cli/show/text.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

constexpr std::string_view kDefaultBase = "python:{python}-slim";
constexpr std::string_view kPlace = "{python}";

bool IsPythonVersion(std::string_view text) {
  if (!text.starts_with("3.") || text.size() > 5 || text.size() < 3) return false;
  return std::all_of(text.begin() + 2, text.end(),
                     [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); });
}

// The text goes into a recipe: nothing in it may be more than a name there.
bool IsImageReference(std::string_view text) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("._-/:@+").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string WheelTarget::Abi() const { return "cp" + absl::StrReplaceAll(python, {{".", ""}}); }

std::string WheelTarget::Label() const { return fmt::format("{} {}", FormatPlatform(platform), Abi()); }

std::string WheelTarget::Folder() const {
  return absl::StrReplaceAll(FormatPlatform(platform), {{"/", "-"}}) + "-" + Abi();
}

absl::StatusOr<std::vector<std::string>> ParsePythons(absl::Span<const std::string> lists) {
  std::vector<std::string> found;
  for (const std::string& list : lists) {
    for (const std::string& part : Split(list, ',')) {
      const std::string text(Trim(part));
      if (!IsPythonVersion(text)) {
        return absl::InvalidArgumentError(
            fmt::format("--python {}: expected a version such as 3.11", Printable(text)));
      }
      if (std::find(found.begin(), found.end(), text) != found.end())
        return absl::InvalidArgumentError(fmt::format("--python names {} twice", text));
      found.push_back(text);
    }
  }
  return found;
}

absl::StatusOr<std::vector<WheelTarget>> MakeTargets(absl::Span<const v1::Platform> platforms,
                                                     absl::Span<const std::string> pythons,
                                                     std::string_view base) {
  const std::string form(base.empty() ? kDefaultBase : base);
  std::vector<WheelTarget> targets;
  for (const v1::Platform& platform : platforms) {
    for (const std::string& python : pythons) {
      WheelTarget target{platform, python, absl::StrReplaceAll(form, {{Av(kPlace), python}})};
      if (!IsImageReference(target.base)) {
        return absl::InvalidArgumentError(fmt::format(
            "--base {}: expected an image, in which {{python}} stands for the version", Printable(base)));
      }
      targets.push_back(std::move(target));
    }
  }
  return targets;
}

}  // namespace crossmill::cli
