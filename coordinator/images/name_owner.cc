#include "coordinator/images/name_owner.h"

#include "common/base/status.h"

namespace crossmill::coordinator {

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
