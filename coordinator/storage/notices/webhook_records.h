// Webhooks, and what is (to be) delivered to them.
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/notices.pb.h"

namespace crossmill::storage {

// A delivery whose time has come.
struct DueDelivery {
  int64_t id = 0;
  int64_t webhook = 0;
  std::string url;
  std::string secret;
  // Those that there have been.
  int attempts = 0;
  v1::StateChange change;
};

// How an attempt went.
struct AttemptResult {
  v1::WebhookDelivery::State state = v1::WebhookDelivery::STATE_PENDING;
  int64_t at = 0;
  // Of a delivery that is still pending.
  int64_t next_attempt_at = 0;
  int status = 0;
  std::string problem;
};

// Thread safe. The connection outlives it.
class WebhookRecords {
 public:
  // Of each webhook the newest deliveries are kept.
  static constexpr int kMostDeliveries = 1000;
  static constexpr int kMostWebhooks = 100;

  explicit WebhookRecords(Connection& connection) : connection_(connection) {}

  // RESOURCE_EXHAUSTED: there are kMostWebhooks. Returns it with its id.
  absl::StatusOr<v1::Webhook> Add(const v1::Webhook& webhook, const std::string& secret);
  // By id.
  absl::StatusOr<std::vector<v1::Webhook>> List();
  // With its deliveries. NOT_FOUND.
  absl::Status Remove(int64_t webhook);
  // Newest first, ids below `before` (0: from the newest). NOT_FOUND: there is no such webhook.
  absl::StatusOr<std::vector<v1::WebhookDelivery>> Deliveries(int64_t webhook, int64_t before, int limit);
  // It is due now, and all its attempts are before it again. NOT_FOUND.
  absl::Status Redeliver(int64_t delivery, int64_t now_ns);

  // Of each webhook the oldest that is due.
  absl::StatusOr<std::vector<DueDelivery>> Due(int64_t now_ns);
  // OK too when the delivery is no longer there.
  absl::Status NoteAttempt(int64_t delivery, const AttemptResult& result);

 private:
  Connection& connection_;
};

// For every webhook that is told of the name.
absl::Status EnqueueDeliveries(Connection& connection, int64_t change, const std::string& name,
                               int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());

}  // namespace crossmill::storage
