// Logging: one line per transition to stderr, `key=value` words with build, stage, worker, lease.
// Log or return an error, never both.
//
//   LogInfo("build={} finished status={}", id, status);
//
// The logging library stays behind this header: it takes a compiler longer than most sources of ours.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace crossmill {

// Call once, first in main. `level`: trace, debug, info, warn, error; unknown names mean info.
void SetUpLog(std::string_view program, std::string_view level);

// From now on. Thread safe.
void SetLogLevel(std::string_view level);

enum class LogLevel { kDebug, kInfo, kWarning, kError, kCritical };

// Formats only what is logged at the level that was set up. Thread safe.
void WriteLog(LogLevel level, fmt::string_view format, fmt::format_args values);

template <typename... Values>
void LogDebug(fmt::format_string<Values...> format, Values&&... values) {
  WriteLog(LogLevel::kDebug, format, fmt::make_format_args(values...));
}

template <typename... Values>
void LogInfo(fmt::format_string<Values...> format, Values&&... values) {
  WriteLog(LogLevel::kInfo, format, fmt::make_format_args(values...));
}

template <typename... Values>
void LogWarning(fmt::format_string<Values...> format, Values&&... values) {
  WriteLog(LogLevel::kWarning, format, fmt::make_format_args(values...));
}

template <typename... Values>
void LogError(fmt::format_string<Values...> format, Values&&... values) {
  WriteLog(LogLevel::kError, format, fmt::make_format_args(values...));
}

template <typename... Values>
void LogCritical(fmt::format_string<Values...> format, Values&&... values) {
  WriteLog(LogLevel::kCritical, format, fmt::make_format_args(values...));
}

}  // namespace crossmill
