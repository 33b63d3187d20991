#include "coordinator/retention/roots.h"

#include <string>
#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {

using storage::NeededBy;
using storage::RecordReference;
using storage::ReferenceForm;

absl::StatusOr<Needed> Roots::Find() {
  Needed needed;
  // Before the builds that run are listed: one that is planned meanwhile says more then, not less.
  ASSIGN_OR_RETURN(needed.unplanned_since, storage::UnplannedSince(record_));
  // Before the record is asked: what ends meanwhile is in one of both.
  for (const std::string& hash : held_.All()) RETURN_IF_ERROR(TakeHeld(hash, &needed.blobs));
  RETURN_IF_ERROR(storage::ListReferences(
      record_, storage::Extent::kKept, pace_,
      [&](const RecordReference& reference) { return Take(reference, &needed.blobs); }));
  // Last: what is needed needs its parts.
  RETURN_IF_ERROR(AddParts(&needed));
  RETURN_IF_ERROR(closures_.EndRound());
  return needed;
}

absl::Status Roots::TakeHeld(const std::string& hash, NeededBlobs* blobs) {
  RETURN_IF_ERROR(pace_());
  if (blobs->Contains(NameOfHash(hash))) return absl::OkStatus();
  blobs->Add(NameOfHash(hash), NeededBy::kRunningBuild);
  ASSIGN_OR_RETURN(const std::vector<Digest> compressed, storage::CompressedOf(record_, hash));
  for (const Digest& form : compressed) blobs->Add(NameOfHash(form.hash), NeededBy::kRunningBuild);
  return absl::OkStatus();
}

absl::Status Roots::Take(const RecordReference& reference, NeededBlobs* blobs) {
  if (!IsSha256Hex(reference.digest.hash)) return absl::OkStatus();
  if (reference.form == ReferenceForm::kBytes) {
    blobs->Add(NameOfHash(reference.digest.hash), reference.by);
    return absl::OkStatus();
  }
  // What a running build has is soon over, and on the disk most of the time.
  ASSIGN_OR_RETURN(const auto closure, closures_.Find({reference.digest.hash, reference.form},
                                                      reference.by != NeededBy::kRunningBuild));
  for (const BlobName& name : closure->names) blobs->Add(name, reference.by);
  for (const BlobName& manifest : closure->manifests) {
    ASSIGN_OR_RETURN(const std::vector<Digest> layers, storage::UnpackedOf(record_, HashOfName(manifest)));
    for (const Digest& layer : layers) blobs->Add(NameOfHash(layer.hash), reference.by);
  }
  return absl::OkStatus();
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
