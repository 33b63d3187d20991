// One ReadLog call: the console of an execution, on its way to a client.
#pragma once

#include <cstdint>
#include <vector>

#include "coordinator/engine/engine.h"
#include "coordinator/rpc/streams/pooled_call.h"
#include "coordinator/storage/log_store.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::coordinator {

// `engine` and `logs` outlive it.
class ReadLogCall final : public PooledCall<v1::ReadLogResponse> {
 public:
  ReadLogCall(StreamPool& pool, Engine& engine, storage::LogStore& logs, const v1::ReadLogRequest& request);

 private:
  Next Produce(v1::ReadLogResponse* response) override;

  Engine& engine_;
  storage::LogStore& logs_;
  const v1::ReadLogRequest request_;
  // Read, and told up to `told_`.
  std::vector<v1::LogChunk> chunks_;
  size_t told_ = 0;
  // The next to be read.
  int64_t next_;
};

}  // namespace crossmill::coordinator
