#include "worker/accelerators/accelerator_set.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/types/span.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "worker/accelerators/table_format.h"

namespace crossmill::worker {
namespace {

constexpr int kSetFormat = 3;
constexpr size_t kMostSetFiles = 200;
constexpr size_t kMostTools = 50;
constexpr size_t kMostNeeds = 20;
constexpr size_t kMostRules = 100;
constexpr int64_t kLargestSetFile = 200 << 20;

// Which texts a kind of rule has.
enum class Texts { kNone, kText, kTextOrNone, kTextAndOther, kTextAndWords, kTextAndSetFile };

struct RuleKind {
  std::string_view name;
  uint32_t kind;
  Texts texts;
};

constexpr RuleKind kArgumentKinds[] = {
    {"fine-prefix", ACCELERATED_FINE_PREFIX, Texts::kText},
    {"emulated-prefix", ACCELERATED_EMULATED_PREFIX, Texts::kText},
    {"emulated-word", ACCELERATED_EMULATED_WORD, Texts::kText},
    {"included-file", ACCELERATED_INCLUDED_FILE, Texts::kText},
    {"replaced-file", ACCELERATED_REPLACED_FILE, Texts::kTextAndSetFile},
    {"added", ACCELERATED_ADDED_ARGUMENTS, Texts::kTextAndWords},
    {"needed", ACCELERATED_NEEDED_ARGUMENT, Texts::kTextAndOther},
    {"own-name", ACCELERATED_OWN_NAME, Texts::kTextOrNone},
    {"own-place", ACCELERATED_OWN_PLACE, Texts::kNone},
    {"native-crates", ACCELERATED_NATIVE_CRATES, Texts::kNone},
    {"no-metadata", ACCELERATED_NO_METADATA, Texts::kNone},
};
constexpr RuleKind kVariableKinds[] = {
    {"needed", ACCELERATED_NEEDED_VARIABLE, Texts::kText},
    {"emulated-prefix", ACCELERATED_EMULATED_VARIABLE, Texts::kText},
    {"fine-prefix", ACCELERATED_FINE_VARIABLE, Texts::kText},
    {"library-folders", ACCELERATED_LIBRARY_FOLDERS, Texts::kTextAndOther},
    {"telemetry-off", ACCELERATED_TELEMETRY_OFF, Texts::kNone},
};
constexpr RuleKind kFolderKinds[] = {
    {"entries", ACCELERATED_FOLDER_ENTRIES, Texts::kTextAndOther},
    {"without", ACCELERATED_FOLDER_WITHOUT, Texts::kTextAndOther},
};

absl::Status BadSet(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("manifest.json of an accelerator set: {}", what));
}

// The array `name` of an object, at most `most` long.
absl::StatusOr<const Json*> ListOf(const Json& object, const std::string& name, size_t most) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end() || !found->is_array())
    return BadSet(fmt::format("'{}' is missing or no list", name));
  if (found->size() > most) return BadSet(fmt::format("'{}' has more than {} entries", name, most));
  return &*found;
}

absl::StatusOr<Digest> DigestIn(const Json& object) {
  Digest digest;
  digest.hash = TextMember(object, "sha256");
  if (!IsSha256Hex(digest.hash)) return BadSet(fmt::format("'{}' is no SHA-256 digest", digest.hash));
  const auto size = object.find("size");
  if (size == object.end() || !size->is_number_unsigned()) return BadSet("a file has no size");
  digest.size = size->get<int64_t>();
  if (digest.size <= 0 || digest.size > kLargestSetFile)
    return BadSet(fmt::format("a size of {} bytes", digest.size));
  return digest;
}

// A path below the set's folder, without detours.
bool IsInside(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.back() == '/' || path.find('\0') != path.npos) return false;
  const std::string slashed = fmt::format("/{}/", path);
  return slashed.find("/../") == slashed.npos && slashed.find("/./") == slashed.npos &&
         slashed.find("//") == slashed.npos;
}

absl::StatusOr<RootFile> RootFileIn(const Json& object) {
  RootFile file;
  file.path = TextMember(object, "path");
  if (!file.path.starts_with('/') || file.path.find('\0') != std::string::npos)
    return BadSet(fmt::format("'{}' is no absolute path", file.path));
  ASSIGN_OR_RETURN(file.digest, DigestIn(object));
  return file;
}

bool IsInSet(const std::string& path, const std::vector<SetFile>& files) {
  return std::any_of(files.begin(), files.end(), [&](const SetFile& file) { return file.path == path; });
}

bool IsText(const std::string& text) { return !text.empty() && text.find('\0') == text.npos; }

// One of a tool's `list`, of one of the kinds.
absl::StatusOr<CallRule> RuleIn(const Json& object, const std::string& list, absl::Span<const RuleKind> kinds,
                                const std::vector<SetFile>& files) {
  const std::string name = TextMember(object, "kind");
  const auto kind =
      std::find_if(kinds.begin(), kinds.end(), [&](const RuleKind& each) { return each.name == name; });
  if (kind == kinds.end()) return BadSet(fmt::format("'{}' is no kind of rule for '{}'", name, list));
  CallRule rule{kind->kind, TextMember(object, "text"), TextMember(object, "from"), TextMember(object, "to")};
  if (kind->texts == Texts::kNone) return CallRule{kind->kind, "", "", ""};
  if (kind->texts == Texts::kTextOrNone && rule.text.empty()) return CallRule{kind->kind, "", "", ""};
  if (!IsText(rule.text)) return BadSet(fmt::format("a rule of '{}' has no text", list));
  if (kind->texts == Texts::kText || kind->texts == Texts::kTextOrNone)
    return CallRule{kind->kind, rule.text, "", ""};
  // A folder may have to have no entries, and what is added may be one word.
  const bool may_be_empty = kind->kind == ACCELERATED_FOLDER_ENTRIES;
  if (!(may_be_empty && rule.from.empty()) && !IsText(rule.from))
    return BadSet(fmt::format("the rule '{}' of '{}' has no 'from'", rule.text, list));
  if (kind->texts == Texts::kTextAndOther) rule.to.clear();
  if (kind->texts == Texts::kTextAndWords && !rule.to.empty() && !IsText(rule.to))
    return BadSet(fmt::format("the rule '{}' of '{}' adds no word", rule.text, list));
  if (kind->texts == Texts::kTextAndSetFile && !IsInSet(rule.to, files))
    return BadSet(fmt::format("'{}' cannot be replaced by '{}': that is not in the set", rule.from, rule.to));
  return rule;
}

absl::Status CheckVariable(const CallRule& rule) {
  if (rule.kind == ACCELERATED_TELEMETRY_OFF) return absl::OkStatus();
  const size_t name = rule.text.find('=');
  if (name == 0 || (rule.kind == ACCELERATED_NEEDED_VARIABLE && name == rule.text.npos) ||
      (rule.kind == ACCELERATED_LIBRARY_FOLDERS && !rule.text.ends_with('='))) {
    return BadSet(fmt::format("'{}' is no variable", rule.text));
  }
  return absl::OkStatus();
}

// Appends the rules of a tool's `list`; one that is not there has none.
absl::Status AddRules(const Json& object, const std::string& list, absl::Span<const RuleKind> kinds,
                      const std::vector<SetFile>& files, std::vector<CallRule>* rules) {
  if (!object.contains(list)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Json* entries, ListOf(object, list, kMostRules));
  for (const Json& each : *entries) {
    ASSIGN_OR_RETURN(CallRule rule, RuleIn(each, list, kinds, files));
    if (kinds.data() == kVariableKinds) RETURN_IF_ERROR(CheckVariable(rule));
    rules->push_back(std::move(rule));
  }
  return absl::OkStatus();
}

absl::StatusOr<AcceleratedTool> ToolIn(const Json& object, const std::vector<SetFile>& files) {
  AcceleratedTool tool;
  tool.name = TextMember(object, "name");
  tool.program = TextMember(object, "program");
  const bool there = std::any_of(files.begin(), files.end(), [&](const SetFile& file) {
    return file.path == tool.program && file.executable;
  });
  if (tool.name.empty() || !there)
    return BadSet(fmt::format("tool '{}': its program '{}' is not in the set", tool.name, tool.program));
  if (!object.contains("stands_for")) return BadSet(fmt::format("tool '{}' stands for nothing", tool.name));
  ASSIGN_OR_RETURN(tool.stands_for, RootFileIn(object["stands_for"]));
  ASSIGN_OR_RETURN(const Json* loads, ListOf(object, "loads", kMostSetFiles));
  for (const Json& each : *loads) {
    if (!each.is_string() || !IsInSet(each.get<std::string>(), files))
      return BadSet(fmt::format("tool '{}' loads a file that is not in the set", tool.name));
    tool.loads.push_back(each.get<std::string>());
  }
  if (object.contains("processor")) {
    ASSIGN_OR_RETURN(const Json* features, ListOf(object, "processor", kMostNeeds));
    for (const Json& each : *features) {
      if (!each.is_string() || !IsText(each.get<std::string>()))
        return BadSet(fmt::format("tool '{}' needs a processor without a name", tool.name));
      tool.processor.push_back(each.get<std::string>());
    }
  }
  ASSIGN_OR_RETURN(const Json* needs, ListOf(object, "needs", kMostNeeds));
  for (const Json& each : *needs) {
    ASSIGN_OR_RETURN(RootFile file, RootFileIn(each));
    tool.needs.push_back(std::move(file));
  }
  RETURN_IF_ERROR(AddRules(object, "arguments", kArgumentKinds, files, &tool.rules));
  RETURN_IF_ERROR(AddRules(object, "variables", kVariableKinds, files, &tool.rules));
  RETURN_IF_ERROR(AddRules(object, "folders", kFolderKinds, files, &tool.rules));
  return tool;
}

bool IsSetName(std::string_view name) {
  return !name.empty() && name.size() <= 100 && name.front() != '.' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == name.npos;
}

}  // namespace

std::set<std::string> LoadedFiles(const AcceleratedTool& tool) {
  std::set<std::string> paths(tool.loads.begin(), tool.loads.end());
  for (const CallRule& rule : tool.rules) {
    if (rule.kind == ACCELERATED_REPLACED_FILE) paths.insert(rule.to);
  }
  return paths;
}

std::string ToolIdentity(const AcceleratorSet& set, const AcceleratedTool& tool) {
  // Fields end with a zero byte, which none has in it.
  std::string facts;
  const auto add = [&facts](auto... fields) { ((facts.append(fields).push_back('\0')), ...); };
  for (const SetFile& file : set.files) {
    if (file.path == tool.program) add("program", file.digest.hash);
  }
  add("stands for", tool.stands_for.path, tool.stands_for.digest.hash);
  for (const RootFile& file : tool.needs) add("needs", file.path, file.digest.hash);
  for (const CallRule& rule : tool.rules)
    add("rule", std::to_string(rule.kind), rule.text, rule.from, rule.to);
  const std::set<std::string> paths = LoadedFiles(tool);
  std::map<std::string, std::string> loaded;
  for (const SetFile& file : set.files) {
    if (paths.contains(file.path)) loaded[file.path] = file.digest.hash;
  }
  for (const auto& [path, hash] : loaded) add("file", path, hash);
  for (const std::string& feature : tool.processor) add("processor", feature);
  return Sha256Hex(facts);
}

absl::StatusOr<AcceleratorSet> ParseAcceleratorSet(std::string_view manifest) {
  const auto json = ParseJson(manifest);
  if (!json.ok()) return BadSet(Sv(json.status().message()));
  if (!json->is_object() || json->value("format", 0) != kSetFormat)
    return BadSet(fmt::format("not of format {}: make it again with scripts/make-accelerators", kSetFormat));
  AcceleratorSet set;
  set.name = TextMember(*json, "name");
  set.architecture = TextMember(*json, "architecture");
  set.digest = DigestOf(manifest);
  if (!IsSetName(set.name)) return BadSet(fmt::format("'{}' is no name of a set", set.name));
  if (set.architecture.empty()) return BadSet("no architecture");
  ASSIGN_OR_RETURN(const Json* files, ListOf(*json, "files", kMostSetFiles));
  for (const Json& each : *files) {
    SetFile file;
    file.path = TextMember(each, "path");
    if (!IsInside(file.path)) return BadSet(fmt::format("'{}' is no path in the set", file.path));
    ASSIGN_OR_RETURN(file.digest, DigestIn(each));
    const auto executable = each.find("executable");
    file.executable = executable != each.end() && executable->is_boolean() && executable->get<bool>();
    set.files.push_back(std::move(file));
  }
  ASSIGN_OR_RETURN(const Json* tools, ListOf(*json, "tools", kMostTools));
  for (const Json& each : *tools) {
    ASSIGN_OR_RETURN(AcceleratedTool tool, ToolIn(each, set.files));
    set.tools.push_back(std::move(tool));
  }
  return set;
}

absl::Status CopyAcceleratorSet(const AcceleratorSet& set, const std::vector<AcceleratedTool>& tools,
                                const std::string& source, const std::string& target) {
  std::set<std::string> wanted;
  for (const AcceleratedTool& tool : tools) {
    wanted.insert(tool.program);
    wanted.merge(LoadedFiles(tool));
  }
  RETURN_IF_ERROR(RemoveTree(target));
  RETURN_IF_ERROR(MakeFolders(target));
  for (const SetFile& file : set.files) {
    if (!wanted.contains(file.path)) continue;
    const std::string from = fmt::format("{}/{}", source, file.path);
    ASSIGN_OR_RETURN(const std::string bytes, ReadFile(from, kLargestSetFile));
    if (DigestOf(bytes) != file.digest) {
      return absl::DataLossError(
          fmt::format("{} is not what the set's manifest says: make the set again", from));
    }
    const std::string to = fmt::format("{}/{}", target, file.path);
    RETURN_IF_ERROR(MakeFolders(to.substr(0, to.rfind('/'))));
    RETURN_IF_ERROR(WriteFileAtomic(to, bytes, file.executable ? 0755 : 0644));
  }
  return absl::OkStatus();
}

}  // namespace crossmill::worker
