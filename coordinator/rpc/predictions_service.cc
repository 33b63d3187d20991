#include "coordinator/rpc/predictions_service.h"

#include <chrono>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/base/utf8.h"
#include "common/base/wiping.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/stop_when_cancelled.h"

namespace crossmill::coordinator {
namespace {

constexpr int kMostAtOnce = 4;
constexpr auto kLimit = std::chrono::minutes(10);

}  // namespace

grpc::Status PredictionsService::Predict(grpc::ServerContext* context, const v1::PredictRequest* request,
                                         grpc::ServerWriter<v1::PredictResponse>* writer) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const AtScopeEnd over([this] { --running_; });
  if (++running_ > kMostAtOnce) {
    return rpc::ToGrpc(absl::ResourceExhaustedError(
        fmt::format("{} predictions are being made; ask again when one is done", kMostAtOnce)));
  }
  const StopWhenCancelled cancelled(context, kLimit);
  const StopOfEither stop(cancelled.token(), stop_.get_token());
  ForecastCalls calls;
  calls.stop = stop.token();
  calls.scope = ScopeOf(*roles);
  calls.on_progress = [writer](const std::string& what) {
    v1::PredictResponse news;
    news.set_progress(ValidUtf8(what));
    writer->Write(news);
  };
  v1::PredictResponse response;
  // The message is gRPC's, made for this call; what a client says of itself is replaced.
  if (request->has_submission())
    TakeSubmission(*roles, const_cast<v1::PredictRequest*>(request)->mutable_submission());
  auto forecast = request->has_submission() ? forecaster_.Predict(request->submission(), calls)
                                            : forecaster_.PredictAgainst(request->against_build(), calls);
  if (absl::IsCancelled(forecast.status()) && stop_.stop_requested())
    return rpc::ToGrpc(absl::UnavailableError("the coordinator is shutting down"));
  if (absl::IsCancelled(forecast.status()) && !context->IsCancelled())
    return rpc::ToGrpc(absl::DeadlineExceededError("the prediction took longer than ten minutes"));
  if (!forecast.ok()) return rpc::ToGrpc(forecast.status());
  *response.mutable_forecast() = *std::move(forecast);
  writer->Write(response);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
