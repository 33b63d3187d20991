#include "worker/layers/pyc_times.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>

#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/tree/long_path.h"

namespace crossmill::worker {
namespace {

uint32_t LittleEndian(std::string_view bytes, size_t offset, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  }
  return value;
}

// The first two bytes name the version that compiled it (cpython's Lib/importlib/_bootstrap_external.py has
// the list). Numbers that are none of CPython's are of other implementations of 3.7 or later.
enum class Layout { kTimeOnly, kTimeAndSize, kFlagsTimeAndSize };

Layout LayoutOf(uint32_t magic) {
  if (magic >= 20'000 && magic < 63'000) return Layout::kTimeOnly;   // 1.5 to 2.7
  if (magic >= 3'000 && magic < 3'190) return Layout::kTimeOnly;     // 3.0 to 3.2
  if (magic >= 3'190 && magic < 3'390) return Layout::kTimeAndSize;  // 3.3 to 3.6
  return Layout::kFlagsTimeAndSize;
}

using Sources = std::unordered_map<std::string_view, const DiffNode*>;

void CollectSources(const std::vector<DiffNode>& nodes, Sources* sources) {
  for (const DiffNode& node : nodes) {
    const bool file = node.entry.type == layer::EntryType::kFile && !node.whiteout && node.on_disk;
    if (file && node.entry.path.ends_with(".py")) sources->emplace(node.entry.path, &node);
    CollectSources(node.children, sources);
  }
}

// What its mtime will be when the upper directory has become the layer.
int64_t TimeAfterwards(const DiffNode& node) { return node.kept ? node.entry.mtime : node.lower_mtime; }

absl::Status Refresh(const std::string& file, const DiffNode& source, DiffNode* node) {
  const ReachablePath path(file);
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path.text(), O_RDWR | O_NOFOLLOW));
  char bytes[kPycHeaderBytes];
  ASSIGN_OR_RETURN(const size_t size, ReadSome(fd.get(), bytes, sizeof(bytes)));
  const std::optional<PycHeader> header = ReadPycHeader({bytes, size});
  if (!header || header->source_time != static_cast<uint32_t>(source.disk_mtime) ||
      (header->source_size && *header->source_size != static_cast<uint32_t>(source.entry.size))) {
    return absl::OkStatus();
  }
  const auto time = static_cast<uint32_t>(TimeAfterwards(source));
  char field[4];
  for (size_t i = 0; i < sizeof(field); ++i) field[i] = static_cast<char>(time >> (8 * i));
  if (pwrite(fd.get(), field, sizeof(field), static_cast<off_t>(header->time_offset)) != sizeof(field)) {
    return ErrnoStatus(errno, file);
  }
  // Writing touched it.
  node->time_differs = true;
  return absl::OkStatus();
}

absl::Status RefreshNodes(const std::string& upper, const Sources& sources, std::vector<DiffNode>* nodes) {
  for (DiffNode& node : *nodes) {
    RETURN_IF_ERROR(RefreshNodes(upper, sources, &node.children));
    if (!node.kept || node.whiteout || !node.on_disk || node.entry.type != layer::EntryType::kFile) continue;
    const std::optional<std::string> name = SourceOfPyc(node.entry.path);
    const auto source = name ? sources.find(*name) : sources.end();
    if (source == sources.end() || source->second->disk_mtime == TimeAfterwards(*source->second)) continue;
    RETURN_IF_ERROR(Refresh(fmt::format("{}/{}", upper, node.entry.path), *source->second, &node));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<PycHeader> ReadPycHeader(std::string_view bytes) {
  if (bytes.size() < 8 || bytes[2] != '\r' || bytes[3] != '\n') return std::nullopt;
  PycHeader header;
  header.time_offset = 4;
  const Layout layout = LayoutOf(LittleEndian(bytes, 0, 2));
  if (layout == Layout::kFlagsTimeAndSize) {
    // Other than 0: the source is found by its hash.
    if (LittleEndian(bytes, 4, 4) != 0) return std::nullopt;
    header.time_offset = 8;
  }
  const size_t end = header.time_offset + (layout == Layout::kTimeOnly ? 4 : 8);
  if (bytes.size() < end) return std::nullopt;
  header.source_time = LittleEndian(bytes, header.time_offset, 4);
  if (layout != Layout::kTimeOnly) header.source_size = LittleEndian(bytes, header.time_offset + 4, 4);
  return header;
}

std::optional<std::string> SourceOfPyc(std::string_view path) {
  // Python 2 calls optimised ones so.
  const bool optimised = path.ends_with(".pyo");
  if (!optimised && !path.ends_with(".pyc")) return std::nullopt;
  path.remove_suffix(4);
  const size_t slash = path.rfind('/');
  std::string_view folder = slash == path.npos ? std::string_view() : path.substr(0, slash + 1);
  std::string_view name = path.substr(folder.size());
  constexpr std::string_view kCache = "__pycache__/";
  const std::string_view above = folder.substr(0, folder.size() - std::min(folder.size(), kCache.size()));
  if (folder.ends_with(kCache) && (above.empty() || above.ends_with('/'))) {
    folder = above;
    size_t dot = name.rfind('.');
    if (dot != name.npos && name.substr(dot).starts_with(".opt-")) {
      name = name.substr(0, dot);
      dot = name.rfind('.');
    }
    // The implementation and version that compiled it.
    if (dot == name.npos) return std::nullopt;
    name = name.substr(0, dot);
  }
  if (name.empty()) return std::nullopt;
  return fmt::format("{}{}.py", folder, name);
}

absl::Status RefreshPycs(const std::string& upper, UpperDiff* diff) {
  Sources sources;
  CollectSources(diff->nodes, &sources);
  if (sources.empty()) return absl::OkStatus();
  return RefreshNodes(upper, sources, &diff->nodes);
}

}  // namespace crossmill::worker
