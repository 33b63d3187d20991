#include "worker/bounds/process_sample.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

// "Name:   123 kB" or "Name: 3" in a file of /proc; 0: it is not there.
uint64_t Field(std::string_view text, std::string_view name) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
      return std::strtoull(std::string(line.substr(name.size() + 1)).c_str(), nullptr, 10);
    at = end + 1;
  }
  return 0;
}

// Parent by process.
std::optional<std::multimap<pid_t, pid_t>> Children(const std::string& proc) {
  std::error_code error;
  std::filesystem::directory_iterator entry(proc, error);
  if (error) return std::nullopt;
  std::multimap<pid_t, pid_t> children;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const pid_t pid = static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    if (pid <= 0) continue;
    const auto stat = ReadFile(fmt::format("{}/{}/stat", proc, name), 4096);
    if (!stat.ok()) continue;
    // The name may hold anything, a parenthesis too: what follows is behind the last one. " S PPID ..."
    const size_t close = stat->rfind(')');
    if (close == std::string::npos || close + 4 > stat->size()) continue;
    children.emplace(static_cast<pid_t>(std::strtol(stat->c_str() + close + 4, nullptr, 10)), pid);
  }
  return children;
}

void AddProcess(const std::string& folder, bool precise, ProcessSample* sample) {
  const auto status = ReadFile(folder + "/status", 1 << 14);
  // Gone, or another's that runs something setuid: at least it is one.
  const std::string text = status.ok() ? *status : "";
  sample->processes += std::max<uint64_t>(1, Field(text, "Threads"));
  if (precise) {
    const auto exact = ReadFile(folder + "/smaps_rollup", 1 << 14);
    if (exact.ok() && !exact->empty()) {
      const uint64_t all = Field(*exact, "Pss"), files = Field(*exact, "Pss_File");
      sample->memory += ((all > files ? all - files : 0) + Field(*exact, "SwapPss")) << 10;
      return;
    }
  }
  sample->memory += (Field(text, "RssAnon") + Field(text, "RssShmem") + Field(text, "VmSwap")) << 10;
}

}  // namespace

std::optional<ProcessSample> SampleDescendants(pid_t root, bool precise, const std::string& proc) {
  const auto children = Children(proc);
  if (!children) return std::nullopt;
  ProcessSample sample;
  std::vector<pid_t> open = {root};
  while (!open.empty()) {
    const pid_t parent = open.back();
    open.pop_back();
    const auto [begin, end] = children->equal_range(parent);
    for (auto child = begin; child != end; ++child) {
      AddProcess(fmt::format("{}/{}", proc, child->second), precise, &sample);
      open.push_back(child->second);
    }
  }
  return sample;
}

}  // namespace crossmill::worker
