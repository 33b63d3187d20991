// Folders of a BuildKit client, read over its session (moby.filesync.v1.FileSync) into the blob store as the
// tree that a context is (docs/formats.md, "context").
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "coordinator/buildkit/files/folder_limits.h"
#include "coordinator/buildkit/session/client_session.h"

namespace crossmill::coordinator::buildkit {

struct FolderRequest {
  // "context", "dockerfile", or a named context's.
  std::string dir_name;
  // Sent to the client, which filters: as BuildKit's followpaths, include-patterns and exclude-patterns.
  std::vector<std::string> follow_paths;
  std::vector<std::string> include_patterns;
  std::vector<std::string> exclude_patterns;
  // Files keep their times (--source-date-epoch=none); they are no part of the tree otherwise.
  bool keep_times = false;
  FolderLimits limits;
};

struct FolderProgress {
  int64_t files = 0;
  int64_t bytes = 0;
};

struct ClientFolder {
  Digest root;
  int64_t files = 0;
  int64_t bytes = 0;
  // Bytes and files that travelled; the rest was known from the client's folder of before.
  int64_t sent_files = 0;
  int64_t sent_bytes = 0;
  // For people: what was left out, and why.
  std::vector<std::string> notes;
};

// What was read of a client's folders, so that an unchanged file is not sent again: by caller, shared key,
// folder and patterns; size, time to the nanosecond, mode and link target say that a file is the same.
// Bounded; the folders that were used longest ago are forgotten (folder_memory.h). Thread safe.
class FolderMemory;

// Reads the folder. INVALID_ARGUMENT: the client sent what no folder is (a path out of the tree, entries out
// of order, a size that does not match), and which entry; RESOURCE_EXHAUSTED: a limit; UNAVAILABLE: the
// client has gone; CANCELLED. `memory` may be null: everything is asked for. `told` is called now and then.
absl::StatusOr<ClientFolder> ReadClientFolder(ClientSession& session, const FolderRequest& request,
                                              BlobStore& blobs, FolderMemory* memory,
                                              const std::function<void(const FolderProgress&)>& told,
                                              std::stop_token stop);

// Single files of a folder, whole, always asked for anew; those that are not there, or are no files, are left
// out, and symbolic links are followed within the folder. A file has at most `most_bytes`
// (RESOURCE_EXHAUSTED). Errors as above.
absl::StatusOr<std::map<std::string, std::string>> ReadClientFiles(ClientSession& session,
                                                                   const std::string& dir_name,
                                                                   const std::vector<std::string>& paths,
                                                                   size_t most_bytes, std::stop_token stop);

}  // namespace crossmill::coordinator::buildkit
