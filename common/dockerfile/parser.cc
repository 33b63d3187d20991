#include "common/dockerfile/parser.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/dockerfile/instruction_reader.h"
#include "common/dockerfile/words.h"

namespace crossmill::dockerfile {
namespace {

constexpr size_t kLongestLine = 65535;

class Parser {
 public:
  Parser(std::string_view file, std::string_view text) : text_(text) { document_.file = file; }

  absl::StatusOr<Document> Parse();

 private:
  // The next line without its end; `line_` becomes its number.
  std::optional<std::string_view> NextLine();
  // The same with its end, as here-documents keep it.
  std::optional<std::string_view> NextWholeLine();
  absl::Status Error(uint32_t line, uint32_t column, std::string_view message) const {
    return RecipeError({document_.file, line, column}, message);
  }
  absl::Status ReadDirective(std::string_view line, size_t indent);
  absl::Status ReadLogicalLine(std::string_view line, size_t indent);
  absl::Status ReadHeredocs(Instruction& instruction);
  // Length and UTF-8 of the line just read.
  absl::Status CheckLine(std::string_view line) const;
  // Removes a continuation mark from the end of `line`.
  bool TakeContinuation(std::string_view& line) const;

  std::string_view text_;
  uint32_t line_ = 0;
  bool directives_done_ = false;
  std::array<bool, 3> directives_seen_{};
  Document document_;
};

std::optional<std::string_view> Parser::NextWholeLine() {
  if (text_.empty()) return std::nullopt;
  const size_t end = text_.find('\n');
  const std::string_view line = text_.substr(0, end == std::string_view::npos ? end : end + 1);
  text_.remove_prefix(line.size());
  ++line_;
  return line;
}

std::string_view WithoutLineEnd(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<std::string_view> Parser::NextLine() {
  const std::optional<std::string_view> line = NextWholeLine();
  if (!line) return std::nullopt;
  return WithoutLineEnd(*line);
}

size_t IndentOf(std::string_view line) {
  size_t indent = 0;
  while (indent < line.size() && IsBlank(line[indent])) ++indent;
  return indent;
}

absl::Status Parser::CheckLine(std::string_view line) const {
  if (line.size() > kLongestLine) {
    return Error(line_, 1,
                 fmt::format("the line has {} bytes; expected at most {}", line.size(), kLongestLine));
  }
  const size_t bad = FindNonText(line);
  if (bad == std::string_view::npos) return absl::OkStatus();
  return Error(
      line_, static_cast<uint32_t>(bad + 1),
      fmt::format("byte 0x{:02x} is no text; expected UTF-8", static_cast<unsigned char>(line[bad])));
}

bool Parser::TakeContinuation(std::string_view& line) const {
  std::string_view rest = line;
  while (rest.ends_with(' ') || rest.ends_with('\t')) rest.remove_suffix(1);
  if (!rest.ends_with(document_.escape)) return false;
  rest.remove_suffix(1);
  if (rest.ends_with(document_.escape)) return false;  // An escaped escape.
  line = rest;
  return true;
}

absl::StatusOr<Document> Parser::Parse() {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  const auto lines = static_cast<size_t>(std::count(text_.begin(), text_.end(), '\n'));
  document_.instructions.reserve(std::min<size_t>(lines / 2 + 1, 1 << 16));
  while (const std::optional<std::string_view> line = NextLine()) {
    const size_t indent = IndentOf(*line);
    const std::string_view content = line->substr(indent);
    if (!directives_done_) RETURN_IF_ERROR(ReadDirective(content, indent));
    if (content.empty() || content.starts_with('#')) continue;
    RETURN_IF_ERROR(CheckLine(*line));
    RETURN_IF_ERROR(ReadLogicalLine(content, indent));
  }
  if (document_.instructions.empty()) {
    return Error(line_ == 0 ? 1 : line_, 1, "the file has no instructions; expected FROM IMAGE");
  }
  return std::move(document_);
}

// `# name=value` before anything else in the file. Others end the directives and are comments.
absl::Status Parser::ReadDirective(std::string_view line, size_t indent) {
  directives_done_ = true;
  if (!line.starts_with('#')) return absl::OkStatus();
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return absl::OkStatus();
  const std::string name = absl::AsciiStrToLower(Av(TrimBlanks(line.substr(1, equals - 1))));
  const std::string_view value = TrimBlanks(line.substr(equals + 1));
  const size_t index = name == "escape" ? 0 : name == "syntax" ? 1 : name == "check" ? 2 : 3;
  if (index == 3 || value.empty()) return absl::OkStatus();
  directives_done_ = false;
  const auto column = static_cast<uint32_t>(indent + 1);
  if (directives_seen_[index]) {
    return Error(line_, column, fmt::format("directive '{}' is given twice; expected it once", name));
  }
  directives_seen_[index] = true;
  if (index != 0) return absl::OkStatus();
  if (value != "\\" && value != "`") {
    return Error(line_, column, fmt::format("escape directive has the value '{}'; expected \\ or `", value));
  }
  document_.escape = value[0];
  return absl::OkStatus();
}

absl::Status Parser::ReadLogicalLine(std::string_view line, size_t indent) {
  Instruction instruction;
  instruction.first_line = line_;
  instruction.pieces.push_back({0, line_, static_cast<uint32_t>(indent + 1)});
  bool more = TakeContinuation(line);
  instruction.text = line;
  instruction.last_line = line_;
  std::optional<uint32_t> empty_line;
  while (more) {
    const std::optional<std::string_view> next = NextLine();
    if (!next) break;
    instruction.last_line = line_;
    const size_t next_indent = IndentOf(*next);
    if (next_indent == next->size()) {
      if (!empty_line) empty_line = line_;
      continue;
    }
    if ((*next)[next_indent] == '#') continue;
    RETURN_IF_ERROR(CheckLine(*next));
    std::string_view piece = *next;
    more = TakeContinuation(piece);
    instruction.pieces.push_back({instruction.text.size(), line_, 1});
    instruction.text += piece;
  }
  if (empty_line) {
    document_.warnings.push_back(
        fmt::format("{}:{}: empty line inside a continued instruction", document_.file, *empty_line));
  }
  // A line that holds only a continuation mark.
  if (TrimBlanks(instruction.text).empty()) return absl::OkStatus();
  if (const size_t lead = IndentOf(instruction.text); lead != 0) {
    instruction.text.erase(0, lead);
    const Place place = instruction.PlaceOf(document_.file, lead);
    std::vector<Instruction::Piece> pieces{{0, place.line, place.column}};
    for (const Instruction::Piece& piece : instruction.pieces) {
      if (piece.offset > lead) pieces.push_back({piece.offset - lead, piece.line, piece.column});
    }
    instruction.pieces = std::move(pieces);
  }
  RETURN_IF_ERROR(ReadInstruction(document_.file, document_.escape, instruction));
  RETURN_IF_ERROR(ReadHeredocs(instruction));
  document_.instructions.push_back(std::move(instruction));
  return absl::OkStatus();
}

absl::Status Parser::ReadHeredocs(Instruction& instruction) {
  const InstructionSyntax* syntax = instruction.syntax;
  if (syntax->keyword == Keyword::kOnbuild) {
    const std::string& trigger = instruction.words[0].text;
    syntax = FindSyntax(std::string_view(trigger).substr(0, trigger.find_first_of(" \t\r\n\v\f")));
  }
  if (syntax == nullptr || !syntax->heredocs) return absl::OkStatus();
  instruction.heredocs = FindHeredocs(instruction.arguments());
  for (Heredoc& heredoc : instruction.heredocs) {
    bool closed = false;
    while (const std::optional<std::string_view> line = NextWholeLine()) {
      std::string_view end = WithoutLineEnd(*line);
      if (heredoc.strip_tabs) end.remove_prefix(std::min(end.find_first_not_of('\t'), end.size()));
      if (end == heredoc.name) {
        closed = true;
        break;
      }
      // Files may hold anything; commands and triggers are texts.
      if (instruction.keyword() != Keyword::kCopy && instruction.keyword() != Keyword::kAdd) {
        RETURN_IF_ERROR(CheckLine(WithoutLineEnd(*line)));
      }
      heredoc.content += *line;
    }
    if (!closed) {
      const size_t offset = instruction.text.find(heredoc.word);
      return RecipeError(instruction.PlaceOf(document_.file, offset == std::string::npos ? 0 : offset),
                         fmt::format("here-document '{}' is not closed; expected a line with only {}",
                                     heredoc.name, heredoc.name));
    }
  }
  instruction.last_line = line_;
  if (instruction.heredocs.empty() == false && syntax->keyword != instruction.syntax->keyword) {
    // The trigger as an image's config keeps it.
    std::string& trigger = instruction.words[0].text;
    for (const Heredoc& heredoc : instruction.heredocs) trigger += "\n" + heredoc.content + heredoc.name;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Document> ParseDockerfile(std::string_view file, std::string_view text) {
  return Parser(file, text).Parse();
}

absl::StatusOr<Instruction> ParseTrigger(const Place& place, std::string_view text) {
  const auto fail = [&](std::string_view message) {
    return RecipeError(place, fmt::format("ONBUILD trigger of the base: {}", message));
  };
  absl::StatusOr<Document> document = ParseDockerfile("trigger", text);
  if (!document.ok()) return fail(Sv(document.status().message()));
  if (document->instructions.size() != 1) {
    return fail(fmt::format("'{}' has {} instructions; expected one", text, document->instructions.size()));
  }
  Instruction instruction = std::move(document->instructions[0]);
  const Keyword keyword = instruction.keyword();
  if (keyword == Keyword::kFrom || keyword == Keyword::kOnbuild || keyword == Keyword::kMaintainer) {
    return fail(fmt::format("{} cannot be a trigger", instruction.syntax->name));
  }
  instruction.first_line = instruction.last_line = place.line;
  instruction.pieces.assign(1, {0, place.line, place.column});
  instruction.fixed_place = true;
  return instruction;
}

}  // namespace crossmill::dockerfile
