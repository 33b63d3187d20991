// The parser proper: a small state machine over lines. Indentation tells pip's own lines (0 to 2 spaces) from
// those of the pip that it runs to fill an isolated build environment (2 more per level).
#include "coordinator/core/console_packages.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::core {
namespace {

constexpr size_t kMostFailureLines = 400;
constexpr size_t kNone = static_cast<size_t>(-1);

double Seconds(int64_t from_ns, int64_t to_ns) {
  return std::max<double>(0, static_cast<double>(to_ns - from_ns) / 1e9);
}

// Removes `prefix` from the front of `text` if it is there.
bool Consume(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view FirstWord(std::string_view text) { return text.substr(0, text.find_first_of(" \t")); }

// The value of "key=" in "filename=F size=N sha256=H".
std::string_view Field(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  return at == text.npos ? std::string_view{} : FirstWord(text.substr(at + key.size()));
}

// Name in a requirement: "six==1.17.0", "six (from x)", "pkg[extra]>=1; marker", "pkg@ URL".
std::string_view RequirementName(std::string_view text) {
  return text.substr(0, text.find_first_of(" \t=<>!~[;@(,`'"));
}

bool IsVcsUrl(std::string_view text) {
  return text.starts_with("git+") || text.starts_with("hg+") || text.starts_with("svn+") ||
         text.starts_with("bzr+");
}

class PackageConsole {
 public:
  std::vector<PackageObservation> Parse(absl::Span<const ConsoleLine> lines) {
    for (const ConsoleLine& line : lines) Add(line);
    return Finish();
  }

 private:
  struct Entry {
    PackageObservation seen;
    int64_t first_ns = 0;
    int64_t building_since_ns = 0;
    bool building = false;
    // Every file that was fetched for it: backtracking fetches several versions.
    std::vector<PackageFile> files;
    std::vector<std::string> file_names;
    std::vector<PackageOrigin> file_origins;
  };

  void Add(const ConsoleLine& line) {
    now_ = line.time_ns;
    const std::string_view text = line.text;
    const size_t indent = std::min(text.find_first_not_of(' '), text.size());
    const std::string_view rest = Trim(text);
    if (rest.empty()) return KeepFailureLine(text);
    if (AddUvLine(text, rest) || AddUvDownload(rest) || AddCollecting(indent, rest) ||
        AddOrigin(indent, rest) || AddBuild(indent, rest) || AddPhase(rest) || AddInstalled(indent, rest)) {
      return;
    }
    AddError(rest);
    KeepFailureLine(text);
  }

  // ---- entries ----

  size_t Find(std::string_view name, bool build_dependency) const {
    const std::string normalised = NormalisePackageName(name);
    for (size_t i = entries_.size(); i-- > 0;) {
      if (entries_[i].seen.name == normalised && entries_[i].seen.build_dependency == build_dependency)
        return i;
    }
    return kNone;
  }

  size_t New(std::string_view name, bool build_dependency) {
    Entry entry;
    entry.seen.name = NormalisePackageName(name);
    entry.seen.build_dependency = build_dependency;
    entry.first_ns = now_;
    entries_.push_back(std::move(entry));
    return entries_.size() - 1;
  }

  size_t FindOrNew(std::string_view name, bool build_dependency) {
    const size_t found = Find(name, build_dependency);
    return found != kNone ? found : Adopt(name, build_dependency);
  }

  // A package given by URL or folder gets its name only when it is built or installed.
  size_t Adopt(std::string_view name, bool build_dependency) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].seen.name.empty() && entries_[i].seen.build_dependency == build_dependency) {
        entries_[i].seen.name = NormalisePackageName(name);
        return i;
      }
    }
    return New(name, build_dependency);
  }

  void EndTurn() {
    if (current_ != kNone && entries_[current_].seen.fetch_seconds < 0) {
      entries_[current_].seen.fetch_seconds = Seconds(entries_[current_].first_ns, now_);
    }
    failing_ = kNone;
  }

  void BeginTurn(size_t entry, bool build_dependency) {
    if (build_dependency) {
      current_dependency_ = entry;
    } else {
      EndTurn();
      current_ = entry;
    }
  }

  // ---- pip: where it comes from ----

  bool AddCollecting(size_t indent, std::string_view rest) {
    const bool obtaining = rest.starts_with("Obtaining ");
    const bool processing = rest.starts_with("Processing ");
    if (!obtaining && !processing && !rest.starts_with("Collecting ")) return false;
    const bool dependency = indent > 0;
    rest.remove_prefix(rest.find(' ') + 1);
    const std::string_view what = FirstWord(rest);
    const PackageFile file = ParsePackageFile(what);
    const size_t at = rest.find("@ ");
    const bool named_url = at != rest.npos && at < rest.find("://");
    const std::string_view url = named_url ? Trim(rest.substr(at + 1)) : what;
    std::string_view name = named_url ? RequirementName(what) : std::string_view{};
    PackageOrigin origin = PackageOrigin::kUnknown;
    if (obtaining) {
      origin = PackageOrigin::kEditable;
    } else if (IsVcsUrl(url)) {
      origin = PackageOrigin::kVcs;
    } else if (!file.name.empty()) {
      name = file.name;
    } else if (processing || url.starts_with("file:")) {
      origin = PackageOrigin::kLocal;
    } else if (!named_url) {
      name = RequirementName(what);
    }
    // Mentioned again while it is being resolved (another requirement names it, or backtracking).
    size_t entry = name.empty() ? kNone : Find(name, dependency);
    if (entry == kNone || entries_[entry].seen.arrived) entry = New(name, dependency);
    BeginTurn(entry, dependency);
    if (origin != PackageOrigin::kUnknown) entries_[entry].seen.origin = origin;
    if (processing && !file.name.empty()) AddFile(entry, what, /*compiled_earlier=*/false);
    return true;
  }

  void AddFile(size_t entry, std::string_view path, bool compiled_earlier) {
    PackageFile file = ParsePackageFile(path);
    if (file.name.empty()) return;
    PackageOrigin origin = file.wheel ? PackageOrigin::kWheel : PackageOrigin::kSource;
    if (file.wheel && (compiled_earlier || IsLocallyCompiledTag(file.tag)))
      origin = PackageOrigin::kCachedBuild;
    path = path.substr(0, path.find_first_of("#?"));
    entries_[entry].file_names.emplace_back(path.substr(path.rfind('/') + 1));
    entries_[entry].files.push_back(std::move(file));
    entries_[entry].file_origins.push_back(origin);
  }

  bool AddOrigin(size_t indent, std::string_view rest) {
    const bool cached = Consume(&rest, "Using cached ");
    if (!cached && !Consume(&rest, "Downloading ")) return false;
    // Metadata alone (PEP 658) is fetched before the file: "Downloading six-1.17.0-...whl.metadata (1.7 kB)".
    const std::string_view what = FirstWord(rest);
    if (what.ends_with(".metadata")) return true;
    const PackageFile file = ParsePackageFile(what);
    if (file.name.empty()) return false;
    const bool dependency = indent > 2 || (indent == 2 && InBuildEnvironmentOnly(file.name));
    // pip names the size of what it downloaded once; a wheel that it built earlier it names without.
    AddFile(FindOrNew(file.name, dependency), what, cached && rest.size() == what.size());
    return true;
  }

  // Newer pip fetches all files after resolving, at indentation 0 or 2: only the name tells whose it is.
  bool InBuildEnvironmentOnly(std::string_view name) const {
    return Find(name, false) == kNone && Find(name, true) != kNone;
  }

  // ---- pip: building ----

  bool AddBuild(size_t indent, std::string_view rest) {
    const bool dependency = indent > 2;
    for (const std::string_view start :
         {"Building wheel for ", "Building editable for ", "Running setup.py install for ",
          "Running setup.py bdist_wheel for "}) {
      std::string_view text = rest;
      if (!Consume(&text, start)) continue;
      const bool legacy = start.find("install") != start.npos;
      const size_t entry = FindOrNew(RequirementName(text.substr(0, text.find(':'))), dependency);
      if (rest.find(": started") != rest.npos) {
        BeginTurn(kNone, dependency);
        entries_[entry].building = true;
        entries_[entry].building_since_ns = now_;
      } else if (rest.find(": finished with status 'done'") != rest.npos) {
        Built(entry);
        entries_[entry].seen.legacy_install = legacy;
      } else if (rest.find(": finished with status 'error'") != rest.npos) {
        Fail(entry);
      }
      return true;
    }
    std::string_view text = rest;
    if (!Consume(&text, "Created wheel for ") && !Consume(&text, "Created editable for ")) return false;
    Entry& entry = entries_[FindOrNew(RequirementName(text.substr(0, text.find(':'))), dependency)];
    entry.seen.built = true;
    entry.seen.file_name = Field(text, "filename=");
    entry.seen.built_sha256 = Field(text, "sha256=");
    const PackageFile file = ParsePackageFile(entry.seen.file_name);
    if (entry.seen.version.empty()) entry.seen.version = file.version;
    entry.seen.built_size = 0;
    for (const char c : Field(text, "size=")) {
      if (c < '0' || c > '9' || entry.seen.built_size > INT64_MAX / 16) break;
      entry.seen.built_size = entry.seen.built_size * 10 + (c - '0');
    }
    return true;
  }

  void Built(size_t index) {
    Entry& entry = entries_[index];
    entry.seen.built = true;
    if (entry.building) entry.seen.build_seconds = Seconds(entry.building_since_ns, now_);
    entry.building = false;
  }

  void Fail(size_t index) {
    Entry& entry = entries_[index];
    entry.seen.failed = true;
    if (entry.building) entry.seen.build_seconds = Seconds(entry.building_since_ns, now_);
    entry.building = false;
    EndTurn();
    failing_ = index;
  }

  // "Preparing metadata (...): finished with status 'error'" and the like fail the package whose turn it is.
  bool AddPhase(std::string_view rest) {
    for (const std::string_view start :
         {"Installing build dependencies", "Installing backend dependencies",
          "Getting requirements to build ", "Preparing metadata (", "Preparing wheel metadata",
          "Preparing editable metadata", "Checking if build backend supports "}) {
      if (!rest.starts_with(start)) continue;
      if (rest.find(": finished with status 'error'") != rest.npos && current_ != kNone) Fail(current_);
      return true;
    }
    return false;
  }

  // ---- pip: done ----

  bool AddInstalled(size_t indent, std::string_view rest) {
    if (rest.starts_with("Building wheels for collected packages") ||
        rest.starts_with("Installing collected packages")) {
      if (indent == 0) {
        EndTurn();
        current_ = kNone;
      }
      return true;
    }
    if (Consume(&rest, "Saved ")) {
      const PackageFile file = ParsePackageFile(rest);
      if (!file.name.empty()) Arrive(FindOrNew(file.name, false), file.version, /*only_saved=*/true);
      return true;
    }
    if (Consume(&rest, "Successfully built ")) {
      // `pip wheel` says nothing more about a wheel that it built; `pip install` goes on.
      return true;
    }
    if (Consume(&rest, "Successfully uninstalled ")) {
      const size_t dash = rest.rfind('-');
      if (dash != rest.npos) Remove(rest.substr(0, dash), rest.substr(dash + 1));
      return true;
    }
    if (!Consume(&rest, "Successfully installed ")) return false;
    for (const auto word : absl::StrSplit(Av(rest), ' ', absl::SkipEmpty())) {
      const std::string_view item = Sv(word);
      const size_t dash = item.rfind('-');
      if (dash == item.npos) continue;
      Arrive(FindOrNew(item.substr(0, dash), indent > 0), item.substr(dash + 1), /*only_saved=*/false);
    }
    return true;
  }

  void Arrive(size_t index, std::string_view version, bool only_saved) {
    PackageObservation& seen = entries_[index].seen;
    seen.arrived = true;
    seen.only_saved = only_saved;
    seen.version = version;
  }

  void Remove(std::string_view name, std::string_view version) {
    const std::string normalised = NormalisePackageName(name);
    std::erase_if(entries_, [&](const Entry& entry) {
      return entry.seen.name == normalised && entry.seen.version == version && entry.seen.arrived &&
             !entry.seen.build_dependency;
    });
    current_ = current_dependency_ = failing_ = kNone;
  }

  // ---- uv ----

  // "   Building X==V", "      Built X==V", " + X==V", " - X==V"; `X @ URL` instead of == for URLs.
  bool AddUvLine(std::string_view text, std::string_view rest) {
    const bool added = text.starts_with(" + ");
    const bool removed = text.starts_with(" - ");
    const bool building = Consume(&rest, "Building ") && text.starts_with("   ");
    const bool built = Consume(&rest, "Built ") && text.starts_with("      ");
    if (!added && !removed && !building && !built) return false;
    if (added || removed) rest.remove_prefix(std::min<size_t>(2, rest.size()));
    const size_t equals = rest.find("==");
    const size_t at = rest.find(" @ ");
    if (equals == rest.npos && at == rest.npos) return false;
    const std::string_view name = Trim(rest.substr(0, std::min(equals, at)));
    if (name.empty() || name.find(' ') != name.npos) return false;
    const std::string_view version = equals < at ? FirstWord(rest.substr(equals + 2)) : std::string_view{};
    const size_t from = rest.find(" (from ");
    const std::string_view url = at != rest.npos     ? rest.substr(at + 3)
                                 : from != rest.npos ? rest.substr(from + 7)
                                                     : "";
    if (removed) {
      Remove(name, version);
    } else if (built) {
      Built(FindOrNew(name, false));
    } else {
      AddUvPackage(FindOrNew(name, false), version, url, building);
    }
    return true;
  }

  void AddUvPackage(size_t index, std::string_view version, std::string_view url, bool building) {
    Entry& entry = entries_[index];
    if (building) {
      entry.building = true;
      entry.building_since_ns = now_;
      if (!version.empty()) entry.seen.version = version;
    } else {
      Arrive(index, version, /*only_saved=*/false);
    }
    const PackageOrigin otherwise = building ? PackageOrigin::kSource : entry.seen.origin;
    entry.seen.origin = UvOrigin(url, otherwise);
  }

  // "Downloading numpy (16.0MiB)", " Downloaded numpy": uv says so of large files only.
  bool AddUvDownload(std::string_view rest) {
    const bool begins = Consume(&rest, "Downloading ");
    if (!begins && !Consume(&rest, "Downloaded ")) return false;
    const std::string_view name = FirstWord(rest);
    if (!ParsePackageFile(name).name.empty() || name.empty() || name.find('/') != name.npos) return false;
    if (begins && rest.find(" (") != name.size()) return false;
    Entry& entry = entries_[FindOrNew(name, false)];
    if (begins) {
      entry.first_ns = now_;
    } else {
      entry.seen.fetch_seconds = Seconds(entry.first_ns, now_);
    }
    return true;
  }

  static PackageOrigin UvOrigin(std::string_view url, PackageOrigin otherwise) {
    if (IsVcsUrl(url)) return PackageOrigin::kVcs;
    if (url.starts_with("file:")) return PackageOrigin::kLocal;
    return otherwise;
  }

  // ---- errors ----

  void AddError(std::string_view rest) {
    if (rest.find("THESE PACKAGES DO NOT MATCH THE HASHES") != rest.npos) {
      if (current_ != kNone) Fail(current_);
    } else if (Consume(&rest, "ERROR: No matching distribution found for ") ||
               Consume(&rest, "ERROR: Could not find a version that satisfies the requirement ") ||
               Consume(&rest, "ERROR: Failed building wheel for ") ||
               Consume(&rest, "ERROR: Failed to build '")) {
      FailByName(rest);
    } else if (const size_t at = rest.find("ailed to ");
               at != rest.npos && rest.find("build `", at) != rest.npos) {
      // uv: "Failed to build `X==V`", "Failed to download and build `X==V`".
      FailByName(rest.substr(rest.find('`', at) + 1));
    }
  }

  void FailByName(std::string_view rest) {
    const std::string_view name = RequirementName(rest);
    if (name.empty()) return;
    const size_t index = FindOrNew(name, false);
    Entry& entry = entries_[index];
    if (const size_t equals = rest.find("=="); equals == name.size() && entry.seen.version.empty()) {
      rest.remove_prefix(equals + 2);
      entry.seen.version = rest.substr(0, rest.find_first_of(" \t`',;("));
    }
    Fail(index);
  }

  void KeepFailureLine(std::string_view text) {
    const std::string_view rest = Trim(text);
    // The reason may come first, while a build still runs (-v), or before pip says who failed.
    const size_t index = failing_ != kNone ? failing_ : BuildingNow();
    if (rest.empty()) return;
    std::vector<std::string>& lines = index == kNone ? unowned_lines_ : entries_[index].seen.failure_lines;
    if (lines.size() >= kMostFailureLines) lines.erase(lines.begin());
    lines.emplace_back(rest);
  }

  size_t BuildingNow() const {
    for (size_t i = entries_.size(); i-- > 0;) {
      if (entries_[i].building) return i;
    }
    return kNone;
  }

  // ---- end ----

  std::vector<PackageObservation> Finish() {
    EndTurn();
    std::vector<PackageObservation> observations;
    for (Entry& entry : entries_) {
      if (entry.seen.name.empty()) {
        if (!entry.seen.failed) continue;
        entry.seen.name = "(unnamed)";
      }
      ChooseFile(&entry);
      // A failure with no line of its own: what was printed outside any package's turn is all there is.
      if (entry.seen.failed && entry.seen.failure_lines.empty()) entry.seen.failure_lines = unowned_lines_;
      if (!entry.seen.failed) entry.seen.failure_lines.clear();
      observations.push_back(std::move(entry.seen));
    }
    return observations;
  }

  // Of several files the one of the version that arrived, else the last.
  static void ChooseFile(Entry* entry) {
    PackageObservation& seen = entry->seen;
    size_t chosen = kNone;
    for (size_t i = 0; i < entry->files.size(); ++i) {
      if (seen.version.empty() || entry->files[i].version == seen.version) chosen = i;
    }
    if (chosen == kNone) return;
    if (seen.origin == PackageOrigin::kUnknown) seen.origin = entry->file_origins[chosen];
    if (seen.file_name.empty()) seen.file_name = entry->file_names[chosen];
    if (seen.version.empty()) seen.version = entry->files[chosen].version;
  }

  std::vector<Entry> entries_;
  // Whose turn it is: pip works on one package after the other. kNone: nobody's.
  size_t current_ = kNone;
  size_t current_dependency_ = kNone;
  // Whose failure the lines that follow explain.
  size_t failing_ = kNone;
  int64_t now_ = 0;
  std::vector<std::string> unowned_lines_;
};

}  // namespace

std::vector<PackageObservation> ParsePackageConsole(absl::Span<const ConsoleLine> lines) {
  return PackageConsole().Parse(lines);
}

}  // namespace crossmill::core
