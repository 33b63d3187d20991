// Compiled messages of gettext: a table of messages and one of their translations. That of the empty message
// is a header of lines, among which are times.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

constexpr std::string_view kLittleMagic = "\xde\x12\x04\x95";
constexpr std::string_view kBigMagic = "\x95\x04\x12\xde";
constexpr size_t kGettextHeader = 28;
// A message is named by so much of it.
constexpr size_t kMessageShown = 60;

using Messages = std::map<std::string_view, std::string_view>;

// INVALID_ARGUMENT: a table or a text is not within the file, or texts lie over each other so often that
// reading them costs more than the file.
absl::StatusOr<Messages> MessagesOf(std::string_view bytes) {
  const absl::Status damaged = absl::InvalidArgumentError("the .mo file is damaged");
  const bool little = bytes.starts_with(kLittleMagic);
  const auto number = [&](size_t at) { return NumberAt(bytes, at, 4, little); };
  const uint64_t count = number(8), originals = number(12), translations = number(16);
  for (const uint64_t table : {originals, translations}) {
    if (table > bytes.size() || count > (bytes.size() - table) / 8) return damaged;
  }
  uint64_t read = 0;
  const auto text = [&](uint64_t table, uint64_t index) -> absl::StatusOr<std::string_view> {
    const uint64_t size = number(table + index * 8), offset = number(table + index * 8 + 4);
    read += size;
    if (offset > bytes.size() || size > bytes.size() - offset || read > 2 * bytes.size()) return damaged;
    return bytes.substr(offset, size);
  };
  Messages messages;
  for (uint64_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::string_view message, text(originals, i));
    ASSIGN_OR_RETURN(const std::string_view translation, text(translations, i));
    if (!messages.emplace(message, translation).second) return damaged;
  }
  return messages;
}

struct HeaderLine {
  std::string_view name;
  std::string_view line;
};

std::vector<HeaderLine> HeaderLinesOf(std::string_view header) {
  std::vector<HeaderLine> lines;
  while (!header.empty()) {
    const size_t end = std::min(header.find('\n'), header.size());
    const std::string_view line = header.substr(0, end);
    lines.push_back({line.substr(0, line.find(':')), line});
    header.remove_prefix(std::min(end + 1, header.size()));
  }
  return lines;
}

// 0: it is not there.
int64_t OffsetOf(std::string_view text, std::string_view all) {
  return text.data() < all.data() || text.empty() ? 0 : text.data() - all.data();
}

struct MessageFiles {
  std::string_view first;
  std::string_view second;
};

bool AddMessage(std::string_view place, std::string_view ours, std::string_view theirs,
                const MessageFiles& files, Differences* differences) {
  return differences->Add(place, ours, theirs, OffsetOf(ours, files.first), OffsetOf(theirs, files.second)) !=
         nullptr;
}

// Lines of one name stand for each other; a header has each name once.
void CompareHeaders(std::string_view first, std::string_view second, const MessageFiles& files,
                    Differences* differences) {
  const Differences::Part part(*differences, "header");
  const std::vector<HeaderLine> ours = HeaderLinesOf(first), theirs = HeaderLinesOf(second);
  const auto line_of = [](const std::vector<HeaderLine>& lines, std::string_view name) {
    const auto found =
        std::find_if(lines.begin(), lines.end(), [&](const HeaderLine& each) { return each.name == name; });
    return found == lines.end() ? std::string_view() : found->line;
  };
  const int before = differences->count();
  const auto shown = [](std::string_view name) {
    return name.empty() ? "line" : name.substr(0, kMessageShown);
  };
  // Headers have some ten lines; more are compared as text, whose cost is known.
  constexpr size_t kMostLines = 200;
  if (std::max(ours.size(), theirs.size()) <= kMostLines) {
    for (const HeaderLine& each : ours) {
      const std::string_view other = line_of(theirs, each.name);
      if (each.line != other && !AddMessage(shown(each.name), each.line, other, files, differences)) return;
    }
    for (const HeaderLine& each : theirs) {
      if (line_of(ours, each.name).empty() && !each.line.empty() &&
          !AddMessage(shown(each.name), {}, each.line, files, differences))
        return;
    }
  }
  if (differences->count() == before) CompareText(first, second, differences);
}

}  // namespace

bool IsGettext(std::string_view bytes) {
  return bytes.size() >= kGettextHeader && (bytes.starts_with(kLittleMagic) || bytes.starts_with(kBigMagic));
}

absl::Status CompareGettext(std::string_view first, std::string_view second, Differences* differences) {
  ASSIGN_OR_RETURN(const Messages ours, MessagesOf(first));
  ASSIGN_OR_RETURN(const Messages theirs, MessagesOf(second));
  const MessageFiles files{first, second};
  const int before = differences->count();
  const auto compare = [&](std::string_view message, std::string_view one, std::string_view other) {
    if (message.empty()) {
      CompareHeaders(one, other, files, differences);
      return;
    }
    AddMessage(fmt::format("message '{}'", message.substr(0, kMessageShown)), one, other, files, differences);
  };
  for (const auto& [message, translation] : ours) {
    const auto other = theirs.find(message);
    const std::string_view text = other == theirs.end() ? std::string_view() : other->second;
    if (text != translation) compare(message, translation, text);
    if (differences->full()) break;
  }
  for (const auto& [message, translation] : theirs) {
    if (differences->full()) break;
    if (!ours.contains(message)) compare(message, {}, translation);
  }
  if (differences->full()) differences->SetIncomplete();
  // The same messages: what differs is how they are laid out.
  if (differences->count() == before) CompareBytes(first, second, differences);
  return absl::OkStatus();
}

}  // namespace crossmill::compare
