#include "coordinator/http/streams/event_stream.h"

#include <charconv>

#include "common/base/status.h"
#include "coordinator/http/problem.h"

namespace crossmill::coordinator::door {
namespace {

constexpr std::chrono::milliseconds kHeartbeat = std::chrono::seconds(15);

Response EventStreamHead() {
  Response head = MakeResponse(200, "text/event-stream", "");
  // Proxies that collect answers would keep the events.
  head.Set("X-Accel-Buffering", "no");
  return head;
}

// To its end, whatever still comes: the call uses the message until then.
Awaitable<void> Drain(const std::shared_ptr<StreamCall>& call) {
  call->Cancel();
  StreamCall::Item item = StreamCall::Item::kNothing;
  // Not awaited in the condition: GCC 12 makes a trap of such a loop with nothing in it.
  while (item != StreamCall::Item::kEnd) item = co_await call->Next(kHeartbeat);
}

}  // namespace

std::string EventText(std::string_view event, std::string_view data, std::optional<int64_t> id) {
  std::string text;
  if (id) text = fmt::format("id: {}\n", *id);
  text += fmt::format("event: {}\ndata: {}\n\n", event, data);
  return text;
}

std::optional<int64_t> LastEventId(const RequestHead& head) {
  int64_t number = 0;
  const std::string& text = head.last_event_id;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || number < 0)
    return std::nullopt;
  return number;
}

Awaitable<absl::Status> SendEvents(Exchange& exchange, const std::shared_ptr<StreamCall>& call,
                                   const google::protobuf::Message& message, const TextOf& event_of) {
  exchange.OnAbort([call] { call->Cancel(); });
  // The first look is short: an error that is known at once becomes an answer, and who waits sees the head
  // soon.
  StreamCall::Item item = co_await call->Next(std::chrono::milliseconds(300));
  if (item == StreamCall::Item::kEnd && !call->status().ok()) {
    exchange.OnAbort(nullptr);
    co_await exchange.Send(ProblemResponse(call->status(), exchange.request_id()));
    co_return call->status();
  }
  bool reads = co_await exchange.Begin(EventStreamHead());
  if (reads) exchange.WatchClient([call] { call->Cancel(); });
  while (reads && item != StreamCall::Item::kEnd) {
    // With a name: GCC 12 destroys temporaries of conditions around co_await twice.
    std::string text = ": heartbeat\n\n";
    if (item == StreamCall::Item::kMessage) {
      // Whoever may not watch is told nothing.
      exchange.Know();
      text = event_of(message);
    }
    reads = co_await exchange.Write(text);
    if (reads) item = co_await call->Next(kHeartbeat);
  }
  if (item != StreamCall::Item::kEnd) co_await Drain(call);
  exchange.OnAbort(nullptr);
  if (reads) {
    const absl::Status& status = call->status();
    std::string last = EventText("end", "{}");
    if (!status.ok()) last = EventText("problem", ProblemJson(status, exchange.request_id()));
    (void)co_await exchange.Write(last);
  }
  co_await exchange.Finish();
  co_return call->status();
}

}  // namespace crossmill::coordinator::door
