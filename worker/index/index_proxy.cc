#include "worker/index/index_proxy.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/python/package_name.h"
#include "worker/index/farm_wheels.h"

namespace crossmill::worker {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr size_t kReasonLength = 300;

bool IsTooNew(const python::IndexFile& file, const IndexPolicy& policy) {
  return policy.exclude_newer.has_value() &&
         (!file.uploaded.has_value() || *file.uploaded >= *policy.exclude_newer);
}

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 502;
  }
}

// One line, printable: clients show the reason of a status as it is.
std::string ReasonLine(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, kReasonLength)) {
    line += absl::ascii_isprint(static_cast<unsigned char>(c)) ? c : '?';
  }
  return line;
}

// Passes a file on, with the head as soon as it is known that one comes.
class ReplySink final : public index::FileSink {
 public:
  ReplySink(IndexReply& reply, int status, Headers headers, bool body)
      : reply_(reply), status_(status), headers_(std::move(headers)), body_(body) {}

  absl::Status Begin(std::optional<int64_t> size) override {
    begun_ = true;
    return reply_.Begin(status_, status_ == 206 ? "Partial Content" : "OK", headers_, size);
  }
  absl::Status Write(std::string_view bytes) override {
    return body_ ? reply_.Write(bytes) : absl::OkStatus();
  }
  bool begun() const { return begun_; }
  int status() const { return status_; }

 private:
  IndexReply& reply_;
  const int status_;
  const Headers headers_;
  const bool body_;
  bool begun_ = false;
};

const python::IndexFile* FindFile(const python::IndexDocument& document, std::string_view name) {
  const auto found = std::find_if(document.files.begin(), document.files.end(),
                                  [&](const python::IndexFile& file) { return file.file_name == name; });
  return found == document.files.end() ? nullptr : &*found;
}

}  // namespace

std::string RewritePage(const python::IndexDocument& document, python::IndexForm form, size_t index,
                        std::string_view project, const IndexPolicy& policy) {
  python::IndexWriting writing;
  writing.metadata = true;
  writing.rewrite = [&](const python::IndexFile& file) { return FileTarget(index, project, file.file_name); };
  if (!policy.exclude_newer.has_value()) return python::WriteIndex(form, document, writing);
  python::IndexDocument frozen = document;
  std::erase_if(frozen.files, [&](const python::IndexFile& file) { return IsTooNew(file, policy); });
  // Which of the versions without a file were there then nobody knows.
  frozen.versions.clear();
  if (frozen.api_version != "1.0") frozen.api_version = "1.0";
  return python::WriteIndex(form, frozen, writing);
}

// One request.
class IndexProxy::Call {
 public:
  Call(const IndexProxy& proxy, const HttpQuestion& question, const IndexPolicy& policy,
       const std::stop_token& stop, IndexReply& reply)
      : proxy_(proxy), question_(question), policy_(policy), stop_(stop), reply_(reply) {}

  std::optional<IndexFetch> Run() {
    if (question_.method != "GET" && question_.method != "HEAD") {
      Refuse(405, fmt::format("{} is not served by a package index", question_.method.substr(0, 20)),
             {{"Allow", "GET, HEAD"}});
      return std::nullopt;
    }
    const auto request = ParseIndexTarget(question_.target);
    if (!request.ok()) {
      Refuse(404, Sv(request.status().message()));
      return std::nullopt;
    }
    fetch_.wish = request->wish;
    fetch_.project = request->project;
    // A file's metadata is not the file.
    fetch_.file_name = request->file_name + (request->wish == IndexWish::kMetadata ? ".metadata" : "");
    Answer(*request);
    return std::move(fetch_);
  }

 private:
  void Answer(const IndexRequest& request) {
    if (request.index >= proxy_.indexes_.size()) {
      Fail(absl::NotFoundError(proxy_.indexes_.empty()
                                   ? "this worker knows no package index; its operator can name one"
                                   : "there is no such further index"));
      return;
    }
    index::IndexPages& pages = *proxy_.indexes_[request.index];
    index::PageQuestion page;
    page.project = request.project;
    page.offline = policy_.offline;
    page.stop = stop_;
    index::PageFetch fetched;
    const auto document = pages.Get(page, &fetched);
    fetch_.started = fetched.started;
    fetch_.url = fetched.url;
    fetch_.bytes = fetched.bytes;
    fetch_.took = fetched.took;
    fetch_.from_farm = !fetched.outside;
    if (!document.ok()) return Fail(document.status());
    const python::IndexDocument* shown = document->get();
    python::IndexDocument with_wheels;
    if (HasFarmWheels(request.project)) {
      with_wheels = *shown;
      AddFarmWheels(
          request.project, policy_.farm_wheels,
          [&](const Digest& digest) { return proxy_.files_.Has(digest); }, &with_wheels);
      shown = &with_wheels;
    }
    if (request.wish == IndexWish::kPage) {
      SendPage(*shown, request);
    } else {
      SendFile(pages, *shown, request);
    }
  }

  bool HasFarmWheels(std::string_view project) const {
    return std::any_of(policy_.farm_wheels.begin(), policy_.farm_wheels.end(),
                       [&](const v1::FarmWheel& wheel) { return wheel.project() == project; });
  }

  void SendPage(const python::IndexDocument& document, const IndexRequest& request) {
    const std::optional<python::IndexForm> form = ChooseForm(question_.accept);
    if (!form.has_value()) {
      Refuse(406, "a page comes as application/vnd.pypi.simple.v1+json or text/html");
      return;
    }
    const std::string body = RewritePage(document, *form, request.index, request.project, policy_);
    const std::string tag = fmt::format("\"{}\"", DigestOf(body).hash.substr(0, 32));
    // What is on the page may change with the next request: nobody keeps it without asking.
    const Headers headers = {{"Content-Type", std::string(python::ContentTypeOf(*form))},
                             {"ETag", tag},
                             {"Cache-Control", "no-cache"},
                             {"Vary", "Accept"}};
    if (question_.if_none_match == tag) {
      Send(304, "Not Modified", headers, "");
    } else {
      Send(200, "OK", headers, body);
    }
  }

  void SendFile(index::IndexPages& pages, const python::IndexDocument& document,
                const IndexRequest& request) {
    const python::IndexFile* file = FindFile(document, request.file_name);
    if (file == nullptr || IsTooNew(*file, policy_)) {
      Fail(absl::NotFoundError(fmt::format("the index has no file {} of {}{}", request.file_name,
                                           request.project,
                                           file == nullptr ? "" : " from before --exclude-newer")));
      return;
    }
    index::FileQuestion asked;
    asked.address = &pages.address();
    asked.file = file;
    asked.offline = policy_.offline;
    asked.stop = stop_;
    if (const v1::FarmWheel* wheel = FarmWheelOf(*file, policy_.farm_wheels)) {
      asked.offline = true;
      fetch_.compiled_in_build = wheel->build();
      fetch_.compiled_by_execution = wheel->execution();
    }
    if (request.wish == IndexWish::kMetadata) {
      SendMetadata(asked);
    } else {
      SendContent(asked);
    }
  }

  void SendMetadata(const index::FileQuestion& asked) {
    index::FileFetch fetched;
    if (!asked.file->core_metadata.has_value()) {
      fetch_.url = index::ShownUrl(asked.file->url) + ".metadata";
      Fail(absl::NotFoundError(
          fmt::format("the index has no metadata of {} by itself", asked.file->file_name)));
      return;
    }
    const auto text = proxy_.files_.Metadata(asked, &fetched);
    Note(fetched);
    if (text.ok()) {
      Send(200, "OK", {{"Content-Type", "application/octet-stream"}, {"Cache-Control", "max-age=86400"}},
           *text);
    } else {
      Fail(text.status());
    }
  }

  void SendContent(index::FileQuestion& asked) {
    Headers headers = {{"Content-Type", "application/octet-stream"},
                       {"Accept-Ranges", "bytes"},
                       {"Cache-Control", "max-age=86400"}};
    index::FileFetch fetched;
    int status = 200;
    if (question_.range.starts_with("bytes=")) {
      const auto stored = proxy_.files_.Ensure(asked, &fetched);
      if (!stored.ok()) {
        Note(fetched);
        return Fail(stored.status());
      }
      // Without a digest it cannot be kept, and comes whole.
      const auto range = stored->empty() ? std::optional<std::pair<int64_t, int64_t>>() : RangeOf(*stored);
      if (refused_) return Note(fetched);
      if (range.has_value()) {
        status = 206;
        asked.begin = range->first;
        asked.end = range->second;
        headers.emplace_back("Content-Range",
                             fmt::format("bytes {}-{}/{}", range->first, range->second - 1, stored->size));
      }
    }
    // What was fetched for the range is what goes on record.
    const bool noted = fetched.outside;
    ReplySink sink(reply_, status, std::move(headers), question_.method == "GET");
    const absl::Status sent = proxy_.files_.Get(asked, sink, noted ? nullptr : &fetched);
    Note(fetched);
    if (sent.ok()) {
      fetch_.status = status;
    } else if (sink.begun()) {
      fetch_.status = status;
      fetch_.failure = Sv(sent.message());
      reply_.Break();
    } else {
      Fail(sent);
    }
  }

  // nullopt: the whole. Refuses a range that is not within the file.
  std::optional<std::pair<int64_t, int64_t>> RangeOf(const Digest& stored) {
    auto range = ParseRange(question_.range, stored.size);
    if (range.ok()) return *range;
    refused_ = true;
    Refuse(416, Sv(range.status().message()), {{"Content-Range", fmt::format("bytes */{}", stored.size)}});
    return std::nullopt;
  }

  void Note(const index::FileFetch& fetched) {
    fetch_.url = fetched.url;
    fetch_.bytes = fetched.bytes;
    fetch_.sha256 = fetched.sha256;
    fetch_.took = fetched.took;
    fetch_.from_farm = !fetched.outside;
  }

  void Fail(const absl::Status& status) {
    fetch_.failure = Sv(status.message());
    Refuse(HttpStatusOf(status), Sv(status.message()));
  }

  void Refuse(int status, std::string_view why, const Headers& more = {}) {
    Headers headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}};
    headers.insert(headers.end(), more.begin(), more.end());
    Send(status, ReasonLine(why), headers, fmt::format("crossmill: {}\n", why));
  }

  void Send(int status, std::string_view reason, const Headers& headers, std::string_view body) {
    fetch_.status = status;
    if (!reply_.Begin(status, reason, headers, static_cast<int64_t>(body.size())).ok()) return;
    if (question_.method == "GET" && !body.empty()) reply_.Write(body).IgnoreError();
  }

  const IndexProxy& proxy_;
  const HttpQuestion& question_;
  const IndexPolicy& policy_;
  const std::stop_token& stop_;
  IndexReply& reply_;
  IndexFetch fetch_;
  bool refused_ = false;
};

std::optional<IndexFetch> IndexProxy::Answer(const HttpQuestion& question, const IndexPolicy& policy,
                                             const std::stop_token& stop, IndexReply& reply) {
  return Call(*this, question, policy, stop, reply).Run();
}

}  // namespace crossmill::worker
