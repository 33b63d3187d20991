#include "coordinator/http/streams/event_texts.h"

namespace crossmill::coordinator::door {

std::shared_ptr<const std::string> EventTexts::Of(int64_t build, int64_t number,
                                                  const std::function<std::string()>& make) {
  const Key key = {build, number};
  {
    MutexLock lock(mutex_);
    const auto found = texts_.find(key);
    if (found != texts_.end()) return found->second;
  }
  auto text = std::make_shared<const std::string>(make());
  if (text->empty()) return text;
  MutexLock lock(mutex_);
  // Two may have made it.
  const auto [entry, fresh] = texts_.emplace(key, text);
  if (!fresh) return entry->second;
  order_.push_back(key);
  bytes_ += text->size();
  while (bytes_ > most_bytes_) {
    const auto oldest = texts_.find(order_.front());
    bytes_ -= oldest->second->size();
    texts_.erase(oldest);
    order_.pop_front();
  }
  return text;
}

size_t EventTexts::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace crossmill::coordinator::door
