#include "coordinator/core/layer_places.h"

#include <algorithm>

namespace crossmill::core {

LayerSize SizeOf(const v1::Layer& layer) { return {layer.tar().hash(), layer.tar().size_bytes()}; }

std::vector<LayerSize> LayerPlaces::Worthwhile(std::vector<LayerSize> layers) {
  std::erase_if(layers, [](const LayerSize& layer) { return layer.bytes < kWorthwhile; });
  std::stable_sort(layers.begin(), layers.end(),
                   [](const LayerSize& left, const LayerSize& right) { return left.bytes > right.bytes; });
  if (layers.size() > kMostOfTask) layers.resize(kMostOfTask);
  return layers;
}

void LayerPlaces::Note(const std::string& worker, const LayerSize& layer) {
  if (layer.bytes < kWorthwhile) return;
  const auto [number, fresh] = numbers_.try_emplace(worker, static_cast<uint32_t>(names_.size()));
  if (fresh) {
    names_.push_back(worker);
    of_worker_.emplace_back();
  }
  Entry& entry = *layers_.try_emplace(layer.hash).first;
  if (!entry.second.places.emplace(number->second, entry.second.holders.size()).second) return;
  entry.second.holders.push_back(number->second);
  std::deque<Entry*>& mine = of_worker_[number->second];
  mine.push_back(&entry);
  if (mine.size() <= kMostOfWorker) return;
  Entry* const oldest = mine.front();
  mine.pop_front();
  Drop(number->second, oldest);
}

void LayerPlaces::Forget(const std::string& worker) {
  const auto number = numbers_.find(worker);
  if (number == numbers_.end()) return;
  for (Entry* entry : of_worker_[number->second]) Drop(number->second, entry);
  of_worker_[number->second] = {};
}

void LayerPlaces::Drop(uint32_t worker, Entry* entry) {
  Layer& layer = entry->second;
  const auto place = layer.places.find(worker);
  // The last one takes its place.
  const uint32_t last = layer.holders.back();
  layer.holders[place->second] = last;
  layer.places[last] = place->second;
  layer.holders.pop_back();
  layer.places.erase(worker);
  if (layer.holders.empty()) layers_.erase(layers_.find(entry->first));
}

LayerPlaces::Wanted::Wanted(const LayerPlaces& places, absl::Span<const LayerSize> layers) : places_(places) {
  known_.reserve(layers.size());
  for (const LayerSize& layer : layers) {
    const auto found = places.layers_.find(layer.hash);
    if (found == places.layers_.end()) {
      unknown_bytes_ += layer.bytes;
    } else {
      known_.emplace_back(&found->second, layer.bytes);
    }
  }
  std::sort(known_.begin(), known_.end(), [](const auto& left, const auto& right) {
    return left.first->holders.size() < right.first->holders.size();
  });
}

int64_t LayerPlaces::Wanted::MissingAt(const std::string& worker) const {
  int64_t missing = unknown_bytes_;
  const auto number = places_.numbers_.find(worker);
  for (const auto& [layer, bytes] : known_) {
    if (number == places_.numbers_.end() || !layer->places.contains(number->second)) missing += bytes;
  }
  return missing;
}

void LayerPlaces::Wanted::ShowHolders(int most, uint64_t turn,
                                      const std::function<void(const std::string&)>& show) const {
  for (const auto& [layer, bytes] : known_) {
    const size_t count = layer->holders.size();
    for (size_t i = 0; i < count && most > 0; ++i, --most) {
      show(places_.names_[layer->holders[(turn + i) % count]]);
    }
  }
}

}  // namespace crossmill::core
