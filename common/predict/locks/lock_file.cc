// TOML of the four formats.
#include "common/predict/locks/lock_file.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/python/package_name.h"
#include "common/wheels/url.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostLockBytes = size_t{32} << 20;
constexpr size_t kMostLocked = 20'000;

std::string TextAt(const toml::table& table, std::string_view key) {
  return table[key].value<std::string>().value_or("");
}

bool TrueAt(const toml::table& table, std::string_view key) {
  return table[key].value<bool>().value_or(false);
}

std::vector<std::string> TextsAt(const toml::table& table, std::string_view key) {
  std::vector<std::string> texts;
  if (const toml::array* array = table[key].as_array()) {
    for (const toml::node& node : *array) {
      if (auto text = node.value<std::string>()) texts.push_back(*std::move(text));
    }
  }
  return texts;
}

// The tables of an array.
std::vector<const toml::table*> TablesAt(const toml::table& table, std::string_view key) {
  std::vector<const toml::table*> tables;
  if (const toml::array* array = table[key].as_array()) {
    for (const toml::node& node : *array) {
      if (const toml::table* one = node.as_table()) tables.push_back(one);
    }
  }
  return tables;
}

// "sha256:abc"
void AddHash(std::string_view text, python::IndexFile& file) {
  const size_t colon = text.find(':');
  if (colon == text.npos) return;
  file.hashes.push_back(
      {std::string(text.substr(0, colon)), absl::AsciiStrToLower(Av(text.substr(colon + 1)))});
}

absl::Status ParseError(const toml::parse_error& error) {
  return absl::InvalidArgumentError(
      fmt::format("line {}: {}", error.source().begin.line, Printable(error.description())));
}

class LockReader {
 public:
  explicit LockReader(LockFormat format) { lock_.format = format; }

  absl::StatusOr<LockFile> Read(const toml::table& document) {
    const std::string_view key = lock_.format == LockFormat::kPylock ? "packages" : "package";
    RETURN_IF_ERROR(CheckVersion(document));
    const std::vector<const toml::table*> tables = TablesAt(document, key);
    if (tables.size() > kMostLocked)
      return absl::ResourceExhaustedError(fmt::format("more than {} packages", kMostLocked));
    for (const toml::table* table : tables) RETURN_IF_ERROR(ReadPackage(*table));
    if (const toml::table* extras = document["extras"].as_table()) {
      for (const auto& [name, value] : *extras) {
        for (const std::string& package : TextsAt(*extras, name.str()))
          lock_.extras[python::NormaliseName(name.str())].push_back(
              python::NormaliseName(package.substr(0, package.find_first_of(" [;<>=!~"))));
      }
    }
    return std::move(lock_);
  }

 private:
  absl::Status CheckVersion(const toml::table& document) const {
    bool known = false;
    switch (lock_.format) {
      case LockFormat::kUv:
        known = document["version"].value<int64_t>().value_or(0) == 1;
        break;
      case LockFormat::kPylock:
        known = TextAt(document, "lock-version").starts_with("1.");
        break;
      case LockFormat::kPoetry: {
        // Before 2.1 the lock says neither groups nor markers.
        const toml::table* metadata = document["metadata"].as_table();
        const std::string version = metadata == nullptr ? "" : TextAt(*metadata, "lock-version");
        known = version.starts_with("2.") && version != "2.0";
        break;
      }
      case LockFormat::kPdm: {
        const toml::table* metadata = document["metadata"].as_table();
        const std::string version = metadata == nullptr ? "" : TextAt(*metadata, "lock_version");
        known = version.starts_with("4.5");
        break;
      }
    }
    return known ? absl::OkStatus() : absl::InvalidArgumentError("a lock of a version that is not known");
  }

  static absl::StatusOr<python::Marker> ReadMarker(const std::string& text, std::string_view package) {
    auto marker = python::Marker::Parse(text);
    if (marker.ok()) return marker;
    return absl::InvalidArgumentError(
        fmt::format("{}: a marker that is none: {}", Printable(package), Sv(marker.status().message())));
  }

  static absl::StatusOr<std::vector<LockedDependency>> ReadDependencies(
      const std::vector<const toml::table*>& tables, std::string_view package) {
    std::vector<LockedDependency> dependencies;
    for (const toml::table* table : tables) {
      LockedDependency dependency;
      dependency.name = python::NormaliseName(TextAt(*table, "name"));
      dependency.version = TextAt(*table, "version");
      for (const std::string& extra : TextsAt(*table, "extra"))
        dependency.extras.push_back(python::NormaliseName(extra));
      if (const std::string marker = TextAt(*table, "marker"); !marker.empty()) {
        ASSIGN_OR_RETURN(dependency.marker, ReadMarker(marker, package));
      }
      dependencies.push_back(std::move(dependency));
    }
    return dependencies;
  }

  static python::IndexFile ReadFile(const toml::table& table) {
    python::IndexFile file;
    file.url = TextAt(table, "url");
    file.file_name = TextAt(table, "name");
    if (file.file_name.empty()) file.file_name = TextAt(table, "file");
    if (file.file_name.empty()) file.file_name = TextAt(table, "filename");
    if (file.file_name.empty())
      file.file_name = python::UrlFileName(file.url.empty() ? TextAt(table, "path") : file.url);
    AddHash(TextAt(table, "hash"), file);
    if (const toml::table* hashes = table["hashes"].as_table()) {
      for (const auto& [algorithm, digest] : *hashes)
        file.hashes.push_back(
            {std::string(algorithm.str()), absl::AsciiStrToLower(digest.value<std::string>().value_or(""))});
    }
    if (const auto size = table["size"].value<int64_t>(); size.has_value() && *size >= 0) file.size = *size;
    return file;
  }

  static python::IndexDocument ReadFiles(const toml::table& table) {
    python::IndexDocument document;
    if (const toml::table* sdist = table["sdist"].as_table()) document.files.push_back(ReadFile(*sdist));
    for (const std::string_view key : {"wheels", "files"}) {
      for (const toml::table* file : TablesAt(table, key)) document.files.push_back(ReadFile(*file));
    }
    return document;
  }

  // Where it comes from if no index has it.
  void ReadPlace(const toml::table& table, LockedPackage& package) const {
    if (const toml::table* source = table["source"].as_table()) {
      for (const std::string_view key : {"virtual", "editable", "directory", "path", "git", "url"}) {
        const std::string place = TextAt(*source, key);
        if (place.empty()) continue;
        package.location = key == "git" ? "git+" + place : place;
        package.editable = key == "editable";
        package.is_project = key == "virtual" || (key == "editable" && place == ".");
      }
      const std::string type = TextAt(*source, "type");
      if (type == "git") package.location = "git+" + TextAt(*source, "url");
      if (type == "directory" || type == "file" || type == "url") package.location = TextAt(*source, "url");
    }
    for (const std::string_view key : {"vcs", "directory", "archive"}) {
      const toml::table* place = table[key].as_table();
      if (place == nullptr) continue;
      const std::string url = TextAt(*place, "url");
      package.location =
          (key == "vcs" ? TextAt(*place, "type") + "+" : "") + (url.empty() ? TextAt(*place, "path") : url);
      package.editable = TrueAt(*place, "editable");
    }
    // pdm.
    if (const std::string git = TextAt(table, "git"); !git.empty()) package.location = "git+" + git;
    if (const std::string path = TextAt(table, "path"); !path.empty()) package.location = path;
  }

  absl::Status ReadPackage(const toml::table& table) {
    LockedPackage package;
    const std::string name = TextAt(table, "name");
    if (!python::IsName(name)) return absl::InvalidArgumentError("a package without a name");
    package.name = python::NormaliseName(name);
    package.version = TextAt(table, "version");
    package.groups = TextsAt(table, "groups");
    package.optional = TrueAt(table, "optional");
    ReadPlace(table, package);
    for (const std::string_view key : {"marker", "markers"}) {
      if (const std::string text = TextAt(table, key); !text.empty()) {
        ASSIGN_OR_RETURN(package.marker, ReadMarker(text, name));
      }
    }
    if (const toml::table* markers = table["markers"].as_table()) {
      for (const auto& [group, text] : *markers) {
        ASSIGN_OR_RETURN(python::Marker marker, ReadMarker(text.value<std::string>().value_or(""), name));
        package.group_markers.emplace(std::string(group.str()), std::move(marker));
      }
    }
    package.page = std::make_shared<python::ProjectFiles>(ReadFiles(table), package.name);
    if (lock_.format == LockFormat::kUv) RETURN_IF_ERROR(ReadUvDependencies(table, package));
    lock_.packages.push_back(std::move(package));
    return absl::OkStatus();
  }

  static absl::Status ReadUvDependencies(const toml::table& table, LockedPackage& package) {
    ASSIGN_OR_RETURN(package.dependencies, ReadDependencies(TablesAt(table, "dependencies"), package.name));
    for (const auto& [key, target] : {std::pair("optional-dependencies", &package.extras),
                                      std::pair("dev-dependencies", &package.dependency_groups)}) {
      const toml::table* lists = table[key].as_table();
      if (lists == nullptr) continue;
      for (const auto& [name, value] : *lists) {
        ASSIGN_OR_RETURN((*target)[python::NormaliseName(name.str())],
                         ReadDependencies(TablesAt(*lists, name.str()), package.name));
      }
    }
    return absl::OkStatus();
  }

  LockFile lock_;
};

}  // namespace

std::optional<LockFormat> LockFormatOf(std::string_view file_name) {
  file_name = file_name.substr(file_name.rfind('/') + 1);
  if (file_name == "uv.lock") return LockFormat::kUv;
  if (file_name == "poetry.lock") return LockFormat::kPoetry;
  if (file_name == "pdm.lock") return LockFormat::kPdm;
  if (file_name.starts_with("pylock.") && file_name.ends_with("toml")) return LockFormat::kPylock;
  return std::nullopt;
}

absl::StatusOr<std::vector<std::string>> DefaultGroups(LockFormat format, std::string_view project_text) {
  if (project_text.size() > kMostLockBytes)
    return absl::ResourceExhaustedError(fmt::format("more than {} bytes", kMostLockBytes));
  const toml::parse_result document = toml::parse(project_text);
  if (document.failed()) return ParseError(document.error());
  std::vector<std::string> groups;
  const auto add_names = [&](const toml::table* table) {
    if (table == nullptr) return;
    for (const auto& [name, value] : *table) groups.emplace_back(name.str());
  };
  const toml::table& project = document.table();
  const toml::table* dependency_groups = project["dependency-groups"].as_table();
  if (format == LockFormat::kUv) {
    const auto configured = project["tool"]["uv"]["default-groups"];
    if (configured.value<std::string>() == "all") {
      add_names(dependency_groups);
    } else if (const toml::table* uv = project["tool"]["uv"].as_table();
               uv != nullptr && configured.is_array()) {
      groups = TextsAt(*uv, "default-groups");
    } else {
      groups = {"dev"};
    }
  } else if (format == LockFormat::kPoetry) {
    const toml::table* tables = project["tool"]["poetry"]["group"].as_table();
    const auto is_optional = [&](std::string_view name) {
      const toml::table* table = tables == nullptr ? nullptr : (*tables)[name].as_table();
      return table != nullptr && TrueAt(*table, "optional");
    };
    add_names(tables);
    add_names(dependency_groups);
    if (project["tool"]["poetry"]["dev-dependencies"].is_table()) groups.emplace_back("dev");
    std::erase_if(groups, [&](const std::string& name) { return is_optional(name); });
  } else if (format == LockFormat::kPdm) {
    add_names(project["tool"]["pdm"]["dev-dependencies"].as_table());
    add_names(dependency_groups);
  }
  return groups;
}

absl::StatusOr<LockFile> ReadLockFile(LockFormat format, std::string_view text) {
  if (text.size() > kMostLockBytes)
    return absl::ResourceExhaustedError(fmt::format("more than {} bytes", kMostLockBytes));
  const toml::parse_result document = toml::parse(text);
  if (document.failed()) return ParseError(document.error());
  return LockReader(format).Read(document.table());
}

}  // namespace crossmill::predict
