#include "common/dockerfile/instruction.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"

namespace crossmill::dockerfile {
namespace {

constexpr FlagSyntax kFromFlags[] = {{"platform", FlagKind::kValue}};
constexpr FlagSyntax kRunFlags[] = {
    {"device", FlagKind::kRepeated},
    {"mount", FlagKind::kRepeated},
    {"network", FlagKind::kValue},
    {"security", FlagKind::kValue},
};
constexpr FlagSyntax kCopyFlags[] = {
    {"chmod", FlagKind::kValue}, {"chown", FlagKind::kValue}, {"exclude", FlagKind::kRepeated},
    {"from", FlagKind::kValue},  {"link", FlagKind::kBool},   {"parents", FlagKind::kBool},
};
constexpr FlagSyntax kAddFlags[] = {
    {"checksum", FlagKind::kValue},   {"chmod", FlagKind::kValue},       {"chown", FlagKind::kValue},
    {"exclude", FlagKind::kRepeated}, {"keep-git-dir", FlagKind::kBool}, {"link", FlagKind::kBool},
    {"unpack", FlagKind::kBool},
};
constexpr FlagSyntax kHealthcheckFlags[] = {
    {"interval", FlagKind::kValue},     {"retries", FlagKind::kValue}, {"start-interval", FlagKind::kValue},
    {"start-period", FlagKind::kValue}, {"timeout", FlagKind::kValue},
};

// In the order of Keyword, which is the order of names.
const std::array<InstructionSyntax, 18> kTable = {{
    {Keyword::kAdd, "ADD", ArgumentForm::kList, kAddFlags, true, "ADD SOURCE... DESTINATION"},
    {Keyword::kArg, "ARG", ArgumentForm::kNames, {}, false, "ARG NAME[=DEFAULT]..."},
    {Keyword::kCmd,
     "CMD",
     ArgumentForm::kCommand,
     {},
     false,
     "CMD COMMAND or CMD [\"program\", \"argument\"...]"},
    {Keyword::kCopy, "COPY", ArgumentForm::kList, kCopyFlags, true, "COPY SOURCE... DESTINATION"},
    {Keyword::kEntrypoint,
     "ENTRYPOINT",
     ArgumentForm::kCommand,
     {},
     false,
     "ENTRYPOINT COMMAND or ENTRYPOINT [\"program\", \"argument\"...]"},
    {Keyword::kEnv, "ENV", ArgumentForm::kPairs, {}, false, "ENV NAME=VALUE..."},
    {Keyword::kExpose, "EXPOSE", ArgumentForm::kWords, {}, false, "EXPOSE PORT[/PROTOCOL]..."},
    {Keyword::kFrom, "FROM", ArgumentForm::kWords, kFromFlags, false, "FROM IMAGE [AS NAME]"},
    {Keyword::kHealthcheck, "HEALTHCHECK", ArgumentForm::kHealthcheck, kHealthcheckFlags, false,
     "HEALTHCHECK CMD COMMAND or HEALTHCHECK NONE"},
    {Keyword::kLabel, "LABEL", ArgumentForm::kPairs, {}, false, "LABEL NAME=VALUE..."},
    {Keyword::kMaintainer, "MAINTAINER", ArgumentForm::kText, {}, false, "MAINTAINER NAME"},
    {Keyword::kOnbuild, "ONBUILD", ArgumentForm::kInstruction, {}, true, "ONBUILD INSTRUCTION"},
    {Keyword::kRun, "RUN", ArgumentForm::kCommand, kRunFlags, true,
     "RUN COMMAND or RUN [\"program\", \"argument\"...]"},
    {Keyword::kShell, "SHELL", ArgumentForm::kCommand, {}, false, "SHELL [\"program\", \"argument\"...]"},
    {Keyword::kStopsignal, "STOPSIGNAL", ArgumentForm::kText, {}, false, "STOPSIGNAL SIGNAL"},
    {Keyword::kUser, "USER", ArgumentForm::kText, {}, false, "USER NAME[:GROUP]"},
    {Keyword::kVolume, "VOLUME", ArgumentForm::kList, {}, false, "VOLUME PATH..."},
    {Keyword::kWorkdir, "WORKDIR", ArgumentForm::kText, {}, false, "WORKDIR PATH"},
}};

}  // namespace

absl::Span<const InstructionSyntax> InstructionTable() { return kTable; }

const InstructionSyntax& SyntaxOf(Keyword keyword) { return kTable[static_cast<size_t>(keyword)]; }

const InstructionSyntax* FindSyntax(std::string_view name) {
  if (name.empty()) return nullptr;
  const char first = absl::ascii_toupper(static_cast<unsigned char>(name[0]));
  for (const InstructionSyntax& syntax : kTable) {
    if (syntax.name[0] == first && absl::EqualsIgnoreCase(Av(syntax.name), Av(name))) return &syntax;
  }
  return nullptr;
}

std::string StripTabs(std::string_view content) {
  std::string stripped;
  bool line_start = true;
  for (const char c : content) {
    if (line_start && c == '\t') continue;
    line_start = c == '\n';
    stripped += c;
  }
  return stripped;
}

const Flag* Instruction::FindFlag(std::string_view name) const {
  for (const Flag& flag : flags) {
    if (flag.syntax->name == name) return &flag;
  }
  return nullptr;
}

Place Instruction::PlaceOf(std::string_view file, size_t offset) const {
  if (pieces.empty()) return {file, first_line, 1};
  if (fixed_place) return {file, pieces[0].line, pieces[0].column};
  auto after = std::upper_bound(pieces.begin(), pieces.end(), offset,
                                [](size_t wanted, const Piece& piece) { return wanted < piece.offset; });
  const Piece& piece = after == pieces.begin() ? *after : *std::prev(after);
  return {file, piece.line, static_cast<uint32_t>(piece.column + (offset - piece.offset))};
}

}  // namespace crossmill::dockerfile
