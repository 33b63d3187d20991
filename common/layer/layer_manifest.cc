#include "common/layer/layer_manifest.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::layer {
namespace {

constexpr std::string_view kTypeLetters = "fdlhcbp";  // In the order of EntryType.
constexpr std::string_view kWhiteoutPrefix = ".wh.";

bool IsPlain(unsigned char byte) { return byte > 0x20 && byte < 0x7f && byte != '\\'; }

void AppendEscaped(std::string_view text, std::string* out) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsPlain(byte)) {
      out->push_back(c);
    } else {
      fmt::format_to(std::back_inserter(*out), "\\x{:02x}", byte);
    }
  }
}

int HexDigit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

// Accepts more than is written; the caller compares with what would be written.
std::optional<std::string> Unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 3 >= text.size() || text[i + 1] != 'x') return std::nullopt;
    const int high = HexDigit(text[i + 2]);
    const int low = HexDigit(text[i + 3]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high << 4 | low));
    i += 3;
  }
  return out;
}

// Takes the fields of one line from left to right. After a failure every further field is empty.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  std::string_view Next() {
    if (at_end_) {
      ok_ = false;
      return {};
    }
    const size_t space = rest_.find(' ');
    const std::string_view field = rest_.substr(0, space);
    at_end_ = space == std::string_view::npos;
    rest_ = at_end_ ? std::string_view() : rest_.substr(space + 1);
    return field;
  }

  template <typename Integer>
  void Number(int base, Integer* value) {
    const std::string_view field = Next();
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), *value, base);
    ok_ = ok_ && error == std::errc() && end == field.data() + field.size();
  }

  void Escaped(std::string* value) {
    auto text = Unescaped(Next());
    ok_ = ok_ && text.has_value();
    if (text.has_value()) *value = *std::move(text);
  }

  void Word(std::string_view word) { ok_ = Next() == word && ok_; }
  void Require(bool condition) { ok_ = ok_ && condition; }
  bool ok() const { return ok_; }
  bool at_end() const { return at_end_; }

 private:
  std::string_view rest_;
  bool at_end_ = false;
  bool ok_ = true;
};

void ParseXattrs(Fields* fields, std::map<std::string, std::string>* xattrs) {
  fields->Word("xattr");
  fields->Require(!fields->at_end());
  while (fields->ok() && !fields->at_end()) {
    const std::string_view field = fields->Next();
    const size_t equals = std::min(field.find('='), field.size());
    auto name = Unescaped(field.substr(0, equals));
    std::string value;
    fields->Require(equals < field.size() && name.has_value() &&
                    absl::Base64Unescape(Av(field.substr(equals + 1)), &value));
    if (fields->ok()) fields->Require(xattrs->emplace(*std::move(name), std::move(value)).second);
  }
}

// Any line that could be meant; exactness is checked by writing it again.
std::optional<ManifestEntry> ParseLine(std::string_view line) {
  ManifestEntry entry;
  TarEntry& tar = entry.entry;
  Fields fields(line);
  const std::string_view letter = fields.Next();
  const size_t type = letter.size() == 1 ? kTypeLetters.find(letter[0]) : std::string_view::npos;
  entry.whiteout = letter == "w";
  fields.Require(entry.whiteout || type != std::string_view::npos);
  if (!fields.ok()) return std::nullopt;
  if (!entry.whiteout) tar.type = static_cast<EntryType>(type);
  fields.Number(8, &tar.mode);
  fields.Number(10, &tar.uid);
  fields.Number(10, &tar.gid);
  fields.Number(10, &tar.size);
  fields.Number(10, &tar.mtime);
  const std::string_view hash = fields.Next();
  const bool file = !entry.whiteout && tar.type == EntryType::kFile;
  fields.Require(file ? IsSha256Hex(hash) : hash == "-");
  if (file) entry.sha256 = hash;
  fields.Escaped(&tar.path);
  if (letter == "l" || letter == "h") {
    fields.Word("->");
    fields.Escaped(&tar.link);
  }
  if (letter == "c" || letter == "b") {
    fields.Word("dev");
    fields.Number(10, &tar.dev_major);
    fields.Number(10, &tar.dev_minor);
  }
  if (fields.ok() && !fields.at_end()) ParseXattrs(&fields, &tar.xattrs);
  if (!fields.ok() || !fields.at_end()) return std::nullopt;
  return entry;
}

absl::Status CheckWhiteout(const TarEntry& entry) {
  TarEntry expected;
  expected.path = entry.path;
  expected.mtime = entry.mtime;
  if (entry == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("whiteout of '{}' has metadata", Printable(entry.path)));
}

// A hard link must follow what it links to in the same layer and have its metadata: they are one inode.
absl::Status CheckHardLink(const std::vector<ManifestEntry>& before, const TarEntry& link) {
  const auto fail = [&link](std::string_view why) {
    return absl::InvalidArgumentError(
        fmt::format("hard link '{}' to '{}': {}", Printable(link.path), Printable(link.link), why));
  };
  const auto it = std::lower_bound(before.begin(), before.end(), link.link,
                                   [](const ManifestEntry& entry, const std::string& path) {
                                     return ComparePaths(TarPath(entry), path) < 0;
                                   });
  if (it == before.end() || it->whiteout || it->entry.path != link.link)
    return fail("no such entry before it");
  const TarEntry& target = it->entry;
  if (target.type == EntryType::kDirectory || target.type == EntryType::kHardLink) {
    return fail(fmt::format("the target is a {}", EntryTypeName(target.type)));
  }
  if (target.mode != link.mode || target.uid != link.uid || target.gid != link.gid ||
      target.mtime != link.mtime) {
    return fail("mode, owner or time differ");
  }
  return absl::OkStatus();
}

}  // namespace

void AppendManifestLine(const ManifestEntry& entry, std::string* text) {
  const TarEntry& tar = entry.entry;
  const char letter = entry.whiteout ? 'w' : kTypeLetters[static_cast<size_t>(tar.type)];
  fmt::format_to(std::back_inserter(*text), "{} {:04o} {} {} {} {} {} ", letter, tar.mode, tar.uid, tar.gid,
                 tar.size, tar.mtime, entry.sha256.empty() ? "-" : entry.sha256);
  AppendEscaped(tar.path, text);
  if (letter == 'l' || letter == 'h') {
    text->append(" -> ");
    AppendEscaped(tar.link, text);
  }
  if (letter == 'c' || letter == 'b') {
    fmt::format_to(std::back_inserter(*text), " dev {} {}", tar.dev_major, tar.dev_minor);
  }
  if (!tar.xattrs.empty()) text->append(" xattr");
  for (const auto& [name, value] : tar.xattrs) {
    text->push_back(' ');
    AppendEscaped(name, text);
    text->push_back('=');
    text->append(absl::Base64Escape(Av(value)));
  }
  text->push_back('\n');
}

std::string WhiteoutPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  const size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  return fmt::format("{}{}{}", path.substr(0, name), kWhiteoutPrefix, path.substr(name));
}

std::string TarPath(const ManifestEntry& entry) {
  return entry.whiteout ? WhiteoutPath(entry.entry.path) : entry.entry.path;
}

absl::Status CheckFollows(const std::vector<ManifestEntry>& before, const ManifestEntry& entry) {
  const TarEntry& tar = entry.entry;
  if (entry.whiteout) RETURN_IF_ERROR(CheckWhiteout(tar));
  for (size_t begin = 0; begin < tar.path.size();) {
    if (std::string_view(tar.path).substr(begin).starts_with(kWhiteoutPrefix)) {
      return absl::InvalidArgumentError(
          fmt::format("path '{}': names that begin with .wh. mean removals in image layers and cannot be "
                      "stored in one; give it another name or remove it in the same step",
                      Printable(tar.path)));
    }
    begin = std::min(tar.path.find('/', begin), tar.path.size() - 1) + 1;
  }
  if (!before.empty()) {
    const std::string previous = TarPath(before.back());
    const std::string path = TarPath(entry);
    const bool directory = before.back().entry.type == EntryType::kDirectory;
    if (ComparePaths(previous, path) >= 0 || (!directory && IsBelow(path, previous))) {
      return absl::InvalidArgumentError(
          fmt::format("path '{}' cannot follow '{}'", Printable(path), Printable(previous)));
    }
  }
  if (!entry.whiteout && tar.type == EntryType::kHardLink) return CheckHardLink(before, tar);
  return absl::OkStatus();
}

std::string LayerManifest::Serialize() const {
  std::string text(kManifestHeader);
  text.reserve(entries.size() * 160);
  for (const ManifestEntry& entry : entries) AppendManifestLine(entry, &text);
  return text;
}

absl::StatusOr<LayerManifest> LayerManifest::Parse(std::string_view text) {
  if (!text.starts_with(kManifestHeader))
    return absl::InvalidArgumentError("layer manifest: line 1 is not its header");
  text.remove_prefix(kManifestHeader.size());
  LayerManifest manifest;
  std::string again;
  for (size_t number = 2; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return absl::InvalidArgumentError(fmt::format("layer manifest: line {} is not ended", number));
    }
    const std::string_view line = text.substr(0, end);
    auto entry = ParseLine(line);
    again.clear();
    if (entry.has_value()) AppendManifestLine(*entry, &again);
    if (!entry.has_value() || std::string_view(again).substr(0, again.size() - 1) != line) {
      return absl::InvalidArgumentError(fmt::format("layer manifest: line {} is not in canonical form: {}",
                                                    number, Printable(line.substr(0, 200))));
    }
    absl::Status status = CheckEntry(entry->entry);
    if (status.ok()) status = CheckFollows(manifest.entries, *entry);
    if (!status.ok()) return Annotate(status, fmt::format("layer manifest: line {}", number));
    manifest.entries.push_back(*std::move(entry));
    text.remove_prefix(end + 1);
  }
  return manifest;
}

int64_t LayerManifest::ContentBytes() const {
  int64_t total = 0;
  for (const ManifestEntry& entry : entries) total += entry.entry.size;
  return total;
}

}  // namespace crossmill::layer
