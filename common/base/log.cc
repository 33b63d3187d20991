#include "common/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "common/base/logging/log_fields.h"
#include "common/base/logging/log_format.h"
#include "common/base/utf8.h"

namespace crossmill {
namespace {

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kCritical:
      break;
  }
  return spdlog::level::critical;
}

std::string_view WordOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
    case LogLevel::kCritical:
      break;
  }
  return "critical";
}

spdlog::level::level_enum LevelNamed(std::string_view name) {
  const auto parsed = spdlog::level::from_str(std::string(name));
  return parsed == spdlog::level::off && name != "off" ? spdlog::level::info : parsed;
}

}  // namespace

void SetLogLevel(std::string_view level) { spdlog::default_logger_raw()->set_level(LevelNamed(level)); }

void SetUpLog(std::string_view program, std::string_view level) {
  auto logger = std::make_shared<spdlog::logger>(std::string(program),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  // What it is given in the JSON form is the whole line.
  logger->set_pattern(CurrentLogFormat() == LogFormat::kJson ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %n %L %v");
  logger->set_level(LevelNamed(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void WriteLog(LogLevel level, fmt::string_view format, fmt::format_args values) {
  const spdlog::level::level_enum number = LevelOf(level);
  // What peers, files and programs say of themselves is among the values: it must not begin a line of its
  // own.
  if (!spdlog::should_log(number)) return;
  const std::string message = Printable(fmt::vformat(format, values));
  if (CurrentLogFormat() == LogFormat::kText) return spdlog::log(number, message);
  spdlog::log(number, JsonLogLine(absl::Now(), spdlog::default_logger_raw()->name(), WordOf(level), message,
                                  LogFieldsOf(format, values)));
}

}  // namespace crossmill
