#include "common/oci/annotations.h"

#include <utility>

#include "common/base/status.h"
#include "common/oci/image.h"

namespace crossmill::oci {
namespace {

std::optional<AnnotationLevel> LevelOf(std::string_view text) {
  if (text == "index") return AnnotationLevel::kIndex;
  if (text == "manifest") return AnnotationLevel::kManifest;
  if (text == "index-descriptor") return AnnotationLevel::kIndexDescriptor;
  if (text == "manifest-descriptor") return AnnotationLevel::kManifestDescriptor;
  return std::nullopt;
}

absl::Status WrongAnnotation(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("annotation {}: {}", name, what));
}

// "linux/arm/v7".
std::optional<v1::Platform> ParsePlatformText(std::string_view text) {
  const size_t first = text.find('/');
  if (first == std::string_view::npos || first == 0) return std::nullopt;
  v1::Platform platform;
  platform.set_os(std::string(text.substr(0, first)));
  const std::string_view rest = text.substr(first + 1);
  const size_t second = rest.find('/');
  platform.set_architecture(std::string(rest.substr(0, second)));
  if (second != std::string_view::npos) platform.set_variant(std::string(rest.substr(second + 1)));
  if (platform.architecture().empty()) return std::nullopt;
  return platform;
}

bool SamePlatform(const v1::Platform& one, const v1::Platform& other) {
  ImageIndex index;
  index.manifests.emplace_back().platform = one;
  return SelectPlatform(index, other).ok();
}

}  // namespace

absl::StatusOr<Annotation> ParseAnnotation(std::string_view name, std::string_view value) {
  Annotation annotation;
  annotation.name = std::string(name);
  annotation.value = std::string(value);
  // Names are often like org.opencontainers.image.title; one with a colon that begins with no level is a name
  // too.
  const size_t colon = name.find(':');
  const std::string_view first = name.substr(0, std::min(name.find_first_of("[,:"), name.size()));
  if (colon != std::string_view::npos && LevelOf(first).has_value()) {
    annotation.name = std::string(name.substr(colon + 1));
    std::string_view levels = name.substr(0, colon);
    while (!levels.empty()) {
      const size_t end = std::min(levels.find(','), levels.size());
      std::string_view level = levels.substr(0, end);
      levels.remove_prefix(std::min(end + 1, levels.size()));
      if (const size_t bracket = level.find('['); bracket != std::string_view::npos) {
        if (!level.ends_with(']')) return WrongAnnotation(name, "']' is missing");
        annotation.platform = ParsePlatformText(level.substr(bracket + 1, level.size() - bracket - 2));
        if (!annotation.platform.has_value()) return WrongAnnotation(name, "expected [OS/ARCH]");
        level = level.substr(0, bracket);
        if (level == "index" || level == "index-descriptor")
          return WrongAnnotation(name, "an index has no platform");
      }
      const auto known = LevelOf(level);
      if (!known.has_value()) {
        return WrongAnnotation(name,
                               fmt::format("'{}' is not known; expected index, manifest, index-descriptor or "
                                           "manifest-descriptor",
                                           level));
      }
      annotation.levels.insert(*known);
    }
  }
  if (annotation.name.empty()) return WrongAnnotation(name, "has no name");
  if (annotation.levels.empty()) annotation.levels.insert(AnnotationLevel::kManifest);
  return annotation;
}

absl::StatusOr<std::map<std::string, std::string>> AnnotationsFor(
    absl::Span<const v1::BuildArgument> annotations, AnnotationLevel level, const v1::Platform* platform) {
  std::map<std::string, std::string> chosen;
  for (const v1::BuildArgument& argument : annotations) {
    ASSIGN_OR_RETURN(Annotation annotation, ParseAnnotation(argument.name(), argument.value()));
    if (!annotation.levels.contains(level)) continue;
    if (annotation.platform.has_value() && platform != nullptr &&
        !SamePlatform(*annotation.platform, *platform)) {
      continue;
    }
    chosen[annotation.name] = std::move(annotation.value);
  }
  return chosen;
}

}  // namespace crossmill::oci
