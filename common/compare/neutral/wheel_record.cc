#include "common/compare/neutral/wheel_record.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::compare {
namespace {

// The first field of a line of comma-separated values.
std::string FirstField(std::string_view line) {
  if (!line.starts_with('"')) return std::string(line.substr(0, line.find(',')));
  std::string field;
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] != '"') {
      field += line[i];
    } else if (i + 1 < line.size() && line[i + 1] == '"') {
      field += line[i++];
    } else {
      break;
    }
  }
  return field;
}

// Without "." and ".."; empty: it leads out of the root.
std::string Resolved(std::string_view folder, std::string_view path) {
  std::vector<absl::string_view> parts;
  const std::string whole = path.starts_with('/') ? std::string(path) : fmt::format("{}/{}", folder, path);
  for (const absl::string_view part : absl::StrSplit(whole, '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
      continue;
    }
    if (parts.empty()) return {};
    parts.pop_back();
  }
  return absl::StrJoin(parts, "/");
}

std::string_view WithoutReturn(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

}  // namespace

bool IsForAnyPlatform(std::string_view wheel) {
  constexpr std::string_view kTag = "Tag: ";
  bool any = false;
  for (const absl::string_view each : absl::StrSplit(Av(wheel), '\n')) {
    const std::string_view line = WithoutReturn(Sv(each));
    if (!line.starts_with(kTag)) continue;
    if (!line.ends_with("-none-any")) return false;
    any = true;
  }
  return any;
}

std::vector<std::string> FilesOfRecord(std::string_view folder, std::string_view record) {
  std::vector<std::string> files;
  for (const absl::string_view each : absl::StrSplit(Av(record), '\n')) {
    const std::string field = FirstField(WithoutReturn(Sv(each)));
    if (field.empty()) continue;
    std::string path = Resolved(folder, field);
    if (!path.empty()) files.push_back(std::move(path));
  }
  return files;
}

}  // namespace crossmill::compare
