#include "common/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

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

spdlog::level::level_enum LevelNamed(std::string_view name) {
  const auto parsed = spdlog::level::from_str(std::string(name));
  return parsed == spdlog::level::off && name != "off" ? spdlog::level::info : parsed;
}

}  // namespace

void SetLogLevel(std::string_view level) { spdlog::default_logger_raw()->set_level(LevelNamed(level)); }

void SetUpLog(std::string_view program, std::string_view level) {
  auto logger = std::make_shared<spdlog::logger>(std::string(program),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %L %v");
  logger->set_level(LevelNamed(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void WriteLog(LogLevel level, fmt::string_view format, fmt::format_args values) {
  const spdlog::level::level_enum number = LevelOf(level);
  // What peers, files and programs say of themselves is among the values: it must not begin a line of its
  // own.
  if (spdlog::should_log(number)) spdlog::log(number, Printable(fmt::vformat(format, values)));
}

}  // namespace crossmill
