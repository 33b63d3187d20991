// Which workers have which layers, from what they made and what they were given: a guess that saves bytes,
// for a worker may have thrown a layer away since. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::core {

struct LayerSize {
  // The tar's SHA-256, hex.
  std::string hash;
  int64_t bytes = 0;
};

LayerSize SizeOf(const v1::Layer& layer);

// Not thread safe: the scheduler's lock guards it.
class LayerPlaces {
 public:
  // Of a worker only so many are remembered, the last ones: of 10,000 workers at most about 200 MB.
  static constexpr size_t kMostOfWorker = 64;
  // A smaller layer is not worth a look.
  static constexpr int64_t kWorthwhile = int64_t{1} << 20;
  // Of a task only the largest count.
  static constexpr size_t kMostOfTask = 8;

  // The layers of a task that are worth a look.
  static std::vector<LayerSize> Worthwhile(std::vector<LayerSize> layers);

  void Note(const std::string& worker, const LayerSize& layer);
  void Forget(const std::string& worker);

 private:
  struct Layer {
    // In no order, and where each stands.
    std::vector<uint32_t> holders;
    std::unordered_map<uint32_t, size_t> places;
  };
  using Entry = std::pair<const std::string, Layer>;

 public:
  // The layers of one task, looked up once.
  class Wanted {
   public:
    Wanted(const LayerPlaces& places, absl::Span<const LayerSize> layers);
    // Nobody has any of them: all workers are equal.
    bool IsNowhere() const { return known_.empty(); }
    int64_t MissingAt(const std::string& worker) const;
    // Shows at most `most` workers that have one of them, of the rarest first; the further ones of a crowd
    // when it is asked with another `turn`.
    void ShowHolders(int most, uint64_t turn, const std::function<void(const std::string&)>& show) const;

   private:
    const LayerPlaces& places_;
    std::vector<std::pair<const Layer*, int64_t>> known_;
    int64_t unknown_bytes_ = 0;
  };

  // For tests.
  size_t LayerCount() const { return layers_.size(); }

 private:
  void Drop(uint32_t worker, Entry* entry);

  // Workers by number, so that a holder costs little.
  std::unordered_map<std::string, uint32_t> numbers_;
  std::vector<std::string> names_;
  // Per worker, the oldest first.
  std::vector<std::deque<Entry*>> of_worker_;
  std::unordered_map<std::string, Layer> layers_;
};

}  // namespace crossmill::core
