// A client's folder as it comes: entries, and the contents that somebody wants, several at the same time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/buildkit/files/file_sync_call.h"
#include "coordinator/buildkit/files/sent_tree.h"

namespace crossmill::coordinator::buildkit {

// Used by one thread.
class FolderTransfer {
 public:
  // In memory while it is small, else in a writer.
  struct Content {
    std::string bytes;
    std::unique_ptr<BlobWriter> written;
    int64_t size = 0;
  };
  struct Wishes {
    // Of each file that has bytes, as it is listed: whether its content is wanted, which may be said later
    // (Want), but not after on_listed.
    std::function<absl::StatusOr<bool>(uint32_t number)> on_file;
    // The list is complete.
    std::function<absl::Status()> on_listed;
    // A whole content, of the size that was announced.
    std::function<absl::Status(uint32_t number, Content content)> on_content;
    // Now and then.
    std::function<void(const FolderProgress&)> told;
  };

  // Contents of more than `most_in_memory` bytes are written to `blobs`; where that is null, they are an
  // error.
  FolderTransfer(FileSyncCall& call, const FolderLimits& limits, size_t most_in_memory, BlobStore* blobs)
      : call_(call), tree_(limits), most_in_memory_(most_in_memory), blobs_(blobs) {}

  SentTree& tree() { return tree_; }
  const FolderProgress& sent() const { return sent_; }
  void Want(uint32_t number) { wanted_.push_back(number); }
  // From the first packet to the last one.
  absl::Status Run(const Wishes& wishes);

 private:
  absl::Status Take(fsutil::types::Packet& packet, const Wishes& wishes);
  absl::Status TakeEntry(const fsutil::types::Packet& packet, const Wishes& wishes);
  absl::Status TakeData(fsutil::types::Packet& packet, const Wishes& wishes);
  absl::Status AskForMore();
  absl::Status Wrong(std::string_view what) const;

  FileSyncCall& call_;
  SentTree tree_;
  const size_t most_in_memory_;
  BlobStore* const blobs_;
  bool listed_ = false, fin_sent_ = false, fin_received_ = false;
  std::deque<uint32_t> wanted_;
  // Asked for and not complete; those of which nothing came are not begun.
  absl::flat_hash_map<uint32_t, Content> asked_;
  size_t begun_ = 0;
  FolderProgress sent_;
};

}  // namespace crossmill::coordinator::buildkit
