// crossmill.v1.Farm: workers and version, for people.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/page_links.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class FarmService final : public v1::Farm::Service {
 public:
  FarmService(Engine& engine, Clock& clock, std::string data_folder, const Authenticator& authenticator,
              PageLinks& page_links)
      : engine_(engine),
        clock_(clock),
        data_folder_(std::move(data_folder)),
        authenticator_(authenticator),
        page_links_(page_links) {}

  grpc::Status ListWorkers(grpc::ServerContext* context, const v1::ListWorkersRequest* request,
                           v1::ListWorkersResponse* response) override;
  grpc::Status GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest* request,
                          v1::GetVersionResponse* response) override;
  grpc::Status GetFarmStatus(grpc::ServerContext* context, const v1::GetFarmStatusRequest* request,
                             v1::FarmStatus* response) override;
  grpc::Status MakePageLink(grpc::ServerContext* context, const v1::MakePageLinkRequest* request,
                            v1::MakePageLinkResponse* response) override;

 private:
  Engine& engine_;
  Clock& clock_;
  const std::string data_folder_;
  const Authenticator& authenticator_;
  PageLinks& page_links_;
};

}  // namespace crossmill::coordinator
