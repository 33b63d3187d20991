#include "cli/local/keeper.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Minutes(5);
constexpr absl::Duration kLongLife = absl::Minutes(10);
constexpr int64_t kLongestFile = 1 << 20;

std::vector<std::string> NamesOf(const std::string& folder, std::string_view extension) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == extension) names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "COUNT UNIX-SECONDS\n".
Restarts ReadOne(const std::string& folder, const std::string& name) {
  Restarts restarts;
  restarts.name = name;
  const auto text = ReadFile(fmt::format("{}/{}.restarts", folder, name), kLongestFile);
  if (!text.ok()) return restarts;
  int64_t seconds = 0;
  const char* end = text->data() + text->size();
  const auto count = std::from_chars(text->data(), end, restarts.count);
  if (count.ec == std::errc() && count.ptr < end) std::from_chars(count.ptr + 1, end, seconds);
  restarts.last = absl::FromUnixSeconds(seconds);
  return restarts;
}

}  // namespace

absl::Status KeepDaemon(const DaemonSpec& spec) {
  unlink(fmt::format("{}/{}.restarts", spec.run_folder, spec.name).c_str());
  // Arguments hold anything but NUL.
  return WriteFileAtomic(fmt::format("{}/{}.argv", spec.run_folder, spec.name),
                         absl::StrJoin(spec.argv, std::string(1, '\0')), 0600);
}

std::vector<Restarts> ReadRestarts(const std::string& run_folder) {
  std::vector<Restarts> restarts;
  for (const std::string& name : NamesOf(run_folder, ".restarts")) {
    Restarts one = ReadOne(run_folder, name);
    if (one.count > 0) restarts.push_back(std::move(one));
  }
  return restarts;
}

void Keeper::Look() {
  for (const std::string& name : NamesOf(run_folder_, ".argv")) LookAfter(name);
}

void Keeper::LookAfter(const std::string& name) {
  DaemonSpec spec{name, {}, run_folder_};
  Kept& kept = kept_[name];
  const absl::Time now = clock_.Now();
  if (RunningDaemon(spec.PidFile())) {
    kept.alive = std::min(kept.alive, now);
    if (now - kept.alive >= kLongLife) kept.pause = absl::ZeroDuration();
    return;
  }
  kept.alive = absl::InfiniteFuture();
  if (access(spec.PidFile().c_str(), F_OK) != 0) return;  // stopped on purpose
  if (now < kept.next) return;
  const auto arguments = ReadFile(fmt::format("{}/{}.argv", run_folder_, name), kLongestFile);
  if (!arguments.ok()) return;
  spec.argv = absl::StrSplit(*arguments, '\0');
  const auto pid = start_(spec);
  kept.pause = std::clamp(kept.pause * 2, kFirstPause, kLongestPause);
  kept.next = now + kept.pause;
  if (!pid.ok())
    return tell_(fmt::format("{} has died and cannot be started: {}", name, Sv(pid.status().message())));
  Restarts restarts = ReadOne(run_folder_, name);
  ++restarts.count;
  tell_(fmt::format("{} had died: started again as {} ({} times by now)", name, *pid, restarts.count));
  WriteFileAtomic(fmt::format("{}/{}.restarts", run_folder_, name),
                  fmt::format("{} {}\n", restarts.count, absl::ToUnixSeconds(now)))
      .IgnoreError();  // only counted
}

}  // namespace crossmill::cli
