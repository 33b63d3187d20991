#include "coordinator/room/roomy_blob_store.h"

#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

class RoomyBlobStore final : public BlobStore {
 public:
  RoomyBlobStore(BlobStore& blobs, DiskRoom& room, RoomFor use) : blobs_(blobs), room_(room), use_(use) {}

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    return blobs_.FindMissing(digests);
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    return blobs_.Open(digest, offset);
  }
  absl::StatusOr<std::string> Get(const Digest& digest) override { return blobs_.Get(digest); }
  absl::StatusOr<std::vector<std::string>> GetAll(absl::Span<const Digest> digests) override {
    return blobs_.GetAll(digests);
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override;
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override;

 private:
  class Writer;

  // What the disk said; the watch should know at once.
  absl::Status Noted(absl::Status status) {
    if (absl::IsResourceExhausted(status)) room_.NoteFull();
    return status;
  }
  absl::Status Before(int64_t bytes) {
    RETURN_IF_ERROR(room_.Check(use_, bytes));
    room_.Wrote(bytes);
    return absl::OkStatus();
  }

  BlobStore& blobs_;
  DiskRoom& room_;
  const RoomFor use_;
};

class RoomyBlobStore::Writer final : public BlobWriter {
 public:
  Writer(RoomyBlobStore& store, std::unique_ptr<BlobWriter> writer)
      : store_(store), writer_(std::move(writer)) {}

  absl::Status Write(std::string_view bytes) override {
    RETURN_IF_ERROR(store_.Before(static_cast<int64_t>(bytes.size())));
    return store_.Noted(writer_->Write(bytes));
  }
  absl::Status WriteFile(int fd, int64_t offset, int64_t size) override {
    RETURN_IF_ERROR(store_.Before(size));
    return store_.Noted(writer_->WriteFile(fd, offset, size));
  }
  absl::Status WriteBlob(const Digest& blob) override { return store_.Noted(writer_->WriteBlob(blob)); }
  // What was written is there already, but for the last quarter of a megabyte.
  absl::StatusOr<Digest> Commit() override {
    absl::StatusOr<Digest> digest = writer_->Commit();
    store_.Noted(digest.status()).IgnoreError();
    return digest;
  }

 private:
  RoomyBlobStore& store_;
  const std::unique_ptr<BlobWriter> writer_;
};

absl::StatusOr<std::unique_ptr<BlobWriter>> RoomyBlobStore::Create(const Digest& expected) {
  if (use_ == RoomFor::kNew) room_.MakeRoom();
  RETURN_IF_ERROR(room_.Check(use_));
  ASSIGN_OR_RETURN(std::unique_ptr<BlobWriter> writer, blobs_.Create(expected));
  return std::make_unique<Writer>(*this, std::move(writer));
}

absl::Status RoomyBlobStore::Put(absl::Span<const std::pair<Digest, std::string>> blobs) {
  int64_t bytes = 0;
  for (const auto& [digest, content] : blobs) bytes += static_cast<int64_t>(content.size());
  RETURN_IF_ERROR(Before(bytes));
  return Noted(blobs_.Put(blobs));
}

}  // namespace

std::unique_ptr<BlobStore> MakeRoomyBlobStore(BlobStore& blobs, DiskRoom& room, RoomFor use) {
  return std::make_unique<RoomyBlobStore>(blobs, room, use);
}

}  // namespace crossmill::coordinator
