// Looks now and then how large a folder has become that another program fills.
#pragma once

#include <atomic>
#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

#include "common/base/room/folder_size.h"

namespace crossmill::fetch {

inline constexpr std::chrono::milliseconds kUsualPause{200};

// Its token stops when the folder is larger than that. Between two looks it can grow further.
class FolderWatch {
 public:
  FolderWatch(std::string folder, FolderSize most, std::chrono::milliseconds pause = kUsualPause);
  bool exceeded() const { return exceeded_; }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void Look(const std::stop_token& over);

  const std::string folder_;
  const FolderSize most_;
  const std::chrono::milliseconds pause_;
  std::atomic<bool> exceeded_ = false;
  std::stop_source stop_;
  // Last: it uses what is above.
  std::jthread looker_;
};

}  // namespace crossmill::fetch
