// Pages of package indexes in the coordinator's record: those of workers and of the coordinator itself, each
// kept for all.
#pragma once

#include <string>

#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/index/index_pages.h"
#include "coordinator/storage/index_page_records.h"

namespace crossmill::coordinator {

// Thread safe. What it is given outlives it.
class RecordedPages final : public index::PageArchive {
 public:
  RecordedPages(storage::IndexPageRecords& records, BlobStore& blobs, Clock& clock)
      : records_(records), blobs_(blobs), clock_(clock) {}

  absl::StatusOr<index::KeptPage> Load(const std::string& url) override;
  // INVALID_ARGUMENT: no http or https URL, or a header that is no header.
  absl::Status Save(const std::string& url, const index::KeptPage& page) override;

 private:
  storage::IndexPageRecords& records_;
  BlobStore& blobs_;
  Clock& clock_;
};

}  // namespace crossmill::coordinator
