#include "coordinator/rpc/streams/watch_build_call.h"

#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr auto kTogetherPause = std::chrono::milliseconds(100);
constexpr int kTogetherEvents = 256;
constexpr size_t kTogetherBytes = 1 << 20;
constexpr auto kNow = std::chrono::milliseconds(0);

void FillWatched(Watched item, v1::WatchBuildResponse* response) {
  if (item.event) {
    *response->mutable_event() = *item.event;
  } else if (item.progress) {
    response->mutable_progress()->set_what(std::move(item.progress->what));
    response->mutable_progress()->set_done_bytes(item.progress->done_bytes);
    response->mutable_progress()->set_total_bytes(item.progress->total_bytes);
  } else {
    v1::WatchedLog& log = *response->mutable_log();
    log.set_execution(item.execution);
    log.set_stage(item.stage);
    log.set_replica(item.replica);
    log.set_offset(item.offset);
    *log.mutable_chunk() = std::move(item.chunk);
  }
}

// The event and those that wait behind it. Returns what is to be told next, if it was taken, too.
std::optional<Watched> TakeTogether(Watcher& watcher, Watched first, v1::WatchedEvents* together,
                                    bool* ended) {
  size_t bytes = 0;
  std::optional<Watched> item = std::move(first);
  while (item && item->event && together->events_size() < kTogetherEvents && bytes < kTogetherBytes) {
    bytes += item->event->ByteSizeLong();
    *together->add_events() = *item->event;
    item = watcher.Next(kNow, ended);
  }
  return item;
}

}  // namespace

WatchBuildCall::Next WatchBuildCall::Produce(v1::WatchBuildResponse* response) {
  if (watcher_ == nullptr) {
    auto watcher = engine_.Watch(request_.build_id(), request_.from_event(), request_.logs());
    if (!watcher.ok()) return {.kind = Next::Kind::kEnd, .status = watcher.status()};
    watcher_ = *std::move(watcher);
    watcher_->OnReady([weak = weak_from_this()] {
      const auto self = std::static_pointer_cast<WatchBuildCall>(weak.lock());
      if (self != nullptr) self->Wake();
    });
  }
  const auto now = std::chrono::steady_clock::now();
  if (now < quiet_until_)
    return {.kind = Next::Kind::kPause,
            .pause = std::chrono::ceil<std::chrono::milliseconds>(quiet_until_ - now)};
  if (!item_ && !ended_) item_ = watcher_->Next(kNow, &ended_);
  if (!item_) {
    if (ended_) return {.kind = Next::Kind::kEnd, .status = watcher_->reason()};
    return {.kind = Next::Kind::kWait};
  }
  if (request_.together() && item_->event) {
    item_ = TakeTogether(*watcher_, *std::exchange(item_, std::nullopt), response->mutable_events(), &ended_);
    // What comes meanwhile is the next message.
    if (!item_ && !ended_) quiet_until_ = now + kTogetherPause;
  } else {
    FillWatched(*std::exchange(item_, std::nullopt), response);
  }
  return {.kind = Next::Kind::kWrite};
}

void WatchBuildCall::Over() {
  if (watcher_ == nullptr) return;
  watcher_->OnReady(nullptr);
  engine_.Unwatch(request_.build_id(), watcher_);
}

}  // namespace crossmill::coordinator
