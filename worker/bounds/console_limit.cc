#include "worker/bounds/console_limit.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/words/step_bounds.h"

namespace crossmill::worker {

ConsoleLimit::ConsoleLimit(const v1::StepBounds& bounds, const v1::StepBounds& asked)
    : limit_(bounds.log()), of_worker_(bounds.log() != asked.log()) {}

std::string_view ConsoleLimit::Take(std::string_view bytes) {
  if (limit_ == 0) return bytes;
  const std::string_view taken = bytes.substr(0, std::min<uint64_t>(bytes.size(), limit_ - taken_));
  taken_ += taken.size();
  left_out_ += bytes.size() - taken.size();
  return taken;
}

std::string ConsoleLimit::Notice() {
  if (left_out_ == 0 || told_) return "";
  told_ = true;
  return fmt::format("\nwarning: {}: what the command writes from here on is left out\n",
                     TellBoundReached(*reached()));
}

std::optional<v1::BoundReached> ConsoleLimit::reached() const {
  if (left_out_ == 0) return std::nullopt;
  v1::BoundReached reached;
  reached.set_bound(v1::STEP_BOUND_LOG);
  reached.set_limit(limit_);
  reached.set_peak(taken_ + left_out_);
  reached.set_of_worker(of_worker_);
  reached.set_survived(true);
  return reached;
}

}  // namespace crossmill::worker
