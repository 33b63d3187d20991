#include "coordinator/http/api.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/base/wiping.h"
#include "coordinator/http/conditional.h"
#include "coordinator/http/problem.h"
#include "coordinator/http/streams/event_stream.h"
#include "coordinator/http/submit_files.h"
#include "coordinator/http/table/methods.h"
#include "coordinator/http/table/openapi.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::coordinator::door {
namespace {

constexpr std::chrono::milliseconds kCallTime = std::chrono::seconds(60);
constexpr int kMostStreams = 256;
constexpr int kMostFollowers = 2500;
constexpr size_t kMostListBytes = 64 << 20;
constexpr size_t kLongestKey = 256;
constexpr std::string_view kJson = "application/json";

// One of those that are counted, as long as it lives.
class StreamPlace {
 public:
  explicit StreamPlace(std::atomic<int>& count, int most = kMostStreams)
      : count_(count), mine_(++count <= most) {}
  ~StreamPlace() { --count_; }
  StreamPlace(const StreamPlace&) = delete;
  StreamPlace& operator=(const StreamPlace&) = delete;
  bool mine() const { return mine_; }

 private:
  std::atomic<int>& count_;
  const bool mine_;
};

absl::Status TooManyStreams(int most = kMostStreams) {
  return absl::UnavailableError(fmt::format("{} streams are open already; come again later", most));
}

std::string EventOf(std::string_view name, const google::protobuf::Message& data,
                    std::optional<int64_t> id = {}) {
  const absl::StatusOr<std::string> json = ToJson(data);
  return json.ok() ? EventText(name, *json, id) : std::string();
}

std::string EventOfBuild(const v1::WatchBuildResponse& response, int64_t build, EventTexts& texts) {
  const auto numbered = [&](const v1::BuildEvent& event) {
    return texts.Of(build, event.number(), [&] { return EventOf("event", event, event.number()); });
  };
  std::string text;
  switch (response.item_case()) {
    case v1::WatchBuildResponse::kEvent:
      return *numbered(response.event());
    case v1::WatchBuildResponse::kEvents:
      for (const v1::BuildEvent& event : response.events().events()) text += *numbered(event);
      return text;
    case v1::WatchBuildResponse::kLog:
      return EventOf("log", response.log());
    case v1::WatchBuildResponse::kProgress:
      return EventOf("progress", response.progress());
    case v1::WatchBuildResponse::ITEM_NOT_SET:
      break;
  }
  return text;
}

absl::Status CheckKey(const RequestHead& head) {
  if (head.idempotency_key.size() <= kLongestKey) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("Idempotency-Key: longer than {} characters", kLongestKey));
}

}  // namespace

Awaitable<void> Api::Refuse(Exchange& exchange, const absl::Status& error) {
  co_await exchange.Send(ProblemResponse(error, exchange.request_id()));
}

Awaitable<absl::Status> Api::Call(Exchange& exchange, std::string_view method, std::string authorization,
                                  const google::protobuf::Message& request,
                                  google::protobuf::Message* response) {
  const absl::Status status = co_await CallItself(exchange, method, authorization, request, response);
  Note(exchange, authorization, status);
  co_return status;
}

Awaitable<absl::Status> Api::CallItself(Exchange& exchange, std::string_view method,
                                        std::string authorization, const google::protobuf::Message& request,
                                        google::protobuf::Message* response) {
  const CallOptions options{"/" + std::string(method), authorization, kCallTime};
  const std::function<void(std::function<void()>)> on_abort = [&exchange](std::function<void()> cancel) {
    exchange.OnAbort(std::move(cancel));
  };
  co_return co_await CallOnce(stub_, options, request, response, on_abort);
}

void Api::Note(Exchange& exchange, const std::string& authorization, const absl::Status& status) {
  access_.Note(exchange.head(), authorization, status, clock_.Now());
  // Of others it is not certain that the services looked at the token.
  if (status.ok() && !authorization.empty() && authorization != badge_reader_) exchange.Know();
}

Awaitable<void> Api::Handle(Exchange& exchange) {
  const RequestHead& head = exchange.head();
  if (head.path == "/api/v1/openapi.json") {
    static const std::string document = WriteJson(OpenApiDocument());
    co_return co_await exchange.Send(Conditional(MakeResponse(200, kJson, document), head.if_none_match));
  }
  std::string allowed;
  const std::optional<RouteMatch> match = FindRoute(head.verb, head.path, &allowed);
  if (!match) {
    const bool known = !allowed.empty();
    Response response = ProblemResponse(known ? 405 : 404,
                                        known ? absl::UnimplementedError("this path is for " + allowed)
                                              : absl::NotFoundError("there is no such path"),
                                        exchange.request_id());
    if (known) response.Set("Allow", allowed);
    co_return co_await exchange.Send(std::move(response));
  }
  Request request;
  request.route = match->route;
  absl::StatusOr<std::string> credentials = access_.CredentialsOf(head, clock_.Now());
  if (!credentials.ok()) co_return co_await Refuse(exchange, credentials.status());
  request.authorization = *std::move(credentials);
  if (request.authorization.empty() && IsBadge(request.route->form)) request.authorization = badge_reader_;
  absl::StatusOr<Parameters> query = ParseQuery(head.query);
  if (!query.ok()) co_return co_await Refuse(exchange, query.status());
  request.parameters = match->parameters;
  request.parameters.insert(request.parameters.end(), query->begin(), query->end());
  switch (request.route->form) {
    case Form::kMessage:
      co_return co_await SendMessage(exchange, request);
    case Form::kFiles:
      co_return co_await SendSubmission(exchange, request);
    case Form::kList:
      co_return co_await SendList(exchange, request);
    case Form::kRecipe:
      co_return co_await SendRecipe(exchange, request);
    case Form::kFeed:
      co_return co_await SendFeed(exchange, request);
    case Form::kBuildBadge:
    case Form::kVerdictBadge:
      co_return co_await SendBadge(exchange, request);
    case Form::kEvents:
      co_return co_await SendBuildEvents(exchange, request);
    case Form::kFarmEvents:
      co_return co_await SendFarmEvents(exchange, request);
    case Form::kLog:
      co_return co_await SendConsole(exchange, request);
    case Form::kLogEvents:
      co_return co_await SendLogEvents(exchange, request);
  }
}

Awaitable<absl::Status> Api::Read(Exchange& exchange, Request& request) {
  const RequestHead& head = exchange.head();
  request.message = NewMessage(*RequestOf(*request.route));
  if (request.route->verb == "POST") {
    absl::StatusOr<std::string> body = co_await exchange.ReadBody(limits_.body_bytes);
    if (!body.ok()) co_return body.status();
    // There may be values of secrets in it.
    const AtScopeEnd wipe([&body] { Wipe(&*body); });
    if (absl::Status merged = MergeJson(*body, request.message.get()); !merged.ok()) co_return merged;
    const auto* key = request.message->GetDescriptor()->FindFieldByName("idempotency_key");
    if (absl::Status fits = CheckKey(head); !fits.ok()) co_return fits;
    if (key != nullptr && !head.idempotency_key.empty())
      request.message->GetReflection()->SetString(request.message.get(), key, head.idempotency_key);
  }
  co_return SetFields(request.parameters, *request.route, request.message.get());
}

Awaitable<void> Api::SendMessage(Exchange& exchange, Request& request) {
  if (const absl::Status read = co_await Read(exchange, request); !read.ok()) {
    if (absl::IsResourceExhausted(read))
      co_return co_await exchange.Send(ProblemResponse(413, read, exchange.request_id()));
    co_return co_await Refuse(exchange, read);
  }
  const std::unique_ptr<google::protobuf::Message> response =
      NewMessage(*FindMethod(request.route->method)->output_type());
  const absl::Status called =
      co_await Call(exchange, request.route->method, request.authorization, *request.message, response.get());
  if (!called.ok()) co_return co_await Refuse(exchange, called);
  absl::StatusOr<std::string> json = ToJson(*response);
  if (!json.ok()) co_return co_await Refuse(exchange, json.status());
  const bool created = response->GetDescriptor() == v1::SubmitBuildResponse::descriptor();
  Response answer = MakeResponse(created ? 201 : 200, kJson, *std::move(json));
  if (request.route->verb == "GET") answer = Conditional(std::move(answer), exchange.head().if_none_match);
  if (created) {
    const auto& build = static_cast<const v1::SubmitBuildResponse&>(*response);
    answer.Set("Location", fmt::format("/api/v1/builds/{}", build.build_id()));
  }
  co_await exchange.Send(std::move(answer));
}

Awaitable<void> Api::SendSubmission(Exchange& exchange, Request& request) {
  const RequestHead& head = exchange.head();
  const BodyKind kind = BodyKindOf(head.content_type);
  if (kind == BodyKind::kOther) {
    const absl::Status unknown = absl::InvalidArgumentError(
        fmt::format("Content-Type {}: expected application/json, multipart/form-data, or that of a tar: "
                    "application/x-tar, application/gzip, application/zstd, application/octet-stream",
                    Printable(std::string_view(head.content_type).substr(0, 200))));
    co_return co_await exchange.Send(ProblemResponse(415, unknown, exchange.request_id()));
  }
  if (const absl::Status key = CheckKey(head); !key.ok()) co_return co_await Refuse(exchange, key);
  // Nobody sends a context before it is known that he may submit. This asks for the same role and cancels
  // nothing: there is no submission without an id.
  v1::Submission none;
  const absl::Status known = co_await Call(exchange, "crossmill.v1.Submissions/CancelSubmission",
                                           request.authorization, v1::CancelSubmissionRequest(), &none);
  if (!known.ok() && !absl::IsNotFound(known)) co_return co_await Refuse(exchange, known);
  const StreamPlace place(streams_);
  if (!place.mine()) co_return co_await Refuse(exchange, TooManyStreams());
  auto response = std::make_shared<v1::Submission>();
  FilesRequest files{*request.route, request.parameters, request.authorization};
  const absl::Status status = co_await SubmitFiles(exchange, stub_, kind, std::move(files), response);
  if (absl::IsResourceExhausted(status))
    co_return co_await exchange.Send(ProblemResponse(413, status, exchange.request_id()));
  if (!status.ok()) co_return co_await Refuse(exchange, status);
  absl::StatusOr<std::string> json = ToJson(*response);
  if (!json.ok()) co_return co_await Refuse(exchange, json.status());
  const bool is_build = response->state() == v1::SUBMISSION_STATE_SUBMITTED;
  Response answer = MakeResponse(is_build ? 201 : 202, kJson, *std::move(json));
  answer.Set("Location", is_build ? fmt::format("/api/v1/builds/{}", response->build_id())
                                  : fmt::format("/api/v1/submissions/{}", response->id()));
  co_await exchange.Send(std::move(answer));
}

Awaitable<void> Api::SendRecipe(Exchange& exchange, Request& request) {
  if (const absl::Status read = co_await Read(exchange, request); !read.ok())
    co_return co_await Refuse(exchange, read);
  v1::BuildSubmission submission;
  const absl::Status called =
      co_await Call(exchange, request.route->method, request.authorization, *request.message, &submission);
  if (!called.ok()) co_return co_await Refuse(exchange, called);
  if (!submission.has_recipe())
    co_return co_await Refuse(exchange, absl::NotFoundError("the farm's own builds have no Dockerfile"));
  co_await exchange.Send(
      Conditional(MakeResponse(200, "text/plain; charset=utf-8", submission.recipe().dockerfile()),
                  exchange.head().if_none_match));
}

std::shared_ptr<StreamCall> Api::StartStream(Exchange& exchange, Request& request, std::string_view method,
                                             std::shared_ptr<google::protobuf::Message> message) {
  const CallOptions options{"/" + std::string(method), request.authorization};
  return StreamCall::Start(stub_, options, std::move(request.message), std::move(message),
                           exchange.executor());
}

Awaitable<void> Api::SendList(Exchange& exchange, Request& request) {
  if (const absl::Status read = co_await Read(exchange, request); !read.ok())
    co_return co_await Refuse(exchange, read);
  const StreamPlace place(streams_);
  if (!place.mine()) co_return co_await Refuse(exchange, TooManyStreams());
  const std::shared_ptr<google::protobuf::Message> item =
      NewMessage(*FindMethod(request.route->method)->output_type());
  const auto call = StartStream(exchange, request, request.route->method, item);
  exchange.OnAbort([call] { call->Cancel(); });
  std::string items;
  absl::Status failed;
  for (auto next = co_await call->Next(kCallTime); next != StreamCall::Item::kEnd;
       next = co_await call->Next(kCallTime)) {
    if (next == StreamCall::Item::kNothing) failed = absl::DeadlineExceededError("the answer takes too long");
    const absl::StatusOr<std::string> json = ToJson(*item);
    if (!json.ok()) failed = json.status();
    if (items.size() > kMostListBytes) failed = absl::ResourceExhaustedError("the answer is too long");
    if (!failed.ok()) {
      call->Cancel();
    } else {
      items += (items.empty() ? "" : ",") + *json;
    }
  }
  exchange.OnAbort(nullptr);
  Note(exchange, request.authorization, call->status());
  if (failed.ok()) failed = call->status();
  if (!failed.ok()) co_return co_await Refuse(exchange, failed);
  co_await exchange.Send(
      Conditional(MakeResponse(200, kJson, "{\"items\":[" + items + "]}"), exchange.head().if_none_match));
}

Awaitable<void> Api::SendConsole(Exchange& exchange, Request& request) {
  const absl::StatusOr<bool> download = TakeSwitch(request.parameters, "download");
  if (!download.ok()) co_return co_await Refuse(exchange, download.status());
  if (!*download) co_return co_await SendMessage(exchange, request);
  if (const absl::Status read = co_await Read(exchange, request); !read.ok())
    co_return co_await Refuse(exchange, read);
  const StreamPlace place(streams_);
  if (!place.mine()) co_return co_await Refuse(exchange, TooManyStreams());
  const int64_t execution = static_cast<const v1::ListLogLinesRequest&>(*request.message).execution();
  auto wanted = std::make_unique<v1::ReadLogRequest>();
  wanted->set_execution(execution);
  request.message = std::move(wanted);
  auto piece = std::make_shared<v1::ReadLogResponse>();
  const auto call = StartStream(exchange, request, "crossmill.v1.Builds/ReadLog", piece);
  exchange.OnAbort([call] { call->Cancel(); });
  StreamCall::Item item = co_await call->Next(kCallTime);
  const bool refused = item == StreamCall::Item::kEnd && !call->status().ok();
  bool reads = false;
  if (!refused) {
    Response head = MakeResponse(200, "text/plain; charset=utf-8", "");
    head.Set("Content-Disposition", fmt::format("attachment; filename=\"execution-{}.log\"", execution));
    reads = co_await exchange.Begin(head);
  }
  while (item != StreamCall::Item::kEnd) {
    if (reads && item == StreamCall::Item::kMessage) reads = co_await exchange.Write(piece->chunk().data());
    if (!reads) call->Cancel();
    item = co_await call->Next(kCallTime);
  }
  exchange.OnAbort(nullptr);
  Note(exchange, request.authorization, call->status());
  if (refused) co_return co_await Refuse(exchange, call->status());
  co_await exchange.Finish();
}

Awaitable<void> Api::SendBuildEvents(Exchange& exchange, Request& request) {
  if (const absl::Status read = co_await Read(exchange, request); !read.ok())
    co_return co_await Refuse(exchange, read);
  const StreamPlace place(followers_, kMostFollowers);
  if (!place.mine()) co_return co_await Refuse(exchange, TooManyStreams(kMostFollowers));
  auto& wanted = static_cast<v1::WatchBuildRequest&>(*request.message);
  wanted.set_together(true);
  if (const std::optional<int64_t> last = LastEventId(exchange.head())) wanted.set_from_event(*last + 1);
  // The message is the call's from here on.
  const int64_t build = wanted.build_id();
  auto item = std::make_shared<v1::WatchBuildResponse>();
  const auto call = StartStream(exchange, request, request.route->method, item);
  const TextOf event_of = [this, build](const google::protobuf::Message& message) {
    return EventOfBuild(static_cast<const v1::WatchBuildResponse&>(message), build, event_texts_);
  };
  const absl::Status status = co_await SendEvents(exchange, call, *item, event_of);
  Note(exchange, request.authorization, status);
}

Awaitable<void> Api::SendFarmEvents(Exchange& exchange, Request& request) {
  if (const absl::Status read = co_await Read(exchange, request); !read.ok())
    co_return co_await Refuse(exchange, read);
  const StreamPlace place(followers_, kMostFollowers);
  if (!place.mine()) co_return co_await Refuse(exchange, TooManyStreams(kMostFollowers));
  if (const std::optional<int64_t> last = LastEventId(exchange.head()))
    static_cast<v1::WatchFarmRequest&>(*request.message).set_after(*last);
  auto item = std::make_shared<v1::FarmNews>();
  const auto call = StartStream(exchange, request, request.route->method, item);
  const TextOf event_of = [](const google::protobuf::Message& message) {
    const auto& news = static_cast<const v1::FarmNews&>(message);
    const absl::StatusOr<std::string> json = ToJson(news);
    return json.ok() ? EventText("farm", *json, news.sequence()) : std::string();
  };
  const absl::Status status = co_await SendEvents(exchange, call, *item, event_of);
  Note(exchange, request.authorization, status);
}

Awaitable<void> Api::SendLogEvents(Exchange& exchange, Request& request) {
  if (const absl::Status read = co_await Read(exchange, request); !read.ok())
    co_return co_await Refuse(exchange, read);
  const StreamPlace place(followers_, kMostFollowers);
  if (!place.mine()) co_return co_await Refuse(exchange, TooManyStreams(kMostFollowers));
  auto& wanted = static_cast<v1::ReadLogRequest&>(*request.message);
  wanted.set_follow(true);
  if (const std::optional<int64_t> last = LastEventId(exchange.head())) wanted.set_from_chunk(*last + 1);
  int64_t next = std::max<int64_t>(wanted.from_chunk(), 0);
  auto item = std::make_shared<v1::ReadLogResponse>();
  const auto call = StartStream(exchange, request, request.route->method, item);
  const TextOf event_of = [&next](const google::protobuf::Message& message) {
    const auto& response = static_cast<const v1::ReadLogResponse&>(message);
    const absl::StatusOr<std::string> json = ToJson(response.chunk());
    return json.ok() ? EventText("log", *json, next++) : std::string();
  };
  const absl::Status status = co_await SendEvents(exchange, call, *item, event_of);
  Note(exchange, request.authorization, status);
}

}  // namespace crossmill::coordinator::door
