#include "common/base/blob_store.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "common/base/file_digest.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

constexpr size_t kChunk = 1 << 18;

class MemoryBlobStore final : public BlobStore {
 public:
  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    MutexLock lock(mutex_);
    std::vector<Digest> missing;
    absl::flat_hash_set<Digest> seen;
    for (const Digest& digest : digests) {
      if (digest.size == 0 || blobs_.contains(digest) || !seen.insert(digest).second) continue;
      missing.push_back(digest);
    }
    return missing;
  }

  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    MutexLock lock(mutex_);
    auto it = blobs_.find(digest);
    if (it == blobs_.end() && digest.size != 0) {
      return absl::NotFoundError(fmt::format("blob {} is not in the store", ToString(digest)));
    }
    std::string content = it == blobs_.end() ? "" : it->second;
    return std::make_unique<Reader>(content.substr(std::min<size_t>(offset, content.size())));
  }

  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    return std::make_unique<Writer>(this, expected);
  }

 private:
  class Reader final : public BlobReader {
   public:
    explicit Reader(std::string content) : content_(std::move(content)) {}
    absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
      const size_t count = content_.copy(buffer, size, offset_);
      offset_ += count;
      return count;
    }

   private:
    std::string content_;
    size_t offset_ = 0;
  };

  class Writer final : public BlobWriter {
   public:
    Writer(MemoryBlobStore* store, Digest expected) : store_(store), expected_(std::move(expected)) {}
    absl::Status Write(std::string_view bytes) override {
      content_.append(bytes);
      return absl::OkStatus();
    }
    absl::StatusOr<Digest> Commit() override {
      Digest digest = DigestOf(content_);
      if (!expected_.empty() && digest != expected_) {
        return absl::InvalidArgumentError(
            fmt::format("blob has digest {}, not {}", ToString(digest), ToString(expected_)));
      }
      MutexLock lock(store_->mutex_);
      store_->blobs_[digest] = std::move(content_);
      return digest;
    }

   private:
    MemoryBlobStore* store_;
    Digest expected_;
    std::string content_;
  };

  Mutex mutex_;
  std::map<Digest, std::string> blobs_ ABSL_GUARDED_BY(mutex_);
};

class FileBlobReader final : public BlobReader {
 public:
  FileBlobReader(Digest digest, UniqueFd file, int64_t offset, std::function<absl::Status(int)> wrong)
      : digest_(std::move(digest)), file_(std::move(file)), offset_(offset), wrong_(std::move(wrong)) {
    if (offset == 0) hash_.emplace();
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const int64_t left = digest_.size - offset_;
    if (left <= 0 || size == 0) return 0;
    ASSIGN_OR_RETURN(const size_t count,
                     ReadAt(file_.get(), offset_, buffer, std::min(size, static_cast<size_t>(left))));
    if (count == 0) return wrong_(file_.get());
    offset_ += static_cast<int64_t>(count);
    if (hash_.has_value()) {
      hash_->Update(std::string_view(buffer, count));
      // Checked with the last piece, so that a bad blob is never delivered whole.
      if (offset_ == digest_.size && hash_->Finish() != digest_) return wrong_(file_.get());
    }
    return count;
  }

  int file() const override { return file_.get(); }

 private:
  const Digest digest_;
  const UniqueFd file_;
  int64_t offset_;
  const std::function<absl::Status(int)> wrong_;
  std::optional<Sha256> hash_;
};

}  // namespace

std::unique_ptr<BlobReader> MakeFileBlobReader(Digest digest, UniqueFd file, int64_t offset,
                                               std::function<absl::Status(int file)> wrong) {
  return std::make_unique<FileBlobReader>(std::move(digest), std::move(file), offset, std::move(wrong));
}

absl::Status BlobWriter::WriteFile(int fd, int64_t offset, int64_t size) {
  return ReadPieces(fd, offset, size, [this](std::string_view piece) { return Write(piece); });
}

absl::Status BlobWriter::WriteBlob(const Digest&) {
  return absl::UnimplementedError("this store takes bytes only");
}

absl::StatusOr<std::string> BlobStore::Get(const Digest& digest) {
  ASSIGN_OR_RETURN(std::unique_ptr<BlobReader> reader, Open(digest, 0));
  std::string content(static_cast<size_t>(digest.size), '\0');
  size_t done = 0;
  while (done < content.size()) {
    ASSIGN_OR_RETURN(const size_t count, reader->Read(content.data() + done, content.size() - done));
    if (count == 0) break;
    done += count;
  }
  if (done != content.size() || DigestOf(content) != digest) {
    return absl::DataLossError(fmt::format("blob {} does not have its digest", ToString(digest)));
  }
  return content;
}

absl::StatusOr<std::vector<std::string>> BlobStore::GetAll(absl::Span<const Digest> digests) {
  std::vector<std::string> contents;
  contents.reserve(digests.size());
  for (const Digest& digest : digests) {
    ASSIGN_OR_RETURN(contents.emplace_back(), Get(digest));
  }
  return contents;
}

absl::Status BlobStore::Put(absl::Span<const std::pair<Digest, std::string>> blobs) {
  for (const auto& [digest, bytes] : blobs) {
    ASSIGN_OR_RETURN(std::unique_ptr<BlobWriter> writer, Create(digest));
    RETURN_IF_ERROR(writer->Write(bytes));
    RETURN_IF_ERROR(writer->Commit().status());
  }
  return absl::OkStatus();
}

absl::StatusOr<Digest> BlobStore::PutBytes(std::string_view bytes) {
  Digest digest = DigestOf(bytes);
  const std::pair<Digest, std::string> blob(digest, std::string(bytes));
  RETURN_IF_ERROR(Put(absl::MakeConstSpan(&blob, 1)));
  return digest;
}

bool BlobStore::Has(const Digest& digest) {
  auto missing = FindMissing(absl::MakeConstSpan(&digest, 1));
  return missing.ok() && missing->empty();
}

absl::StatusOr<int64_t> CopyToFile(BlobReader& reader, int fd) {
  std::string buffer(kChunk, '\0');
  int64_t total = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, reader.Read(buffer.data(), buffer.size()));
    if (count == 0) return total;
    RETURN_IF_ERROR(WriteAll(fd, std::string_view(buffer.data(), count)));
    total += static_cast<int64_t>(count);
  }
}

std::unique_ptr<BlobStore> MakeMemoryBlobStore() { return std::make_unique<MemoryBlobStore>(); }

}  // namespace crossmill
