// Temporary folders of one build: checkouts, downloads, extracted archives. Removed at the end, on errors and
// on Ctrl-C.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/session/environment.h"
#include "cli/show/progress.h"
#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/fetch/git_checkout.h"
#include "common/http/http_client.h"
#include "common/layer/tar_reader.h"

namespace crossmill::cli {

// Used by one thread; an interrupt comes on another.
class ContextScratch {
 public:
  ContextScratch(Environment& env, Progress& progress) : env_(env), progress_(progress) {}
  ~ContextScratch() { Close(); }
  ContextScratch(const ContextScratch&) = delete;
  ContextScratch& operator=(const ContextScratch&) = delete;

  // An empty folder, mode 0755.
  absl::StatusOr<std::string> NewFolder();

  // The commit that a git URL means, checked out. `anonymous`: as GitProgramOptions has it.
  absl::StatusOr<fetch::GitCheckout> CheckOut(std::string_view url, bool anonymous);

  // A download: its first bytes and, from the beginning, all of them.
  struct Download {
    std::string head;
    layer::Source source;
    int64_t size = 0;
    // Last-Modified, seconds since 1970; 0: not said.
    int64_t time = 0;
  };
  absl::StatusOr<Download> Get(const std::string& url);

  // An archive into a new folder.
  absl::StatusOr<std::string> Extract(layer::Source archive);

  // A stream to a file of this name in the folder.
  absl::Status Save(const layer::Source& source, const std::string& path);

  // Removes everything; interrupts mean the default again.
  void Close();

 private:
  absl::Status Open();
  void OnInterrupt();

  Environment& env_;
  Progress& progress_;
  std::stop_source stop_;
  Mutex mutex_;
  std::optional<TemporaryFolder> folder_ ABSL_GUARDED_BY(mutex_);
  std::string root_;
  int count_ = 0;
  std::unique_ptr<http::HttpClient> http_;
  std::unique_ptr<BlobStore> downloads_;
};

// The whole stream; RESOURCE_EXHAUSTED beyond `limit` bytes.
absl::StatusOr<std::string> ReadSource(const layer::Source& source, size_t limit);

}  // namespace crossmill::cli
