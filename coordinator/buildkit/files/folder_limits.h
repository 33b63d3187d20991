// What a client's folder may be at most, and how long it may be waited for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace crossmill::coordinator::buildkit {

struct FolderLimits {
  int64_t most_entries = 1'000'000;
  int64_t most_bytes = int64_t{64} << 30;
  size_t longest_path = 4096;
  int deepest = 256;
  // How long the client may say nothing.
  std::chrono::milliseconds patience = std::chrono::minutes(5);
  // Of names and of the targets of links, in all: they are in memory until the folder is read.
  size_t most_name_bytes = size_t{128} << 20;
};

}  // namespace crossmill::coordinator::buildkit
