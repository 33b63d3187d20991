#include "common/fetch/http_file.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/fetch/git_reference.h"

namespace crossmill::fetch {
namespace {

constexpr absl::Duration kFirstWait = absl::Milliseconds(500);
constexpr absl::Duration kLongestWait = absl::Seconds(60);
// However much progress each try makes.
constexpr int kMaxTries = 100;
constexpr int64_t kMinute = 60;

std::optional<int64_t> Number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

void WaitOrStop(absl::Duration time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, absl::ToChronoNanoseconds(time), [] { return false; });
}

bool IsPassing(int status) {
  return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

// A validator that promises equal bytes; If-Range takes no other.
bool IsStrong(std::string_view etag) { return !etag.empty() && !etag.starts_with("W/"); }

// First and last byte and the whole size of "bytes 0-9/100"; size 0 for "*".
bool ParseContentRange(std::string_view text, int64_t* first, int64_t* size) {
  if (!text.starts_with("bytes ")) return false;
  text.remove_prefix(6);
  const size_t dash = text.find('-');
  const size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return false;
  const auto begin = Number(text.substr(0, dash));
  if (!begin) return false;
  *first = *begin;
  *size = Number(text.substr(slash + 1)).value_or(0);
  return true;
}

class Download {
 public:
  Download(http::HttpClient& client, BlobStore& store, const std::string& url, const HttpFileOptions& options)
      : client_(client), store_(store), url_(url), shown_(WithoutCredentials(url)), options_(options) {}

  absl::StatusOr<HttpFile> Run() {
    if (!options_.checksum.empty()) {
      auto hash = HashOfOci(options_.checksum);
      if (!hash.ok()) {
        return absl::InvalidArgumentError(
            fmt::format("{}: the checksum {} is not sha256: and 64 hex digits", shown_, options_.checksum));
      }
    }
    RETURN_IF_ERROR(http::ParseUrl(url_).status().ok()
                        ? absl::OkStatus()
                        : absl::InvalidArgumentError(fmt::format("{} is not an http or https URL", shown_)));
    int failures = 0;
    for (int attempt = 0; attempt < kMaxTries; ++attempt) {
      const int64_t before = received_;
      absl::StatusOr<bool> done = Try();
      if (done.ok() && *done) return Finish();
      if (!done.ok() && !retry_) return Clean(done.status());
      const bool further = received_ - before >= kMinute * options_.floor_rate;
      failures = further ? 1 : failures + 1;
      last_ = done.status();
      if (failures >= std::max(1, options_.attempts)) break;
      const absl::Duration wait =
          retry_after_ ? *retry_after_ : kFirstWait * (1 << std::min(failures - 1, 7));
      Wait(std::min(wait, kLongestWait));
      if (options_.stop.stop_requested()) return absl::CancelledError(fmt::format("{}: cancelled", shown_));
    }
    return Clean(last_);
  }

 private:
  // True: the file is whole. An error with retry_ set may pass.
  absl::StatusOr<bool> Try() {
    retry_ = false;
    retry_after_.reset();
    http::HttpRequest request;
    request.url = url_;
    request.stop = options_.stop;
    request.idle_limit = absl::Seconds(kMinute);
    request.floor_rate = options_.floor_rate;
    request.headers.emplace_back("Accept", "*/*");
    if (!options_.authorization.empty())
      request.headers.emplace_back("Authorization", options_.authorization);
    const bool resume = received_ > 0 && !Validator().empty();
    if (received_ > 0 && !resume) Restart();
    if (resume) {
      request.headers.emplace_back("Range", fmt::format("bytes={}-", received_));
      request.headers.emplace_back("If-Range", Validator());
    } else {
      if (!options_.known_etag.empty()) request.headers.emplace_back("If-None-Match", options_.known_etag);
      if (!options_.known_last_modified.empty()) {
        request.headers.emplace_back("If-Modified-Since", options_.known_last_modified);
      }
    }
    began_ = false;
    absl::Status sink_status;
    const auto response =
        client_.Send(request, [&](const http::HttpResponse& head, std::string_view bytes) -> absl::Status {
          sink_status = Take(head, bytes);
          return sink_status;
        });
    if (!sink_status.ok()) return sink_status;
    if (!response.ok()) {
      retry_ = absl::IsUnavailable(response.status());
      return response.status();
    }
    return Judge(*response);
  }

  absl::StatusOr<bool> Judge(const http::HttpResponse& response) {
    if (response.status == 304 && !(options_.known_etag.empty() && options_.known_last_modified.empty())) {
      file_.not_modified = true;
      file_.etag = response.Header("etag");
      file_.last_modified = response.Header("last-modified");
      return true;
    }
    if (response.status == 200 || response.status == 206) {
      // Also when there was no body: an empty file.
      if (!began_) RETURN_IF_ERROR(Begin(response));
      if (restarted_) {
        restarted_ = false;
        retry_ = true;
        return absl::UnavailableError(fmt::format("{}: the server continued at another place", shown_));
      }
      return true;
    }
    if (response.status == 416 && received_ > 0) {
      // The file has become shorter: from the beginning.
      Restart();
      retry_ = true;
    } else if (IsPassing(response.status)) {
      retry_ = true;
      retry_after_ = RetryAfter(response.Header("retry-after"));
    }
    const std::string text = fmt::format("{}: the server answers {}", shown_, response.status);
    switch (response.status) {
      case 404:
      case 410:
        return absl::NotFoundError(text);
      case 401:
      case 403:
        return absl::PermissionDeniedError(text);
      case 407:
        return absl::PermissionDeniedError(text + " (the proxy wants credentials)");
      default:
        return retry_ || response.status >= 500 ? absl::UnavailableError(text)
                                                : absl::FailedPreconditionError(text);
    }
  }

  absl::Status Take(const http::HttpResponse& head, std::string_view bytes) {
    // Bodies of redirects and errors are nobody's file.
    if (head.status != 200 && head.status != 206) return absl::OkStatus();
    if (!began_) RETURN_IF_ERROR(Begin(head));
    if (restarted_) return absl::OkStatus();
    RETURN_IF_ERROR(CheckSize(received_ + static_cast<int64_t>(bytes.size())));
    RETURN_IF_ERROR(writer_->Write(bytes));
    received_ += static_cast<int64_t>(bytes.size());
    if (options_.on_progress) options_.on_progress(received_, total_);
    return absl::OkStatus();
  }

  // The head of an answer with (a part of) the file.
  absl::Status Begin(const http::HttpResponse& head) {
    began_ = true;
    restarted_ = false;
    if (head.status == 206) {
      int64_t first = 0;
      int64_t size = 0;
      if (received_ > 0 && ParseContentRange(head.Header("content-range"), &first, &size) &&
          first == received_) {
        if (size > 0) total_ = size;
        return absl::OkStatus();
      }
      Restart();
      restarted_ = true;
      return absl::OkStatus();
    }
    Restart();
    file_.etag = head.Header("etag");
    file_.last_modified = head.Header("last-modified");
    file_.mtime = ParseHttpTime(file_.last_modified);
    file_.name = FileNameOf(url_, head.Header("content-disposition"));
    accepts_ranges_ = head.Header("accept-ranges") != "none";
    total_ = Number(head.Header("content-length")).value_or(0);
    RETURN_IF_ERROR(CheckSize(total_));
    Digest none;
    ASSIGN_OR_RETURN(writer_, store_.Create(none));
    return absl::OkStatus();
  }

  absl::Status CheckSize(int64_t bytes) const {
    if (options_.most_bytes == 0 || bytes <= options_.most_bytes) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("{}: the file is longer than {} bytes, which is what this farm fetches", shown_,
                    options_.most_bytes));
  }

  void Restart() {
    writer_.reset();
    received_ = 0;
    total_ = 0;
  }

  // What proves that a later answer continues this file.
  std::string Validator() const {
    if (!accepts_ranges_) return "";
    if (IsStrong(file_.etag)) return file_.etag;
    return file_.etag.empty() ? file_.last_modified : "";
  }

  absl::StatusOr<HttpFile> Finish() {
    if (file_.not_modified) return std::move(file_);
    ASSIGN_OR_RETURN(file_.digest, writer_->Commit());
    if (!options_.checksum.empty() && file_.digest.Oci() != options_.checksum) {
      return absl::InvalidArgumentError(fmt::format("{}: the file's checksum is {}, expected {}", shown_,
                                                    file_.digest.Oci(), options_.checksum));
    }
    return std::move(file_);
  }

  std::optional<absl::Duration> RetryAfter(std::string_view text) const {
    if (const auto seconds = Number(text)) return absl::Seconds(*seconds);
    const int64_t time = ParseHttpTime(text);
    if (time == 0) return std::nullopt;
    return std::max(absl::FromUnixSeconds(time) - absl::Now(), absl::ZeroDuration());
  }

  void Wait(absl::Duration time) {
    if (options_.wait) {
      options_.wait(time);
    } else {
      WaitOrStop(time, options_.stop);
    }
  }

  absl::Status Clean(const absl::Status& status) const {
    std::string text = WithoutCredentials(Sv(status.message()));
    if (text.find(shown_) == std::string::npos) text = fmt::format("{}: {}", shown_, text);
    return absl::Status(status.code(), Av(text));
  }

  http::HttpClient& client_;
  BlobStore& store_;
  const std::string url_;
  // For messages.
  const std::string shown_;
  const HttpFileOptions& options_;
  HttpFile file_;
  std::unique_ptr<BlobWriter> writer_;
  int64_t received_ = 0;
  int64_t total_ = 0;
  bool accepts_ranges_ = true;
  // Of the running try: its head was seen; it does not continue what we have.
  bool began_ = false;
  bool restarted_ = false;
  bool retry_ = false;
  std::optional<absl::Duration> retry_after_;
  absl::Status last_;
};

// `filename=` of a Content-Disposition, the extended form first.
std::string DispositionName(std::string_view header) {
  const auto value_of = [header](std::string_view key) -> std::string {
    size_t at = 0;
    while ((at = header.find(key, at)) != std::string_view::npos) {
      const bool whole = at == 0 || header[at - 1] == ' ' || header[at - 1] == ';';
      at += key.size();
      if (!whole) continue;
      std::string_view value = header.substr(at);
      if (value.starts_with('"')) {
        value.remove_prefix(1);
        return std::string(value.substr(0, value.find('"')));
      }
      value = value.substr(0, value.find(';'));
      while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
      return std::string(value);
    }
    return "";
  };
  std::string extended = value_of("filename*=");
  if (const size_t quote = extended.rfind('\''); quote != std::string::npos)
    return extended.substr(quote + 1);
  return value_of("filename=");
}

// Empty when nothing is left that could name a file.
std::string SafeBaseName(std::string name) {
  while (name.ends_with('/')) name.pop_back();
  if (const size_t slash = name.rfind('/'); slash != std::string::npos) name.erase(0, slash + 1);
  if (name == "." || name == ".." || name.size() > 255 || name.find('\0') != std::string::npos) return "";
  return name;
}

}  // namespace

absl::StatusOr<HttpFile> FetchHttpFile(http::HttpClient& client, BlobStore& store, const std::string& url,
                                       const HttpFileOptions& options) {
  return Download(client, store, url, options).Run();
}

std::string FileNameOf(std::string_view url, std::string_view content_disposition) {
  const size_t scheme = url.find("://");
  std::string_view path = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  path = path.substr(0, path.find_first_of("?#"));
  const size_t slash = path.find('/');
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
  if (std::string name = SafeBaseName(DecodePercent(path)); !name.empty()) return name;
  if (std::string name = SafeBaseName(DecodePercent(DispositionName(content_disposition))); !name.empty())
    return name;
  return "__unnamed__";
}

int64_t ParseHttpTime(std::string_view text) {
  absl::Time time;
  std::string error;
  // The form that servers must use, and the two old ones that clients must understand.
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    if (absl::ParseTime(format, Av(text), absl::UTCTimeZone(), &time, &error))
      return absl::ToUnixSeconds(time);
  }
  return 0;
}

}  // namespace crossmill::fetch
