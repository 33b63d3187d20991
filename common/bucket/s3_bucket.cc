// The Bucket that speaks S3.

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/bucket/answer_xml.h"
#include "common/bucket/bucket.h"
#include "common/bucket/s3_calls.h"
#include "common/bucket/s3_upload.h"
#include "common/http/curl_http_client.h"

namespace crossmill::bucket {
namespace {

// Pages of a listing; a server that sends the same page for ever is ended.
constexpr int kMostPages = 1'000'000;

absl::StatusOr<int64_t> NumberIn(std::string_view text, std::string_view what) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 0 && !text.empty()) return number;
  return absl::UnavailableError(fmt::format("{}: the answer has no size", what));
}

// Of the whole object, by the head of an answer to a request for a range.
std::string_view WholeSize(const http::HttpResponse& head) {
  if (head.status != 206) return head.Header("content-length");
  const std::string_view range = head.Header("content-range");
  const size_t slash = range.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : range.substr(slash + 1);
}

class S3Bucket final : public Bucket {
 public:
  S3Bucket(http::HttpClient& client, S3Options options) : calls_(client, std::move(options)) {}

  std::string name() const override { return address().Text(); }

  absl::Status Put(const std::string& key, const Digest& digest, const http::BodySource& source,
                   const std::stop_token& stop) override {
    const std::string whole = Whole(key);
    if (digest.size > calls_.options().part_bytes) return PutInParts(calls_, whole, digest, source, stop);
    S3Call call = Call("PUT", "write", key);
    call.source = source;
    call.source_size = digest.size;
    call.source_hash = digest.hash;
    call.headers = {{"x-amz-checksum-sha256", absl::Base64Escape(absl::HexStringToBytes(digest.hash))}};
    const absl::Status status = calls_.Send(call, stop).status();
    return absl::IsAlreadyExists(status) ? absl::UnavailableError(status.message()) : status;
  }

  absl::Status PutNew(const std::string& key, std::string_view bytes, const std::stop_token& stop) override {
    S3Call call = Call("PUT", "write", key);
    call.body = bytes;
    call.headers = {{"if-none-match", "*"}};
    return calls_.Send(call, stop).status();
  }

  absl::Status Get(const std::string& key, int64_t size, int64_t offset, int64_t length,
                   const BytesSink& sink, const std::stop_token& stop) override {
    int64_t done = 0;
    // What the sink says is final, whatever its code: only what the server did is tried again.
    absl::Status of_sink;
    const absl::Status status = calls_.Repeat(
        [&]() -> absl::Status {
          S3Call call = Call("GET", "read", key);
          if (offset + done != 0 || length != size)
            call.headers = {{"range", fmt::format("bytes={}-{}", offset + done, offset + length - 1)}};
          const int64_t begin = offset + done;
          call.sink = [&](const http::HttpResponse& head, std::string_view bytes) -> absl::Status {
            // A server that knows no ranges sends more than was asked for.
            if (done == length) return absl::CancelledError("enough");
            RETURN_IF_ERROR(CheckHead(head, call, size, begin));
            bytes = bytes.substr(
                0, static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(bytes.size()), length - done)));
            done += static_cast<int64_t>(bytes.size());
            of_sink = sink(bytes);
            return of_sink;
          };
          const absl::Status once = calls_.Once(call, stop).status();
          if (!of_sink.ok()) return absl::AbortedError("the sink failed");
          if (done == length) return absl::OkStatus();
          RETURN_IF_ERROR(once);
          return done == 0 ? absl::DataLossError(call.what + ": it is empty")
                           : absl::UnavailableError(call.what + ": the bytes ended early");
        },
        stop);
    return of_sink.ok() ? status : of_sink;
  }

  absl::StatusOr<std::string> GetSmall(const std::string& key, size_t limit,
                                       const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(S3Answer answer, calls_.Send(Call("GET", "read", key), stop));
    if (answer.body.size() > limit)
      return absl::ResourceExhaustedError(fmt::format("{} has over {} bytes", key, limit));
    return std::move(answer.body);
  }

  absl::StatusOr<int64_t> Head(const std::string& key, const std::stop_token& stop) override {
    const S3Call call = Call("HEAD", "look", key);
    ASSIGN_OR_RETURN(const S3Answer answer, calls_.Send(call, stop));
    return NumberIn(answer.head.Header("content-length"), call.what);
  }

  absl::Status Delete(const std::string& key, const std::stop_token& stop) override {
    const absl::Status status = calls_.Send(Call("DELETE", "removal", key), stop).status();
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

  absl::Status List(const std::string& prefix, const PageSink& sink, const std::stop_token& stop) override;
  absl::StatusOr<std::vector<UnfinishedUpload>> ListUnfinished(const std::string& prefix,
                                                               const std::stop_token& stop) override;

  absl::Status Abort(const UnfinishedUpload& upload, const std::stop_token& stop) override {
    S3Call call = Call("DELETE", "abort of an old upload", upload.key);
    call.query = {{"uploadId", upload.id}};
    const absl::Status status = calls_.Send(call, stop).status();
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

  absl::StatusOr<std::string> PresignGet(const std::string& key, absl::Duration life) override {
    ASSIGN_OR_RETURN(const Credentials credentials, calls_.options().credentials());
    SignedCall call;
    call.authority = address().Authority();
    call.path = address().Path(Whole(key));
    return fmt::format("{}?{}", address().Url(Whole(key)),
                       PresignQuery(call, credentials, {address().region, calls_.options().now()}, life));
  }

 private:
  const BucketAddress& address() const { return calls_.options().address; }
  std::string Whole(std::string_view key) const { return address().prefix + std::string(key); }
  S3Call Call(std::string method, std::string_view verb, std::string_view key) const {
    S3Call call;
    call.what = fmt::format("{}: {} of {}", address().Text(), verb, key);
    call.method = std::move(method);
    call.key = Whole(key);
    return call;
  }

  static absl::Status CheckHead(const http::HttpResponse& head, const S3Call& call, int64_t size,
                                int64_t offset) {
    const std::string_view whole = WholeSize(head);
    if (!whole.empty() && whole != "*" && whole != fmt::format("{}", size)) {
      return absl::DataLossError(
          fmt::format("{}: it has {} bytes, not {}", call.what, whole.substr(0, 20), size));
    }
    if (head.status == 206 ? !head.Header("content-range").starts_with(fmt::format("bytes {}-", offset))
                           : offset != 0)
      return absl::FailedPreconditionError(call.what + ": the server does not give the range that was asked");
    return absl::OkStatus();
  }

  // Pages of what `query` lists; `next` makes the query for the one behind `root`, empty at the end.
  absl::Status Pages(const std::string& what, Pairs query,
                     const std::function<absl::StatusOr<Pairs>(const XmlElement& root)>& next,
                     const std::stop_token& stop) {
    for (int page = 0; page < kMostPages; ++page) {
      S3Call call;
      call.what = fmt::format("{}: {}", address().Text(), what);
      call.query = query;
      ASSIGN_OR_RETURN(const S3Answer answer, calls_.Send(call, stop));
      const auto root = ParseXml(answer.body);
      if (!root.ok())
        return absl::UnavailableError(fmt::format("{}: {}", call.what, Sv(root.status().message())));
      ASSIGN_OR_RETURN(Pairs following, next(*root));
      if (following.empty()) return absl::OkStatus();
      if (following == query) return absl::UnavailableError(call.what + ": the same page again");
      query = std::move(following);
    }
    return absl::UnavailableError(fmt::format("{}: over {} pages", what, kMostPages));
  }

  // A key without the address' prefix; empty for one that is not below it.
  std::string Own(std::string_view key) const {
    return key.starts_with(address().prefix) ? std::string(key.substr(address().prefix.size())) : "";
  }

  S3Calls calls_;
};

absl::Status S3Bucket::List(const std::string& prefix, const PageSink& sink, const std::stop_token& stop) {
  const Pairs first = {{"list-type", "2"}, {"max-keys", "1000"}, {"prefix", Whole(prefix)}};
  const std::string what = "list of the objects";
  return Pages(
      what, first,
      [&](const XmlElement& root) -> absl::StatusOr<Pairs> {
        std::vector<ObjectInfo> page;
        for (const XmlElement& child : root.children) {
          if (child.name != "Contents") continue;
          ObjectInfo object{Own(child.Text("Key")), 0};
          if (object.key.empty()) continue;
          ASSIGN_OR_RETURN(object.size, NumberIn(child.Text("Size"), what));
          page.push_back(std::move(object));
        }
        RETURN_IF_ERROR(sink(page));
        if (root.Text("IsTruncated") != "true") return Pairs();
        Pairs following = first;
        following.emplace_back("continuation-token", std::string(root.Text("NextContinuationToken")));
        return following;
      },
      stop);
}

absl::StatusOr<std::vector<UnfinishedUpload>> S3Bucket::ListUnfinished(const std::string& prefix,
                                                                       const std::stop_token& stop) {
  const Pairs first = {{"uploads", ""}, {"prefix", Whole(prefix)}};
  std::vector<UnfinishedUpload> found;
  RETURN_IF_ERROR(Pages(
      "list of unfinished uploads", first,
      [&](const XmlElement& root) -> absl::StatusOr<Pairs> {
        for (const XmlElement& child : root.children) {
          if (child.name != "Upload") continue;
          UnfinishedUpload upload{Own(child.Text("Key")), std::string(child.Text("UploadId")),
                                  absl::InfiniteFuture()};
          // One whose time is not understood is never old enough.
          absl::ParseTime(absl::RFC3339_full, Av(child.Text("Initiated")), &upload.begun, nullptr);
          if (!upload.key.empty() && !upload.id.empty()) found.push_back(std::move(upload));
        }
        if (root.Text("IsTruncated") != "true") return Pairs();
        Pairs following = first;
        following.emplace_back("key-marker", std::string(root.Text("NextKeyMarker")));
        following.emplace_back("upload-id-marker", std::string(root.Text("NextUploadIdMarker")));
        return following;
      },
      stop));
  return found;
}

}  // namespace

std::unique_ptr<http::HttpClient> MakeBucketHttpClient() {
  http::CurlOptions options;
  options.follow_redirects = false;
  options.connect_limit = absl::Seconds(5);
  return http::MakeCurlHttpClient(std::move(options));
}

std::unique_ptr<Bucket> MakeS3Bucket(http::HttpClient& client, S3Options options) {
  return std::make_unique<S3Bucket>(client, std::move(options));
}

}  // namespace crossmill::bucket
