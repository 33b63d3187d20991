// What the root of a Merkle tree or of an image refers to, read from the blobs' files without that counting
// as a use. What was read is kept until a round passes in which nobody asks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/blobs/blob_name.h"

namespace crossmill::coordinator {

struct BlobClosure {
  // With the root, each once.
  std::vector<BlobName> names;
  // Of an image: hashes of its platforms' manifests.
  std::vector<std::string> manifests;
  // A blob of it is not there, or damaged: what that refers to is not in `names`, and nobody can use it.
  bool broken = false;
};

// Not thread safe.
class BlobClosures {
 public:
  // Asked between two blobs: takes a breath, and ends the work with its error.
  using Pace = std::function<absl::Status()>;

  BlobClosures(std::string folder, Pace pace) : folder_(std::move(folder)), pace_(std::move(pace)) {}

  // Hashes. Errors are of the disk, or the pace's.
  absl::StatusOr<std::shared_ptr<const BlobClosure>> Tree(const std::string& root);
  absl::StatusOr<std::shared_ptr<const BlobClosure>> Image(const std::string& root);
  // Forgets what was not asked for since the last call.
  void EndRound();

 private:
  struct Known {
    std::shared_ptr<const BlobClosure> closure;
    bool asked = true;
  };
  class Walk;

  absl::StatusOr<std::shared_ptr<const BlobClosure>> Find(const std::string& key, const std::string& root,
                                                          bool image);

  const std::string folder_;
  const Pace pace_;
  // "tree:HASH", "image:HASH"
  std::map<std::string, Known> known_;
};

}  // namespace crossmill::coordinator
