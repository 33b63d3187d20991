#include "common/index/index_pages.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/status.h"

namespace crossmill::index {
namespace {

// JSON first; what is asked is part of what the record shows, so it never changes with the client.
constexpr char kAccept[] =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";
constexpr absl::Duration kLongest = absl::Hours(24);

// max-age of a Cache-Control header; zero: ask each time.
absl::Duration MaxAge(std::string_view header) {
  const std::string text = absl::AsciiStrToLower(Av(header));
  if (text.find("no-cache") != std::string::npos || text.find("no-store") != std::string::npos) return {};
  const size_t at = text.find("max-age=");
  int64_t seconds = 0;
  if (at == std::string::npos ||
      std::from_chars(text.data() + at + 8, text.data() + text.size(), seconds).ec != std::errc() ||
      seconds < 0) {
    return {};
  }
  return std::min(absl::Seconds(seconds), kLongest);
}

}  // namespace

IndexPages::IndexPages(IndexAddress address, http::HttpClient& client, Clock& clock,
                       IndexPagesOptions options)
    : address_(std::move(address)), client_(client), clock_(clock), options_(options) {}

std::optional<IndexPages::Entry> IndexPages::Find(const std::string& url) {
  {
    MutexLock lock(mutex_);
    const auto found = by_url_.find(url);
    if (found != by_url_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return *found->second;
    }
  }
  if (options_.archive == nullptr) return std::nullopt;
  auto page = options_.archive->Load(url);
  if (!page.ok()) return std::nullopt;
  // A page that cannot be read any more is as good as none.
  auto entry = Read(url, *std::move(page));
  if (!entry.ok()) return std::nullopt;
  Keep(*entry);
  return *std::move(entry);
}

void IndexPages::Keep(Entry entry) {
  MutexLock lock(mutex_);
  if (const auto found = by_url_.find(entry.url); found != by_url_.end()) {
    bytes_ -= found->second->page.body.size();
    entries_.erase(found->second);
    by_url_.erase(found);
  }
  bytes_ += entry.page.body.size();
  entries_.push_front(std::move(entry));
  by_url_[entries_.front().url] = entries_.begin();
  while (bytes_ > options_.memory && entries_.size() > 1) {
    bytes_ -= entries_.back().page.body.size();
    by_url_.erase(entries_.back().url);
    entries_.pop_back();
  }
}

absl::StatusOr<IndexPages::Entry> IndexPages::Read(const std::string& url, KeptPage page) const {
  const auto fail = [&](const absl::Status& status) {
    return absl::Status(
        absl::IsResourceExhausted(status) ? status.code() : absl::StatusCode::kFailedPrecondition,
        Av(fmt::format("{}: {}", ShownUrl(url), Sv(status.message()))));
  };
  const auto form = python::IndexFormOf(page.content_type);
  if (!form.ok()) return fail(form.status());
  auto document = python::ReadIndex(*form, page.body, page.url, options_.limits);
  if (!document.ok()) return fail(document.status());
  Entry entry;
  entry.url = url;
  entry.page = std::move(page);
  entry.document = std::make_shared<const python::IndexDocument>(*std::move(document));
  return entry;
}

absl::StatusOr<std::shared_ptr<const python::IndexDocument>> IndexPages::Get(const PageQuestion& question,
                                                                             PageFetch* fetch) {
  const std::string url = address_.PageUrl(question.project);
  PageFetch unused;
  if (fetch == nullptr) fetch = &unused;
  fetch->url = ShownUrl(url);
  fetch->started = clock_.Now();
  ASSIGN_OR_RETURN(const auto hold, KeyedLock::Hold::Wait(asking_, url, question.stop));
  std::optional<Entry> known = Find(url);
  if (known.has_value() && (question.offline || clock_.Now() < known->page.fresh_until))
    return known->document;
  if (question.offline) {
    return absl::NotFoundError(
        fmt::format("{} is not kept on the farm, and --offline asks nobody else", ShownUrl(url)));
  }
  auto document = Ask(question, std::move(known), url, fetch);
  fetch->took = clock_.Now() - fetch->started;
  return document;
}

absl::StatusOr<std::shared_ptr<const python::IndexDocument>> IndexPages::Ask(const PageQuestion& question,
                                                                             std::optional<Entry> known,
                                                                             const std::string& url,
                                                                             PageFetch* fetch) {
  http::HttpRequest request;
  request.url = url;
  request.stop = question.stop;
  request.headers = address_.HeadersFor(url);
  request.headers.emplace_back("Accept", kAccept);
  if (known.has_value() && !known->page.etag.empty())
    request.headers.emplace_back("If-None-Match", known->page.etag);
  if (known.has_value() && known->page.etag.empty() && !known->page.last_modified.empty()) {
    request.headers.emplace_back("If-Modified-Since", known->page.last_modified);
  }
  fetch->outside = true;
  auto answer = http::Fetch(client_, request, options_.limits.bytes);
  if (!answer.ok()) return ShownError(answer.status(), url);
  auto& [head, body] = *answer;
  fetch->status = head.status;
  fetch->bytes = static_cast<int64_t>(body.size());
  const absl::Time fresh_until = clock_.Now() + MaxAge(head.Header("cache-control"));
  if (head.status == 304 && known.has_value()) {
    known->page.fresh_until = fresh_until;
    auto document = known->document;
    Keep(*std::move(known));
    return document;
  }
  if (head.status != 200) return ErrorOfAnswer(url, head.status);
  KeptPage page;
  page.content_type = head.Header("content-type");
  page.body = std::move(body);
  page.url = head.url;
  page.etag = head.Header("etag");
  page.last_modified = head.Header("last-modified");
  page.fresh_until = fresh_until;
  ASSIGN_OR_RETURN(Entry entry, Read(url, std::move(page)));
  auto document = entry.document;
  // A page that cannot be kept for others is still an answer.
  if (options_.archive != nullptr) options_.archive->Save(url, entry.page).IgnoreError();
  Keep(std::move(entry));
  return document;
}

}  // namespace crossmill::index
