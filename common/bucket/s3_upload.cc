#include "common/bucket/s3_upload.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/bucket/answer_xml.h"

namespace crossmill::bucket {
namespace {

// Servers take 10,000.
constexpr int64_t kMostParts = 9'000;
constexpr size_t kPiece = 256 << 10;
// A server that puts thousands of parts together says nothing meanwhile.
constexpr absl::Duration kCompletion = absl::Minutes(10);

// Of the part; and what it has is added to the whole.
absl::StatusOr<std::string> HashPart(const http::BodySource& source, int64_t offset, int64_t size,
                                     Sha256* whole) {
  Sha256 part;
  std::string buffer(kPiece, '\0');
  for (int64_t done = 0; done < size;) {
    const size_t wanted = static_cast<size_t>(std::min<int64_t>(size - done, static_cast<int64_t>(kPiece)));
    ASSIGN_OR_RETURN(const size_t count, source(offset + done, buffer.data(), wanted));
    if (count == 0) return absl::DataLossError(fmt::format("the blob ended after {} bytes", offset + done));
    part.Update({buffer.data(), count});
    whole->Update({buffer.data(), count});
    done += static_cast<int64_t>(count);
  }
  return part.Finish().hash;
}

class PartsUpload {
 public:
  PartsUpload(S3Calls& calls, std::string key, const Digest& digest, const http::BodySource& source,
              const std::stop_token& stop)
      : calls_(calls), key_(std::move(key)), digest_(digest), source_(source), stop_(stop) {}

  absl::Status Run() {
    RETURN_IF_ERROR(Begin());
    absl::Status status = SendParts();
    if (status.ok()) status = Complete();
    if (!status.ok()) Abort();
    return status;
  }

 private:
  S3Call Call(std::string method, std::string_view verb) const {
    S3Call call;
    call.what = fmt::format("{} of {}", verb, key_);
    call.method = std::move(method);
    call.key = key_;
    return call;
  }

  absl::Status Begin() {
    S3Call call = Call("POST", "begin of the upload");
    call.query = {{"uploads", ""}};
    ASSIGN_OR_RETURN(const S3Answer answer, calls_.Send(call, stop_));
    const auto root = ParseXml(answer.body);
    if (root.ok()) id_ = root->Text("UploadId");
    if (!id_.empty()) return absl::OkStatus();
    return absl::UnavailableError(fmt::format("{}: the server named no upload", call.what));
  }

  absl::Status SendParts() {
    const int64_t size = std::max(calls_.options().part_bytes, digest_.size / kMostParts + 1);
    Sha256 whole;
    for (int64_t offset = 0; offset < digest_.size; offset += size) {
      const int64_t bytes = std::min(size, digest_.size - offset);
      ASSIGN_OR_RETURN(const std::string hash, HashPart(source_, offset, bytes, &whole));
      RETURN_IF_ERROR(SendPart(offset, bytes, hash));
    }
    if (whole.Finish() == digest_) return absl::OkStatus();
    return absl::DataLossError(fmt::format("{} has other bytes than its digest says", key_));
  }

  absl::Status SendPart(int64_t offset, int64_t bytes, const std::string& hash) {
    const size_t number = tags_.size() + 1;
    S3Call call = Call("PUT", fmt::format("upload of part {}", number));
    call.query = {{"partNumber", fmt::format("{}", number)}, {"uploadId", id_}};
    call.source = [this, offset](int64_t at, char* buffer, size_t count) {
      return source_(offset + at, buffer, count);
    };
    call.source_size = bytes;
    call.source_hash = hash;
    ASSIGN_OR_RETURN(const S3Answer answer, calls_.Send(call, stop_));
    const std::string_view tag = answer.head.Header("etag");
    if (tag.empty()) return absl::UnavailableError(fmt::format("{}: the answer has no ETag", call.what));
    tags_.emplace_back(tag);
    return absl::OkStatus();
  }

  absl::Status Complete() {
    S3Call call = Call("POST", "end of the upload");
    call.query = {{"uploadId", id_}};
    call.idle_limit = kCompletion;
    call.body = "<CompleteMultipartUpload>";
    for (size_t i = 0; i < tags_.size(); ++i) {
      call.body +=
          fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, EscapeXml(tags_[i]));
    }
    call.body += "</CompleteMultipartUpload>";
    bool repeated = false;
    return calls_.Repeat(
        [&]() -> absl::Status {
          const absl::Status status = calls_.Once(call, stop_).status();
          // The answer to an earlier attempt may have been lost after it was done.
          if (repeated && absl::IsNotFound(status) && IsThere()) return absl::OkStatus();
          repeated = true;
          return status;
        },
        stop_);
  }

  bool IsThere() {
    const auto answer = calls_.Once(Call("HEAD", "look at the upload"), stop_);
    return answer.ok() && answer->head.Header("content-length") == fmt::format("{}", digest_.size);
  }

  // Also when the program is about to end: it takes one request.
  void Abort() {
    S3Call call = Call("DELETE", "abort of the upload");
    call.query = {{"uploadId", id_}};
    const absl::Status status = calls_.Once(call, {}).status();
    if (!status.ok() && !absl::IsNotFound(status))
      LogWarning("an unfinished upload is left in the bucket until it is looked for: {}",
                 Sv(status.message()));
  }

  S3Calls& calls_;
  const std::string key_;
  const Digest& digest_;
  const http::BodySource& source_;
  const std::stop_token stop_;
  std::string id_;
  std::vector<std::string> tags_;
};

}  // namespace

absl::Status PutInParts(S3Calls& calls, const std::string& key, const Digest& digest,
                        const http::BodySource& source, const std::stop_token& stop) {
  return PartsUpload(calls, key, digest, source, stop).Run();
}

}  // namespace crossmill::bucket
