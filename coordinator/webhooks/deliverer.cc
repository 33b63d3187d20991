#include "coordinator/webhooks/deliverer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_replace.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/http/curl_http_client.h"
#include "coordinator/notices/change_text.h"
#include "coordinator/webhooks/signature.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLongestUrl = 2000;
// More of an answer is not read.
constexpr size_t kMostAnswer = 64 << 10;
constexpr size_t kLongestProblem = 500;

// Who knows a webhook's URL may often write there: its path and query are in no log and no delivery's
// problem.
absl::Status WithoutUrl(const absl::Status& status, const std::string& url) {
  const absl::StatusOr<http::Url> parsed = http::ParseUrl(url);
  const std::string shown =
      parsed.ok() ? fmt::format("{}://{}", parsed->scheme, parsed->authority) : "the webhook's URL";
  return absl::Status(status.code(), absl::StrReplaceAll(status.message(), {{url, shown}}));
}

bool IsRedirect(int status) { return status >= 300 && status < 400; }

}  // namespace

const std::vector<absl::Duration>& UsualRetries() {
  static const std::vector<absl::Duration> retries = {absl::Seconds(5), absl::Minutes(5), absl::Minutes(30),
                                                      absl::Hours(2),   absl::Hours(5),   absl::Hours(10),
                                                      absl::Hours(14),  absl::Hours(20),  absl::Hours(24)};
  return retries;
}

absl::Status CheckWebhookUrl(const std::string& url) {
  if (url.size() > kLongestUrl)
    return absl::InvalidArgumentError(fmt::format("url: longer than {} characters", kLongestUrl));
  const bool plain =
      std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!plain)
    return absl::InvalidArgumentError("url: holds blanks or characters that are not ASCII; escape them");
  const absl::StatusOr<http::Url> parsed = http::ParseUrl(url);
  if (!parsed.ok()) return Annotate(parsed.status(), "url");
  if (parsed->authority.find('@') != std::string::npos)
    return absl::InvalidArgumentError(
        "url: has a login, which would be sent with each delivery; use the signature");
  if (url.find('#') != std::string::npos)
    return absl::InvalidArgumentError("url: has a fragment, which servers never see");
  return absl::OkStatus();
}

std::unique_ptr<http::HttpClient> MakeWebhookClient(const AddressRules& rules) {
  http::CurlOptions options;
  options.user_agent = "crossmill-webhooks/1";
  options.connect_limit = absl::Seconds(10);
  options.refuse_address = [rules](const sockaddr& address) { return rules.Refusal(address); };
  options.follow_redirects = false;
  options.use_proxies = false;
  return http::MakeCurlHttpClient(std::move(options));
}

storage::AttemptResult JudgeAttempt(const absl::StatusOr<int>& status, int attempts, absl::Time now,
                                    const std::vector<absl::Duration>& retries) {
  storage::AttemptResult result;
  result.at = UnixNanos(now);
  result.status = status.ok() ? *status : 0;
  if (status.ok() && *status >= 200 && *status < 300) {
    result.state = v1::WebhookDelivery::STATE_DELIVERED;
    return result;
  }
  if (!status.ok()) {
    result.problem = Printable(Sv(status.status().message()).substr(0, kLongestProblem));
  } else if (IsRedirect(*status)) {
    result.problem = fmt::format("the answer was {}; redirects are not followed", *status);
  } else {
    result.problem = fmt::format("the answer was {}", *status);
  }
  // 410: there will never be anybody again.
  if (static_cast<size_t>(attempts) >= retries.size() || result.status == 410) {
    result.state = v1::WebhookDelivery::STATE_FAILED;
    return result;
  }
  result.state = v1::WebhookDelivery::STATE_PENDING;
  result.next_attempt_at = UnixNanos(now + retries[static_cast<size_t>(attempts)]);
  return result;
}

Deliverer::Deliverer(storage::WebhookRecords& records, http::HttpClient& client, Clock& clock,
                     std::string farm_id, DelivererOptions options)
    : records_(records),
      client_(client),
      clock_(clock),
      farm_id_(std::move(farm_id)),
      options_(std::move(options)) {}

Deliverer::~Deliverer() { Stop(); }

void Deliverer::Start() {
  threads_.emplace_back([this](const std::stop_token& stop) { Dispatch(stop); });
  for (int i = 0; i < options_.threads; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
}

void Deliverer::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  wake_.NotifyAll();
  threads_.clear();
}

void Deliverer::Wake() {
  {
    MutexLock lock(mutex_);
    look_ = true;
  }
  wake_.NotifyAll();
}

void Deliverer::Dispatch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::set<int64_t> busy;
    {
      MutexLock lock(mutex_);
      look_ = false;
      // Taken before the record is asked: who is not busy now has written what came of its last delivery.
      busy = busy_;
    }
    absl::StatusOr<std::vector<storage::DueDelivery>> due = records_.Due(UnixNanos(clock_.Now()));
    if (!due.ok()) LogWarning("webhooks: {}", Sv(due.status().message()));
    bool any = false;
    MutexLock lock(mutex_);
    for (size_t i = 0; due.ok() && i < due->size(); ++i) {
      storage::DueDelivery& delivery = (*due)[i];
      if (busy.contains(delivery.webhook)) continue;
      busy_.insert(delivery.webhook);
      queue_.push_back(std::move(delivery));
      any = true;
    }
    if (any) wake_.NotifyAll();
    if (!look_ && !stopping_) wake_.WaitFor(mutex_, options_.look);
  }
}

void Deliverer::Work(const std::stop_token& stop) {
  while (true) {
    storage::DueDelivery delivery;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) wake_.Wait(mutex_);
      if (stopping_) return;
      delivery = std::move(queue_.front());
      queue_.pop_front();
    }
    Deliver(delivery, stop);
    {
      MutexLock lock(mutex_);
      busy_.erase(delivery.webhook);
      look_ = true;
    }
    wake_.NotifyAll();
  }
}

void Deliverer::Deliver(const storage::DueDelivery& delivery, const std::stop_token& stop) {
  const absl::StatusOr<int> status = Send(delivery, stop);
  // Nothing came of it; it stays due.
  if (absl::IsCancelled(status.status())) return;
  const storage::AttemptResult result =
      JudgeAttempt(status, delivery.attempts, clock_.Now(), options_.retries);
  if (result.state != v1::WebhookDelivery::STATE_DELIVERED) {
    LogInfo("webhook={} delivery={} attempt={} failed: {}", delivery.webhook, delivery.id,
            delivery.attempts + 1, result.problem);
  }
  if (const absl::Status noted = records_.NoteAttempt(delivery.id, result); !noted.ok())
    LogWarning("webhook={} delivery={}: {}", delivery.webhook, delivery.id, Sv(noted.message()));
}

absl::StatusOr<int> Deliverer::Send(const storage::DueDelivery& delivery, const std::stop_token& stop) {
  http::HttpRequest request;
  request.method = "POST";
  request.url = delivery.url;
  request.body = WebhookBody(delivery.change, farm_id_);
  request.idle_limit = options_.limit;
  request.total_limit = options_.limit;
  request.stop = stop;
  const std::string id = fmt::format("msg_{}_{}", farm_id_, delivery.id);
  const int64_t seconds = absl::ToUnixSeconds(clock_.Now());
  ASSIGN_OR_RETURN(const std::string signature, SignWebhook(delivery.secret, id, seconds, request.body));
  request.headers = {{"Content-Type", "application/json"},
                     {"webhook-id", id},
                     {"webhook-timestamp", std::to_string(seconds)},
                     {"webhook-signature", signature}};
  // What the answer says besides its status is nobody's business, and may be the network's of the farm.
  int status = 0;
  size_t bytes = 0;
  const auto sink = [&](const http::HttpResponse& head, std::string_view piece) -> absl::Status {
    status = head.status;
    bytes += piece.size();
    return bytes > kMostAnswer ? absl::ResourceExhaustedError("the answer is long") : absl::OkStatus();
  };
  const absl::StatusOr<http::HttpResponse> response = client_.Send(request, sink);
  if (response.ok()) return response->status;
  // It was answered, and what came after that is of no matter.
  if (absl::IsResourceExhausted(response.status()) && status != 0) return status;
  return WithoutUrl(response.status(), delivery.url);
}

}  // namespace crossmill::coordinator
