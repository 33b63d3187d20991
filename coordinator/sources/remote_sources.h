// What recipes name outside (ADD of URLs and git repositories), fetched into the blob store by the coordinator when it
// plans a build. Workers never fetch from the outside.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/digest.h"

namespace crossmill::coordinator {

struct File {
  Digest digest;
  // Base name that the file gets in a folder.
  std::string name;
  // Last-Modified in seconds since 1970; 0 without it.
  int64_t mtime = 0;
  // What we had was still valid: nothing was transferred.
  bool cached = false;
};

struct Tree {
  // A Merkle tree of Directory messages (docs/formats.md, "context"), with mtimes.
  Digest root;
  std::string commit;
  bool cached = false;
};

// Bytes so far and in all; 0: not known.
using OnProgress = std::function<void(int64_t done, int64_t total)>;

// Thread safe. Does I/O and may take minutes. Equal requests at the same time are one fetch.
class RemoteSources {
 public:
  virtual ~RemoteSources() = default;
  // `checksum`: "sha256:HEX" or empty. INVALID_ARGUMENT: a bad URL, another checksum; NOT_FOUND, PERMISSION_DENIED;
  // UNAVAILABLE: the server or the way to it; CANCELLED: the coordinator ends.
  virtual absl::StatusOr<File> FetchFile(const std::string& url, const std::string& checksum,
                                         const OnProgress& on_progress) = 0;
  // `url` as written: "#REF:FOLDER" or query. `checksum`: a commit id or its beginning, or empty. A tree pinned by a
  // whole commit id needs no network the second time. Errors as FetchFile's.
  virtual absl::StatusOr<Tree> FetchGit(const std::string& url, const std::string& checksum, bool keep_git_dir,
                                        const OnProgress& on_progress) = 0;
};

}  // namespace crossmill::coordinator
