// The limit of a step's console: what is beyond it is left out, and said to be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

// Not thread safe.
class ConsoleLimit {
 public:
  ConsoleLimit(const v1::StepBounds& bounds, const v1::StepBounds& asked);

  // The part of a piece that is within the limit.
  std::string_view Take(std::string_view bytes);
  // Once, behind the piece that came to the limit: a line for the console. Else empty.
  std::string Notice();
  // Set when something was left out.
  std::optional<v1::BoundReached> reached() const;

 private:
  const uint64_t limit_;
  const bool of_worker_;
  uint64_t taken_ = 0;
  uint64_t left_out_ = 0;
  bool told_ = false;
};

}  // namespace crossmill::worker
