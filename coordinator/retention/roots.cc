#include "coordinator/retention/roots.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "coordinator/retention/message_digests.h"

namespace crossmill::coordinator {
namespace {

constexpr int kImagesAtOnce = 200;

}  // namespace

absl::StatusOr<Needed> Roots::Find() {
  Needed needed;
  // Before the record is asked: what ends meanwhile is in one of both.
  RETURN_IF_ERROR(AddLayers(held_.All(), Keeper::kRunningBuild, &needed.blobs));
  ASSIGN_OR_RETURN(const std::vector<int64_t> running, records_.RunningBuilds());
  for (const int64_t build : running) RETURN_IF_ERROR(AddBuild(build, Keeper::kRunningBuild, &needed));
  ASSIGN_OR_RETURN(const std::vector<storage::PinRow> pins, policies_.Pins());
  for (const storage::PinRow& pin : pins) RETURN_IF_ERROR(AddBuild(pin.build, Keeper::kPinnedBuild, &needed));
  RETURN_IF_ERROR(AddImages(&needed.blobs));
  ASSIGN_OR_RETURN(const std::vector<std::string> wheels, records_.Wheels());
  for (const std::string& hash : wheels) needed.blobs.Add(NameOfHash(hash), Keeper::kWheel);
  // Last: what is needed needs its parts.
  RETURN_IF_ERROR(AddParts(&needed));
  closures_.EndRound();
  return needed;
}

absl::Status Roots::AddBuild(int64_t build, Keeper keeper, Needed* needed) {
  RETURN_IF_ERROR(pace_());
  const absl::StatusOr<storage::KeptBuild> kept = records_.Build(build);
  if (absl::IsNotFound(kept.status())) return absl::OkStatus();
  RETURN_IF_ERROR(kept.status());
  if (keeper == Keeper::kRunningBuild && !kept->planned)
    needed->unplanned_since = std::min(needed->unplanned_since, kept->submitted_at);
  RETURN_IF_ERROR(AddMessage(kept->submission, keeper, &needed->blobs));
  RETURN_IF_ERROR(AddMessage(kept->plan, keeper, &needed->blobs));
  RETURN_IF_ERROR(AddMessage(kept->view, keeper, &needed->blobs));
  ASSIGN_OR_RETURN(const std::vector<std::string> layers, records_.LayersOf(build));
  RETURN_IF_ERROR(AddLayers(layers, keeper, &needed->blobs));
  // It is compared with what was made then.
  if (keeper == Keeper::kRunningBuild && kept->submission.has_rebuild())
    return AddBuild(kept->submission.rebuild().build(), Keeper::kPinnedBuild, needed);
  return absl::OkStatus();
}

absl::Status Roots::AddMessage(const google::protobuf::Message& message, Keeper keeper, NeededBlobs* blobs) {
  NamedDigests named;
  CollectDigests(message, &named);
  std::vector<std::string> hashes;
  for (const Digest& digest : named.blobs) hashes.push_back(digest.hash);
  RETURN_IF_ERROR(AddLayers(hashes, keeper, blobs));
  for (const Digest& tree : named.trees) RETURN_IF_ERROR(AddTree(tree.hash, keeper, blobs));
  for (const std::string& image : named.images) RETURN_IF_ERROR(AddImage(image, keeper, blobs));
  return absl::OkStatus();
}

absl::Status Roots::AddLayers(const std::vector<std::string>& hashes, Keeper keeper, NeededBlobs* blobs) {
  for (const std::string& hash : hashes) {
    RETURN_IF_ERROR(pace_());
    const BlobName name = NameOfHash(hash);
    // Whoever needs it already had its compressed forms looked up.
    const std::optional<Keeper> known = blobs->Find(name);
    if (known && *known <= keeper) continue;
    blobs->Add(name, keeper);
    ASSIGN_OR_RETURN(const std::vector<std::string> compressed, records_.CompressedOf(hash));
    for (const std::string& form : compressed) blobs->Add(NameOfHash(form), keeper);
  }
  return absl::OkStatus();
}

absl::Status Roots::AddTree(const std::string& root, Keeper keeper, NeededBlobs* blobs) {
  ASSIGN_OR_RETURN(const auto tree, closures_.Tree(root));
  for (const BlobName& name : tree->names) blobs->Add(name, keeper);
  return absl::OkStatus();
}

absl::Status Roots::AddImage(const std::string& root, Keeper keeper, NeededBlobs* blobs) {
  ASSIGN_OR_RETURN(const auto image, closures_.Image(root));
  for (const BlobName& name : image->names) blobs->Add(name, keeper);
  for (const std::string& manifest : image->manifests) {
    ASSIGN_OR_RETURN(const std::vector<Digest> layers, records_.UnpackedOf(manifest));
    for (const Digest& layer : layers) blobs->Add(NameOfHash(layer.hash), keeper);
  }
  return absl::OkStatus();
}

absl::Status Roots::AddImages(NeededBlobs* blobs) {
  std::string behind;
  while (true) {
    RETURN_IF_ERROR(pace_());
    ASSIGN_OR_RETURN(const std::vector<storage::KeptImage> images, records_.Images(behind, kImagesAtOnce));
    if (images.empty()) return absl::OkStatus();
    behind = images.back().name;
    for (const storage::KeptImage& image : images) {
      // Every build's image can be had by its digest; one without a name is kept as the cache is.
      if (image.name.starts_with("sha256:")) continue;
      RETURN_IF_ERROR(AddImage(image.hash, Keeper::kImage, blobs));
    }
  }
}

absl::Status Roots::AddParts(Needed* needed) {
  needed->parted.resize(BlobUses::kShards);
  for (int shard = 0; shard < BlobUses::kShards; ++shard) {
    RETURN_IF_ERROR(pace_());
    absl::flat_hash_map<BlobName, int64_t> used_at;
    const auto parted = uses_.Parted(shard);
    if (parted.empty()) continue;
    for (const BlobUse& use : uses_.Shard(shard)) used_at[use.name] = use.used_at;
    for (const auto& [name, parts] : parted) {
      needed->blobs.AddParts(name, parts);
      needed->parts.Note(used_at[name], parts);
      needed->parted[static_cast<size_t>(shard)].push_back(name);
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
