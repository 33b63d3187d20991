// The package indexes that predictions ask: those that the coordinator was given, and others that a
// Dockerfile names. Pages and files are the farm's, as those that steps get.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/http/http_client.h"
#include "common/index/index_address.h"
#include "common/index/index_files.h"
#include "common/index/index_pages.h"

namespace crossmill::coordinator {

// Thread safe. Everything that it is given outlives it.
class FarmIndexes {
 public:
  // The main index first. `archive` keeps their pages, not those of other indexes, which may have been opened
  // with somebody's password; it may be null.
  FarmIndexes(const std::vector<index::IndexAddress>& indexes, http::HttpClient& client, BlobStore& blobs,
              index::PageArchive* archive, Clock& clock);

  // Those that it was given; they live as long as this.
  const std::vector<std::shared_ptr<index::IndexPages>>& configured() const { return configured_; }
  // The index at an address as installers take it. INVALID_ARGUMENT.
  absl::StatusOr<std::shared_ptr<index::IndexPages>> At(const std::string& address);

  index::IndexFiles& files() { return files_; }
  http::HttpClient& client() { return client_; }

 private:
  http::HttpClient& client_;
  Clock& clock_;
  index::IndexFiles files_;
  std::vector<std::shared_ptr<index::IndexPages>> configured_;
  Mutex mutex_;
  // By address as it was given.
  std::map<std::string, std::shared_ptr<index::IndexPages>> others_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
