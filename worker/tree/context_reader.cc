#include "worker/tree/context_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"
#include "worker/tree/blob_status.h"

namespace crossmill::worker {
namespace {

// Folders of one call; files of one call, and their bytes.
constexpr size_t kFolders = 2000;
constexpr size_t kFiles = 1000;
constexpr int64_t kBytes = 2 << 20;

}  // namespace

absl::StatusOr<ContextReader> ContextReader::Open(BlobStore& blobs, const Digest& root) {
  ContextReader reader(blobs);
  RETURN_IF_ERROR(reader.ReadFolders({root}));
  reader.ahead_ = {{&reader.Get(root)}};
  reader.coming_ = reader.Fetch();
  return reader;
}

absl::Status ContextReader::ReadFolders(std::vector<Digest> level) {
  absl::flat_hash_set<Digest> known(level.begin(), level.end());
  while (!level.empty()) {
    const auto batch = absl::MakeConstSpan(level).subspan(0, kFolders);
    const auto contents = blobs_->GetAll(batch);
    if (!contents.ok()) return BlobStatus(contents.status());
    std::vector<Digest> next(level.begin() + static_cast<ptrdiff_t>(batch.size()), level.end());
    for (size_t i = 0; i < batch.size(); ++i) {
      Directory directory;
      if (!directory.ParseFromString((*contents)[i])) {
        return absl::DataLossError(fmt::format("blob {} is not a Directory", ToString(batch[i])));
      }
      for (const auto& node : directory.directories()) {
        Digest below = FromProto(node.digest());
        if (known.insert(below).second) next.push_back(std::move(below));
      }
      directories_[batch[i]] = std::move(directory);
    }
    level = std::move(next);
  }
  return absl::OkStatus();
}

std::vector<Digest> ContextReader::NextBatch() {
  std::vector<Digest> batch;
  int64_t bytes = 0;
  while (!ahead_.empty() && batch.size() < kFiles && bytes < kBytes) {
    Place& place = ahead_.back();
    if (place.file < place.directory->files_size()) {
      Digest digest = FromProto(place.directory->files(place.file++).digest());
      if (!IsSmallFile(digest)) continue;
      bytes += digest.size;
      batch.push_back(std::move(digest));
    } else if (place.folder < place.directory->directories_size()) {
      ahead_.push_back({&Get(FromProto(place.directory->directories(place.folder++).digest()))});
    } else {
      ahead_.pop_back();
    }
  }
  return batch;
}

std::future<ContextReader::Contents> ContextReader::Fetch() {
  std::vector<Digest> batch = NextBatch();
  if (batch.empty()) return {};
  // Where no thread can be had it is done when it is wanted.
  return std::async([blobs = blobs_, batch = std::move(batch)] { return blobs->GetAll(batch); });
}

absl::StatusOr<std::string> ContextReader::NextSmall() {
  if (ready_.empty()) {
    if (!coming_.valid()) return absl::InternalError("the context has no further small file");
    Contents contents = coming_.get();
    if (!contents.ok()) return BlobStatus(contents.status());
    coming_ = Fetch();
    ready_.assign(std::make_move_iterator(contents->begin()), std::make_move_iterator(contents->end()));
  }
  std::string content = std::move(ready_.front());
  ready_.pop_front();
  return content;
}

}  // namespace crossmill::worker
