// The package index of a worker's steps, put together: who asks its indexes, who answers.
#pragma once

#include <memory>
#include <vector>

#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/http/http_client.h"
#include "common/index/index_address.h"
#include "common/index/index_files.h"
#include "common/index/index_pages.h"
#include "worker/index/index_proxy.h"
#include "worker/index/index_service.h"
#include "worker/network/io_threads.h"
#include "worker/network/network_settings.h"

namespace crossmill::worker {

// Thread safe. Create after the worker's namespaces are entered: it starts threads. What it is given outlives
// it.
class PackageIndex {
 public:
  // `archive` may be null. Addresses that steps must not reach are not asked for them either, but for those
  // of the indexes themselves.
  PackageIndex(const std::vector<index::IndexAddress>& indexes, const NetworkSettings& settings,
               BlobStore& blobs, index::PageArchive* archive, Clock& clock);

  StepService& service() { return service_; }

 private:
  std::unique_ptr<http::HttpClient> client_;
  std::vector<std::unique_ptr<index::IndexPages>> pages_;
  index::IndexFiles files_;
  IndexProxy proxy_;
  IoThreads threads_{1};
  IndexService service_;
};

}  // namespace crossmill::worker
