// What the lines of a requirements file mean.
#include "common/python/requirements_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/python/package_name.h"
#include "common/python/requirements_lines.h"
#include "common/python/sdist_name.h"

namespace crossmill::python {
namespace {

bool Holds(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// http, https, ftp, file, or a version control system's: "git+https".
bool IsAddress(std::string_view text) {
  if (text.find(':') == text.npos) return false;
  const std::string scheme = absl::AsciiStrToLower(Av(text.substr(0, text.find(':'))));
  static constexpr std::array<std::string_view, 4> kPlain = {"http", "https", "file", "ftp"};
  static constexpr std::array<std::string_view, 4> kControl = {"git+", "hg+", "bzr+", "svn+"};
  return std::find(kPlain.begin(), kPlain.end(), scheme) != kPlain.end() ||
         std::any_of(kControl.begin(), kControl.end(),
                     [&](std::string_view one) { return scheme.starts_with(one); });
}

bool LooksLikePath(std::string_view text) { return text.find('/') != text.npos || text.starts_with('.'); }

bool IsArchive(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(Av(text));
  return lower.ends_with(".whl") || IsSourceArchive(lower);
}

// `text` without "[a,b]" at its end; false if what is in there are no extras.
bool TakeExtras(std::string_view& text, std::vector<std::string>& extras) {
  if (!text.ends_with(']')) return true;
  const size_t open = text.rfind('[');
  if (open == text.npos) return false;
  for (const absl::string_view extra :
       absl::StrSplit(Av(text.substr(open + 1, text.size() - open - 2)), ',')) {
    const std::string_view name = Trim(Sv(extra));
    if (!IsName(name)) return false;
    extras.emplace_back(name);
  }
  text = Trim(text.substr(0, open));
  return true;
}

// The marker that follows `separator`, which is taken off `text`. pip takes an empty one for none.
absl::StatusOr<std::optional<Marker>> TakeMarker(std::string_view& text, std::string_view separator) {
  const size_t at = text.find(separator);
  if (at == text.npos) return std::optional<Marker>();
  const std::string_view marker = Trim(text.substr(at + separator.size()));
  text = Trim(text.substr(0, at));
  if (marker.empty()) return std::optional<Marker>();
  ASSIGN_OR_RETURN(Marker parsed, Marker::Parse(marker));
  return std::optional<Marker>(std::move(parsed));
}

absl::Status ReadNamed(std::string_view text, RequirementLine& line) {
  std::string whole(text);
  // pip splits there before it looks at anything else: also within an address.
  if (const size_t semicolon = text.find(';'); semicolon != text.npos) {
    const std::string_view head = Trim(text.substr(0, semicolon));
    const bool no_marker = Trim(text.substr(semicolon + 1)).empty();
    if (no_marker) {
      whole = std::string(head);
    } else if (head.find('@') != head.npos) {
      whole = fmt::format("{} {}", text.substr(0, semicolon), text.substr(semicolon));
    }
  }
  ASSIGN_OR_RETURN(line.requirement, Requirement::Parse(whole));
  return absl::OkStatus();
}

absl::Status ReadRequirement(std::string_view text, RequirementLine& line) {
  std::string_view location = text;
  const bool address = IsAddress(text);
  if (!address) location = Trim(text.substr(0, text.find(';')));
  const size_t at_sign = location.find('@');
  const bool named_address = at_sign != location.npos && !LooksLikePath(location.substr(0, at_sign));
  std::vector<std::string> extras;
  std::string_view path = location;
  const bool path_like =
      !address && !named_address && TakeExtras(path, extras) && (LooksLikePath(path) || IsArchive(path));
  if (!address && !path_like) return ReadNamed(text, line);
  line.kind = address ? RequirementLine::Kind::kUrl : RequirementLine::Kind::kPath;
  location = text;
  ASSIGN_OR_RETURN(line.marker, TakeMarker(location, address ? "; " : ";"));
  if (!address) {
    TakeExtras(location, line.extras);
  }
  line.location = std::string(location);
  return absl::OkStatus();
}

absl::StatusOr<FileHash> ReadHash(std::string_view value) {
  const size_t colon = value.find(':');
  if (colon == value.npos) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not ALGORITHM:DIGEST", Printable(value.substr(0, 100))));
  }
  FileHash hash{std::string(value.substr(0, colon)), absl::AsciiStrToLower(Av(value.substr(colon + 1)))};
  if (hash.algorithm != "sha256" && hash.algorithm != "sha384" && hash.algorithm != "sha512") {
    return absl::InvalidArgumentError(fmt::format("hashes are sha256, sha384 or sha512, not '{}'",
                                                  Printable(hash.algorithm.substr(0, 100))));
  }
  return hash;
}

// Everything that one line has, in the order in which pip looks at it.
class LineReader {
 public:
  LineReader(RequirementsFile& file, int number) : file_(file), number_(number) {}

  absl::Status Read(std::string_view text) {
    const auto [requirement, option_text] = SplitOptions(text);
    ASSIGN_OR_RETURN(options_, ReadOptions(option_text));
    ReadFormats();
    const LineOption* editable = First("editable");
    if (!requirement.empty() || editable != nullptr) return AddRequirement(requirement, editable);
    const LineOption* include = First("requirement");
    if (include == nullptr) include = First("constraint");
    if (include != nullptr) {
      file_.includes.push_back({number_, include->name == "constraint", include->value});
      return absl::OkStatus();
    }
    ReadGlobals();
    return absl::OkStatus();
  }

 private:
  const LineOption* First(std::string_view name) const {
    const auto found = std::find_if(options_.begin(), options_.end(),
                                    [&](const LineOption& option) { return option.name == name; });
    return found == options_.end() ? nullptr : &*found;
  }

  // These count wherever they stand.
  void ReadFormats() {
    for (const LineOption& option : options_) {
      if (option.name == "no-binary") file_.format.NoBinary(option.value);
      if (option.name == "only-binary") file_.format.OnlyBinary(option.value);
      if (option.name == "all-releases") file_.all_releases.push_back(option.value);
      if (option.name == "only-final") file_.only_final.push_back(option.value);
    }
  }

  absl::Status AddRequirement(std::string_view requirement, const LineOption* editable) {
    RequirementLine line;
    line.line = number_;
    for (const LineOption& option : options_) {
      if (option.name == "hash") {
        ASSIGN_OR_RETURN(FileHash hash, ReadHash(option.value));
        line.hashes.push_back(std::move(hash));
      } else if (option.name == "config-settings") {
        if (option.value.find('=') == option.value.npos) {
          return absl::InvalidArgumentError(fmt::format("'{}' is not KEY=VALUE", Printable(option.value)));
        }
        line.config_settings.push_back(option.value);
      }
    }
    if (!requirement.empty()) {
      RETURN_IF_ERROR(ReadRequirement(requirement, line));
    } else {
      line.kind = RequirementLine::Kind::kEditable;
      line.location = editable->value;
    }
    file_.requirements.push_back(std::move(line));
    return absl::OkStatus();
  }

  void ReadGlobals() {
    for (LineOption& option : options_) {
      const std::string_view name = option.name;
      if (name == "index-url" || name == "pypi-url") file_.index_url = std::move(option.value);
      if (name == "extra-index-url") file_.extra_index_urls.push_back(std::move(option.value));
      if (name == "find-links") file_.find_links.push_back(std::move(option.value));
      if (name == "trusted-host") file_.trusted_hosts.push_back(std::move(option.value));
      if (name == "use-feature") file_.features.push_back(std::move(option.value));
      if (name == "no-index") file_.no_index = true;
      if (name == "prefer-binary") file_.prefer_binary = true;
      if (name == "pre") file_.pre = true;
      if (name == "require-hashes") file_.require_hashes = true;
    }
  }

  RequirementsFile& file_;
  const int number_;
  std::vector<LineOption> options_;
};

}  // namespace

void FormatControl::Change(std::string_view value, std::vector<std::string>& target,
                           std::vector<std::string>& other) {
  std::vector<std::string> names = absl::StrSplit(Av(value), ',');
  for (auto all = std::find(names.begin(), names.end(), ":all:"); all != names.end();
       all = std::find(names.begin(), names.end(), ":all:")) {
    other.clear();
    target = {":all:"};
    names.erase(names.begin(), all + 1);
    if (!Holds(names, ":none:")) return;
  }
  for (const std::string& name : names) {
    if (name == ":none:") {
      target.clear();
      continue;
    }
    const std::string normal = NormaliseName(name);
    std::erase(other, normal);
    if (!Holds(target, normal)) target.push_back(normal);
  }
}

bool FormatControl::Names(const std::vector<std::string>& list, const std::vector<std::string>& other,
                          std::string_view normal_name) {
  if (Holds(list, normal_name)) return true;
  return Holds(list, ":all:") && !Holds(other, normal_name);
}

absl::StatusOr<RequirementsFile> ParseRequirementsFile(
    std::string_view text, std::string_view name,
    const std::map<std::string, std::string, std::less<>>& variables) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return absl::InvalidArgumentError(fmt::format("{}:1: the file is UTF-16, not UTF-8", name));
  }
  RequirementsFile file;
  for (const LogicalLine& line : LogicalLines(text, variables)) {
    const absl::Status status = LineReader(file, line.number).Read(line.text);
    if (!status.ok()) {
      return absl::InvalidArgumentError(fmt::format("{}:{}: {}", name, line.number, Sv(status.message())));
    }
  }
  return file;
}

}  // namespace crossmill::python
