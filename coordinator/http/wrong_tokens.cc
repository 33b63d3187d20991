#include "coordinator/http/wrong_tokens.h"

#include <algorithm>

#include "common/base/digest.h"

namespace crossmill::coordinator::door {
namespace {

constexpr int kMostWrong = 10;
constexpr absl::Duration kWrongSpan = absl::Minutes(1);
constexpr size_t kMostAddresses = 1024;
constexpr size_t kMostGood = 256;

}  // namespace

bool WrongTokens::Refuses(const std::string& address, const std::string& token, absl::Time now) {
  MutexLock lock(mutex_);
  const auto found = addresses_.find(address);
  if (found == addresses_.end()) return false;
  if (now - found->second.begun > kWrongSpan) {
    addresses_.erase(found);
    return false;
  }
  if (found->second.wrong < kMostWrong) return false;
  return std::find(good_.begin(), good_.end(), Sha256Hex(token)) == good_.end();
}

void WrongTokens::Wrong(const std::string& address, absl::Time now) {
  MutexLock lock(mutex_);
  // Whoever has so many addresses would not be kept by this anyway.
  if (addresses_.size() >= kMostAddresses && !addresses_.contains(address)) addresses_.clear();
  Count& count = addresses_[address];
  if (now - count.begun > kWrongSpan) count = {now, 0};
  ++count.wrong;
}

void WrongTokens::Good(const std::string& token) {
  std::string hash = Sha256Hex(token);
  MutexLock lock(mutex_);
  if (std::find(good_.begin(), good_.end(), hash) != good_.end()) return;
  good_.push_back(std::move(hash));
  if (good_.size() > kMostGood) good_.pop_front();
}

}  // namespace crossmill::coordinator::door
