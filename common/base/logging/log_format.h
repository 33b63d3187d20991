// Whether the log is for people or for a store of logs.
#pragma once

#include <optional>
#include <string_view>

namespace crossmill {

enum class LogFormat {
  // "2026-11-28T16:20:41.123 coordinator I build=7 submitted": local time, program, level, text.
  kText,
  // An object in each line: time, program, level, message, and a member for each word like build=7 in it.
  kJson,
};

// "text" or "json"; nothing for another word.
std::optional<LogFormat> LogFormatNamed(std::string_view name);

// Before SetUpLog (common/base/log.h), which takes it up. At first it is text.
void SetLogFormat(LogFormat format);
LogFormat CurrentLogFormat();

}  // namespace crossmill
