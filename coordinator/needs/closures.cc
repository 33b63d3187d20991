#include "coordinator/needs/closures.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

using storage::ClosureKey;
using storage::ClosureRow;

constexpr int kKeysAtOnce = 1000;
constexpr size_t kRowsTogether = 20;

std::string Packed(const std::vector<BlobName>& names) {
  std::string bytes;
  bytes.reserve(names.size() * sizeof(BlobName));
  for (const BlobName& name : names)
    bytes.append(reinterpret_cast<const char*>(name.bytes.data()), name.bytes.size());
  return bytes;
}

std::vector<BlobName> Unpacked(const std::string& bytes) {
  std::vector<BlobName> names(bytes.size() / sizeof(BlobName));
  if (!names.empty()) std::memcpy(names.data(), bytes.data(), names.size() * sizeof(BlobName));
  return names;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Closure>> Closures::Walk(const ClosureKey& key) {
  Closure closure;
  absl::flat_hash_set<BlobName> seen, read;
  const auto add = [&](const std::string& hash) {
    const BlobName name = NameOfHash(hash);
    if (seen.insert(name).second) closure.names.push_back(name);
    return name;
  };
  DocumentVisitor visitor;
  visitor.content = [&](const Digest& digest) {
    if (IsSha256Hex(digest.hash)) add(digest.hash);
    return absl::OkStatus();
  };
  // A file may have the bytes of a folder, so what was read is remembered for itself.
  visitor.document = [&](const Digest& digest, const std::string*) -> absl::StatusOr<bool> {
    return read.insert(add(digest.hash)).second;
  };
  visitor.read = [&](const Digest& digest) -> absl::StatusOr<std::optional<std::string>> {
    RETURN_IF_ERROR(pace_());
    return source_.read(digest.hash);
  };
  visitor.broken = [&](const Digest& digest) { closure.absent.push_back(NameOfHash(digest.hash)); };
  visitor.manifest = [&](const Digest& digest) {
    closure.manifests.push_back(NameOfHash(digest.hash));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(WalkDocuments({key.root, storage::kUnknownSize}, key.form, visitor));
  return std::make_shared<const Closure>(std::move(closure));
}

absl::StatusOr<bool> Closures::Holds(const Closure& closure) {
  for (const BlobName& name : closure.absent) {
    ASSIGN_OR_RETURN(const bool there, source_.has(name));
    if (there) return false;
  }
  return true;
}

absl::Status Closures::LearnKept() {
  std::set<ClosureKey> kept;
  ClosureKey behind;
  while (true) {
    RETURN_IF_ERROR(pace_());
    ASSIGN_OR_RETURN(const std::vector<ClosureKey> keys, records_.Keys(behind, kKeysAtOnce));
    if (keys.empty()) break;
    behind = keys.back();
    kept.insert(keys.begin(), keys.end());
  }
  kept_ = std::move(kept);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Closure>> Closures::Find(const ClosureKey& key, bool keep) {
  RETURN_IF_ERROR(pace_());
  if (!kept_) RETURN_IF_ERROR(LearnKept());
  auto known = known_.find(key);
  if (known == known_.end() && kept_->contains(key)) {
    ASSIGN_OR_RETURN(const std::optional<ClosureRow> row, records_.Find(key));
    if (row) {
      auto closure = std::make_shared<const Closure>(
          Closure{Unpacked(row->blobs), Unpacked(row->manifests), Unpacked(row->absent)});
      known = known_.insert({key, {.closure = std::move(closure)}}).first;
    }
  }
  if (known != known_.end()) {
    ASSIGN_OR_RETURN(const bool holds, Holds(*known->second.closure));
    if (holds) {
      known->second.asked = true;
      known->second.keep |= keep;
      return known->second.closure;
    }
    // What is in the record is read no more: it is replaced at the end of the round.
    kept_->erase(key);
  }
  ASSIGN_OR_RETURN(auto closure, Walk(key));
  known_[key] = {.closure = closure, .asked = true, .keep = keep};
  return closure;
}

absl::Status Closures::EndRound() {
  std::vector<ClosureRow> rows;
  const auto put = [&]() -> absl::Status {
    RETURN_IF_ERROR(pace_());
    RETURN_IF_ERROR(records_.Put(rows));
    for (const ClosureRow& row : rows) kept_->insert(row.key);
    rows.clear();
    return absl::OkStatus();
  };
  if (!kept_) RETURN_IF_ERROR(LearnKept());
  for (auto it = known_.begin(); it != known_.end();)
    it = std::exchange(it->second.asked, false) ? std::next(it) : known_.erase(it);
  for (const auto& [key, known] : known_) {
    if (!known.keep || kept_->contains(key)) continue;
    const Closure& closure = *known.closure;
    rows.push_back({key, Packed(closure.names), Packed(closure.manifests), Packed(closure.absent)});
    if (rows.size() == kRowsTogether) RETURN_IF_ERROR(put());
  }
  if (!rows.empty()) RETURN_IF_ERROR(put());
  std::vector<ClosureKey> gone;
  for (const ClosureKey& key : *kept_) {
    const auto known = known_.find(key);
    if (known == known_.end() || !known->second.keep) gone.push_back(key);
  }
  for (size_t from = 0; from < gone.size(); from += kRowsTogether) {
    RETURN_IF_ERROR(pace_());
    const auto slice = absl::MakeConstSpan(gone).subspan(from, kRowsTogether);
    RETURN_IF_ERROR(records_.Remove(slice));
    for (const ClosureKey& key : slice) kept_->erase(key);
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
