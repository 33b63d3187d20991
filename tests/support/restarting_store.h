// A store that loses what some writers were given, as one on this machine does when it is started again.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/blob_store.h"
#include "tests/support/forwarding_store.h"

namespace crossmill {

// Thread safe, apart from `failures`: one writer at a time.
class RestartingStore final : public ForwardingStore {
 public:
  RestartingStore() : RestartingStore(MakeMemoryBlobStore()) {}
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    auto writer = ForwardingStore::Create(expected);
    if (!writer.ok() || failures == 0) return writer;
    --failures;
    return std::make_unique<LostWriter>(*std::move(writer));
  }
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override {
    return memory_->Put(blobs);
  }

  // Of the writers to come, so many are UNAVAILABLE at their end.
  int failures = 0;

 private:
  class LostWriter final : public BlobWriter {
   public:
    explicit LostWriter(std::unique_ptr<BlobWriter> writer) : writer_(std::move(writer)) {}
    absl::Status Write(std::string_view bytes) override { return writer_->Write(bytes); }
    absl::StatusOr<Digest> Commit() override { return absl::UnavailableError("started again"); }

   private:
    std::unique_ptr<BlobWriter> writer_;
  };

  explicit RestartingStore(std::unique_ptr<BlobStore> memory)
      : ForwardingStore(*memory), memory_(std::move(memory)) {}

  const std::unique_ptr<BlobStore> memory_;
};

}  // namespace crossmill
