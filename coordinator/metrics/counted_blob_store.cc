#include "coordinator/metrics/counted_blob_store.h"

#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

class CountedReader final : public BlobReader {
 public:
  CountedReader(std::unique_ptr<BlobReader> reader, int64_t size, FarmCounters& counters)
      : reader_(std::move(reader)), size_(size), counters_(counters) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    absl::StatusOr<size_t> read = reader_->Read(buffer, size);
    if (read.ok()) counters_.AddSent(static_cast<int64_t>(*read));
    return read;
  }
  int file() const override {
    const int file = reader_->file();
    if (file >= 0) counters_.AddSent(std::exchange(size_, 0));
    return file;
  }

 private:
  const std::unique_ptr<BlobReader> reader_;
  // Of what a file holds that was not counted.
  mutable int64_t size_;
  FarmCounters& counters_;
};

class CountedWriter final : public BlobWriter {
 public:
  CountedWriter(std::unique_ptr<BlobWriter> writer, FarmCounters& counters)
      : writer_(std::move(writer)), counters_(counters) {}

  absl::Status Write(std::string_view bytes) override {
    counters_.AddReceived(static_cast<int64_t>(bytes.size()));
    return writer_->Write(bytes);
  }
  absl::Status WriteFile(int fd, int64_t offset, int64_t size) override {
    counters_.AddReceived(size);
    return writer_->WriteFile(fd, offset, size);
  }
  absl::Status WriteBlob(const Digest& blob) override { return writer_->WriteBlob(blob); }
  absl::StatusOr<Digest> Commit() override { return writer_->Commit(); }

 private:
  const std::unique_ptr<BlobWriter> writer_;
  FarmCounters& counters_;
};

class CountedBlobStore final : public BlobStore {
 public:
  CountedBlobStore(BlobStore& blobs, FarmCounters& counters) : blobs_(blobs), counters_(counters) {}

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    return blobs_.FindMissing(digests);
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    ASSIGN_OR_RETURN(std::unique_ptr<BlobReader> reader, blobs_.Open(digest, offset));
    return std::make_unique<CountedReader>(std::move(reader), digest.size - offset, counters_);
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    ASSIGN_OR_RETURN(std::unique_ptr<BlobWriter> writer, blobs_.Create(expected));
    return std::make_unique<CountedWriter>(std::move(writer), counters_);
  }
  absl::StatusOr<std::string> Get(const Digest& digest) override {
    absl::StatusOr<std::string> bytes = blobs_.Get(digest);
    if (bytes.ok()) counters_.AddSent(static_cast<int64_t>(bytes->size()));
    return bytes;
  }
  absl::StatusOr<std::vector<std::string>> GetAll(absl::Span<const Digest> digests) override {
    absl::StatusOr<std::vector<std::string>> all = blobs_.GetAll(digests);
    for (const std::string& bytes : all.ok() ? *all : std::vector<std::string>())
      counters_.AddSent(static_cast<int64_t>(bytes.size()));
    return all;
  }
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override {
    for (const auto& [digest, bytes] : blobs) counters_.AddReceived(static_cast<int64_t>(bytes.size()));
    return blobs_.Put(blobs);
  }

 private:
  BlobStore& blobs_;
  FarmCounters& counters_;
};

}  // namespace

std::unique_ptr<BlobStore> MakeCountedBlobStore(BlobStore& blobs, FarmCounters& counters) {
  return std::make_unique<CountedBlobStore>(blobs, counters);
}

}  // namespace crossmill::coordinator
