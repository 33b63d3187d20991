// The bytes of one side of a comparison. Pure: where they come from is the caller's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::compare {

// Random access to bytes that do not change. Not thread safe.
class Content {
 public:
  virtual ~Content() = default;
  virtual int64_t size() const = 0;
  // Up to `count` bytes from `offset` on; fewer only at the end, none behind it.
  virtual absl::StatusOr<std::string> Read(int64_t offset, size_t count) = 0;
};

// Bytes in memory.
class StringContent final : public Content {
 public:
  explicit StringContent(std::string bytes) : bytes_(std::move(bytes)) {}
  int64_t size() const override { return static_cast<int64_t>(bytes_.size()); }
  absl::StatusOr<std::string> Read(int64_t offset, size_t count) override {
    if (offset < 0 || offset >= size()) return std::string();
    return bytes_.substr(static_cast<size_t>(offset), count);
  }

 private:
  std::string bytes_;
};

}  // namespace crossmill::compare
