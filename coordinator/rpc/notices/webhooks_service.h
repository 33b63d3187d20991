// crossmill.v1.Webhooks: whom the farm tells of changes of state, and what became of that.
#pragma once

#include <functional>

#include "common/base/clock.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/storage/notices/webhook_records.h"
#include "crossmill/v1/notices_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. What it is given outlives it.
class WebhooksService final : public v1::Webhooks::Service {
 public:
  // `due`: told that a delivery may be due now.
  WebhooksService(storage::WebhookRecords& records, Clock& clock, const Authenticator& authenticator,
                  std::function<void()> due)
      : records_(records), clock_(clock), authenticator_(authenticator), due_(std::move(due)) {}

  grpc::Status AddWebhook(grpc::ServerContext* context, const v1::AddWebhookRequest* request,
                          v1::AddWebhookResponse* response) override;
  grpc::Status ListWebhooks(grpc::ServerContext* context, const v1::ListWebhooksRequest* request,
                            v1::ListWebhooksResponse* response) override;
  grpc::Status RemoveWebhook(grpc::ServerContext* context, const v1::RemoveWebhookRequest* request,
                             v1::RemoveWebhookResponse* response) override;
  grpc::Status ListDeliveries(grpc::ServerContext* context, const v1::ListDeliveriesRequest* request,
                              v1::ListDeliveriesResponse* response) override;
  grpc::Status Redeliver(grpc::ServerContext* context, const v1::RedeliverRequest* request,
                         v1::RedeliverResponse* response) override;

 private:
  absl::Status Add(const v1::AddWebhookRequest& request, v1::AddWebhookResponse* response);
  absl::Status Deliveries(const v1::ListDeliveriesRequest& request, v1::ListDeliveriesResponse* response);

  storage::WebhookRecords& records_;
  Clock& clock_;
  const Authenticator& authenticator_;
  const std::function<void()> due_;
};

}  // namespace crossmill::coordinator
