// Which blobs a record refers to, and who needs them: the one place that knows it, for garbage collection,
// backups and checks. It is read from columns that have digests, and from messages in the record that do.
// What is behind those (the files of a tree, the layers of an image) is not in the record
// (coordinator/needs/document_walk).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/needs/message_digests.h"

namespace crossmill::storage {

// Who needs a blob: of several the first. All but a cache keep it.
enum class NeededBy : uint8_t {
  // An image that has a name: nothing makes it again.
  kImage,
  // A build that has not ended would fail.
  kRunningBuild,
  kPinnedBuild,
  kWheel,
  // It is made or fetched again when it is needed.
  kCache,
};
// Of those that keep blobs.
inline constexpr int kKeepers = 4;
// "images", "running builds", ...
std::string_view Words(NeededBy by);

struct RecordReference {
  // A hash of 64 hex digits; perhaps of kUnknownSize.
  Digest digest;
  ReferenceForm form = ReferenceForm::kBytes;
  NeededBy by = NeededBy::kCache;
  // It is kept, and made again if it is gone: an unpacked or a compressed form of what there is.
  bool made_again = false;
  // For people: "image docker.io/library/app:1", "step results". Valid during the call.
  std::string_view what;
  // Of an image: "linux/amd64" of each of its platforms, those of an index that have to be there. Else null.
  const std::vector<std::string>* platforms = nullptr;
};

using TakeReference = std::function<absl::Status(const RecordReference&)>;

// What is asked for: what is kept, or all that is named, caches too.
enum class Extent { kKept, kAll };

// Builds that run, builds that are pinned, images, farm wheels, and then caches; a blob as often as it is
// referred to. What is needed all the time while this is asked is told, although it may pass from a build to
// an image meanwhile. `pace` is asked between two rows, and nothing is open in the record while it or `take`
// runs but for the caches; `all` is told as of one moment, and needs a connection that is used for nothing
// else. Ends with the first error of either. DATA_LOSS for a message that cannot be read.
absl::Status ListReferences(Connection& record, Extent extent, const std::function<absl::Status()>& pace,
                            const TakeReference& take);

// The unpacked layers of an image's manifest, with their lists of entries; nothing when there are none.
absl::StatusOr<std::vector<Digest>> UnpackedOf(Connection& record, const std::string& manifest_hash);

// The forms in which a layer was compressed here.
absl::StatusOr<std::vector<Digest>> CompressedOf(Connection& record, const std::string& tar_hash);

// When the first of the builds was submitted that are still being planned (Unix nanoseconds): nothing says
// yet what they have fetched. INT64_MAX: there is none.
absl::StatusOr<int64_t> UnplannedSince(Connection& record);

}  // namespace crossmill::storage
