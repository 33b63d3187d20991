#include "common/plan/named_contexts.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/plan/image_reference.h"
#include "common/words/platform.h"

namespace crossmill::plan {
namespace {

bool CannotBeReplaced(std::string_view name) {
  return absl::EqualsIgnoreCase(Av(name), "scratch") || absl::EqualsIgnoreCase(Av(name), "context");
}

}  // namespace

std::string FamiliarReference(std::string_view reference) {
  for (const std::string_view host : {"docker.io/", "index.docker.io/"}) {
    if (!reference.starts_with(host)) continue;
    reference.remove_prefix(host.size());
    if (reference.starts_with("library/")) reference.remove_prefix(8);
    break;
  }
  if (reference.ends_with(":latest")) reference.remove_suffix(7);
  return std::string(reference);
}

absl::StatusOr<NamedContexts> NamedContexts::Read(const v1::Recipe& recipe) {
  NamedContexts contexts;
  for (const v1::NamedContext& context : recipe.contexts()) {
    std::string_view name = context.name();
    std::string platform;
    if (const size_t separator = name.find("::"); separator != std::string_view::npos) {
      absl::StatusOr<v1::Platform> parsed = ParsePlatform(name.substr(separator + 2));
      if (!parsed.ok()) {
        return absl::InvalidArgumentError(
            fmt::format("build context '{}': {}", context.name(), Sv(parsed.status().message())));
      }
      platform = FormatPlatform(*parsed);
      name = name.substr(0, separator);
    }
    const std::string familiar = FamiliarReference(absl::AsciiStrToLower(Av(name)));
    if (!IsImageReference(familiar)) {
      return absl::InvalidArgumentError(fmt::format(
          "build context '{}' has a name that nothing can refer to; expected a name as of a stage "
          "or an image",
          context.name()));
    }
    if (context.source_case() == v1::NamedContext::SOURCE_NOT_SET) {
      return absl::InvalidArgumentError(
          fmt::format("build context '{}' has no source; expected a folder or an image", context.name()));
    }
    if (CannotBeReplaced(familiar)) {
      contexts.warnings_.push_back(
          fmt::format("build context '{}' is not used: the name is reserved", context.name()));
      continue;
    }
    if (!contexts.contexts_.emplace(std::make_pair(familiar, platform), &context).second) {
      return absl::InvalidArgumentError(
          fmt::format("build context '{}' is given twice; expected it once", context.name()));
    }
  }
  return contexts;
}

const v1::NamedContext* NamedContexts::Find(std::string_view name, const v1::Platform& platform) const {
  if (contexts_.empty() || CannotBeReplaced(name)) return nullptr;
  const std::string familiar = FamiliarReference(absl::AsciiStrToLower(Av(name)));
  for (const std::string& wanted : {FormatPlatform(platform), std::string()}) {
    if (const auto found = contexts_.find({familiar, wanted}); found != contexts_.end()) return found->second;
  }
  return nullptr;
}

std::vector<std::string> NamedContexts::Names() const {
  std::vector<std::string> names;
  for (const auto& [key, context] : contexts_) {
    if (names.empty() || names.back() != key.first) names.push_back(key.first);
  }
  return names;
}

}  // namespace crossmill::plan
