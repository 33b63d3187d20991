#include "worker/task/dist_info.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "common/base/text.h"
#include "common/base/utf8.h"
#include "worker/task/package_place.h"
#include "worker/task/root_reader.h"
#include "worker/task/wheel_files.h"

namespace crossmill::worker {
namespace {

// Header fields of METADATA stand before the description, which may be long and is not read.
constexpr size_t kMetadataBytes = 256 << 10;
constexpr size_t kSmallFileBytes = 64 << 10;
constexpr int kMostTags = 512;
constexpr size_t kMostRecords = 20000;

using Paths = std::set<std::string, std::less<>>;

std::string_view FirstLine(std::string_view text) { return Trim(text.substr(0, text.find('\n'))); }

// Calls `field` with name and value of each header line until the blank line before the body. Continuation
// lines belong to fields that nobody asks for here.
template <typename Field>
void ForEachField(std::string_view text, const Field& field) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    if (Trim(line).empty()) return;
    const size_t colon = line.find(':');
    if (colon == line.npos || line.front() == ' ' || line.front() == '\t') continue;
    field(line.substr(0, colon), Trim(line.substr(colon + 1)));
  }
}

std::string_view ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? std::string_view{} : path.substr(0, slash);
}

// Name and version from METADATA or PKG-INFO. False: no such file, or it names nothing.
bool ReadNames(const RootReader& root, const std::string& path, v1::DistInfo* info) {
  const std::optional<std::string> text = root.ReadFront(path, kMetadataBytes);
  if (!text.has_value()) return false;
  ForEachField(*text, [&](std::string_view name, std::string_view value) {
    if (name == "Name" && info->name().empty()) info->set_name(ValidUtf8(value));
    if (name == "Version" && info->version().empty()) info->set_version(ValidUtf8(value));
  });
  return !info->name().empty() && !info->version().empty();
}

bool ReadDistInfo(const RootReader& root, v1::DistInfo* info) {
  const std::string folder = info->path() + "/";
  if (!ReadNames(root, folder + "METADATA", info)) return false;
  if (const auto wheel = root.ReadWhole(folder + "WHEEL", kSmallFileBytes)) {
    ForEachField(*wheel, [&](std::string_view name, std::string_view value) {
      if (name == "Generator") info->set_generator(ValidUtf8(value));
      if (name == "Tag" && info->tags_size() < kMostTags) info->add_tags(ValidUtf8(value));
    });
  }
  if (const auto installer = root.ReadFront(folder + "INSTALLER", 256)) {
    info->set_installer(ValidUtf8(FirstLine(*installer)));
  }
  if (const auto direct_url = root.ReadWhole(folder + "direct_url.json", kSmallFileBytes)) {
    info->set_direct_url(ValidUtf8(*direct_url));
  }
  info->set_uv_build(root.IsFile(folder + "uv_build.json"));
  info->set_requested(root.IsFile(folder + "REQUESTED"));
  return true;
}

// A folder with PKG-INFO, or a file that is one.
bool ReadEggInfo(const RootReader& root, v1::DistInfo* info) {
  info->set_form(v1::DistInfo::FORM_EGG_INFO);
  info->set_setup_py_install(root.IsFile(info->path() + "/installed-files.txt"));
  return ReadNames(root, info->path() + "/PKG-INFO", info) || ReadNames(root, info->path(), info);
}

// NAME.egg-link: its first line is the folder that has NAME.egg-info.
bool ReadEggLink(const RootReader& root, v1::DistInfo* info) {
  info->set_form(v1::DistInfo::FORM_EGG_LINK);
  const std::optional<std::string> text = root.ReadFront(info->path(), 4096);
  if (!text.has_value()) return false;
  const std::string_view folder = FirstLine(*text);
  if (!folder.starts_with("/")) return false;
  std::string name(info->path().substr(info->path().rfind('/') + 1));
  name.resize(name.size() - std::string_view(".egg-link").size());
  std::replace(name.begin(), name.end(), '-', '_');
  return ReadNames(root, std::string(folder.substr(1)) + "/" + name + ".egg-info/PKG-INFO", info);
}

// The record that a changed file belongs to; empty if to none. The outermost *.dist-info or *.egg-info on the
// way, an egg's EGG-INFO, or an egg-link.
std::string_view RecordOf(std::string_view path) {
  for (size_t end = path.find('/'); end != path.npos; end = path.find('/', end + 1)) {
    const std::string_view folder = path.substr(0, end);
    if (folder.ends_with(".dist-info") || folder.ends_with(".egg-info") ||
        folder.ends_with(".egg/EGG-INFO")) {
      return folder;
    }
  }
  return path.ends_with(".egg-info") || path.ends_with(".egg-link") ? path : std::string_view{};
}

std::optional<v1::DistInfo> ReadRecord(const RootReader& root, const Paths& changed,
                                       const std::string& path) {
  v1::DistInfo info;
  info.set_path(path);
  const bool egg = path.ends_with("/EGG-INFO");
  const bool read = path.ends_with(".dist-info")  ? ReadDistInfo(root, &info)
                    : path.ends_with(".egg-link") ? ReadEggLink(root, &info)
                                                  : ReadEggInfo(root, &info);
  if (!read) return std::nullopt;
  FindPlace(root, egg ? ParentOf(ParentOf(path)) : ParentOf(path), &info);
  info.set_seed(IsSeed(root, changed, info));
  return info;
}

}  // namespace

bool MayHoldPackages(absl::Span<const std::string> changed_paths) {
  return std::any_of(changed_paths.begin(), changed_paths.end(), [](const std::string& path) {
    return path.ends_with(".whl") || !RecordOf(path).empty();
  });
}

PackageFacts ReadPackages(const std::string& root, absl::Span<const std::string> changed_paths,
                          absl::Span<const int64_t> changed_times) {
  PackageFacts facts;
  if (!MayHoldPackages(changed_paths)) return facts;
  // Record -> its newest file's time.
  std::map<std::string, int64_t, std::less<>> records;
  Paths settings;
  for (size_t i = 0; i < changed_paths.size(); ++i) {
    const std::string& path = changed_paths[i];
    const std::string_view record = RecordOf(path);
    if (!record.empty() && (records.size() < kMostRecords || records.contains(record))) {
      int64_t& newest = records.try_emplace(std::string(record), 0).first->second;
      if (i < changed_times.size()) newest = std::max(newest, changed_times[i]);
    }
    if (path.ends_with("/pyvenv.cfg")) settings.insert(path);
  }
  const RootReader reader(root);
  for (const auto& [path, written_at] : records) {
    auto info = ReadRecord(reader, settings, path);
    if (!info) continue;
    info->set_written_at(written_at);
    facts.infos.push_back(*std::move(info));
  }
  facts.wheels = FindWheelFiles(reader, changed_paths, facts.infos);
  return facts;
}

}  // namespace crossmill::worker
