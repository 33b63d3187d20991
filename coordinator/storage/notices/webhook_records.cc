#include "coordinator/storage/notices/webhook_records.h"

#include "common/base/status.h"
#include "coordinator/core/standing/state_changes.h"

namespace crossmill::storage {
namespace {

constexpr Sql kAddWebhook{"add a webhook",
                          "INSERT INTO webhooks (url, names, secret, created_at) SELECT ?1, ?2, ?3, ?4 WHERE "
                          "(SELECT count(*) FROM webhooks) < ?5"};
constexpr Sql kListWebhooks{
    "list webhooks",
    "SELECT id, url, names, created_at, (SELECT count(*) FROM webhook_deliveries WHERE webhook = webhooks.id "
    "AND state = 1), (SELECT count(*) FROM webhook_deliveries WHERE webhook = webhooks.id AND state = 3) "
    "FROM webhooks ORDER BY id"};
constexpr Sql kWebhookExists{"look up a webhook", "SELECT 1 FROM webhooks WHERE id = ?1"};
constexpr Sql kWebhookNames{"look for webhooks to tell", "SELECT id, names FROM webhooks ORDER BY id"};
constexpr Sql kRemoveDeliveries{"remove a webhook's deliveries",
                                "DELETE FROM webhook_deliveries WHERE webhook = ?1"};
constexpr Sql kRemoveWebhook{"remove a webhook", "DELETE FROM webhooks WHERE id = ?1"};
constexpr Sql kEnqueue{"enqueue a delivery",
                       "INSERT INTO webhook_deliveries (webhook, change, state, created_at, next_attempt_at) "
                       "VALUES (?1, ?2, 1, ?3, ?3)"};
constexpr Sql kForgetDeliveries{
    "forget a webhook's oldest deliveries",
    "DELETE FROM webhook_deliveries WHERE webhook = ?1 AND id <= (SELECT id FROM webhook_deliveries WHERE "
    "webhook = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"};
constexpr Sql kListDeliveries{
    "list deliveries",
    "SELECT d.id, d.state, d.attempts, d.created_at, d.last_attempt_at, d.next_attempt_at, d.status, "
    "d.problem, c.id, c.change FROM webhook_deliveries AS d JOIN state_changes AS c ON c.id = d.change WHERE "
    "d.webhook = ?1 AND d.id < ?2 ORDER BY d.id DESC LIMIT ?3"};
constexpr Sql kRedeliver{
    "deliver again",
    "UPDATE webhook_deliveries SET state = 1, attempts = 0, next_attempt_at = ?2 WHERE id = ?1"};
constexpr Sql kDueDeliveries{
    "look for deliveries that are due",
    "SELECT d.id, d.webhook, w.url, w.secret, d.attempts, c.id, c.change FROM webhook_deliveries AS d JOIN "
    "webhooks AS w ON w.id = d.webhook JOIN state_changes AS c ON c.id = d.change WHERE d.id IN (SELECT "
    "min(id) FROM webhook_deliveries WHERE state = 1 AND next_attempt_at <= ?1 GROUP BY webhook) ORDER BY "
    "d.next_attempt_at"};
constexpr Sql kNoteAttempt{"note an attempt to deliver",
                           "UPDATE webhook_deliveries SET state = ?2, attempts = attempts + 1, "
                           "last_attempt_at = ?3, next_attempt_at = ?4, status = ?5, problem = ?6 WHERE id = "
                           "?1"};

absl::Status ParseChange(const Statement& row, int id_column, v1::StateChange* change) {
  const int64_t id = row.Int64(id_column);
  RETURN_IF_ERROR(ParseRecord(row.Bytes(id_column + 1), fmt::format("change of state {}", id), change));
  change->set_id(id);
  return absl::OkStatus();
}

absl::Status NoSuchWebhook(int64_t id) {
  return absl::NotFoundError(fmt::format("there is no webhook {}; `crossmill webhook ls` lists them", id));
}

}  // namespace

absl::StatusOr<v1::Webhook> WebhookRecords::Add(const v1::Webhook& webhook, const std::string& secret) {
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(connection_.Run(kAddWebhook, webhook.url(), webhook.names(), secret, webhook.created_at(),
                                  kMostWebhooks));
  if (connection_.Changes() != 1) {
    return absl::ResourceExhaustedError(
        fmt::format("there are {} webhooks already; remove one first", kMostWebhooks));
  }
  v1::Webhook added = webhook;
  added.set_id(connection_.LastInsertId());
  return added;
}

absl::StatusOr<std::vector<v1::Webhook>> WebhookRecords::List() {
  std::vector<v1::Webhook> webhooks;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kListWebhooks));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return webhooks;
    v1::Webhook& webhook = webhooks.emplace_back();
    webhook.set_id(query->Int64(0));
    webhook.set_url(std::string(query->Text(1)));
    webhook.set_names(std::string(query->Text(2)));
    webhook.set_created_at(query->Int64(3));
    webhook.set_pending(query->Int64(4));
    webhook.set_failed(query->Int64(5));
  }
}

absl::Status WebhookRecords::Remove(int64_t webhook) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    RETURN_IF_ERROR(connection_.Run(kRemoveDeliveries, webhook));
    RETURN_IF_ERROR(connection_.Run(kRemoveWebhook, webhook));
    return connection_.Changes() == 1 ? absl::OkStatus() : NoSuchWebhook(webhook);
  });
}

absl::StatusOr<std::vector<v1::WebhookDelivery>> WebhookRecords::Deliveries(int64_t webhook, int64_t before,
                                                                            int limit) {
  std::vector<v1::WebhookDelivery> deliveries;
  RecursiveMutexLock lock(connection_.mutex());
  {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kWebhookExists));
    query->Bind(webhook);
    ASSIGN_OR_RETURN(const bool exists, query->Step());
    if (!exists) return NoSuchWebhook(webhook);
  }
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kListDeliveries));
  query->Bind(webhook, before == 0 ? INT64_MAX : before, limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return deliveries;
    v1::WebhookDelivery& delivery = deliveries.emplace_back();
    delivery.set_id(query->Int64(0));
    delivery.set_webhook_id(webhook);
    delivery.set_state(static_cast<v1::WebhookDelivery::State>(query->Int64(1)));
    delivery.set_attempts(static_cast<uint32_t>(query->Int64(2)));
    delivery.set_created_at(query->Int64(3));
    delivery.set_last_attempt_at(query->Int64(4));
    delivery.set_next_attempt_at(query->Int64(5));
    delivery.set_status(static_cast<int32_t>(query->Int64(6)));
    delivery.set_problem(std::string(query->Text(7)));
    RETURN_IF_ERROR(ParseChange(*query, 8, delivery.mutable_change()));
  }
}

absl::Status WebhookRecords::Redeliver(int64_t delivery, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(connection_.Run(kRedeliver, delivery, now_ns));
  if (connection_.Changes() == 1) return absl::OkStatus();
  return absl::NotFoundError(fmt::format("there is no delivery {} (the last {} of each webhook are kept)",
                                         delivery, kMostDeliveries));
}

absl::StatusOr<std::vector<DueDelivery>> WebhookRecords::Due(int64_t now_ns) {
  std::vector<DueDelivery> due;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kDueDeliveries));
  query->Bind(now_ns);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return due;
    DueDelivery& delivery = due.emplace_back();
    delivery.id = query->Int64(0);
    delivery.webhook = query->Int64(1);
    delivery.url = std::string(query->Text(2));
    delivery.secret = std::string(query->Text(3));
    delivery.attempts = static_cast<int>(query->Int64(4));
    RETURN_IF_ERROR(ParseChange(*query, 5, &delivery.change));
  }
}

absl::Status WebhookRecords::NoteAttempt(int64_t delivery, const AttemptResult& result) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kNoteAttempt, delivery, static_cast<int>(result.state), result.at,
                         result.next_attempt_at, result.status, result.problem);
}

absl::Status EnqueueDeliveries(Connection& connection, int64_t change, const std::string& name,
                               int64_t now_ns) {
  std::vector<int64_t> told;
  {
    ASSIGN_OR_RETURN(StatementUse query, connection.Use(kWebhookNames));
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) break;
      if (core::MatchesNames(std::string(query->Text(1)), name)) told.push_back(query->Int64(0));
    }
  }
  for (const int64_t webhook : told) {
    RETURN_IF_ERROR(connection.Run(kEnqueue, webhook, change, now_ns));
    RETURN_IF_ERROR(connection.Run(kForgetDeliveries, webhook, WebhookRecords::kMostDeliveries));
  }
  return absl::OkStatus();
}

}  // namespace crossmill::storage
