#include "common/http/curl_http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"

namespace crossmill::http {
namespace {

constexpr long kMaxRedirects = 10;

struct HandleCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, HandleCloser>;

struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListCloser>;

// What the callbacks of one transfer share.
struct Transfer {
  const CurlOptions* options = nullptr;
  const HttpRequest* request = nullptr;
  const BodySink* sink = nullptr;
  HttpResponse head;
  absl::Status status;  // Of the sink or the body's source.
  int64_t sent = 0;     // Bytes taken from the body's source.
};

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

// One header line; a status line begins a new head (after redirects, "100 Continue" and proxies).
size_t OnHeader(char* data, size_t size, size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    const size_t space = line.find(' ');
    transfer->head.headers.clear();
    transfer->head.status =
        space == std::string_view::npos ? 0 : std::atoi(std::string(line.substr(space)).c_str());
  } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    transfer->head.headers[name] = Trimmed(line.substr(colon + 1));
  }
  return size * count;
}

size_t OnBody(char* data, size_t size, size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  // No exception may cross libcurl.
  try {
    transfer->status = (*transfer->sink)(transfer->head, std::string_view(data, size * count));
  } catch (const std::exception& error) {
    transfer->status = absl::InternalError(error.what());
  }
  return transfer->status.ok() ? size * count : 0;
}

size_t OnUpload(char* buffer, size_t size, size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  const HttpRequest& request = *transfer->request;
  const int64_t left = request.source_size - transfer->sent;
  const size_t wanted = std::min<size_t>(size * count, static_cast<size_t>(left));
  if (wanted == 0) return 0;
  try {
    const auto read = request.body_source(transfer->sent, buffer, wanted);
    if (read.ok() && *read > 0) {
      transfer->sent += static_cast<int64_t>(*read);
      return *read;
    }
    transfer->status = !read.ok() ? read.status()
                                  : absl::DataLossError(fmt::format("the body ended after {} of {} bytes",
                                                                    transfer->sent, request.source_size));
  } catch (const std::exception& error) {
    transfer->status = absl::InternalError(error.what());
  }
  return CURL_READFUNC_ABORT;
}

int OnSeek(void* context, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(context)->sent = offset;
  return CURL_SEEKFUNC_OK;
}

int OnProgress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(context)->request->stop.stop_requested() ? 1 : 0;
}

// Refuses addresses by the options. The message is the transfer's.
curl_socket_t OnOpenSocket(void* context, curlsocktype, curl_sockaddr* address) {
  auto* transfer = static_cast<Transfer*>(context);
  const std::string refusal = transfer->options->refuse_address(address->addr);
  if (!refusal.empty()) {
    transfer->status = absl::PermissionDeniedError(
        fmt::format("{} {}: {}", transfer->request->method, transfer->request->url, refusal));
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

absl::Status ErrorOf(CURLcode code, const char* detail, const Transfer& transfer) {
  if (!transfer.status.ok()) return transfer.status;
  const std::string text = fmt::format("{} {}: {}", transfer.request->method, transfer.request->url,
                                       *detail != '\0' ? detail : curl_easy_strerror(code));
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      return absl::CancelledError(text);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return absl::FailedPreconditionError(fmt::format(
          "{}; if the server's authority is your own, name its certificate file in SSL_CERT_FILE", text));
    default:
      return absl::UnavailableError(text);
  }
}

// First of the variables that is set.
std::string CaFile(const std::string& option) {
  if (!option.empty()) return option;
  for (const char* variable : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(CurlOptions options)
      : options_(std::move(options)), ca_file_(CaFile(options_.ca_file)) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)initialised;
  }

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, const BodySink& sink) override {
    ASSIGN_OR_RETURN(const Url url, ParseUrl(request.url));
    Handle handle = Take();
    if (handle == nullptr) return absl::ResourceExhaustedError("libcurl: no memory");
    Transfer transfer;
    transfer.request = &request;
    transfer.sink = &sink;
    char detail[CURL_ERROR_SIZE] = "";
    const HeaderList headers = HeadersOf(request);
    SetOptions(handle.get(), request, url);
    curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, detail);
    transfer.options = &options_;
    if (options_.refuse_address) {
      curl_easy_setopt(handle.get(), CURLOPT_OPENSOCKETFUNCTION, &OnOpenSocket);
      curl_easy_setopt(handle.get(), CURLOPT_OPENSOCKETDATA, &transfer);
    }
    SetCallbacks(handle.get(), &transfer);
    const CURLcode code = curl_easy_perform(handle.get());
    if (const char* last = nullptr;
        curl_easy_getinfo(handle.get(), CURLINFO_EFFECTIVE_URL, &last) == CURLE_OK && last != nullptr) {
      transfer.head.url = last;
    }
    if (code != CURLE_OK) return ErrorOf(code, detail, transfer);
    Put(std::move(handle));
    return std::move(transfer.head);
  }

 private:
  static HeaderList HeadersOf(const HttpRequest& request) {
    HeaderList list;
    const auto add = [&list](const std::string& line) {
      curl_slist* longer = curl_slist_append(list.get(), line.c_str());
      (void)list.release();
      list.reset(longer);
    };
    for (const auto& [name, value] : request.headers) add(fmt::format("{}: {}", name, value));
    // A body is sent at once: waiting for "100 Continue" only costs time.
    add("Expect:");
    return list;
  }

  void SetOptions(CURL* handle, const HttpRequest& request, const Url& url) const {
    const char* schemes = url.scheme == "https" ? "https" : "http,https";
    curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, options_.follow_redirects ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, kMaxRedirects);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    // A request that is stopped does not wait for a resolver that is asked in vain.
    curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, options_.user_agent.c_str());
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(options_.connect_limit)));
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(request.floor_rate));
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME,
                     std::max(1L, static_cast<long>(absl::ToInt64Seconds(request.idle_limit))));
    if (request.total_limit < absl::InfiniteDuration()) {
      curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS,
                       std::max(1L, static_cast<long>(absl::ToInt64Milliseconds(request.total_limit))));
    }
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L << 10);
    if (!ca_file_.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file_.c_str());
    if (IsLoopback(url.host) || !options_.use_proxies) curl_easy_setopt(handle, CURLOPT_PROXY, "");
    if (request.method == "HEAD") {
      curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    } else if (request.body_source) {
      curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
      curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.source_size));
      curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    } else if (request.method != "GET") {
      curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
      curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
  }

  static void SetCallbacks(CURL* handle, Transfer* transfer) {
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &OnHeader);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &OnBody);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
    if (transfer->request->body_source) {
      curl_easy_setopt(handle, CURLOPT_READFUNCTION, &OnUpload);
      curl_easy_setopt(handle, CURLOPT_READDATA, transfer);
      curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, &OnSeek);
      curl_easy_setopt(handle, CURLOPT_SEEKDATA, transfer);
    }
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &OnProgress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  }

  // Handles keep their connections; each is used by one request at a time.
  Handle Take() {
    MutexLock lock(mutex_);
    if (idle_.empty()) return Handle(curl_easy_init());
    Handle handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
  }

  void Put(Handle handle) {
    curl_easy_reset(handle.get());
    MutexLock lock(mutex_);
    idle_.push_back(std::move(handle));
  }

  const CurlOptions options_;
  const std::string ca_file_;
  Mutex mutex_;
  std::vector<Handle> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<HttpClient> MakeCurlHttpClient(CurlOptions options) {
  return std::make_unique<CurlHttpClient>(std::move(options));
}

}  // namespace crossmill::http
