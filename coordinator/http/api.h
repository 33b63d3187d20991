// Answers the routes of the table: a request becomes a call of the service behind the route, as whom the
// request's credentials say, and the call's answer becomes the response.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "coordinator/http/access.h"
#include "coordinator/http/exchange.h"
#include "coordinator/http/rpc_calls.h"
#include "coordinator/http/streams/event_texts.h"
#include "coordinator/http/table/route_table.h"
#include "coordinator/http/table/transcoding.h"

namespace crossmill::coordinator::door {

// Thread safe. The references outlive it.
class Api {
 public:
  // `badge_reader`: the authorization with which badges are read for who has none; empty: they get none.
  Api(AnyStub& stub, AccessCheck& access, Clock& clock, const DoorLimits& limits, std::string badge_reader)
      : stub_(stub),
        access_(access),
        clock_(clock),
        limits_(limits),
        badge_reader_(std::move(badge_reader)) {}

  // Paths below /api/.
  Awaitable<void> Handle(Exchange& exchange);
  // One call with one answer, with the credentials of the request. For what is no route: sessions, metrics.
  Awaitable<absl::Status> Call(Exchange& exchange, std::string_view method, std::string authorization,
                               const google::protobuf::Message& request, google::protobuf::Message* response);
  // The same with credentials of the coordinator's own, which say nothing about the client.
  Awaitable<absl::Status> CallItself(Exchange& exchange, std::string_view method, std::string authorization,
                                     const google::protobuf::Message& request,
                                     google::protobuf::Message* response);
  Awaitable<void> Refuse(Exchange& exchange, const absl::Status& error);

 private:
  // A request on its way.
  struct Request {
    const Route* route = nullptr;
    std::string authorization;
    Parameters parameters;
    std::unique_ptr<google::protobuf::Message> message;
  };

  // What the services said of the credentials.
  void Note(Exchange& exchange, const std::string& authorization, const absl::Status& status);
  // The request's message, out of path, query, fields and body.
  Awaitable<absl::Status> Read(Exchange& exchange, Request& request);
  Awaitable<void> SendMessage(Exchange& exchange, Request& request);
  // api_notices.cc
  Awaitable<void> SendFeed(Exchange& exchange, Request& request);
  Awaitable<void> SendBadge(Exchange& exchange, Request& request);
  Awaitable<void> SendSubmission(Exchange& exchange, Request& request);
  Awaitable<void> SendRecipe(Exchange& exchange, Request& request);
  Awaitable<void> SendList(Exchange& exchange, Request& request);
  Awaitable<void> SendConsole(Exchange& exchange, Request& request);
  Awaitable<void> SendBuildEvents(Exchange& exchange, Request& request);
  Awaitable<void> SendFarmEvents(Exchange& exchange, Request& request);
  Awaitable<void> SendLogEvents(Exchange& exchange, Request& request);
  std::shared_ptr<StreamCall> StartStream(Exchange& exchange, Request& request, std::string_view method,
                                          std::shared_ptr<google::protobuf::Message> message);

  AnyStub& stub_;
  AccessCheck& access_;
  Clock& clock_;
  const DoorLimits& limits_;
  const std::string badge_reader_;
  // Lists, downloads and submissions with their files: most hold a thread of the services.
  std::atomic<int> streams_ = 0;
  // Streams of events, which hold none.
  std::atomic<int> followers_ = 0;
  EventTexts event_texts_;
};

}  // namespace crossmill::coordinator::door
