#include "coordinator/traces/trace_exporter.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator {
namespace {

namespace otel = opentelemetry::proto::trace::v1;

// Of the receiver's answer: it says no more than how many spans it did not take.
constexpr size_t kMostAnswer = 1 << 20;

void SetText(std::string_view key, std::string_view value, otel::Resource* resource) {
  otel::KeyValue& attribute = *resource->add_attributes();
  attribute.set_key(std::string(key));
  attribute.mutable_value()->set_string_value(std::string(value));
}

}  // namespace

OtlpAnswer JudgeOtlpStatus(int status) {
  if (status >= 200 && status < 300) return OtlpAnswer::kTaken;
  const bool later = status == 429 || status == 502 || status == 503 || status == 504;
  return later ? OtlpAnswer::kLater : OtlpAnswer::kRefused;
}

std::vector<std::string> OtlpBodies(std::vector<otel::Span> spans, size_t most, std::string_view farm,
                                    std::string_view version) {
  std::vector<std::string> bodies;
  for (size_t from = 0; from < spans.size(); from += most) {
    otel::ExportTraceServiceRequest request;
    otel::ResourceSpans& of_farm = *request.add_resource_spans();
    SetText("service.name", "crossmill-coordinator", of_farm.mutable_resource());
    SetText("service.version", version, of_farm.mutable_resource());
    SetText("service.instance.id", farm, of_farm.mutable_resource());
    otel::ScopeSpans& scope = *of_farm.add_scope_spans();
    scope.mutable_scope()->set_name("crossmill");
    scope.mutable_scope()->set_version(std::string(version));
    for (size_t i = from; i < std::min(spans.size(), from + most); ++i)
      *scope.add_spans() = std::move(spans[i]);
    bodies.push_back(request.SerializeAsString());
  }
  return bodies;
}

TraceExporter::TraceExporter(http::HttpClient& client, Load load, TraceExporterOptions options)
    : client_(client),
      load_(std::move(load)),
      options_(std::move(options)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

TraceExporter::~TraceExporter() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  thread_.request_stop();
  wake_.NotifyAll();
}

void TraceExporter::BuildEnded(int64_t build) {
  bool full = false;
  {
    MutexLock lock(mutex_);
    full = queue_.size() >= options_.queue;
    if (!full) queue_.push_back(build);
  }
  if (full) return Count(false);
  wake_.NotifyAll();
}

void TraceExporter::Run(const std::stop_token& stop) {
  while (true) {
    int64_t build = 0;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) wake_.Wait(mutex_);
      if (stopping_) return;
      build = queue_.front();
      queue_.pop_front();
    }
    const absl::Status sent = SendBuild(build, stop);
    Count(sent.ok());
    Tell(build, sent);
  }
}

void TraceExporter::Tell(int64_t build, const absl::Status& sent) {
  if (absl::IsCancelled(sent)) return;
  if (std::exchange(failing_, !sent.ok()) == !sent.ok()) return;
  if (sent.ok()) {
    LogInfo("build={} its trace was taken, as traces are again", build);
  } else {
    LogWarning("build={} its trace is dropped, as others are until one is taken again: {}", build,
               Printable(Sv(sent.message())));
  }
}

absl::Status TraceExporter::SendBuild(int64_t build, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const TracedBuild traced, load_(build));
  for (const std::string& body : OtlpBodies(SpansOf(traced), options_.batch, options_.farm, options_.version))
    RETURN_IF_ERROR(SendBody(body, stop));
  return absl::OkStatus();
}

absl::Status TraceExporter::SendBody(const std::string& body, const std::stop_token& stop) {
  absl::Status problem;
  absl::Duration wait = options_.first_wait;
  for (int i = 0; i <= options_.retries; ++i, wait *= 2) {
    if (i > 0 && !Wait(wait, stop)) return absl::CancelledError("the coordinator stops");
    http::HttpRequest request;
    request.method = "POST";
    request.url = options_.otlp.url;
    request.headers = options_.otlp.headers;
    request.headers.emplace_back("Content-Type", "application/x-protobuf");
    request.body = body;
    request.idle_limit = options_.otlp.limit;
    request.total_limit = options_.otlp.limit;
    request.stop = stop;
    const auto answer = http::Fetch(client_, request, kMostAnswer);
    if (!answer.ok()) {
      if (!absl::IsUnavailable(answer.status())) return answer.status();
      problem = answer.status();
      continue;
    }
    problem = absl::UnavailableError(fmt::format("the receiver answered {}", answer->first.status));
    const OtlpAnswer meaning = JudgeOtlpStatus(answer->first.status);
    if (meaning == OtlpAnswer::kRefused) return problem;
    if (meaning == OtlpAnswer::kLater) continue;
    otel::ExportTraceServiceResponse response;
    if (!response.ParseFromString(answer->second)) return absl::OkStatus();
    const otel::ExportTracePartialSuccess& part = response.partial_success();
    if (part.rejected_spans() <= 0) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format("the receiver did not take {} spans: {}",
                                                  part.rejected_spans(), Printable(part.error_message())));
  }
  return problem;
}

bool TraceExporter::Wait(absl::Duration time, const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(time);
  MutexLock lock(mutex_);
  while (!stopping_ && !stop.stop_requested()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) return true;
    wake_.WaitFor(mutex_, left);
  }
  return false;
}

}  // namespace crossmill::coordinator
