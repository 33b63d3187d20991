#include "coordinator/backup/needed_blobs.h"

#include <algorithm>
#include <optional>
#include <set>

#include "common/base/status.h"
#include "coordinator/needs/document_walk.h"

namespace crossmill::backup {
namespace {

using storage::NeededBy;
using storage::RecordReference;

// Takes references, and notes what is there and what is not. What was seen for a graver reason is not walked
// again.
class References {
 public:
  References(const StoredBlobs& blobs, const absl::flat_hash_set<std::string>& without, NeededBlobs& found)
      : blobs_(blobs), without_(without), found_(found) {
    visitor_.content = [this](const Digest& digest) { return Add(digest).status(); };
    visitor_.document = [this](const Digest& digest, const std::string* platform) {
      return Document(digest, platform);
    };
    visitor_.read = [this](const Digest& digest) { return Read(digest); };
    // What is no document refers to nothing; what is not there is noted already.
    visitor_.broken = [](const Digest&) {};
    visitor_.manifest = [](const Digest&) { return absl::OkStatus(); };
  }

  absl::Status Take(const RecordReference& reference) {
    now_ = &reference;
    return coordinator::WalkDocuments(reference.digest, reference.form, visitor_);
  }

 private:
  NeededBy By() const { return now_->by; }

  // Its size, if it is there.
  absl::StatusOr<std::optional<int64_t>> Add(const Digest& digest) {
    if (digest.size == 0 || digest.empty()) return std::nullopt;
    const auto known = found_.present.find(digest.hash);
    if (known != found_.present.end()) {
      known->second.by = std::min(known->second.by, By());
      return known->second.size;
    }
    if (absent_.contains(digest.hash)) {
      Miss(digest);
      return std::nullopt;
    }
    ASSIGN_OR_RETURN(const std::optional<StoredFile> file, blobs_.Find(digest));
    if (!file || without_.contains(digest.hash)) {
      Miss(digest);
      return std::nullopt;
    }
    found_.present[digest.hash] = {file->size, file->in_bucket, By()};
    for (const BlobPart& part : file->parts) {
      if (part.blob.empty()) continue;
      RETURN_IF_ERROR(Add(part.blob).status());
      if (found_.present.contains(part.blob.hash)) continue;
      // It is there, and cannot be read.
      found_.present.erase(digest.hash);
      Miss(digest);
      return std::nullopt;
    }
    return file->size;
  }

  // Noted once, with the gravest of what misses it.
  void Miss(const Digest& digest) {
    const NeededBy by = now_->made_again ? NeededBy::kCache : By();
    const auto [place, is_new] = absent_.try_emplace(digest.hash, found_.missing.size());
    if (is_new) {
      found_.missing.push_back({digest, by, std::string(now_->what)});
      return;
    }
    MissingBlob& missing = found_.missing[place->second];
    if (by < missing.by) missing = {digest, by, std::string(now_->what)};
  }

  // Whether it is to be read: it is there, and was not walked for something as grave.
  absl::StatusOr<bool> Document(const Digest& digest, const std::string* platform) {
    // An index may name images of platforms that were never pulled.
    if (platform != nullptr && !IsWanted(*platform)) {
      ASSIGN_OR_RETURN(const std::optional<StoredFile> there, blobs_.Find(digest));
      if (!there) return false;
    }
    // Of the empty folder nothing is kept, and nothing is behind it.
    ASSIGN_OR_RETURN(const std::optional<int64_t> size, Add(digest));
    if (!size) return false;
    const auto [walked, is_new] = walked_.try_emplace(digest.hash, By());
    if (!is_new && walked->second <= By()) return false;
    walked->second = By();
    return true;
  }

  bool IsWanted(const std::string& platform) const {
    return now_->platforms != nullptr &&
           std::find(now_->platforms->begin(), now_->platforms->end(), platform) != now_->platforms->end();
  }

  absl::StatusOr<std::optional<std::string>> Read(const Digest& digest) {
    const Digest whole{digest.hash, found_.present[digest.hash].size};
    absl::StatusOr<std::string> bytes = blobs_.Get(whole, coordinator::kLargestDocument);
    if (absl::IsNotFound(bytes.status()) || absl::IsDataLoss(bytes.status())) {
      found_.present.erase(digest.hash);
      Miss(whole);
      return std::nullopt;
    }
    RETURN_IF_ERROR(bytes.status());
    return *std::move(bytes);
  }

  const StoredBlobs& blobs_;
  const absl::flat_hash_set<std::string>& without_;
  NeededBlobs& found_;
  coordinator::DocumentVisitor visitor_;
  const RecordReference* now_ = nullptr;
  // Places in `missing`.
  absl::flat_hash_map<std::string, size_t> absent_;
  absl::flat_hash_map<std::string, NeededBy> walked_;
};

}  // namespace

int64_t NeededBlobs::CountMissing(NeededBy by) const {
  return std::count_if(missing.begin(), missing.end(),
                       [by](const MissingBlob& blob) { return blob.by == by; });
}

absl::StatusOr<NeededBlobs> FindNeeded(storage::Connection& record, const StoredBlobs& blobs,
                                       const absl::flat_hash_set<std::string>& without) {
  NeededBlobs found;
  References references(blobs, without, found);
  RETURN_IF_ERROR(storage::ListReferences(
      record, storage::Extent::kAll, [] { return absl::OkStatus(); },
      [&](const RecordReference& reference) { return references.Take(reference); }));
  return found;
}

std::string NameNeeders(const std::vector<MissingBlob>& missing, NeededBy by) {
  constexpr size_t kNamed = 3;
  std::set<std::string> names;
  for (const MissingBlob& blob : missing) {
    if (blob.by == by) names.insert(blob.what);
  }
  std::string text;
  size_t count = 0;
  for (const std::string& name : names) {
    if (++count > kNamed) break;
    text += (count == 1 ? "" : ", ") + name;
  }
  if (names.size() > kNamed) text += fmt::format(" and {} more", names.size() - kNamed);
  return text;
}

}  // namespace crossmill::backup
