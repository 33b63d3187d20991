#include "worker/task/folder_blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

class FileReader final : public BlobReader {
 public:
  FileReader(UniqueFd file, Digest digest, bool whole) : file_(std::move(file)), digest_(std::move(digest)) {
    if (whole) hash_.emplace();
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    ASSIGN_OR_RETURN(const size_t count, ReadSome(file_.get(), buffer, size));
    if (!hash_) return count;
    hash_->Update({buffer, count});
    if (count > 0 || size == 0) return count;
    const Digest found = hash_->Finish();
    hash_.reset();
    if (found == digest_) return count;
    return absl::DataLossError(
        fmt::format("blob {} has the bytes of {}", ToString(digest_), ToString(found)));
  }

 private:
  const UniqueFd file_;
  const Digest digest_;
  std::optional<Sha256> hash_;
};

class FileWriter final : public BlobWriter {
 public:
  FileWriter(std::string folder, UniqueFd file, std::string path, Digest expected)
      : folder_(std::move(folder)),
        file_(std::move(file)),
        path_(std::move(path)),
        expected_(std::move(expected)) {}
  ~FileWriter() override {
    if (!path_.empty()) unlink(path_.c_str());
  }

  absl::Status Write(std::string_view bytes) override {
    hash_.Update(bytes);
    return Annotate(WriteAll(file_.get(), bytes), folder_);
  }

  absl::StatusOr<Digest> Commit() override {
    const Digest digest = hash_.Finish();
    if (!expected_.empty() && digest != expected_) {
      return absl::InvalidArgumentError(
          fmt::format("promised was {}, written was {}", ToString(expected_), ToString(digest)));
    }
    // Not synced: a blob lost with the machine is made again by running the task again.
    if (fchmod(file_.get(), 0644) != 0) return ErrnoStatus(errno, path_);
    if (rename(path_.c_str(), fmt::format("{}/sha256-{}", folder_, digest.hash).c_str()) != 0) {
      return ErrnoStatus(errno, path_);
    }
    path_.clear();
    return digest;
  }

 private:
  const std::string folder_;
  const UniqueFd file_;
  // Temporary; empty once it has its name.
  std::string path_;
  const Digest expected_;
  Sha256 hash_;
};

class FolderBlobStore final : public BlobStore {
 public:
  explicit FolderBlobStore(std::string folder) : folder_(std::move(folder)) {}

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    std::vector<Digest> missing;
    for (const Digest& digest : digests) {
      struct stat state {};
      const bool found = stat(PathOf(digest).c_str(), &state) == 0 && state.st_size == digest.size;
      const bool known = std::find(missing.begin(), missing.end(), digest) != missing.end();
      if (!found && !known && digest.size != 0) missing.push_back(digest);
    }
    return missing;
  }

  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    const std::string path = digest.size == 0 ? "/dev/null" : PathOf(digest);
    auto file = OpenFile(path, O_RDONLY);
    if (!file.ok()) return Annotate(file.status(), fmt::format("blob {}", ToString(digest)));
    if (offset > 0 && lseek(file->get(), offset, SEEK_SET) < 0) return ErrnoStatus(errno, path);
    return std::make_unique<FileReader>(std::move(*file), digest, offset == 0);
  }

  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    std::string path = folder_ + "/.incoming-XXXXXX";
    UniqueFd file(mkostemp(path.data(), O_CLOEXEC));
    if (!file.valid()) return ErrnoStatus(errno, folder_);
    return std::make_unique<FileWriter>(folder_, std::move(file), std::move(path), expected);
  }

 private:
  std::string PathOf(const Digest& digest) const { return fmt::format("{}/sha256-{}", folder_, digest.hash); }

  const std::string folder_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BlobStore>> OpenFolderBlobStore(const std::string& folder) {
  RETURN_IF_ERROR(MakeFolders(folder));
  return std::make_unique<FolderBlobStore>(folder);
}

}  // namespace crossmill::worker
