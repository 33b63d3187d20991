#include "coordinator/http/http_door.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "coordinator/http/access.h"
#include "coordinator/http/api.h"
#include "coordinator/http/http_server.h"
#include "coordinator/http/page.h"
#include "coordinator/http/problem.h"
#include "coordinator/metrics/metrics_text.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/notices.pb.h"

namespace crossmill::coordinator::door {
namespace {

std::string MachineName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

HostCheck MakeHostCheck(const DoorOptions& options) {
  std::vector<std::string> names = options.names;
  if (rpc::LeavesMachine(options.address)) names.push_back(MachineName());
  return HostCheck(names);
}

Response RedirectTo(std::string path) {
  Response response = MakeResponse(303, "text/plain; charset=utf-8", "");
  response.Set("Location", std::move(path));
  return response;
}

Response Unready(const std::vector<std::string>& reasons) {
  std::string text;
  for (const std::string& reason : reasons) text += reason + "\n";
  return MakeResponse(503, "text/plain; charset=utf-8", std::move(text));
}

}  // namespace

class HttpDoor::Impl {
 public:
  Impl(const DoorOptions& options, DoorParts parts)
      : limits_(options.limits),
        parts_(std::move(parts)),
        stub_(parts_.services),
        access_(parts_.sessions, parts_.own_tokens, MakeHostCheck(options)),
        api_(stub_, access_, parts_.clock, limits_,
             options.public_badges ? "Bearer " + parts_.own_tokens.at(v1::ACCESS_READ) : "") {}

  absl::Status Start(const DoorOptions& options) {
    if (options.certificate_file.empty() && rpc::LeavesMachine(options.address) && !options.insecure) {
      return absl::FailedPreconditionError(
          fmt::format("--http {}: tokens would leave this machine in plain text; give --tls-cert and "
                      "--tls-key, or --insecure",
                      options.address));
    }
    const ServerSettings settings{options.address, options.certificate_file, options.key_file};
    ASSIGN_OR_RETURN(server_, HttpServer::Start(settings, limits_,
                                                [this](Exchange& exchange) { return Handle(exchange); }));
    const std::string host = options.address.substr(0, options.address.rfind(':'));
    const bool everywhere = host == "0.0.0.0" || host == "[::]";
    url_ = fmt::format("{}://{}:{}", options.certificate_file.empty() ? "http" : "https",
                       everywhere ? MachineName() : host, server_->port());
    parts_.sessions.SetAddress(url_);
    return absl::OkStatus();
  }

  const std::string& url() const { return url_; }
  absl::Status ReloadCertificate() { return server_->ReloadCertificate(); }
  void Stop() {
    if (server_) server_->Stop();
  }

 private:
  Awaitable<void> Handle(Exchange& exchange) {
    const RequestHead& head = exchange.head();
    const bool reads = head.verb == "GET" || head.verb == "HEAD";
    // Probes of supervisors name the address that they were given; they learn nothing.
    if (reads && head.path == "/livez")
      co_return co_await exchange.Send(MakeResponse(200, "text/plain", "ok\n"));
    if (reads && head.path == "/readyz") co_return co_await SendReady(exchange);
    if (const absl::Status host = access_.CheckHost(head); !host.ok())
      co_return co_await api_.Refuse(exchange, host);
    if (head.path == "/api" || head.path.starts_with("/api/")) co_return co_await api_.Handle(exchange);
    if (!reads) {
      Response response =
          ProblemResponse(405, absl::UnimplementedError("only GET and HEAD"), exchange.request_id());
      response.Set("Allow", "GET, HEAD");
      co_return co_await exchange.Send(std::move(response));
    }
    if (head.path == "/metrics") co_return co_await SendMetrics(exchange);
    if (head.path == "/" && head.query.starts_with("token=")) co_return co_await OpenSession(exchange);
    co_await exchange.Send(PageResponse(EmbeddedPage(), head));
  }

  // What the coordinator knows of itself, and then that the services answer and the record can be read: a
  // question that takes the same time however much is on record or under way, since anybody may have it
  // asked.
  Awaitable<void> SendReady(Exchange& exchange) {
    const std::vector<std::string> reasons = parts_.unready ? parts_.unready() : std::vector<std::string>();
    if (!reasons.empty()) co_return co_await exchange.Send(Unready(reasons));
    v1::ListStateChangesRequest request;
    request.set_page_size(1);
    v1::ListStateChangesResponse response;
    const absl::Status status =
        co_await api_.CallItself(exchange, "crossmill.v1.Notices/ListStateChanges",
                                 "Bearer " + parts_.own_tokens.at(v1::ACCESS_READ), request, &response);
    if (status.ok()) co_return co_await exchange.Send(MakeResponse(200, "text/plain", "ok\n"));
    LogWarning("not ready: {}", Sv(status.message()));
    const std::vector<std::string> record(1, "record: it cannot be read");
    co_await exchange.Send(Unready(record));
  }

  Awaitable<void> SendMetrics(Exchange& exchange) {
    const absl::StatusOr<std::string> credentials =
        access_.CredentialsOf(exchange.head(), parts_.clock.Now());
    if (!credentials.ok()) co_return co_await api_.Refuse(exchange, credentials.status());
    v1::FarmStatus status;
    const v1::GetFarmStatusRequest request;
    const absl::Status called =
        co_await api_.Call(exchange, "crossmill.v1.Farm/GetFarmStatus", *credentials, request, &status);
    if (!called.ok()) co_return co_await api_.Refuse(exchange, called);
    const MetricsForm form = PreferredForm(exchange.head().accept);
    const absl::StatusOr<ProcessNumbers> process = ReadProcessNumbers();
    if (!process.ok()) LogWarning("metrics without process_*: {}", Sv(process.status().message()));
    const v1::FarmNumbers numbers = parts_.numbers ? parts_.numbers() : v1::FarmNumbers();
    const MetricsSources sources = {.status = status,
                                    .numbers = numbers,
                                    .process = process.ok() ? &*process : nullptr,
                                    .version = CROSSMILL_VERSION};
    Response response = MakeResponse(200, MetricsType(form), MetricsText(sources, form));
    response.Set("Vary", "Accept");
    co_await exchange.Send(std::move(response));
  }

  // "/?token=": the secret leaves the address line at once.
  Awaitable<void> OpenSession(Exchange& exchange) {
    const RequestHead& head = exchange.head();
    absl::StatusOr<Parameters> query = ParseQuery(head.query);
    if (!query.ok()) co_return co_await api_.Refuse(exchange, query.status());
    const std::string token = TakeParameter(*query, "token");
    if (!Sessions::IsLinkSecret(token)) {
      const absl::Status known = co_await Prove(exchange, token);
      if (!known.ok()) co_return co_await api_.Refuse(exchange, known);
    }
    absl::StatusOr<std::string> cookie = access_.OpenSession(head, token, parts_.clock.Now());
    if (!cookie.ok()) co_return co_await api_.Refuse(exchange, cookie.status());
    Response response = RedirectTo("/");
    response.Set("Set-Cookie", *std::move(cookie));
    co_await exchange.Send(std::move(response));
  }

  // Whether the services take the token.
  Awaitable<absl::Status> Prove(Exchange& exchange, const std::string& token) {
    RequestHead head = exchange.head();
    head.authorization = "Bearer " + token;
    const absl::StatusOr<std::string> credentials = access_.CredentialsOf(head, parts_.clock.Now());
    if (!credentials.ok()) co_return credentials.status();
    v1::GetVersionResponse response;
    const v1::GetVersionRequest request;
    co_return co_await api_.Call(exchange, "crossmill.v1.Farm/GetVersion", *credentials, request, &response);
  }

  const DoorLimits limits_;
  DoorParts parts_;
  AnyStub stub_;
  AccessCheck access_;
  Api api_;
  std::string url_;
  // Last: its threads use the others.
  std::unique_ptr<HttpServer> server_;
};

HttpDoor::HttpDoor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpDoor::~HttpDoor() { Stop(); }

absl::StatusOr<std::unique_ptr<HttpDoor>> HttpDoor::Start(const DoorOptions& options, DoorParts parts) {
  auto impl = std::make_unique<Impl>(options, std::move(parts));
  RETURN_IF_ERROR(impl->Start(options));
  return std::unique_ptr<HttpDoor>(new HttpDoor(std::move(impl)));
}

absl::Status HttpDoor::ReloadCertificate() { return impl_->ReloadCertificate(); }
const std::string& HttpDoor::url() const { return impl_->url(); }
void HttpDoor::Stop() { impl_->Stop(); }

}  // namespace crossmill::coordinator::door
