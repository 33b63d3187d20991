// The image classes over a blob store, with records in memory of SQLite and a registry that has nothing.
#pragma once

#include <memory>

#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "coordinator/images/image_assembler.h"
#include "coordinator/images/image_store.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

// A registry that knows no image.
class EmptySource final : public ImageSource {
 public:
  absl::StatusOr<Digest> Pull(const oci::Reference& reference, BlobStore&, const registry::PullOptions&,
                              const ClientCredentials&) override {
    return absl::NotFoundError(fmt::format("{}: manifest unknown", reference.ToString()));
  }
  absl::StatusOr<Digest> Push(const oci::Reference& reference, BlobStore&, const Digest&,
                              const registry::PushOptions&, const ClientCredentials&) override {
    return absl::NotFoundError(fmt::format("{}: no such registry", reference.ToString()));
  }
  absl::StatusOr<std::vector<Digest>> PutArtifacts(const oci::Reference& reference, BlobStore&,
                                                   const std::vector<registry::Artifact>&,
                                                   const std::stop_token&,
                                                   const ClientCredentials&) override {
    return absl::NotFoundError(fmt::format("{}: no such registry", reference.ToString()));
  }
  absl::StatusOr<registry::AttachedStatements> ReadStatements(const oci::Reference& reference,
                                                              const registry::StatementQuery&,
                                                              const ClientCredentials&) override {
    return absl::NotFoundError(fmt::format("{}: manifest unknown", reference.ToString()));
  }
};

class ImageFixture {
 public:
  ImageFixture(BlobStore& blobs, storage::RecordStore& records)
      : records_(records.connection()),
        store_(blobs, records_, source_, clock_),
        assembler_(blobs, records_, clock_, 1) {}
  ImageStore& store() { return store_; }
  ImageAssembler& assembler() { return assembler_; }

 private:
  SystemClock clock_;
  EmptySource source_;
  storage::SqliteImageRecords records_;
  ImageStore store_;
  ImageAssembler assembler_;
};

}  // namespace crossmill::coordinator
