#include "coordinator/rpc/notices/webhooks_service.h"

#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/notices/notices_service.h"
#include "coordinator/webhooks/deliverer.h"
#include "coordinator/webhooks/signature.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLongestPattern = 200;
constexpr int kUsualDeliveries = 50;

}  // namespace

absl::Status WebhooksService::Add(const v1::AddWebhookRequest& request, v1::AddWebhookResponse* response) {
  RETURN_IF_ERROR(CheckWebhookUrl(request.url()));
  if (request.names().size() > kLongestPattern)
    return absl::InvalidArgumentError(fmt::format("names: longer than {} characters", kLongestPattern));
  v1::Webhook webhook;
  webhook.set_url(request.url());
  webhook.set_names(request.names());
  webhook.set_created_at(UnixNanos(clock_.Now()));
  const std::string secret = NewWebhookSecret();
  ASSIGN_OR_RETURN(*response->mutable_webhook(), records_.Add(webhook, secret));
  response->set_secret(secret);
  return absl::OkStatus();
}

absl::Status WebhooksService::Deliveries(const v1::ListDeliveriesRequest& request,
                                         v1::ListDeliveriesResponse* response) {
  ASSIGN_OR_RETURN(const int64_t before, ParseNumberToken(request.page_token()));
  const int size = PageSize(request.page_size(), kUsualDeliveries);
  ASSIGN_OR_RETURN(std::vector<v1::WebhookDelivery> deliveries,
                   records_.Deliveries(request.webhook_id(), before, size));
  if (static_cast<int>(deliveries.size()) == size)
    response->set_next_page_token(std::to_string(deliveries.back().id()));
  for (v1::WebhookDelivery& delivery : deliveries) *response->add_deliveries() = std::move(delivery);
  return absl::OkStatus();
}

grpc::Status WebhooksService::AddWebhook(grpc::ServerContext* context, const v1::AddWebhookRequest* request,
                                         v1::AddWebhookResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(Add(*request, response));
}

grpc::Status WebhooksService::ListWebhooks(grpc::ServerContext* context, const v1::ListWebhooksRequest*,
                                           v1::ListWebhooksResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  auto webhooks = records_.List();
  if (!webhooks.ok()) return rpc::ToGrpc(webhooks.status());
  for (v1::Webhook& webhook : *webhooks) *response->add_webhooks() = std::move(webhook);
  return grpc::Status::OK;
}

grpc::Status WebhooksService::RemoveWebhook(grpc::ServerContext* context,
                                            const v1::RemoveWebhookRequest* request,
                                            v1::RemoveWebhookResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(records_.Remove(request->webhook_id()));
}

grpc::Status WebhooksService::ListDeliveries(grpc::ServerContext* context,
                                             const v1::ListDeliveriesRequest* request,
                                             v1::ListDeliveriesResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(Deliveries(*request, response));
}

grpc::Status WebhooksService::Redeliver(grpc::ServerContext* context, const v1::RedeliverRequest* request,
                                        v1::RedeliverResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  const absl::Status again = records_.Redeliver(request->delivery_id(), UnixNanos(clock_.Now()));
  if (again.ok()) due_();
  return rpc::ToGrpc(again);
}

}  // namespace crossmill::coordinator
