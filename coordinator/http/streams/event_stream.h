// Server-Sent Events: the form of an event, and a call whose messages become events.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coordinator/http/exchange.h"
#include "coordinator/http/rpc_calls.h"

namespace crossmill::coordinator::door {

// "id: 7\nevent: event\ndata: {...}\n\n". `data` is one line.
std::string EventText(std::string_view event, std::string_view data, std::optional<int64_t> id = {});

// The number in Last-Event-ID; nothing if there is none.
std::optional<int64_t> LastEventId(const RequestHead& head);

// A message of the call as the text of its event; empty: none.
using TextOf = std::function<std::string(const google::protobuf::Message&)>;

// Answers with the events of the call until it ends: then with `end`, or `problem` if it failed after the
// head was sent, and before that with the error. A comment every 15 s shows that the connection lives. The
// call ends when the client goes away. Returns the call's status.
Awaitable<absl::Status> SendEvents(Exchange& exchange, const std::shared_ptr<StreamCall>& call,
                                   const google::protobuf::Message& message, const TextOf& event_of);

}  // namespace crossmill::coordinator::door
