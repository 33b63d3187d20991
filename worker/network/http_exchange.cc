// ForwardSession's HTTP exchanges: one request to an origin, and its response.
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "worker/network/forward_session.h"

namespace crossmill::worker {
namespace {

enum class Relayed { kWhole, kReadFailed, kWriteFailed, kMalformed };

// A body from one connection to the other, as it is. `bytes` counts what went over the wire.
// `stop`: it ends before it would wait again.
template <typename Content>
Awaitable<Relayed> RelayBody(ClientConnection& connection, TcpStream& from, TcpStream& to,
                             BodyFraming& framing, int64_t* bytes, const bool& stop, const Content& content) {
  while (!framing.done()) {
    if (stop) co_return Relayed::kReadFailed;
    if (from.Buffered().empty()) {
      if (const boost::system::error_code error = co_await from.Fill()) {
        const bool end = error == asio::error::eof && framing.End().ok();
        co_return end ? Relayed::kWhole : Relayed::kReadFailed;
      }
    }
    const absl::StatusOr<size_t> taken = framing.Take(from.Buffered(), content);
    if (!taken.ok()) co_return Relayed::kMalformed;
    if (co_await to.Write(from.Buffered().substr(0, *taken))) co_return Relayed::kWriteFailed;
    *bytes += static_cast<int64_t>(*taken);
    from.Consume(*taken);
    connection.Progress();
  }
  co_return Relayed::kWhole;
}

bool MayBeKept(int version, const HttpFields& fields) {
  if (fields.HasWord("Connection", "close")) return false;
  return version == 11 || fields.HasWord("Connection", "keep-alive");
}

// Programs of long ago say it to proxies this way.
bool ClientKeeps(const RequestHead& head) {
  return head.version == 11 && MayBeKept(head.version, head.fields) &&
         !head.fields.HasWord("Proxy-Connection", "close");
}

}  // namespace

// The request's body on its way, beside the response.
struct ForwardSession::Upload {
  bool over = false;
  bool stop = false;
  // The client left, or sent nonsense.
  bool client_failed = false;
  int64_t bytes = 0;
};

Awaitable<void> ForwardSession::Send(Connection connection, BodyLength length,
                                     std::shared_ptr<Upload> upload) {
  BodyFraming framing(length);
  const Relayed how = co_await RelayBody(*connection, connection->client, *connection->up, framing,
                                         &upload->bytes, upload->stop, [](std::string_view) {});
  // One whose origin stopped reading may still get a response.
  upload->client_failed = !upload->stop && !connection->timed_out() &&
                          (how == Relayed::kMalformed || how == Relayed::kReadFailed);
  if (upload->client_failed) connection->up->Cancel();
}

// Nothing reads from the client any more, nor writes to the origin.
Awaitable<void> ForwardSession::StopUpload(ClientConnection& connection, Upload& upload) {
  upload.stop = true;
  if (upload.over) co_return;
  connection.client.Cancel();
  if (connection.up) connection.up->Close();
  while (!upload.over) co_await connection.Pause();
}

// The final response's head; interim ones go to the client on the way, 101 comes back.
Awaitable<absl::StatusOr<ResponseHead>> ForwardSession::FirstResponse(ClientConnection& connection,
                                                                      const RequestHead& head,
                                                                      bool* nothing_came) {
  bool first = true;
  while (true) {
    bool nothing = false;
    absl::StatusOr<ResponseHead> response = co_await connection.ReadResponse(&nothing);
    if (first) *nothing_came = nothing;
    first = false;
    if (!response.ok() || response->status >= 200 || response->status == 101) co_return response;
    if (head.version == 10) continue;
    const std::string interim = WriteResponseHead(*response);
    if (co_await connection.client.Write(interim)) co_return absl::CancelledError("the step's program left");
  }
}

Awaitable<bool> ForwardSession::Exchange(Connection connection, const RequestHead& head,
                                         ProxyRequest& request) {
  ClientConnection& client = *connection;
  FetchNote note(use_.log, clock_, request, head.method);
  const std::string key = request.to.Text();
  const bool has_body = request.body.kind != BodyLength::kNone;
  const UpstreamProxy* proxy = nullptr;
  bool reused = !request.upgrade && TakeIdle(key, &client, &proxy);
  absl::StatusOr<ResponseHead> response = absl::UnknownError("none");
  auto upload = std::make_shared<Upload>();
  while (true) {
    if (!reused) {
      proxy = nullptr;
      const DialFailure failure = co_await Dial(client, request, &proxy);
      if (client.aborted()) co_return false;
      if (failure.failed()) co_return co_await AnswerFailure(client, head, request, failure, &note);
    }
    RequestHead forward = request.forward;
    if (proxy != nullptr) {
      forward.target = fmt::format("http://{}{}", request.to.Text(80), request.path);
      if (!proxy->authorization.empty()) forward.fields.Set("Proxy-Authorization", proxy->authorization);
    }
    const std::string bytes = WriteRequestHead(forward);
    (void)co_await client.up->Write(bytes);
    if (has_body) {
      asio::co_spawn(context_, Send(connection, request.body, upload),
                     [connection, upload](std::exception_ptr) {
                       upload->over = true;
                       connection->Wake();
                     });
    } else {
      upload->over = true;
    }
    bool nothing_came = false;
    response = co_await FirstResponse(client, head, &nothing_came);
    // The origin closed an idle connection at that very moment.
    if (response.ok() || !reused || !nothing_came || has_body || client.timed_out() || client.aborted())
      break;
    reused = false;
  }

  bool keep = false;
  if (response.ok() && response->status == 101) {
    note.fetch.set_status(101);
    note.fetch.set_kind(v1::Fetch::KIND_TUNNEL);
    const std::string bytes = WriteResponseHead(*response);
    if (request.upgrade && !has_body && !co_await client.client.Write(bytes))
      co_await Tunnel(connection, note);
  } else if (response.ok()) {
    keep = co_await Receive(client, head, *std::move(response), ClientKeeps(head), note);
  } else if (!client.aborted() && !absl::IsCancelled(response.status()) && !upload->client_failed) {
    const bool late = client.timed_out();
    co_await StopUpload(client, *upload);
    client.up->Close();
    const DialFailure failure{
        late ? 504 : 502, "",
        fmt::format("{} gave no response: {}", request.to.Text(),
                    late ? "it was silent for too long" : Sv(response.status().message()))};
    co_await AnswerFailure(client, head, request, failure, &note);
  }
  if (!upload->over) {
    // A response that did not wait for the whole request.
    keep = false;
    co_await StopUpload(client, *upload);
    co_await client.Linger();
  }
  note.fetch.set_bytes_up(upload->bytes);
  if (client.up && note.complete && client.up->open() && keep) KeepIdle(key, &client, proxy);
  client.up.reset();
  co_return keep;
}

Awaitable<bool> ForwardSession::Receive(ClientConnection& connection, const RequestHead& head,
                                        ResponseHead response, bool keep, FetchNote& note) {
  note.fetch.set_status(static_cast<uint32_t>(response.status));
  const absl::StatusOr<BodyLength> length = BodyOfResponse(response, head.method);
  if (!length.ok()) {
    connection.up->Close();
    note.fetch.set_error(std::string(Sv(length.status().message())));
    const std::string text = fmt::format("crossmill recording proxy: {}: a response with {}\n",
                                         note.fetch.host(), Sv(length.status().message()));
    co_await connection.Answer(&head, 502, "Bad Gateway", text, {}, false);
    co_return false;
  }
  const bool origin_keeps =
      MayBeKept(response.version, response.fields) && length->kind != BodyLength::kUntilClose;
  keep = keep && length->kind != BodyLength::kUntilClose;
  RemoveHopFields(&response.fields);
  // The body goes on as it came, so a client of HTTP/1.0 gets no chunks only because its version went along,
  // too.
  response.version = 11;
  if (!keep) response.fields.Set("Connection", "close");
  const std::string bytes = WriteResponseHead(response);
  BodyFraming framing(*length);
  Sha256 hash;
  int64_t count = 0;
  const auto content = [&hash](std::string_view piece) { hash.Update(piece); };
  // The head goes together with what of the body is there: a small response is one packet, as it came.
  const absl::StatusOr<size_t> begun = framing.Take(connection.up->Buffered(), content);
  const std::string_view first = connection.up->Buffered().substr(0, begun.value_or(0));
  if (co_await connection.client.Write(bytes, first)) {
    note.fetch.set_error("the step's program left");
    connection.up->Close();
    co_return false;
  }
  connection.up->Consume(first.size());
  count += static_cast<int64_t>(first.size());
  Relayed how = Relayed::kMalformed;
  if (begun.ok()) {
    how = co_await RelayBody(connection, *connection.up, connection.client, framing, &count, false, content);
  }
  note.fetch.set_bytes_down(count);
  if (how != Relayed::kWhole) {
    std::string why = "the origin ended the connection in the middle";
    if (how == Relayed::kWriteFailed) why = "the step's program left";
    if (how == Relayed::kMalformed) why = "a malformed chunked body";
    if (connection.timed_out()) why = "nothing was sent for too long";
    note.fetch.set_error(std::move(why));
    // The step's program sees a connection that broke, not a body that ended.
    connection.up->Close();
    connection.client.Close();
    co_return false;
  }
  note.complete = true;
  const bool whole_document =
      response.status / 100 == 2 && response.status != 206 && head.method != "HEAD" && count > 0;
  if (whole_document) note.fetch.set_sha256(hash.Finish().hash);
  if (!origin_keeps || !connection.up->Buffered().empty()) connection.up->Close();
  co_return keep;
}

}  // namespace crossmill::worker
