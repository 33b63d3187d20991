#include "coordinator/images/name_owner.h"

#include "common/base/status.h"

namespace crossmill::coordinator {

absl::StatusOr<std::optional<ImageRecord>> FindVisible(ImageRecords& records, const core::Scope& scope,
                                                       std::string_view name) {
  if (!scope.is_farm()) {
    ASSIGN_OR_RETURN(std::optional<ImageRecord> own, records.FindImage(name, scope.project()));
    if (own) return own;
  }
  ASSIGN_OR_RETURN(std::optional<ImageRecord> common, records.FindImage(name));
  if (common && Sees(scope, *common)) return common;
  if (!scope.is_farm()) return std::optional<ImageRecord>();
  ASSIGN_OR_RETURN(std::vector<ImageRecord> others, records.FindImagesByName(name));
  if (others.empty()) return std::optional<ImageRecord>();
  if (others.size() == 1) return std::move(others.front());
  return absl::FailedPreconditionError(
      fmt::format("{} projects have an image {}, {} and {} among them: name it by its digest", others.size(),
                  name, others[0].project, others[1].project));
}

absl::Status CheckMayName(const core::Author& author, const ImageRecord& image) {
  if (author.operates || !image.owner || *image.owner == core::ClientOf(author)) return absl::OkStatus();
  const std::string whose = image.owner->empty()
                                ? image.origin == "registry" ? "what a registry gave" : "the operator's"
                                : fmt::format("that of '{}'", *image.owner);
  return absl::PermissionDeniedError(
      fmt::format("the image name {} is {}: expected another name, or the role operate", image.name, whose));
}

std::optional<std::string> OwnerAfter(const core::Author& author, const std::optional<ImageRecord>& known) {
  if (author.operates && known && known->owner) return known->owner;
  return core::ClientOf(author);
}

}  // namespace crossmill::coordinator
