// The pages of package indexes that the farm keeps, as a worker sees them.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "common/index/index_pages.h"
#include "crossmill/v1/worker_service.grpc.pb.h"

namespace crossmill::worker {

// Thread safe. Waits no longer than some seconds for a coordinator that is away: an index can be asked
// instead.
class FarmPageArchive final : public index::PageArchive {
 public:
  explicit FarmPageArchive(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::IndexPages::NewStub(channel)) {}

  absl::StatusOr<index::KeptPage> Load(const std::string& url) override;
  absl::Status Save(const std::string& url, const index::KeptPage& page) override;

 private:
  const std::unique_ptr<v1::IndexPages::StubInterface> stub_;
};

}  // namespace crossmill::worker
