#include "worker/index/index_service.h"

#include <boost/asio/use_future.hpp>
#include <thread>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/http/http_client.h"
#include "worker/network/asio.h"
#include "worker/network/fetch_log.h"
#include "worker/network/http_head.h"

namespace crossmill::worker {
namespace {

using Connection = std::shared_ptr<ClientConnection>;

// Writes an answer from the thread that makes it; the socket is used on its context's thread only.
class WireReply final : public IndexReply {
 public:
  WireReply(asio::io_context& context, Connection connection, const RequestHead& request, bool keep)
      : context_(context), connection_(std::move(connection)), request_(request), keep_(keep) {}

  absl::Status Begin(int status, std::string_view reason,
                     const std::vector<std::pair<std::string, std::string>>& headers,
                     std::optional<int64_t> length) override {
    begun_ = true;
    ResponseHead head;
    head.status = status;
    head.reason = reason;
    for (const auto& [name, value] : headers) head.fields.list.push_back({name, value});
    if (length.has_value()) {
      head.fields.Set("Content-Length", std::to_string(*length));
    } else if (request_.version == 11) {
      chunked_ = true;
      head.fields.Set("Transfer-Encoding", "chunked");
    } else {
      keep_ = false;
    }
    head.fields.Set("Connection", keep_ ? "keep-alive" : "close");
    return Send(WriteResponseHead(head));
  }

  absl::Status Write(std::string_view bytes) override {
    if (bytes.empty()) return absl::OkStatus();
    if (!chunked_) return Send(bytes);
    return Send(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes));
  }

  void Break() override { broken_ = true; }

  // The answer is complete unless it was broken.
  void End() {
    if (chunked_ && !broken_ && request_.method != "HEAD") Send("0\r\n\r\n").IgnoreError();
  }

  // The connection can take another request.
  bool keeps() const { return begun_ && keep_ && !broken_ && !gone_; }

 private:
  absl::Status Send(std::string_view bytes) {
    if (gone_) return absl::CancelledError("the step has gone");
    auto sent = asio::co_spawn(
        context_,
        [](Connection to, std::string_view what) -> Awaitable<bool> {
          const boost::system::error_code error = co_await to->client.Write(what);
          to->Progress();
          co_return !error;
        }(connection_, bytes),
        asio::use_future);
    if (sent.get()) return absl::OkStatus();
    gone_ = true;
    return absl::CancelledError("the step has gone");
  }

  asio::io_context& context_;
  const Connection connection_;
  const RequestHead& request_;
  bool keep_;
  bool chunked_ = false;
  bool begun_ = false;
  bool broken_ = false;
  bool gone_ = false;
};

HttpQuestion QuestionOf(const RequestHead& head) {
  const auto field = [&](std::string_view name) {
    const std::string* value = head.fields.Find(name);
    return value == nullptr ? std::string() : *value;
  };
  HttpQuestion question;
  question.method = head.method;
  question.target = head.target;
  question.accept = field("Accept");
  question.range = field("Range");
  question.if_none_match = field("If-None-Match");
  return question;
}

// One step's use of the index. Runs on the thread of its context; made and destroyed by others.
class IndexSession final : public StepSession {
 public:
  IndexSession(asio::io_context& context, IndexProxy& proxy, const IndexServiceOptions& options,
               UniqueFd listener, StepUse use)
      : context_(context),
        proxy_(proxy),
        options_(options),
        use_(std::move(use)),
        policy_(use_.index),
        room_(context, asio::steady_timer::time_point::max()),
        server_(context, std::move(listener), options.limits,
                [this](Connection connection) { return Serve(std::move(connection)); }) {}

 private:
  Awaitable<void> Serve(Connection connection) {
    bool keep = true;
    while (keep && !connection->aborted()) {
      const absl::StatusOr<RequestHead> head = co_await connection->ReadRequest();
      if (absl::IsOutOfRange(head.status()) || absl::IsUnavailable(head.status())) co_return;
      if (!head.ok()) {
        co_await connection->Answer(nullptr, 400, "Bad Request", Text(Sv(head.status().message())), {},
                                    false);
        co_return;
      }
      const absl::StatusOr<BodyLength> body = BodyOfRequest(*head);
      if (!body.ok() || body->kind != BodyLength::kNone) {
        co_await connection->Answer(&*head, 413, "Content Too Large", Text("a package index takes no body"),
                                    {}, false);
        co_return;
      }
      while (running_ >= options_.requests && !connection->aborted()) {
        (void)co_await room_.async_wait(kAwait);
      }
      if (connection->aborted()) co_return;
      ++running_;
      keep = co_await Answer(connection, *head);
      --running_;
      room_.cancel();
    }
  }

  // The proxy waits for other hosts, so it answers on a thread of its own; this waits for it, and tells it to
  // stop when the step is over.
  Awaitable<bool> Answer(Connection connection, const RequestHead& head) {
    const bool keep = head.version == 11 && !head.fields.HasWord("Connection", "close");
    WireReply reply(context_, connection, head, keep);
    std::stop_source stop;
    bool done = false;
    asio::steady_timer ended(context_, asio::steady_timer::time_point::max());
    std::jthread answering([&] {
      const HttpQuestion question = QuestionOf(head);
      if (const auto fetch = proxy_.Answer(question, policy_, stop.get_token(), reply)) {
        v1::Fetch noted = FetchOf(*fetch);
        noted.set_method(Printable(head.method.substr(0, 32)));
        use_.log.Add(std::move(noted));
      }
      reply.End();
      asio::post(context_, [&] {
        done = true;
        ended.cancel();
        connection->Wake();
      });
    });
    while (!done && !connection->aborted() && !connection->timed_out()) co_await connection->Pause();
    if (!done) stop.request_stop();
    while (!done) (void)co_await ended.async_wait(kAwait);
    co_return reply.keeps();
  }

  static std::string Text(std::string_view why) {
    return fmt::format("crossmill package index: {}\n", Printable(why));
  }

  asio::io_context& context_;
  IndexProxy& proxy_;
  const IndexServiceOptions& options_;
  const StepUse use_;
  const IndexPolicy policy_;
  int running_ = 0;
  // Cancelled when a request is over.
  asio::steady_timer room_;
  // Last: its end is that of everything that runs.
  StepServer server_;
};

}  // namespace

v1::Fetch FetchOf(const IndexFetch& fetch) {
  v1::Fetch noted;
  noted.set_kind(v1::Fetch::KIND_INDEX);
  if (const auto url = http::ParseUrl(fetch.url); url.ok()) {
    noted.set_scheme(url->scheme);
    noted.set_host(url->host);
    const std::string_view port =
        std::string_view(url->authority).substr(std::min(url->host.size(), url->authority.size()));
    noted.set_port(port.starts_with(':') ? static_cast<uint32_t>(atoi(std::string(port.substr(1)).c_str()))
                                         : (url->scheme == "https" ? 443 : 80));
  }
  noted.set_url(Printable(fetch.url));
  noted.set_status(static_cast<uint32_t>(fetch.status));
  noted.set_bytes_down(fetch.bytes);
  noted.set_sha256(fetch.sha256);
  noted.set_started_at(UnixNanos(fetch.started));
  noted.set_seconds(absl::ToDoubleSeconds(fetch.took));
  noted.set_error(Printable(fetch.failure));
  noted.set_project(fetch.project);
  noted.set_file_name(fetch.file_name);
  noted.set_from_farm(fetch.from_farm);
  noted.set_compiled_in_build(fetch.compiled_in_build);
  noted.set_compiled_by_execution(fetch.compiled_by_execution);
  return noted;
}

absl::StatusOr<std::unique_ptr<StepSession>> IndexService::Serve(UniqueFd listener, StepUse use) {
  return std::make_unique<IndexSession>(threads_.Next(), proxy_, options_, std::move(listener),
                                        std::move(use));
}

}  // namespace crossmill::worker
