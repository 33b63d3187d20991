#include "common/base/logging/log_format.h"

#include <atomic>

namespace crossmill {
namespace {

std::atomic<LogFormat> current_format = LogFormat::kText;

}  // namespace

std::optional<LogFormat> LogFormatNamed(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return std::nullopt;
}

void SetLogFormat(LogFormat format) { current_format = format; }

LogFormat CurrentLogFormat() { return current_format; }

}  // namespace crossmill
