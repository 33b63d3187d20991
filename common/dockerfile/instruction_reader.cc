#include "common/dockerfile/instruction_reader.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/dockerfile/words.h"

namespace crossmill::dockerfile {
namespace {

class Reader {
 public:
  Reader(std::string_view file, char escape, Instruction& instruction)
      : file_(file), escape_(escape), instruction_(instruction) {}

  absl::Status Read();

 private:
  absl::Status Error(size_t offset, std::string_view message) const {
    return RecipeError(instruction_.PlaceOf(file_, offset), message);
  }
  absl::Status ReadFlags(size_t offset);
  absl::Status ReadFlag(const Word& word);
  absl::Status ReadArguments();
  absl::Status ReadCommand(std::string_view text, size_t offset, bool words_otherwise);
  absl::Status ReadPairs();
  absl::Status ReadNames();
  absl::Status ReadHealthcheck();
  absl::Status ReadTrigger();
  absl::Status CheckFrom() const;
  absl::Status CheckCopy();

  const std::string_view file_;
  const char escape_;
  Instruction& instruction_;
};

absl::Status Reader::Read() {
  const std::string_view text = instruction_.text;
  size_t end = 0;
  while (end < text.size() && !IsBlank(text[end])) ++end;
  const std::string_view name = text.substr(0, end);
  instruction_.syntax = FindSyntax(name);
  if (instruction_.syntax == nullptr) {
    std::vector<std::string> names;
    for (const InstructionSyntax& syntax : InstructionTable()) names.emplace_back(syntax.name);
    const std::string hint = DidYouMean(name, names);
    return Error(0, fmt::format("unknown instruction '{}'{}", name.substr(0, 80),
                                hint.empty() ? "; expected one of " + absl::StrJoin(names, " ") : hint));
  }
  RETURN_IF_ERROR(ReadFlags(end));
  return ReadArguments();
}

// Flags are the leading words that begin with `--`; quotes and escapes in them are taken away.
absl::Status Reader::ReadFlags(size_t i) {
  const std::string_view text = instruction_.text;
  while (true) {
    while (i < text.size() && IsBlank(text[i])) ++i;
    instruction_.arguments_offset = i;
    if (text.substr(i, 2) != "--") break;
    Word word{"", i};
    char quote = 0;
    for (; i < text.size() && (quote != 0 || !IsBlank(text[i])); ++i) {
      const char c = text[i];
      if (c == escape_ && quote != '\'' && i + 1 < text.size()) {
        word.text += text[++i];
      } else if (quote != 0 ? c == quote : (c == '"' || c == '\'')) {
        quote = quote == 0 ? c : 0;
      } else {
        word.text += c;
      }
    }
    if (word.text == "--") {
      while (i < text.size() && IsBlank(text[i])) ++i;
      instruction_.arguments_offset = i;
      break;
    }
    RETURN_IF_ERROR(ReadFlag(word));
  }
  const std::string_view rest = text.substr(instruction_.arguments_offset);
  instruction_.text.resize(instruction_.arguments_offset + TrimBlanks(rest).size());
  return absl::OkStatus();
}

absl::Status Reader::ReadFlag(const Word& word) {
  const std::string_view text = std::string_view(word.text).substr(2);
  const size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const InstructionSyntax& syntax = *instruction_.syntax;
  const auto known = std::find_if(syntax.flags.begin(), syntax.flags.end(),
                                  [&](const FlagSyntax& candidate) { return candidate.name == name; });
  if (known == syntax.flags.end()) {
    std::vector<std::string> names;
    for (const FlagSyntax& candidate : syntax.flags) names.push_back(fmt::format("--{}", candidate.name));
    std::string expected = DidYouMean(fmt::format("--{}", name), names);
    if (expected.empty()) {
      expected = names.empty() ? fmt::format("; {} has no flags", syntax.name)
                               : fmt::format("; expected one of {}", absl::StrJoin(names, " "));
    }
    return Error(word.offset,
                 fmt::format("unknown flag '--{}' of {}{}", name.substr(0, 80), syntax.name, expected));
  }
  if (known->kind != FlagKind::kRepeated && instruction_.FindFlag(name) != nullptr) {
    return Error(word.offset, fmt::format("flag --{} is given twice; expected it once", name));
  }
  Flag flag{known, "", true, word.offset};
  if (known->kind == FlagKind::kBool) {
    const std::string value =
        equals == std::string_view::npos ? "true" : absl::AsciiStrToLower(Av(text.substr(equals + 1)));
    if (value != "true" && value != "false") {
      return Error(word.offset,
                   fmt::format("flag --{} has the value '{}'; expected true or false", name, value));
    }
    flag.enabled = value == "true";
  } else {
    if (equals == std::string_view::npos) {
      return Error(word.offset, fmt::format("flag --{} has no value; expected --{}=VALUE", name, name));
    }
    flag.value = text.substr(equals + 1);
  }
  instruction_.flags.push_back(std::move(flag));
  return absl::OkStatus();
}

absl::Status Reader::ReadArguments() {
  const InstructionSyntax& syntax = *instruction_.syntax;
  const std::string_view arguments = instruction_.arguments();
  const size_t offset = instruction_.arguments_offset;
  // `CMD []` and `RUN []` are arguments; nothing at all never is.
  if (arguments.empty()) {
    return Error(0, fmt::format("{} has no arguments; expected {}", syntax.name, syntax.usage));
  }
  switch (syntax.form) {
    case ArgumentForm::kText:
      instruction_.words.push_back({std::string(arguments), offset});
      return absl::OkStatus();
    case ArgumentForm::kWords:
      instruction_.words = SplitAtBlanks(arguments, offset);
      return syntax.keyword == Keyword::kFrom ? CheckFrom() : absl::OkStatus();
    case ArgumentForm::kCommand:
      RETURN_IF_ERROR(ReadCommand(arguments, offset, false));
      if (syntax.keyword == Keyword::kShell && (!instruction_.json || instruction_.words.empty())) {
        return Error(offset, fmt::format("SHELL is not in JSON form; expected {}", syntax.usage));
      }
      if (syntax.keyword == Keyword::kRun && instruction_.words.empty()) {
        return Error(offset, fmt::format("RUN has an empty command; expected {}", syntax.usage));
      }
      return absl::OkStatus();
    case ArgumentForm::kList:
      RETURN_IF_ERROR(ReadCommand(arguments, offset, true));
      if (syntax.keyword != Keyword::kVolume) return CheckCopy();
      if (instruction_.words.empty())
        return Error(offset, fmt::format("VOLUME is empty; expected {}", syntax.usage));
      return absl::OkStatus();
    case ArgumentForm::kPairs:
      return ReadPairs();
    case ArgumentForm::kNames:
      return ReadNames();
    case ArgumentForm::kHealthcheck:
      return ReadHealthcheck();
    case ArgumentForm::kInstruction:
      return ReadTrigger();
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadCommand(std::string_view text, size_t offset, bool words_otherwise) {
  std::vector<std::string> values;
  switch (ReadJsonForm(text, values)) {
    case JsonForm::kOtherArray:
      return Error(offset,
                   "the JSON form holds something that is not a text; expected [\"text\", \"text\"...]");
    case JsonForm::kTexts:
      instruction_.json = true;
      for (std::string& value : values) instruction_.words.push_back({std::move(value), offset});
      return absl::OkStatus();
    case JsonForm::kNone:
      break;
  }
  if (words_otherwise) {
    instruction_.words = SplitAtBlanks(text, offset);
  } else {
    instruction_.words.push_back({std::string(text), offset});
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadPairs() {
  const InstructionSyntax& syntax = *instruction_.syntax;
  const std::string_view arguments = instruction_.arguments();
  const size_t offset = instruction_.arguments_offset;
  std::vector<Word> words = SplitQuoted(arguments, offset, escape_, nullptr);
  if (words.empty())
    return Error(0, fmt::format("{} has no arguments; expected {}", syntax.name, syntax.usage));
  if (words[0].text.find('=') == std::string::npos) {
    size_t end = 0;
    while (end < arguments.size() && !IsBlank(arguments[end])) ++end;
    const std::string_view value = TrimBlanks(arguments.substr(end));
    if (value.empty()) {
      return Error(offset,
                   fmt::format("'{}' has no value; expected {}", arguments.substr(0, end), syntax.usage));
    }
    instruction_.pairs.push_back({std::string(arguments.substr(0, end)), std::string(value), true, offset});
    return absl::OkStatus();
  }
  for (Word& word : words) {
    const size_t equals = word.text.find('=');
    if (equals == std::string::npos) {
      return Error(word.offset,
                   fmt::format("'{}' has no '='; expected NAME=VALUE (quote values with blanks)", word.text));
    }
    if (equals == 0)
      return Error(word.offset, fmt::format("'{}' has no name; expected NAME=VALUE", word.text));
    instruction_.pairs.push_back(
        {word.text.substr(0, equals), word.text.substr(equals + 1), true, word.offset});
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadNames() {
  for (Word& word : SplitQuoted(instruction_.arguments(), instruction_.arguments_offset, escape_, nullptr)) {
    const size_t equals = word.text.find('=');
    if (equals == 0)
      return Error(word.offset, fmt::format("'{}' has no name; expected NAME[=DEFAULT]", word.text));
    const bool has_value = equals != std::string::npos;
    instruction_.pairs.push_back(
        {word.text.substr(0, equals), has_value ? word.text.substr(equals + 1) : "", has_value, word.offset});
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadHealthcheck() {
  const std::string_view arguments = instruction_.arguments();
  size_t end = 0;
  while (end < arguments.size() && !IsBlank(arguments[end])) ++end;
  const std::string kind = absl::AsciiStrToUpper(Av(arguments.substr(0, end)));
  size_t begin = end;
  while (begin < arguments.size() && IsBlank(arguments[begin])) ++begin;
  const size_t offset = instruction_.arguments_offset;
  const std::string_view usage = instruction_.syntax->usage;
  if (kind != "NONE" && kind != "CMD") {
    return Error(offset,
                 fmt::format("unknown health check '{}'; expected {}", arguments.substr(0, end), usage));
  }
  instruction_.words.push_back({kind, offset});
  if (kind == "NONE") {
    if (begin == arguments.size()) return absl::OkStatus();
    return Error(offset + begin, "HEALTHCHECK NONE has arguments; expected none");
  }
  if (begin == arguments.size()) {
    return Error(offset, fmt::format("HEALTHCHECK CMD has no command; expected {}", usage));
  }
  RETURN_IF_ERROR(ReadCommand(arguments.substr(begin), offset + begin, false));
  if (instruction_.words.size() == 1) {
    return Error(offset + begin, fmt::format("HEALTHCHECK CMD has no command; expected {}", usage));
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadTrigger() {
  // Only its form is checked here; it is read again where it fires.
  Instruction trigger;
  trigger.text = std::string(instruction_.arguments());
  for (const Instruction::Piece& piece : instruction_.pieces) {
    if (piece.offset >= instruction_.arguments_offset) {
      trigger.pieces.push_back({piece.offset - instruction_.arguments_offset, piece.line, piece.column});
    }
  }
  if (trigger.pieces.empty() || trigger.pieces[0].offset != 0) {
    const Place place = instruction_.PlaceOf(file_, instruction_.arguments_offset);
    trigger.pieces.insert(trigger.pieces.begin(), {0, place.line, place.column});
  }
  trigger.first_line = instruction_.first_line;
  trigger.last_line = instruction_.last_line;
  const size_t end = trigger.text.find_first_of(" \t\r\n\v\f");
  const InstructionSyntax* syntax = FindSyntax(std::string_view(trigger.text).substr(0, end));
  if (syntax != nullptr && (syntax->keyword == Keyword::kOnbuild || syntax->keyword == Keyword::kFrom ||
                            syntax->keyword == Keyword::kMaintainer)) {
    return Error(
        instruction_.arguments_offset,
        fmt::format("{} cannot be a trigger; expected any instruction but FROM, MAINTAINER and ONBUILD",
                    syntax->name));
  }
  RETURN_IF_ERROR(Reader(file_, escape_, trigger).Read());
  instruction_.words.push_back({std::move(trigger.text), instruction_.arguments_offset});
  return absl::OkStatus();
}

absl::Status Reader::CheckFrom() const {
  const std::vector<Word>& words = instruction_.words;
  if (words.size() == 2 && absl::EqualsIgnoreCase(words[1].text, "AS")) {
    return Error(words[1].offset, "AS has no stage name behind it; expected FROM IMAGE AS NAME");
  }
  if (words.size() != 1 && words.size() != 3) {
    return Error(words[1].offset,
                 fmt::format("FROM has {} arguments; expected FROM IMAGE [AS NAME]", words.size()));
  }
  if (words.size() == 1) return absl::OkStatus();
  if (!absl::EqualsIgnoreCase(words[1].text, "AS")) {
    return Error(words[1].offset, fmt::format("'{}' behind the image; expected AS", words[1].text));
  }
  const std::string name = absl::AsciiStrToLower(words[2].text);
  bool valid = absl::ascii_islower(static_cast<unsigned char>(name[0]));
  for (const char c : name) {
    const auto u = static_cast<unsigned char>(c);
    valid = valid && (absl::ascii_islower(u) || absl::ascii_isdigit(u) || c == '-' || c == '_' || c == '.');
  }
  if (!valid) {
    return Error(words[2].offset,
                 fmt::format("invalid stage name '{}'; expected a letter, then letters, digits, "
                             "'-', '_' or '.'",
                             words[2].text));
  }
  return absl::OkStatus();
}

absl::Status Reader::CheckCopy() {
  const std::vector<Word>& words = instruction_.words;
  const InstructionSyntax& syntax = *instruction_.syntax;
  if (words.size() < 2) {
    return Error(words.empty() ? 0 : words[0].offset,
                 fmt::format("{} has no destination; expected {}", syntax.name, syntax.usage));
  }
  if (!instruction_.json && ReadHeredocWord(words.back().text)) {
    return Error(
        words.back().offset,
        fmt::format("the destination is a here-document; expected a path behind it: {}", syntax.usage));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadInstruction(std::string_view file, char escape, Instruction& instruction) {
  return Reader(file, escape, instruction).Read();
}

}  // namespace crossmill::dockerfile
