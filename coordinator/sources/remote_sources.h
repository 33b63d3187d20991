// What ADD fetches from elsewhere while a build is planned: files by URL and git repositories, put into the
// blob store.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/digest.h"

namespace crossmill::coordinator {

// Thread safe: builds are planned at the same time.
class RemoteSources {
 public:
  virtual ~RemoteSources() = default;

  struct File {
    // In the blob store.
    Digest digest;
    // The name the server gives it, else the last part of the URL's path; empty if there is none.
    std::string name;
    // Last-Modified in seconds since 1970; 0: not said.
    int64_t mtime = 0;
    // What we had was still valid: nothing was transferred.
    bool cached = false;
  };
  struct Tree {
    // Directory message in the blob store, with everything below it.
    Digest root;
    // Commit id.
    std::string commit;
    bool cached = false;
  };
  // Bytes so far; `total` 0: not known. Called on the calling thread.
  using OnProgress = std::function<void(int64_t done, int64_t total)>;

  // `stop` ends a call with CANCELLED at once; what it fetches goes on as long as another call waits for it.
  // `checksum`: "sha256:..." that the content must have, or empty. INVALID_ARGUMENT: it has another one;
  // NOT_FOUND, UNAVAILABLE: the server's words.
  virtual absl::StatusOr<File> FetchFile(const std::string& url, const std::string& checksum,
                                         const OnProgress& on_progress, std::stop_token stop = {}) = 0;

  // The same with the value of the header Authorization that somebody brought along. What comes is for
  // whoever did: nothing of it is noted for others.
  virtual absl::StatusOr<File> FetchPrivateFile(const std::string& url, const std::string& checksum,
                                                const std::string& authorization,
                                                const OnProgress& on_progress, std::stop_token stop = {}) = 0;

  // `url` with its "#ref:folder" or query; `checksum`: a commit id or the beginning of one that the reference
  // must mean, or empty.
  virtual absl::StatusOr<Tree> FetchGit(const std::string& url, const std::string& checksum,
                                        bool keep_git_dir, const OnProgress& on_progress,
                                        std::stop_token stop = {}) = 0;

  // When the commit that `url` means was made, seconds since 1970; nullopt if it holds no file.
  virtual absl::StatusOr<std::optional<int64_t>> CommitTime(const std::string& url,
                                                            const std::string& checksum,
                                                            const OnProgress& on_progress,
                                                            std::stop_token stop = {}) = 0;
};

}  // namespace crossmill::coordinator
