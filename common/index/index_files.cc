#include "common/index/index_files.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::index {
namespace {

// Up to here a file is checked before anybody sees a byte of it.
constexpr int64_t kSmall = 8 << 20;
// So much of a larger one is held back until it is checked.
constexpr size_t kHeldBack = 64 << 10;
constexpr size_t kMetadataLimit = 8 << 20;
constexpr size_t kPiece = 256 << 10;
constexpr auto kPatience = std::chrono::seconds(20);

std::optional<int64_t> LengthOf(const http::HttpResponse& head) {
  int64_t length = 0;
  if (!absl::SimpleAtoi(Av(head.Header("content-length")), &length) || length < 0) return std::nullopt;
  return length;
}

// Takes a file from outside: checks it, keeps it in the store, passes it on.
class Passage {
 public:
  Passage(BlobStore& blobs, const python::IndexFile& file, FileSink& sink)
      : file_(file), sink_(sink), expected_(Sha256Of(file)) {
    if (expected_.empty()) return;
    auto writer = blobs.Create({});
    if (writer.ok()) writer_ = *std::move(writer);
  }

  absl::Status Take(const http::HttpResponse& head, std::string_view bytes) {
    if (head.status != 200) return absl::OkStatus();
    if (!begun_) {
      begun_ = true;
      length_ = LengthOf(head);
      streams_ = !length_.has_value() || *length_ > kSmall;
      if (streams_) RETURN_IF_ERROR(sink_.Begin(length_));
    }
    hash_.Update(bytes);
    received_ += static_cast<int64_t>(bytes.size());
    if (file_.size.has_value() && received_ > static_cast<int64_t>(*file_.size)) {
      return absl::DataLossError(
          fmt::format("{} is longer than the {} bytes that its index names", file_.file_name, *file_.size));
    }
    Store(bytes);
    held_.append(bytes);
    if (!streams_ || held_.size() <= kHeldBack) return absl::OkStatus();
    const absl::Status passed = sink_.Write(std::string_view(held_).substr(0, held_.size() - kHeldBack));
    held_.erase(0, held_.size() - kHeldBack);
    return passed;
  }

  // After the last byte: its digest, once it is stored; empty() if it is not.
  absl::StatusOr<Digest> Finish() {
    const Digest digest = hash_.Finish();
    sha256_ = digest.hash;
    if (!expected_.empty() && digest.hash != expected_) {
      return absl::DataLossError(fmt::format("{} from {} has the SHA-256 {}, its index names {}",
                                             file_.file_name, ShownUrl(file_.url), digest.hash, expected_));
    }
    if (file_.size.has_value() && received_ != static_cast<int64_t>(*file_.size)) {
      return absl::DataLossError(
          fmt::format("{} has {} bytes, its index names {}", file_.file_name, received_, *file_.size));
    }
    Digest stored;
    if (writer_ != nullptr) {
      auto committed = writer_->Commit();
      if (committed.ok()) stored = *committed;
    }
    if (!streams_) RETURN_IF_ERROR(sink_.Begin(received_));
    RETURN_IF_ERROR(sink_.Write(held_));
    return stored;
  }

  int64_t received() const { return received_; }
  const std::string& sha256() const { return sha256_; }

 private:
  // A store that fails costs the next one a fetch, not this one its file.
  void Store(std::string_view bytes) {
    if (writer_ == nullptr) return;
    const absl::Status written = writer_->Write(bytes);
    if (written.ok()) return;
    LogWarning("file={} is not kept: {}", file_.file_name, Sv(written.message()));
    writer_.reset();
  }

  const python::IndexFile& file_;
  FileSink& sink_;
  const std::string expected_;
  std::unique_ptr<BlobWriter> writer_;
  Sha256 hash_;
  int64_t received_ = 0;
  std::optional<int64_t> length_;
  bool begun_ = false;
  bool streams_ = false;
  std::string held_;
  std::string sha256_;
};

// Nobody.
class NullSink final : public FileSink {
 public:
  absl::Status Begin(std::optional<int64_t>) override { return absl::OkStatus(); }
  absl::Status Write(std::string_view) override { return absl::OkStatus(); }
};

}  // namespace

std::optional<Digest> IndexFiles::Stored(const python::IndexFile& file) {
  Digest digest;
  digest.hash = Sha256Of(file);
  if (digest.hash.empty()) return std::nullopt;
  {
    MutexLock lock(mutex_);
    const auto known = sizes_.find(digest.hash);
    if (known != sizes_.end()) {
      digest.size = known->second;
    } else if (file.size.has_value()) {
      digest.size = static_cast<int64_t>(*file.size);
    } else {
      return std::nullopt;
    }
  }
  if (!blobs_.Has(digest)) return std::nullopt;
  return digest;
}

void IndexFiles::Learn(const Digest& digest) {
  MutexLock lock(mutex_);
  sizes_[digest.hash] = digest.size;
}

// A step that reads slowly holds up others that want the same file no longer than this.
bool IndexFiles::BeginFetching(const std::string& url, const std::stop_token& stop) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  while (fetching_.contains(url)) {
    if (stop.stop_requested() || std::chrono::steady_clock::now() > deadline) return false;
    fetched_.WaitFor(mutex_, std::chrono::milliseconds(100));
  }
  fetching_.insert(url);
  return true;
}

void IndexFiles::EndFetching(const std::string& url) {
  MutexLock lock(mutex_);
  fetching_.erase(url);
  fetched_.NotifyAll();
}

absl::Status IndexFiles::Get(const FileQuestion& question, FileSink& sink, FileFetch* fetch) {
  FileFetch unused;
  if (fetch == nullptr) fetch = &unused;
  const std::string& url = question.file->url;
  fetch->url = ShownUrl(url);
  fetch->started = clock_.Now();
  std::optional<Digest> stored = Stored(*question.file);
  bool fetching = false;
  if (!stored.has_value() && !question.offline) {
    fetching = BeginFetching(url, question.stop);
    stored = Stored(*question.file);
  }
  absl::Status status;
  if (stored.has_value()) {
    if (std::exchange(fetching, false)) EndFetching(url);
    fetch->sha256 = stored->hash;
    fetch->bytes = stored->size;
    status = FromStore(*stored, question, sink);
  } else if (question.offline) {
    status = absl::NotFoundError(
        fmt::format("{} is not kept on the farm, and --offline asks nobody else", question.file->file_name));
  } else {
    status = FromOutside(question, sink, *fetch);
  }
  if (fetching) EndFetching(url);
  fetch->took = clock_.Now() - fetch->started;
  return status;
}

absl::Status IndexFiles::FromStore(const Digest& digest, const FileQuestion& question, FileSink& sink) {
  const int64_t begin = std::min(question.begin, digest.size);
  const int64_t end = std::clamp(question.end.value_or(digest.size), begin, digest.size);
  ASSIGN_OR_RETURN(auto reader, blobs_.Open(digest, begin));
  RETURN_IF_ERROR(sink.Begin(end - begin));
  std::string piece(kPiece, '\0');
  for (int64_t left = end - begin; left > 0;) {
    const auto wanted = static_cast<size_t>(std::min<int64_t>(left, static_cast<int64_t>(piece.size())));
    ASSIGN_OR_RETURN(const size_t count, reader->Read(piece.data(), wanted));
    if (count == 0)
      return absl::DataLossError(fmt::format("{} ends too early in the store", question.file->file_name));
    RETURN_IF_ERROR(sink.Write(std::string_view(piece.data(), count)));
    left -= static_cast<int64_t>(count);
  }
  return absl::OkStatus();
}

absl::Status IndexFiles::FromOutside(const FileQuestion& question, FileSink& sink, FileFetch& fetch) {
  http::HttpRequest request;
  request.url = question.file->url;
  request.stop = question.stop;
  request.headers = question.address->HeadersFor(request.url);
  request.headers.emplace_back("Accept-Encoding", "identity");
  fetch.outside = true;
  Passage passage(blobs_, *question.file, sink);
  auto head = client_.Send(request, [&](const http::HttpResponse& response, std::string_view bytes) {
    return passage.Take(response, bytes);
  });
  fetch.bytes = passage.received();
  if (!head.ok()) return ShownError(head.status(), request.url);
  fetch.status = head->status;
  if (head->status != 200) return ErrorOfAnswer(request.url, head->status);
  const auto stored = passage.Finish();
  fetch.sha256 = passage.sha256();
  if (!stored.ok()) return stored.status();
  if (!stored->empty()) Learn(*stored);
  return absl::OkStatus();
}

absl::StatusOr<Digest> IndexFiles::Ensure(const FileQuestion& question, FileFetch* fetch) {
  if (const std::optional<Digest> stored = Stored(*question.file)) {
    if (fetch != nullptr) fetch->sha256 = stored->hash;
    return *stored;
  }
  NullSink sink;
  RETURN_IF_ERROR(Get(question, sink, fetch));
  return Stored(*question.file).value_or(Digest());
}

absl::StatusOr<std::string> IndexFiles::Metadata(const FileQuestion& question, FileFetch* fetch) {
  python::IndexFile metadata;
  metadata.file_name = question.file->file_name + ".metadata";
  metadata.url = question.file->url + ".metadata";
  metadata.hashes = question.file->core_metadata.value_or(std::vector<python::FileHash>());
  class Text final : public FileSink {
   public:
    absl::Status Begin(std::optional<int64_t>) override { return absl::OkStatus(); }
    absl::Status Write(std::string_view bytes) override {
      if (text.size() + bytes.size() > kMetadataLimit) {
        return absl::ResourceExhaustedError(fmt::format("metadata of more than {} bytes", kMetadataLimit));
      }
      text += bytes;
      return absl::OkStatus();
    }
    std::string text;
  } sink;
  FileQuestion asked = question;
  asked.file = &metadata;
  asked.begin = 0;
  asked.end.reset();
  RETURN_IF_ERROR(Get(asked, sink, fetch));
  return std::move(sink.text);
}

}  // namespace crossmill::index
