// crossmill.v1.Predictions: what packages of a recipe will be. Thin: the forecaster does the work.
#pragma once

#include <atomic>

#include "coordinator/forecast/forecaster.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. A call works on its own thread; at most four at a time, each at most ten minutes.
class PredictionsService final : public v1::Predictions::Service {
 public:
  PredictionsService(Forecaster& forecaster, const Authenticator& authenticator)
      : forecaster_(forecaster), authenticator_(authenticator) {}

  grpc::Status Predict(grpc::ServerContext* context, const v1::PredictRequest* request,
                       grpc::ServerWriter<v1::PredictResponse>* writer) override;
  // Ends the calls that there are with UNAVAILABLE.
  void Stop() { stop_.request_stop(); }

 private:
  Forecaster& forecaster_;
  const Authenticator& authenticator_;
  std::stop_source stop_;
  std::atomic<int> running_ = 0;
};

}  // namespace crossmill::coordinator
