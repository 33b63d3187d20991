// Delivers changes of state to webhooks (Standard Webhooks): each until it was taken or given up, one at a
// time for each webhook. At least once: what was under way when the coordinator stopped is delivered again,
// under the same id.
#pragma once

#include <chrono>
#include <deque>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/http/http_client.h"
#include "coordinator/storage/notices/webhook_records.h"
#include "coordinator/webhooks/address_rules.h"

namespace crossmill::coordinator {

// What is waited for after each attempt that failed; after the last one it is given up. As Standard Webhooks
// proposes.
const std::vector<absl::Duration>& UsualRetries();

// INVALID_ARGUMENT: nowhere that a webhook could go; says why. Addresses are looked at when it is delivered.
absl::Status CheckWebhookUrl(const std::string& url);

// An HTTP client for webhooks: no redirects, no proxies, only addresses that the rules let through.
std::unique_ptr<http::HttpClient> MakeWebhookClient(const AddressRules& rules);

// What an answer's status, or what came instead of an answer, means. `attempts`: those before it.
storage::AttemptResult JudgeAttempt(const absl::StatusOr<int>& status, int attempts, absl::Time now,
                                    const std::vector<absl::Duration>& retries);

struct DelivererOptions {
  std::vector<absl::Duration> retries = UsualRetries();
  int threads = 4;
  // How often the record is asked what is due.
  std::chrono::milliseconds look = std::chrono::seconds(1);
  // Of one attempt.
  absl::Duration limit = absl::Seconds(20);
};

// Thread safe. The references outlive it. Stops when it dies.
class Deliverer {
 public:
  Deliverer(storage::WebhookRecords& records, http::HttpClient& client, Clock& clock, std::string farm_id,
            DelivererOptions options = {});
  ~Deliverer();
  Deliverer(const Deliverer&) = delete;
  Deliverer& operator=(const Deliverer&) = delete;

  void Start();
  // Ends what is under way; it stays due.
  void Stop();
  // Something may be due now.
  void Wake();

 private:
  // Hands out what is due, of webhooks that have nothing under way.
  void Dispatch(const std::stop_token& stop);
  void Work(const std::stop_token& stop);
  void Deliver(const storage::DueDelivery& delivery, const std::stop_token& stop);
  // The status of the answer.
  absl::StatusOr<int> Send(const storage::DueDelivery& delivery, const std::stop_token& stop);

  storage::WebhookRecords& records_;
  http::HttpClient& client_;
  Clock& clock_;
  const std::string farm_id_;
  const DelivererOptions options_;

  Mutex mutex_;
  CondVar wake_;
  bool look_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Webhooks with a delivery in the queue or under way. Only the dispatcher adds to it.
  std::set<int64_t> busy_ ABSL_GUARDED_BY(mutex_);
  std::deque<storage::DueDelivery> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace crossmill::coordinator
