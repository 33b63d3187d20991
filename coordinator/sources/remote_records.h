// What the coordinator remembers about remote sources, apart from their blobs. The SQLite implementation is
// in coordinator/storage (tables remote_files, remote_trees); tests have one in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"

namespace crossmill::coordinator {

// The file that a URL gave last.
struct RemoteFileRecord {
  // Without credentials.
  std::string url;
  // Validators of the answer; empty when it had none.
  std::string etag;
  std::string last_modified;
  Digest digest;
  std::string name;
  int64_t mtime = 0;
};

// A commit's tree. `keep_git_dir` and `submodules` change what is in it.
struct RemoteTreeKey {
  // Without credentials.
  std::string repository;
  // Whole id.
  std::string commit;
  std::string folder;
  bool keep_git_dir = false;
  bool submodules = true;
  bool commit_times = false;
  // With keep_git_dir, which has it in .git: the ref's full name; else empty.
  std::string ref;
};

// Thread safe. Each Put is durable when it returns and replaces what has the same key (url; all of the tree's
// key). Errors are the database's.
class RemoteRecords {
 public:
  virtual ~RemoteRecords() = default;
  virtual absl::Status PutFile(const RemoteFileRecord& file) = 0;
  virtual absl::StatusOr<std::optional<RemoteFileRecord>> FindFile(std::string_view url) = 0;
  virtual absl::Status PutTree(const RemoteTreeKey& key, const Digest& root) = 0;
  virtual absl::StatusOr<std::optional<Digest>> FindTree(const RemoteTreeKey& key) = 0;
};

}  // namespace crossmill::coordinator
