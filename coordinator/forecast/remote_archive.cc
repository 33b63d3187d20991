#include "coordinator/forecast/remote_archive.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// A zip's end with the longest comment, and what is before it of a usual directory.
constexpr int64_t kTail = 80 << 10;
constexpr int64_t kMostFetched = int64_t{64} << 20;

// "bytes 0-99/1234": first, last, size.
struct ContentRange {
  int64_t first = 0;
  int64_t last = 0;
  int64_t size = 0;
};

absl::StatusOr<ContentRange> ParseContentRange(std::string_view header) {
  ContentRange range;
  if (!header.starts_with("bytes ")) return absl::UnimplementedError("an answer without its range");
  const std::vector<std::string> parts = absl::StrSplit(Av(header.substr(6)), absl::ByAnyChar("-/"));
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &range.first) ||
      !absl::SimpleAtoi(parts[1], &range.last) || !absl::SimpleAtoi(parts[2], &range.size) ||
      range.first < 0 || range.last < range.first || range.size <= range.last)
    return absl::UnimplementedError("an answer whose range cannot be read");
  return range;
}

}  // namespace

absl::StatusOr<std::string> RemoteArchive::Fetch(const std::string& range) {
  http::HttpRequest request;
  request.url = url_;
  request.stop = stop_;
  request.headers = address_->HeadersFor(url_);
  request.headers.emplace_back("Accept-Encoding", "identity");
  request.headers.emplace_back("Range", "bytes=" + range);
  std::string bytes;
  const auto head =
      client_->Send(request, [&](const http::HttpResponse& response, std::string_view piece) -> absl::Status {
        // The whole file, which nobody asked for.
        if (response.status == 200) return absl::UnimplementedError("the server gives no ranges");
        fetched_ += static_cast<int64_t>(piece.size());
        if (fetched_ > kMostFetched)
          return absl::ResourceExhaustedError(fmt::format("more than {} bytes of a wheel", kMostFetched));
        if (response.status == 206) bytes += piece;
        return absl::OkStatus();
      });
  if (!head.ok()) return index::ShownError(head.status(), url_);
  if (head->status == 200 || head->status == 416)
    return absl::UnimplementedError("the server gives no ranges");
  if (head->status != 206) return index::ErrorOfAnswer(url_, head->status);
  ASSIGN_OR_RETURN(const ContentRange got, ParseContentRange(head->Header("content-range")));
  if (got.last - got.first + 1 != static_cast<int64_t>(bytes.size()))
    return absl::UnavailableError(fmt::format("{}: a range came in part", index::ShownUrl(url_)));
  if (size_ != 0 && size_ != got.size)
    return absl::UnavailableError(fmt::format("{}: it changed while it was read", index::ShownUrl(url_)));
  size_ = got.size;
  return bytes;
}

absl::StatusOr<RemoteArchive> RemoteArchive::Open(http::HttpClient& client,
                                                  const index::IndexAddress& address, std::string url,
                                                  std::stop_token stop) {
  RemoteArchive archive(client, address, std::move(url), std::move(stop));
  ASSIGN_OR_RETURN(archive.tail_, archive.Fetch(fmt::format("-{}", kTail)));
  if (static_cast<int64_t>(archive.tail_.size()) != std::min(kTail, archive.size_))
    return absl::UnimplementedError("the server gives other ranges than it is asked for");
  return archive;
}

absl::StatusOr<std::string> RemoteArchive::Read(int64_t offset, int64_t size) {
  if (size == 0) return "";
  const int64_t tail_begin = size_ - static_cast<int64_t>(tail_.size());
  if (offset >= tail_begin)
    return tail_.substr(static_cast<size_t>(offset - tail_begin), static_cast<size_t>(size));
  ASSIGN_OR_RETURN(std::string bytes, Fetch(fmt::format("{}-{}", offset, offset + size - 1)));
  if (static_cast<int64_t>(bytes.size()) != size)
    return absl::UnavailableError(fmt::format("{}: a range came in part", index::ShownUrl(url_)));
  return bytes;
}

}  // namespace crossmill::coordinator
