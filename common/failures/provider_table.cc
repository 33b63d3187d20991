#include "common/failures/provider_table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::failures {
namespace {

constexpr std::string_view kKinds[] = {"header", "library", "shared", "tool", "python"};

// Of package names in all distributions. What is put into a command line has no other character.
bool IsPackageChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '+' || c == '-' || c == '_';
}

bool IsPackageNameText(std::string_view name) {
  return !name.empty() && name[0] != '-' && std::all_of(name.begin(), name.end(), IsPackageChar);
}

std::vector<std::string_view> Words(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  for (const auto word : absl::StrSplit(Av(text), separator, absl::SkipEmpty())) words.push_back(Sv(word));
  return words;
}

// "debian[11..12]" or "debian".
absl::Status ParseFamily(std::string_view text, std::string* id, std::optional<ReleaseRange>* releases) {
  const size_t bracket = text.find('[');
  *id = text.substr(0, bracket);
  if (!IsPackageNameText(*id))
    return absl::InvalidArgumentError(fmt::format("'{}' names no distribution", text));
  if (bracket == text.npos) return absl::OkStatus();
  if (!text.ends_with("]"))
    return absl::InvalidArgumentError(fmt::format("'{}' lacks its closing bracket", text));
  *releases = ReleaseRange::Parse(text.substr(bracket + 1, text.size() - bracket - 2));
  if (*releases) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("'{}': releases are written [12], [12..], [..12] or [11..12]", text));
}

// "libpq-dev,cargo@1.63".
absl::Status ParsePackages(std::string_view text, Provision* provision) {
  for (std::string_view name : Words(text, ',')) {
    const size_t at = name.find('@');
    if (at != name.npos) {
      provision->version = ParseRelease(name.substr(at + 1));
      if (provision->version.empty())
        return absl::InvalidArgumentError(fmt::format("'{}' has no version after the @", name));
      name = name.substr(0, at);
    }
    if (!IsPackageNameText(absl::StrReplaceAll(Av(name), {{"{name}", "x"}})))
      return absl::InvalidArgumentError(fmt::format("'{}' is no name of a package", name));
    provision->packages.emplace_back(name);
  }
  if (provision->packages.empty()) return absl::InvalidArgumentError("a distribution without packages");
  return absl::OkStatus();
}

bool IsWordPart(char c) { return IsPackageChar(c) || c == '/'; }

}  // namespace

absl::Status ProviderTable::Add(std::string_view definition) {
  const std::vector<std::string_view> words = Words(definition, ' ');
  if (words.size() < 3) {
    return absl::InvalidArgumentError("it has to be: provide KIND NAME FAMILY=PACKAGE ...");
  }
  const std::string kind(words[0]);
  if (std::find(std::begin(kKinds), std::end(kKinds), words[0]) == std::end(kKinds)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is none of header, library, shared, tool, python", kind));
  }
  Families families;
  for (size_t i = 2; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == words[i].npos)
      return absl::InvalidArgumentError(fmt::format("'{}' is not FAMILY=PACKAGE", words[i]));
    Family family;
    RETURN_IF_ERROR(ParseFamily(words[i].substr(0, equals), &family.id, &family.releases));
    RETURN_IF_ERROR(ParsePackages(words[i].substr(equals + 1), &family.provision));
    families.push_back(std::move(family));
  }
  for (std::string_view name : Words(words[1], ',')) {
    const bool beginning = name.ends_with('*');
    if (beginning) name.remove_suffix(1);
    if (name.find('*') != name.npos)
      return absl::InvalidArgumentError(fmt::format("'{}': a star stands at the end only", words[1]));
    (beginning ? beginnings_ : exact_)[kind].insert_or_assign(std::string(name), families);
  }
  return absl::OkStatus();
}

absl::Status ProviderTable::AddArchived(std::string_view definition) {
  for (const std::string_view word : Words(definition, ' ')) {
    Family family;
    RETURN_IF_ERROR(ParseFamily(word, &family.id, &family.releases));
    archived_.push_back(std::move(family));
  }
  return absl::OkStatus();
}

std::vector<const ProviderTable::Families*> ProviderTable::FamiliesOf(const Thing& thing) const {
  std::vector<const Families*> found;
  if (const auto kind = exact_.find(thing.kind); kind != exact_.end()) {
    const auto exact = kind->second.find(thing.name);
    if (exact != kind->second.end()) found.push_back(&exact->second);
  }
  const auto kind = beginnings_.find(thing.kind);
  if (kind == beginnings_.end()) return found;
  std::vector<std::pair<size_t, const Families*>> beginnings;
  for (const auto& [beginning, families] : kind->second) {
    if (std::string_view(thing.name).starts_with(beginning))
      beginnings.emplace_back(beginning.size(), &families);
  }
  std::sort(beginnings.begin(), beginnings.end(), std::greater<>());
  for (const auto& [length, families] : beginnings) found.push_back(families);
  return found;
}

const Provision* ProviderTable::Choose(const Families& families, const Distribution& distribution) {
  for (const Family& family : families) {
    if (family.id != distribution.id) continue;
    if (!family.releases || family.releases->Contains(distribution.release)) return &family.provision;
  }
  for (const std::string& like : distribution.like) {
    for (const Family& family : families) {
      if (family.id == like && !family.releases) return &family.provision;
    }
  }
  return nullptr;
}

std::optional<Provision> ProviderTable::Find(const Thing& thing, const Distribution& distribution) const {
  for (const Families* families : FamiliesOf(thing)) {
    const Provision* found = Choose(*families, distribution);
    if (found == nullptr) continue;
    Provision provision = *found;
    for (std::string& package : provision.packages) {
      if (package.find("{name}") == package.npos) continue;
      // The name is the console's.
      if (!std::all_of(thing.name.begin(), thing.name.end(), IsPackageChar)) return std::nullopt;
      package = absl::StrReplaceAll(package, {{"{name}", thing.name}});
    }
    return provision;
  }
  return std::nullopt;
}

bool ProviderTable::IsArchived(const Distribution& distribution) const {
  return std::any_of(archived_.begin(), archived_.end(), [&](const Family& family) {
    return family.id == distribution.id &&
           (!family.releases || family.releases->Contains(distribution.release));
  });
}

std::optional<Thing> ProviderTable::NamedIn(std::string_view text) const {
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && IsWordPart(text[i])) {
      word.push_back(absl::ascii_tolower(static_cast<unsigned char>(text[i])));
      continue;
    }
    while (word.ends_with('.')) word.pop_back();
    // Libraries with names like words of a sentence ("z", "python", "event") are not meant.
    constexpr std::string_view kEnglish[] = {"python", "python3", "event", "magic", "cap", "proj"};
    if (word.size() > 2 && std::find(std::begin(kEnglish), std::end(kEnglish), word) == std::end(kEnglish)) {
      std::string_view kind = "library";
      if (word.ends_with("config")) kind = "tool";
      if (word.ends_with(".h")) kind = "header";
      Thing thing{std::string(kind), std::exchange(word, {})};
      if (!FamiliesOf(thing).empty()) return thing;
    }
    word.clear();
  }
  return std::nullopt;
}

}  // namespace crossmill::failures
