// The parser proper: a small state machine over lines. Indentation tells pip's own lines (0 to 2 spaces) from
// those of the pip that it runs to fill an isolated build environment (2 more per level).
#include "common/packages/console_packages.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/packages/console_prefix.h"
#include "common/packages/console_words.h"
#include "common/packages/package_ledger.h"

namespace crossmill::packages {
namespace {

using Id = PackageLedger::Id;
using Entry = PackageLedger::Entry;
constexpr Id kNone = PackageLedger::kNone;

// Of one package: a resolver that goes back tries many.
constexpr size_t kMostFiles = 64;

double Seconds(int64_t from_ns, int64_t to_ns) {
  return std::max<double>(0, static_cast<double>(to_ns - from_ns) / 1e9);
}

}  // namespace

class PackageConsole::Parser {
 public:
  explicit Parser(const std::shared_ptr<const failures::FailureRules>& rules)
      : ledger_(rules), unowned_(rules) {}

  void Add(const ConsoleLine& line) {
    now_ = line.time_ns;
    const std::string_view text = prefix_.Strip(line.text);
    const size_t indent = std::min(text.find_first_not_of(' '), text.size());
    const std::string_view rest = Trim(text);
    if (rest.empty()) return;
    if (AddToolOutput(indent, rest)) return;
    if (AddUvLine(text, rest) || AddUvDownload(rest) || AddCollecting(indent, rest) ||
        AddOrigin(indent, rest) || AddBuild(indent, rest) || AddPhase(rest) || AddInstalled(indent, rest) ||
        AddRun(rest)) {
      return;
    }
    AddError(rest);
    KeepFailureLine(rest);
  }

  std::vector<PackageObservation> Finish() {
    EndTurn();
    std::vector<PackageObservation> observations;
    for (Entry& entry : ledger_.Take()) {
      PackageObservation& seen = entry.seen;
      if (seen.name.empty()) {
        if (!seen.failed) continue;
        seen.name = kUnnamed;
      }
      PackageLedger::ChooseFile(&entry);
      if (seen.failed) seen.failure = entry.failure.Read();
      if (entry.building) seen.building_since_ns = entry.building_since_ns;
      observations.push_back(std::move(seen));
    }
    return observations;
  }

 private:
  Id FindOrNew(std::string_view name, bool build_dependency) {
    return ledger_.FindOrNew(name, build_dependency, now_);
  }

  void EndTurn() {
    Entry* entry = ledger_.Get(current_);
    if (entry != nullptr && entry->seen.fetch_seconds < 0) {
      entry->seen.fetch_seconds = Seconds(entry->first_ns, now_);
    }
    failing_ = kNone;
  }

  void BeginTurn(Id entry, bool build_dependency) {
    if (build_dependency) {
      current_dependency_ = entry;
    } else {
      EndTurn();
      current_ = entry;
    }
  }

  // ---- output of a build that pip shows afterwards, in a frame ----

  // "╰─> [28 lines of output]" until "[end of output]": what a backend or the pip below it said. Nothing in
  // it is a package of this step; all of it explains the failure.
  bool AddToolOutput(size_t indent, std::string_view rest) {
    if (rest.starts_with("╰─> [") && rest.ends_with("of output]")) {
      if (tool_output_depth_++ == 0) tool_output_indent_ = indent + 4;
      return true;
    }
    if (tool_output_depth_ == 0) return false;
    // A filter may have taken the end away.
    if (indent < tool_output_indent_) {
      tool_output_depth_ = 0;
      return false;
    }
    if (rest == "[end of output]") {
      --tool_output_depth_;
      return true;
    }
    KeepFailureLine(rest);
    return true;
  }

  // ---- pip: where it comes from ----

  bool AddCollecting(size_t indent, std::string_view rest) {
    const bool obtaining = rest.starts_with("Obtaining ");
    const bool processing = rest.starts_with("Processing ");
    if (!obtaining && !processing && !rest.starts_with("Collecting ")) return false;
    uv_ = false;
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
    Id id = name.empty() ? kNone : ledger_.Find(name, dependency);
    const Entry* known = ledger_.Get(id);
    if (known == nullptr || known->seen.arrived || known->seen.failed) {
      id = ledger_.New(name, dependency, now_);
    }
    BeginTurn(id, dependency);
    Entry* entry = ledger_.Get(id);
    if (entry == nullptr) return true;
    if (origin != PackageOrigin::kUnknown) entry->seen.origin = origin;
    if (origin == PackageOrigin::kVcs) repository_ = NameOfRepository(url).substr(0, kLongestText);
    if (processing && !file.name.empty()) AddFile(id, what, FileFrom::kFolder);
    return true;
  }

  enum class FileFrom { kIndex, kFolder, kBuildCache };

  // pip names files as URLs write them: "1.0%2Bcpu".
  void AddFile(Id id, std::string_view written, FileFrom from) {
    Entry* entry = ledger_.Get(id);
    const std::string decoded = DecodePercent(written.substr(0, written.find_first_of("#?")));
    std::string_view path = decoded;
    PackageFile file = ParsePackageFile(path);
    if (entry == nullptr || file.name.empty() || file.version.size() > kLongestText) return;
    PackageOrigin origin = file.wheel ? PackageOrigin::kWheel : PackageOrigin::kSource;
    if (from == FileFrom::kFolder) {
      origin = file.wheel ? PackageOrigin::kFolderWheel : PackageOrigin::kFolderSource;
    }
    // An index other than PyPI may well publish linux_ARCH (PyTorch's does): only what comes from this
    // machine was made on one like it.
    if (file.wheel &&
        (from == FileFrom::kBuildCache || (from == FileFrom::kFolder && IsLocallyCompiledTag(file.tag)))) {
      origin = PackageOrigin::kCachedBuild;
    }
    path = path.substr(path.rfind('/') + 1);
    if (entry->files.size() >= kMostFiles) entry->files.erase(entry->files.begin());
    entry->files.push_back({std::move(file), std::string(path.substr(0, kLongestText)), origin});
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
    AddFile(FindOrNew(file.name, dependency), what,
            cached && rest.size() == what.size() ? FileFrom::kBuildCache : FileFrom::kIndex);
    return true;
  }

  // Newer pip fetches all files after resolving, at indentation 0 or 2: only the name tells whose it is.
  bool InBuildEnvironmentOnly(std::string_view name) const {
    return ledger_.Find(name, false) == kNone && ledger_.Find(name, true) != kNone;
  }

  // ---- pip: building ----

  bool AddBuild(size_t indent, std::string_view rest) {
    const bool dependency = indent > 2;
    for (const std::string_view start :
         {"Building wheel for ", "Building editable for ", "Running setup.py install for ",
          "Running setup.py develop for ", "Running setup.py bdist_wheel for "}) {
      std::string_view text = rest;
      if (!Consume(&text, start)) continue;
      const Id id = FindOrNew(RequirementName(text), dependency);
      if (rest.find(": started") != rest.npos) {
        BeginTurn(kNone, dependency);
        if (Entry* entry = ledger_.Get(id)) entry->building_since_ns = now_;
        ledger_.SetBuilding(id, true);
      } else if (rest.find(": finished with status 'done'") != rest.npos) {
        Built(id);
      } else if (rest.find(": finished with status 'error'") != rest.npos) {
        Fail(id);
      }
      return true;
    }
    std::string_view text = rest;
    if (!Consume(&text, "Created wheel for ") && !Consume(&text, "Created editable for ")) return false;
    Entry* entry = ledger_.Get(FindOrNew(RequirementName(text), dependency));
    if (entry == nullptr) return true;
    PackageObservation& seen = entry->seen;
    seen.built = true;
    seen.file_name = Field(text, "filename=");
    seen.built_sha256 = Field(text, "sha256=");
    if (seen.version.empty()) seen.version = ParsePackageFile(seen.file_name).version;
    seen.built_size = 0;
    for (const char c : Field(text, "size=")) {
      if (c < '0' || c > '9' || seen.built_size > INT64_MAX / 16) break;
      seen.built_size = seen.built_size * 10 + (c - '0');
    }
    return true;
  }

  void EndBuilding(Id id) {
    Entry* entry = ledger_.Get(id);
    if (entry == nullptr) return;
    if (entry->building) entry->seen.build_seconds = Seconds(entry->building_since_ns, now_);
    ledger_.SetBuilding(id, false);
  }

  void Built(Id id) {
    EndBuilding(id);
    if (Entry* entry = ledger_.Get(id)) entry->seen.built = true;
  }

  void Fail(Id id) {
    EndBuilding(id);
    EndTurn();
    Entry* entry = ledger_.Get(id);
    if (entry == nullptr) return;
    entry->seen.failed = true;
    entry->seen.failed_by_uv = uv_;
    // The reason may have been printed before pip says who failed.
    if (entry->failure.empty()) {
      entry->failure = unowned_;
      unowned_.Clear();
    }
    failing_ = id;
  }

  // "Preparing metadata (...): finished with status 'error'" and the like fail the package whose turn it is.
  bool AddPhase(std::string_view rest) {
    for (const std::string_view start :
         {"Installing build dependencies", "Installing backend dependencies",
          "Getting requirements to build ", "Preparing metadata (", "Preparing wheel metadata",
          "Preparing editable metadata", "Checking if build backend supports "}) {
      if (!rest.starts_with(start)) continue;
      if (rest.find(": finished with status 'error'") != rest.npos) FailCurrent();
      return true;
    }
    return false;
  }

  void FailCurrent() {
    const Entry* entry = ledger_.Get(current_);
    if (entry == nullptr) return;
    // A checkout that failed has no name yet but its address; the oldest entry without a name takes it.
    if (entry->seen.name.empty() && entry->seen.origin == PackageOrigin::kVcs) FindOrNew(repository_, false);
    Fail(current_);
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
      if (file.wheel) Arrive(FindOrNew(file.name, false), file.version, /*only_saved=*/true);
      return true;
    }
    if (Consume(&rest, "Successfully downloaded ")) {
      // `pip download` saves as `pip wheel` does, but makes nothing.
      ForEachWord(rest, [this](std::string_view name) {
        Entry* entry = ledger_.Get(ledger_.Find(name, false));
        if (entry != nullptr && entry->seen.only_saved) entry->seen.arrived = false;
      });
      return true;
    }
    // `pip wheel` says nothing more about a wheel that it built; `pip install` goes on.
    if (rest.starts_with("Successfully built ")) return true;
    if (Consume(&rest, "Successfully uninstalled ")) {
      const size_t dash = rest.rfind('-');
      if (dash != rest.npos) Remove(rest.substr(0, dash), rest.substr(dash + 1));
      return true;
    }
    if (!Consume(&rest, "Successfully installed ")) return false;
    ForEachWord(rest, [&](std::string_view item) {
      const size_t dash = item.rfind('-');
      if (dash == item.npos) return;
      Arrive(FindOrNew(item.substr(0, dash), indent > 0), item.substr(dash + 1), /*only_saved=*/false);
    });
    unowned_.Clear();
    return true;
  }

  template <typename Function>
  static void ForEachWord(std::string_view text, const Function& function) {
    for (const auto word : absl::StrSplit(Av(text), ' ', absl::SkipEmpty())) function(Sv(word));
  }

  void Arrive(Id id, std::string_view version, bool only_saved) {
    Entry* entry = ledger_.Get(id);
    if (entry == nullptr) return;
    entry->seen.arrived = true;
    entry->seen.arrived_ns = now_;
    entry->seen.only_saved = only_saved;
    entry->seen.version = version.substr(0, kLongestText);
    entry->seen.environment = environment_;
    // pip falls back to setup.py install where making a wheel failed.
    entry->seen.failed = false;
    entry->failure.Clear();
  }

  void Remove(std::string_view name, std::string_view version) {
    ledger_.Remove(name, version);
    current_ = current_dependency_ = failing_ = kNone;
  }

  // ---- which installer, where, from which index ----

  // "Using pip 23.0.1 from /v/lib/python3.11/site-packages/pip (python 3.11)", with -v; uv: "Using
  // Python 3.11.2 environment at: /v", "Creating virtual environment at: .venv".
  bool AddRun(std::string_view rest) {
    if (Consume(&rest, "Looking in indexes: ")) {
      index_is_local_ = IsLoopback(rest);
      return true;
    }
    if (rest.starts_with("Using pip ")) {
      const size_t from = rest.find(" from ");
      const size_t packages = rest.find("/lib/python");
      if (from == rest.npos || packages == rest.npos || packages < from + 6) return false;
      environment_ = rest.substr(from + 6, std::min(packages - from - 6, kLongestText));
      return true;
    }
    const size_t at = rest.find("environment at: ");
    if (at == rest.npos || (!rest.starts_with("Using ") && !rest.starts_with("Creating "))) return false;
    environment_ = rest.substr(at + 16, kLongestText);
    uv_ = true;
    return true;
  }

  // ---- uv ----

  // "   Building X==V", "      Built X==V", " + X==V", " ~ X==V" (again), " - X==V"; `X @ URL` instead of ==
  // for URLs.
  bool AddUvLine(std::string_view text, std::string_view rest) {
    const bool added = text.starts_with(" + ") || text.starts_with(" ~ ");
    const bool removed = text.starts_with(" - ");
    const bool building = Consume(&rest, "Building ") && text.starts_with("   ");
    const bool built = Consume(&rest, "Built ") && text.starts_with("      ");
    if (!added && !removed && !building && !built) return false;
    if (added || removed) rest.remove_prefix(std::min<size_t>(2, rest.size()));
    const size_t equals = rest.find("==");
    const size_t at = rest.find(" @ ");
    if (equals == rest.npos && at == rest.npos) return false;
    const std::string_view name = Trim(rest.substr(0, std::min(equals, at)));
    if (!IsPackageName(name)) return false;
    uv_ = true;
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
      AddUvPackage(name, version, url, building);
    }
    return true;
  }

  void AddUvPackage(std::string_view name, std::string_view version, std::string_view url, bool building) {
    Id id = FindOrNew(name, false);
    // The same package in another environment of this step.
    if (const Entry* known = ledger_.Get(id); known != nullptr && known->seen.arrived) {
      id = ledger_.New(name, false, now_);
    }
    Entry* entry = ledger_.Get(id);
    if (entry == nullptr) return;
    if (building) {
      entry->building_since_ns = now_;
      ledger_.SetBuilding(id, true);
      if (!version.empty()) entry->seen.version = version.substr(0, kLongestText);
    } else {
      Arrive(id, version, /*only_saved=*/false);
      entry->seen.by_uv = true;
    }
    const PackageOrigin otherwise = building ? PackageOrigin::kSource : entry->seen.origin;
    entry->seen.origin = UvOrigin(url, otherwise);
  }

  // "Downloading numpy (16.0MiB)", " Downloaded numpy": uv says so of large files only. uv 0.9 says
  // " Downloading numpy" when it is done.
  bool AddUvDownload(std::string_view rest) {
    const bool begins = Consume(&rest, "Downloading ");
    if (!begins && !Consume(&rest, "Downloaded ")) return false;
    const std::string_view name = FirstWord(rest);
    if (!ParsePackageFile(name).name.empty() || !IsPackageName(name)) return false;
    const bool done = rest.size() == name.size();
    if (!done && rest.find(" (") != name.size()) return false;
    const Id id = done ? ledger_.Find(name, false) : FindOrNew(name, false);
    Entry* entry = ledger_.Get(id);
    if (entry == nullptr) return false;
    if (done) {
      entry->seen.fetch_seconds = Seconds(entry->first_ns, now_);
    } else {
      entry->first_ns = now_;
    }
    return true;
  }

  static PackageOrigin UvOrigin(std::string_view url, PackageOrigin otherwise) {
    while (url.ends_with(')')) url.remove_suffix(1);
    if (IsVcsUrl(url)) return PackageOrigin::kVcs;
    if (!url.starts_with("file:")) return otherwise;
    const PackageFile file = ParsePackageFile(url);
    if (!file.wheel) return PackageOrigin::kLocal;
    return IsLocallyCompiledTag(file.tag) ? PackageOrigin::kCachedBuild : PackageOrigin::kFolderWheel;
  }

  // ---- errors ----

  void AddError(std::string_view rest) {
    if (TellsNoPackage(rest)) return Fail(ledger_.NewRun(now_));
    if (TellsIgnoredReleases(rest)) {
      ignored_ = rest;
      return;
    }
    if (rest.find("THESE PACKAGES DO NOT MATCH THE HASHES") != rest.npos ||
        rest.starts_with("error: subprocess-exited-with-error") || rest.starts_with("ERROR: Exception:") ||
        rest.starts_with("ERROR: Could not install packages due to an ") ||
        rest.starts_with("ERROR: HTTP error ") || rest.starts_with("ERROR: Hashes are required in ") ||
        rest.starts_with("ERROR: Cannot find command '")) {
      if (failing_ == kNone) FailCurrent();
      // A silent pip (-q) names the package afterwards, or never.
      if (failing_ == kNone && rest.starts_with("error: subprocess-exited"))
        Fail(ledger_.New({}, false, now_));
      return;
    }
    for (const std::string_view start : {"ERROR: No matching distribution found for ",
                                         "ERROR: Could not find a version that satisfies the requirement ",
                                         "ERROR: Failed building wheel for ", "ERROR: Failed to build '",
                                         "ERROR: Package '", "ERROR: Cannot install "}) {
      std::string_view text = rest;
      if (!Consume(&text, start)) continue;
      // "ERROR: Cannot install -r r.txt (line 1), a==1 and b because these package versions have ..."
      if (start.ends_with("install ") && text.find(" have conflicting dependencies") == text.npos) return;
      while (Consume(&text, "-r ")) {
        const size_t end = text.find(") ");
        text = end == text.npos ? std::string_view{} : Trim(text.substr(end + 2));
        Consume(&text, "and ");
      }
      return FailByName(text);
    }
    if (rest.ends_with("is not a supported wheel on this platform.") && Consume(&rest, "ERROR: ")) {
      return FailByName(ParsePackageFile(FirstWord(rest)).name);
    }
    AddUvError(rest);
  }

  void AddUvError(std::string_view rest) {
    const size_t hashless = rest.find("but none were provided for: ");
    if (hashless != rest.npos) return FailByName(rest.substr(hashless + 28));
    if (const size_t at = rest.find("ailed to "); at != rest.npos) {
      // "Failed to build `X==V`", "Failed to download and build `X==V`", "Failed to download `X==V`".
      for (const std::string_view what : {"build `", "download `", "prepare `", "install `"}) {
        const size_t name = rest.find(what, at);
        if (name != rest.npos) return FailByName(rest.substr(name + what.size()));
      }
      // "error: Failed to fetch: `https://host/simple/X/`"; newer uv leaves the quotes out.
      const size_t page = rest.find("/simple/", at);
      if (rest.substr(at).starts_with("ailed to fetch: ") && page != rest.npos) {
        const std::string_view name = rest.substr(page + 8);
        return FailByName(name.substr(0, name.find_first_of("/`")));
      }
    }
    // "╰─▶ Because there is no version of X==V and you require ..."
    const size_t because = rest.find("Because ");
    if (because > 16) return;  // npos, too
    std::string_view text = rest.substr(because + 8);
    for (const std::string_view start : {"there is no version of ", "there are no versions of ", "only "}) {
      if (Consume(&text, start)) return FailByName(text);
    }
    if (text.find(" was not found in ") != text.npos || text.find(" has no ") != text.npos) FailByName(text);
    // "Because the requested Python version (>=3.11) does not satisfy Python<3.11 and X==V depends on ..."
    if (Consume(&text, "the requested Python version ") || Consume(&text, "the current Python version ")) {
      const size_t name = text.find(" and ");
      if (name != text.npos) FailByName(text.substr(name + 5));
    }
  }

  void FailByName(std::string_view rest) {
    const std::string_view name = RequirementName(rest);
    const Id id = FindOrNew(name, false);
    Entry* entry = ledger_.Get(id);
    if (entry == nullptr) return;
    if (entry->seen.arrived) return FailByName(ledger_.New(name, false, now_), rest);
    FailByName(id, rest);
  }

  void FailByName(Id id, std::string_view rest) {
    Entry* entry = ledger_.Get(id);
    if (entry == nullptr) return;
    if (entry->seen.version.empty()) entry->seen.version = PinnedVersion(rest);
    Fail(id);
    entry->failure.SetUnmet(rest, ignored_, index_is_local_);
  }

  void KeepFailureLine(std::string_view rest) {
    // The reason may come first, while a build still runs (-v), or before pip says who failed.
    Entry* entry = ledger_.Get(failing_ != kNone ? failing_ : ledger_.Building());
    (entry == nullptr ? unowned_ : entry->failure).Add(rest);
  }

  PackageLedger ledger_;
  ConsolePrefix prefix_;
  // Whose turn it is: pip works on one package after the other. kNone: nobody's.
  Id current_ = kNone;
  Id current_dependency_ = kNone;
  // Whose failure the lines that follow explain.
  Id failing_ = kNone;
  int64_t now_ = 0;
  // What was printed outside any package's turn or failure: the reason of the next one.
  PackageFailureReader unowned_;
  std::string ignored_;
  // Every index of the present run is at a loopback address: in the step itself.
  bool index_is_local_ = false;
  std::string environment_;
  // The present run is uv's.
  bool uv_ = false;
  // Of the last checkout.
  std::string repository_;
  int tool_output_depth_ = 0;
  size_t tool_output_indent_ = 0;
};

PackageConsole::PackageConsole(std::shared_ptr<const failures::FailureRules> rules)
    : parser_(std::make_unique<Parser>(rules)) {}
PackageConsole::~PackageConsole() = default;
PackageConsole::PackageConsole(PackageConsole&&) noexcept = default;
PackageConsole& PackageConsole::operator=(PackageConsole&&) noexcept = default;

void PackageConsole::Add(const v1::LogChunk& chunk) {
  lines_.Add(chunk, [this](const ConsoleLine& line) { parser_->Add(line); });
}

void PackageConsole::Add(const ConsoleLine& line) { parser_->Add(line); }

std::vector<PackageObservation> PackageConsole::Finish() {
  lines_.Finish([this](const ConsoleLine& line) { parser_->Add(line); });
  return parser_->Finish();
}

std::vector<PackageObservation> ParsePackageConsole(absl::Span<const ConsoleLine> lines) {
  PackageConsole console;
  for (const ConsoleLine& line : lines) console.Add(line);
  return console.Finish();
}

}  // namespace crossmill::packages
