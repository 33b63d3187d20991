#include "worker/task/wheel_files.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostWheels = 5000;
// Folders looked into for wheels from earlier steps.
constexpr int kMostFolders = 4000;
constexpr size_t kMostNames = 2000;

bool IsHex(std::string_view text, size_t least) {
  return text.size() >= least && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool IsUvFolder(std::string_view name, std::string_view begin) {
  return name.starts_with(begin) && name.find_first_not_of("0123456789", begin.size()) == name.npos &&
         name.size() > begin.size();
}

// Compares names as PEP 503 does: "Foo.bar" and "foo_bar".
std::string Normalised(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == '.') {
      if (!plain.empty() && plain.back() != '_') plain.push_back('_');
    } else {
      plain.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    }
  }
  return plain;
}

// "wheels/9f/ca/d7/8f23.../NAME.whl": pip keeps what it built below "wheels".
bool IsPipsBuild(const std::vector<std::string>& parts) {
  const size_t n = parts.size();
  return n >= 6 && parts[n - 6] == "wheels" && IsHex(parts[n - 5], 2) && IsHex(parts[n - 4], 2) &&
         IsHex(parts[n - 3], 2) && IsHex(parts[n - 2], 20);
}

// uv: sdists-v9/pypi/NAME/VERSION/ID/NAME-VERSION-TAGS.whl is what it built,
// wheels-v5/pypi/NAME/VERSION-TAGS.http what it downloaded.
std::optional<v1::WheelFile> ReadUvPath(const std::vector<std::string>& parts) {
  for (size_t i = 0; i + 3 < parts.size(); ++i) {
    v1::WheelFile wheel;
    if (IsUvFolder(parts[i], "sdists-v")) {
      if (!parts.back().ends_with(".whl")) return std::nullopt;
      wheel.set_file_name(ValidUtf8(parts.back()));
      wheel.set_origin(v1::WheelFile::ORIGIN_BUILT);
      return wheel;
    }
    if (IsUvFolder(parts[i], "wheels-v")) {
      std::string_view stem = parts.back();
      if (!stem.ends_with(".http")) return std::nullopt;
      stem.remove_suffix(5);
      wheel.set_file_name(ValidUtf8(fmt::format("{}-{}.whl", Normalised(parts[parts.size() - 2]), stem)));
      wheel.set_origin(v1::WheelFile::ORIGIN_FETCHED);
      return wheel;
    }
  }
  return std::nullopt;
}

// The wheel that a changed file is or stands for.
std::optional<v1::WheelFile> ReadPath(const std::string& path) {
  const bool wheel_file = path.ends_with(".whl");
  if (!wheel_file && !path.ends_with(".http")) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
  if (auto wheel = ReadUvPath(parts)) return wheel;
  if (!wheel_file || parts.empty()) return std::nullopt;
  v1::WheelFile wheel;
  wheel.set_file_name(ValidUtf8(parts.back()));
  if (IsPipsBuild(parts)) wheel.set_origin(v1::WheelFile::ORIGIN_BUILT);
  return wheel;
}

// Name and version in a wheel's file name, for comparison.
std::pair<std::string, std::string> KeyOf(const std::string& file_name) {
  const std::vector<std::string> fields = absl::StrSplit(file_name, '-');
  return fields.size() < 3 ? std::pair<std::string, std::string>()
                           : std::pair(Normalised(fields[0]), fields[1]);
}

// Looks through the caches of every home for wheels of the packages that were installed.
class EarlierWheels {
 public:
  EarlierWheels(const RootReader& root, absl::Span<const v1::DistInfo> infos,
                const std::set<std::string, std::less<>>& known)
      : root_(root), infos_(infos), known_(known) {
    for (const v1::DistInfo& info : infos) wanted_.emplace(Normalised(info.name()), info.version());
  }

  std::vector<v1::WheelFile> Find() {
    std::vector<std::string> homes = {"root"};
    for (const std::string& name : root_.List("home", 100)) homes.push_back("home/" + name);
    for (const std::string& home : homes) {
      FindPip(home + "/.cache/pip/wheels", 4);
      FindUv(home + "/.cache/uv");
    }
    return std::move(found_);
  }

 private:
  std::vector<std::string> List(const std::string& folder) {
    return folders_++ < kMostFolders ? root_.List(folder, kMostNames) : std::vector<std::string>();
  }

  void Add(const std::string& path, const std::string& file_name, v1::WheelFile::Origin origin) {
    if (known_.contains(path) || found_.size() >= kMostWheels) return;
    v1::WheelFile wheel;
    wheel.set_path(path);
    wheel.set_file_name(ValidUtf8(file_name));
    wheel.set_origin(origin);
    found_.push_back(std::move(wheel));
  }

  void FindPip(const std::string& folder, int depth) {
    for (const std::string& name : List(folder)) {
      const std::string path = fmt::format("{}/{}", folder, name);
      if (depth > 0) {
        if (IsHex(name, 2)) FindPip(path, depth - 1);
      } else if (name.ends_with(".whl") && wanted_.contains(KeyOf(name))) {
        Add(path, name, v1::WheelFile::ORIGIN_BUILT);
      }
    }
  }

  void FindUv(const std::string& cache) {
    for (const std::string& room : List(cache)) {
      const bool built = IsUvFolder(room, "sdists-v");
      if (!built && !IsUvFolder(room, "wheels-v")) continue;
      for (const std::string& index : List(cache + "/" + room)) {
        const std::string folder = fmt::format("{}/{}/{}", cache, room, index);
        for (const v1::DistInfo& info : infos_) AddUv(folder, info, built);
      }
    }
  }

  void AddUv(const std::string& folder, const v1::DistInfo& info, bool built) {
    std::string name = Normalised(info.name());
    std::replace(name.begin(), name.end(), '_', '-');
    const std::string package = fmt::format("{}/{}", folder, name);
    if (!built) {
      for (const std::string& file : List(package)) {
        if (!file.starts_with(info.version() + "-") || !file.ends_with(".http")) continue;
        Add(package + "/" + file,
            fmt::format("{}-{}.whl", Normalised(info.name()), file.substr(0, file.size() - 5)),
            v1::WheelFile::ORIGIN_FETCHED);
      }
      return;
    }
    const std::string version = package + "/" + info.version();
    for (const std::string& id : List(version)) {
      for (const std::string& file : List(version + "/" + id)) {
        if (file.ends_with(".whl"))
          Add(fmt::format("{}/{}/{}", version, id, file), file, v1::WheelFile::ORIGIN_BUILT);
      }
    }
  }

  const RootReader& root_;
  const absl::Span<const v1::DistInfo> infos_;
  const std::set<std::string, std::less<>>& known_;
  std::set<std::pair<std::string, std::string>> wanted_;
  int folders_ = 0;
  std::vector<v1::WheelFile> found_;
};

}  // namespace

std::vector<v1::WheelFile> FindWheelFiles(const RootReader& root, absl::Span<const std::string> changed_paths,
                                          absl::Span<const v1::DistInfo> infos) {
  std::vector<v1::WheelFile> wheels;
  std::set<std::string, std::less<>> known;
  for (const std::string& path : changed_paths) {
    if (wheels.size() >= kMostWheels) break;
    std::optional<v1::WheelFile> wheel = ReadPath(path);
    // Changed, but gone, or no file at all.
    if (!wheel.has_value() || !root.IsFile(path)) continue;
    wheel->set_path(path);
    wheel->set_added(true);
    known.insert(path);
    wheels.push_back(*std::move(wheel));
  }
  if (!infos.empty()) {
    for (v1::WheelFile& wheel : EarlierWheels(root, infos, known).Find()) wheels.push_back(std::move(wheel));
  }
  std::sort(wheels.begin(), wheels.end(), [](const auto& a, const auto& b) { return a.path() < b.path(); });
  return wheels;
}

}  // namespace crossmill::worker
