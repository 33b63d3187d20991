#include "coordinator/metrics/process_numbers.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Files of /proc have no size, but no kernel writes that much into these.
constexpr int64_t kMostProcBytes = 1 << 20;
// /proc/stat has a number for each interrupt.
constexpr int64_t kMostMachineBytes = 64 << 20;

absl::Status Unreadable(const std::string& path, std::string_view what) {
  return absl::UnavailableError(fmt::format("{}: {}", path, what));
}

// proc_pid_stat(5). The second field is the program's name in parentheses, with whatever is in that.
absl::Status ReadStat(const std::string& path, ProcessNumbers& numbers) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMostProcBytes));
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return Unreadable(path, "no name of a program in it");
  // The first of these is the third field there.
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(name_end + 1), absl::ByAnyChar(" \n"), absl::SkipEmpty());
  const auto field = [&fields](size_t number, int64_t* value) {
    const size_t index = number - 3;
    return index < fields.size() && absl::SimpleAtoi(fields[index], value);
  };
  int64_t user = 0, system = 0, start = 0, pages = 0;
  if (!field(14, &user) || !field(15, &system) || !field(20, &numbers.threads) || !field(22, &start) ||
      !field(23, &numbers.virtual_bytes) || !field(24, &pages))
    return Unreadable(path, "not the fields of proc_pid_stat(5)");
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  numbers.cpu_seconds = static_cast<double>(user + system) / ticks;
  numbers.start_seconds = static_cast<double>(start) / ticks;
  numbers.resident_bytes = pages * sysconf(_SC_PAGESIZE);
  return absl::OkStatus();
}

// The line of `text` that begins with `key`: the first word behind it.
std::string FirstWordBehind(const std::string& text, std::string_view key) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, Av(key))) continue;
    const std::vector<std::string> words =
        absl::StrSplit(line.substr(key.size()), absl::ByAnyChar(" \t"), absl::SkipEmpty());
    return words.empty() ? "" : words.front();
  }
  return "";
}

absl::Status ReadMostDescriptors(const std::string& path, ProcessNumbers& numbers) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMostProcBytes));
  const std::string word = FirstWordBehind(text, "Max open files");
  numbers.most_descriptors = ProcessNumbers::kUnlimited;
  if (word != "unlimited" && !absl::SimpleAtoi(word, &numbers.most_descriptors))
    return Unreadable(path, "no line with \"Max open files\"");
  return absl::OkStatus();
}

absl::Status CountDescriptors(const std::string& path, ProcessNumbers& numbers) {
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error);
  // Reading needs a descriptor, which is counted with the others; with none left it fails, and says why.
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    ++numbers.open_descriptors;
  return error ? Unreadable(path, error.message()) : absl::OkStatus();
}

absl::Status AddMachineStart(const std::string& path, ProcessNumbers& numbers) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMostMachineBytes));
  int64_t start = 0;
  if (!absl::SimpleAtoi(FirstWordBehind(text, "btime "), &start))
    return Unreadable(path, "no line \"btime\"");
  numbers.start_seconds += static_cast<double>(start);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ProcessNumbers> ReadProcessNumbers() { return ReadProcessNumbers("/proc/self", "/proc/stat"); }

absl::StatusOr<ProcessNumbers> ReadProcessNumbers(const std::string& folder,
                                                  const std::string& machine_stat) {
  ProcessNumbers numbers;
  RETURN_IF_ERROR(ReadStat(folder + "/stat", numbers));
  RETURN_IF_ERROR(AddMachineStart(machine_stat, numbers));
  RETURN_IF_ERROR(ReadMostDescriptors(folder + "/limits", numbers));
  RETURN_IF_ERROR(CountDescriptors(folder + "/fd", numbers));
  return numbers;
}

}  // namespace crossmill::coordinator
