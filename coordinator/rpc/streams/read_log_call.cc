#include "coordinator/rpc/streams/read_log_call.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr int kLogPage = 1000;
// Until somebody who follows is looked after again.
constexpr auto kPause = std::chrono::milliseconds(200);

}  // namespace

ReadLogCall::ReadLogCall(StreamPool& pool, Engine& engine, storage::LogStore& logs,
                         const v1::ReadLogRequest& request)
    : PooledCall(pool),
      engine_(engine),
      logs_(logs),
      request_(request),
      next_(std::max<int64_t>(request.from_chunk(), 0)) {}

ReadLogCall::Next ReadLogCall::Produce(v1::ReadLogResponse* response) {
  if (told_ == chunks_.size()) {
    // Asked before reading: what was written before the end is then read.
    const auto running = engine_.reader().IsRunning(request_.execution());
    if (!running.ok()) return {.kind = Next::Kind::kEnd, .status = running.status()};
    auto chunks = logs_.Read(request_.execution(), next_, kLogPage);
    if (!chunks.ok()) return {.kind = Next::Kind::kEnd, .status = chunks.status()};
    chunks_ = *std::move(chunks);
    told_ = 0;
    next_ += static_cast<int64_t>(chunks_.size());
    if (chunks_.empty()) {
      if (!request_.follow() || !*running) return {.kind = Next::Kind::kEnd};
      return {.kind = Next::Kind::kPause, .pause = kPause};
    }
  }
  *response->mutable_chunk() = std::move(chunks_[told_++]);
  if (told_ == chunks_.size()) {
    // Who only waits holds nothing.
    std::vector<v1::LogChunk>().swap(chunks_);
    told_ = 0;
  }
  return {.kind = Next::Kind::kWrite};
}

}  // namespace crossmill::coordinator
