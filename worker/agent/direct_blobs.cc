#include "worker/agent/direct_blobs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/opening/nameless_file.h"
#include "common/base/status.h"
#include "common/http/curl_http_client.h"
#include "common/rpc/status_proto.h"
#include "crossmill/v1/bucket_service.grpc.pb.h"

namespace crossmill::worker {
namespace {

constexpr absl::Duration kQuestionLimit = absl::Seconds(10);
constexpr absl::Duration kIdleLimit = absl::Seconds(20);
// Below that the coordinator is the better source.
constexpr int64_t kFloorRate = 64 << 10;

class NamelessReader final : public BlobReader {
 public:
  NamelessReader(NamelessFile file, int64_t offset) : file_(std::move(file)), offset_(offset) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    ASSIGN_OR_RETURN(const size_t count, file_.ReadAt(offset_, buffer, size));
    offset_ += static_cast<int64_t>(count);
    return count;
  }

 private:
  const NamelessFile file_;
  int64_t offset_;
};

class DirectBlobStore final : public BlobStore {
 public:
  DirectBlobStore(BlobStore& farm, const std::shared_ptr<grpc::Channel>& channel, http::HttpClient& http,
                  DirectBlobOptions options)
      : farm_(farm), http_(http), options_(std::move(options)), places_(v1::BlobPlaces::NewStub(channel)) {}

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    return farm_.FindMissing(digests);
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    return farm_.Create(expected);
  }
  absl::StatusOr<std::string> Get(const Digest& digest) override {
    return digest.size < options_.least_bytes ? farm_.Get(digest) : BlobStore::Get(digest);
  }
  absl::StatusOr<std::vector<std::string>> GetAll(absl::Span<const Digest> digests) override {
    return farm_.GetAll(digests);
  }
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override {
    return farm_.Put(blobs);
  }

  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    if (digest.size < options_.least_bytes || offset < 0 || offset > digest.size || Rests())
      return farm_.Open(digest, offset);
    const std::string url = Locate(digest);
    if (url.empty()) return farm_.Open(digest, offset);
    absl::StatusOr<NamelessFile> file = Fetch(digest, url);
    if (file.ok()) {
      LogInfo("blob_direct bytes={} hash={}", digest.size, digest.hash);
      return std::make_unique<NamelessReader>(*std::move(file), offset);
    }
    // The message of a request has its URL, which is as good as a key.
    LogWarning("blob {} is read from the coordinator: its bucket {}", ToString(digest),
               WhyNot(file.status()));
    Rest(options_.rest);
    return farm_.Open(digest, offset);
  }

 private:
  static std::string_view WhyNot(const absl::Status& status) {
    if (absl::IsDataLoss(status)) return "gave other bytes";
    if (absl::IsPermissionDenied(status)) return "refused";
    if (absl::IsResourceExhausted(status)) return "cannot be read into a full disk";
    return "was not reached, or too slow";
  }

  bool Rests() {
    MutexLock lock(mutex_);
    return absl::Now() < rests_until_;
  }
  void Rest(absl::Duration time) {
    MutexLock lock(mutex_);
    rests_until_ = absl::Now() + time;
  }

  // Empty: it is not in a bucket, or nobody says so.
  std::string Locate(const Digest& digest) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kQuestionLimit));
    v1::LocateBlobRequest request;
    ToProto(digest, request.mutable_digest());
    v1::LocateBlobResponse response;
    const absl::Status status = rpc::FromGrpc(places_->LocateBlob(&context, request, &response));
    // A coordinator without a bucket, or from before there were any.
    if (absl::IsUnimplemented(status)) Rest(options_.long_rest);
    return status.ok() ? response.url() : "";
  }

  absl::StatusOr<NamelessFile> Fetch(const Digest& digest, const std::string& url) {
    ASSIGN_OR_RETURN(NamelessFile file, NamelessFile::Create(options_.buffer_folder));
    http::HttpRequest request;
    request.url = url;
    request.idle_limit = kIdleLimit;
    request.floor_rate = kFloorRate;
    Sha256 hash;
    const auto response = http_.Send(request, [&](const http::HttpResponse& head, std::string_view bytes) {
      if (head.status != 200) return absl::PermissionDeniedError("another answer");
      if (file.size() + static_cast<int64_t>(bytes.size()) > digest.size)
        return absl::DataLossError("too long");
      hash.Update(bytes);
      return file.Append(bytes);
    });
    RETURN_IF_ERROR(response.status());
    if (response->status != 200) return absl::PermissionDeniedError("another answer");
    if (hash.Finish() != digest) return absl::DataLossError("another digest");
    return file;
  }

  BlobStore& farm_;
  http::HttpClient& http_;
  const DirectBlobOptions options_;
  const std::unique_ptr<v1::BlobPlaces::StubInterface> places_;
  Mutex mutex_;
  absl::Time rests_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace

std::unique_ptr<BlobStore> MakeDirectBlobStore(BlobStore& farm, const std::shared_ptr<grpc::Channel>& channel,
                                               http::HttpClient& http, DirectBlobOptions options) {
  return std::make_unique<DirectBlobStore>(farm, channel, http, std::move(options));
}

std::unique_ptr<http::HttpClient> MakeDirectHttpClient() {
  http::CurlOptions options;
  options.follow_redirects = false;
  options.connect_limit = absl::Seconds(5);
  return http::MakeCurlHttpClient(std::move(options));
}

}  // namespace crossmill::worker
