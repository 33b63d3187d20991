#include "worker/agent/undelivered_results.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr std::string_view kSuffix = ".pb";

}  // namespace

absl::StatusOr<UndeliveredResults> UndeliveredResults::Open(std::string folder) {
  RETURN_IF_ERROR(MakeFolders(folder, 0700));
  return UndeliveredResults(std::move(folder));
}

std::string UndeliveredResults::PathOf(uint64_t lease) const {
  return fmt::format("{}/{}{}", folder_, lease, kSuffix);
}

absl::Status UndeliveredResults::Save(uint64_t lease, const v1::TaskResult& result) {
  return WriteFileAtomic(PathOf(lease), result.SerializeAsString(), 0600, /*durable=*/true);
}

absl::Status UndeliveredResults::Forget(uint64_t lease) {
  if (unlink(PathOf(lease).c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, PathOf(lease));
  return absl::OkStatus();
}

absl::StatusOr<std::map<uint64_t, v1::TaskResult>> UndeliveredResults::Load() {
  std::map<uint64_t, v1::TaskResult> results;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = file.path().filename();
    if (!name.ends_with(kSuffix)) continue;
    uint64_t lease = 0;
    const char* end = name.data() + name.size() - kSuffix.size();
    const auto parsed = std::from_chars(name.data(), end, lease);
    const auto bytes = ReadFile(file.path());
    v1::TaskResult result;
    if (parsed.ec == std::errc() && parsed.ptr == end && bytes.ok() && result.ParseFromString(*bytes)) {
      results[lease] = std::move(result);
      continue;
    }
    LogWarning("undelivered result {} cannot be read and is dropped", file.path().string());
    std::filesystem::remove(file.path(), error);
  }
  if (error) return ErrnoStatus(error.value(), folder_);
  return results;
}

}  // namespace crossmill::worker
