// What is behind roots of trees and images, asked again and again: in memory, and of what is kept long in the
// record, so that nothing is read twice. A digest means the same bytes for ever, so what was read once holds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/blobs/blob_name.h"
#include "coordinator/needs/document_walk.h"
#include "coordinator/storage/needs/closure_records.h"

namespace crossmill::coordinator {

struct Closure {
  // With the root, each once.
  std::vector<BlobName> names;
  // Of an image: its platforms' manifests.
  std::vector<BlobName> manifests;
  // Documents that were not there or damaged: nobody can use what is behind them, and it is not in `names`.
  std::vector<BlobName> absent;
};

// Where documents are read, without that counting as a use.
struct DocumentSource {
  // Nothing: not there, or damaged. An error: it cannot be told now.
  std::function<absl::StatusOr<std::optional<std::string>>(const std::string& hash)> read;
  std::function<absl::StatusOr<bool>(const BlobName&)> has;
};

// Not thread safe. What it is given outlives it.
class Closures {
 public:
  // Asked between two documents: takes a breath, and ends the work with its error.
  using Pace = std::function<absl::Status()>;

  Closures(DocumentSource source, storage::ClosureRecords records, Pace pace)
      : source_(std::move(source)), records_(records), pace_(std::move(pace)) {}

  // `keep`: it will be asked for again after the next start.
  absl::StatusOr<std::shared_ptr<const Closure>> Find(const storage::ClosureKey& key, bool keep);
  // Writes down what is to be kept, and forgets what was not asked for since the last call.
  absl::Status EndRound();

 private:
  struct Known {
    std::shared_ptr<const Closure> closure;
    bool asked = true;
    bool keep = false;
  };

  absl::StatusOr<std::shared_ptr<const Closure>> Walk(const storage::ClosureKey& key);
  // Nothing that was not there has come since.
  absl::StatusOr<bool> Holds(const Closure& closure);
  absl::Status LearnKept();

  const DocumentSource source_;
  storage::ClosureRecords records_;
  const Pace pace_;
  std::map<storage::ClosureKey, Known> known_;
  // Keys in the record; nothing: not looked at yet.
  std::optional<std::set<storage::ClosureKey>> kept_;
};

}  // namespace crossmill::coordinator
