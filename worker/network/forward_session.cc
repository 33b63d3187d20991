#include "worker/network/forward_session.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::worker {
namespace {

constexpr std::string_view kSignature = "crossmill recording proxy: ";

// One line of a head: texts of other programs may hold anything.
std::string Reason(const std::string& text) { return Printable(text.substr(0, 200)); }

// One direction of a tunnel.
Awaitable<void> PassOn(ClientConnection& connection, TcpStream& from, TcpStream& to, int64_t* bytes) {
  while (true) {
    if (from.Buffered().empty()) {
      if (const boost::system::error_code error = co_await from.Fill()) {
        // An end is passed on; after anything else nothing of the tunnel is of use.
        if (error == asio::error::eof) {
          to.EndWriting();
        } else {
          from.Close();
          to.Close();
        }
        co_return;
      }
    }
    const std::string_view piece = from.Buffered();
    if (co_await to.Write(piece)) {
      from.Close();
      to.Close();
      co_return;
    }
    *bytes += static_cast<int64_t>(piece.size());
    from.Consume(piece.size());
    connection.Progress();
  }
}

}  // namespace

// ---- FetchNote ----

FetchNote::FetchNote(FetchLog& log, Clock& clock, const ProxyRequest& request, const std::string& method)
    : log_(log), began_(std::chrono::steady_clock::now()) {
  fetch.set_kind(request.tunnel ? v1::Fetch::KIND_TUNNEL : v1::Fetch::KIND_HTTP);
  fetch.set_method(Printable(method.substr(0, 32)));
  if (!request.tunnel) fetch.set_scheme("http");
  fetch.set_host(NormalHost(request.to.host));
  fetch.set_port(request.to.port);
  fetch.set_url(RecordedUrl(request));
  fetch.set_started_at(UnixNanos(clock.Now()));
}

FetchNote::~FetchNote() {
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began_;
  fetch.set_seconds(seconds.count());
  if (!complete && fetch.error().empty() && fetch.refused_by().empty()) fetch.set_error("not complete");
  log_.Add(std::move(fetch));
}

// ---- ForwardSession ----

ForwardSession::ForwardSession(asio::io_context& context, NameResolver& resolver, Clock& clock,
                               const ForwardProxyOptions& options, UniqueFd listener, StepUse use)
    : context_(context),
      resolver_(resolver),
      clock_(clock),
      options_(options),
      use_(std::move(use)),
      server_(context, std::move(listener), options.limits,
              [this](Connection connection) { return Serve(std::move(connection)); }) {}

Awaitable<void> ForwardSession::Serve(Connection connection) {
  bool keep = true;
  while (keep && !connection->aborted()) {
    const absl::StatusOr<RequestHead> head = co_await connection->ReadRequest();
    if (absl::IsOutOfRange(head.status()) || absl::IsUnavailable(head.status())) co_return;
    if (!head.ok()) {
      keep = co_await Refuse(*connection, nullptr, head.status());
      continue;
    }
    absl::StatusOr<ProxyRequest> request = CheckProxyRequest(*head);
    if (!request.ok()) {
      keep = co_await Refuse(*connection, &*head, request.status());
    } else if (request->tunnel) {
      co_await Connect(connection, *head, *request);
      keep = false;
    } else {
      keep = co_await Exchange(connection, *head, *request);
    }
  }
}

// What is not a request that could be carried. Nothing behind it is believed, so the connection ends.
Awaitable<bool> ForwardSession::Refuse(ClientConnection& connection, const RequestHead* head,
                                       const absl::Status& why) {
  std::pair<int, const char*> status = {400, "Bad Request"};
  if (absl::IsDeadlineExceeded(why)) status = {408, "Request Timeout"};
  if (absl::IsResourceExhausted(why)) status = {431, "Request Header Fields Too Large"};
  if (absl::IsUnimplemented(why)) status = {501, "Not Implemented"};
  v1::Fetch fetch;
  fetch.set_kind(v1::Fetch::KIND_HTTP);
  if (head != nullptr) fetch.set_method(Printable(head->method.substr(0, 32)));
  fetch.set_status(static_cast<uint32_t>(status.first));
  fetch.set_started_at(UnixNanos(clock_.Now()));
  fetch.set_refused_by("malformed request");
  fetch.set_error(Printable(Sv(why.message())));
  use_.log.Add(std::move(fetch));
  const std::string text = fmt::format("{}{}\n", kSignature, Printable(Sv(why.message())));
  co_return co_await connection.Answer(head, status.first, status.second, text, {}, false);
}

Awaitable<bool> ForwardSession::AnswerFailure(ClientConnection& connection, const RequestHead& head,
                                              const ProxyRequest& request, const DialFailure& failure,
                                              FetchNote* note) {
  note->fetch.set_status(static_cast<uint32_t>(failure.status));
  note->fetch.set_refused_by(failure.rule);
  if (failure.rule.empty()) note->fetch.set_error(Printable(failure.text));
  std::string reason = "Bad Gateway";
  std::vector<HeadField> more;
  if (failure.status == 504) reason = "Gateway Timeout";
  if (!failure.rule.empty()) {
    // Programs show this of a failed CONNECT, and no body.
    reason = Reason(fmt::format("Refused by the rule '{}'", failure.rule));
    more.push_back({"X-Crossmill-Rule", Reason(failure.rule)});
  }
  const bool keep = !request.tunnel && request.body.kind == BodyLength::kNone && head.version == 11 &&
                    !head.fields.HasWord("Connection", "close");
  const std::string text = fmt::format("{}{}\n", kSignature, Printable(failure.text));
  co_return co_await connection.Answer(&head, failure.status, std::move(reason), text, std::move(more), keep);
}

Awaitable<void> ForwardSession::Connect(Connection connection, const RequestHead& head,
                                        const ProxyRequest& request) {
  FetchNote note(use_.log, clock_, request, head.method);
  const UpstreamProxy* proxy = nullptr;
  const DialFailure failure = co_await Dial(*connection, request, &proxy);
  if (connection->aborted()) co_return;
  if (failure.failed()) {
    co_await AnswerFailure(*connection, head, request, failure, &note);
    co_return;
  }
  note.fetch.set_status(200);
  if (co_await connection->client.Write("HTTP/1.1 200 Connection established\r\n\r\n")) co_return;
  co_await Tunnel(connection, note);
}

Awaitable<void> ForwardSession::Tunnel(Connection connection, FetchNote& note) {
  struct Counts {
    int64_t up = 0;
    int64_t down = 0;
    bool sent = false;
  };
  const auto counts = std::make_shared<Counts>();
  connection->Progress();
  asio::co_spawn(
      context_,
      [](Connection held, std::shared_ptr<Counts> shared) -> Awaitable<void> {
        co_await PassOn(*held, held->client, *held->up, &shared->up);
      }(connection, counts),
      [connection, counts](std::exception_ptr) {
        counts->sent = true;
        connection->Wake();
      });
  co_await PassOn(*connection, *connection->up, connection->client, &counts->down);
  if (connection->timed_out()) {
    connection->client.Close();
    connection->up->Close();
  }
  while (!counts->sent) {
    co_await connection->Pause();
    if (connection->timed_out()) {
      connection->client.Close();
      connection->up->Close();
    }
  }
  note.fetch.set_bytes_up(counts->up);
  note.fetch.set_bytes_down(counts->down);
  note.complete = !connection->timed_out();
  if (connection->timed_out()) note.fetch.set_error("nothing was sent for too long");
}

}  // namespace crossmill::worker
