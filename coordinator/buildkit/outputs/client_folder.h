// A tree of files to a folder of a BuildKit client, as fsutil sends it (packets on
// moby.filesync.v1.FileSend): the list of entries, then the contents that the client asks for.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/oci/flatten.h"
#include "coordinator/buildkit/session/client_session.h"
#include "fsutil/types/fsutil.pb.h"

namespace crossmill::coordinator::buildkit {

// One of the trees that become one folder.
struct FolderTree {
  // Where it is in the folder; empty: it is the folder.
  std::string prefix;
  const oci::Flattener* tree = nullptr;  // Not owned.
  // Of the folder `prefix`, seconds.
  int64_t time = 0;
};

struct FolderTransfer {
  // Index of the exporter.
  int exporter = 0;
  // The client removes what is not sent (mode=delete).
  bool remove_others = false;
  // Bytes of content so far. May be empty.
  std::function<void(int64_t bytes)> told;
};

// How an entry of a tree travels. Files lose their setuid and setgid bits: whoever runs the client becomes
// their owner.
fsutil::types::Stat StatOf(const layer::TarEntry& entry, const std::string& prefix);

// Sends the trees, which are in the order of their prefixes and have no path in common, and returns when the
// client has what it wants. Notes for people: what a folder of the client's cannot hold (devices) is left
// out. Memory grows with the number of paths. Errors are the client's; INVALID_ARGUMENT if it asks for what
// it was not offered; CANCELLED.
absl::StatusOr<std::vector<std::string>> SendFolder(ClientSession& session,
                                                    const std::vector<FolderTree>& trees,
                                                    const FolderTransfer& transfer, std::stop_token stop);

}  // namespace crossmill::coordinator::buildkit
