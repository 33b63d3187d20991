// The Dockerfile language as data: instructions with their flags and forms, and a parsed instruction
// with its place in the source.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "common/dockerfile/recipe_error.h"

namespace crossmill::dockerfile {

enum class Keyword {
  kAdd,
  kArg,
  kCmd,
  kCopy,
  kEntrypoint,
  kEnv,
  kExpose,
  kFrom,
  kHealthcheck,
  kLabel,
  kMaintainer,
  kOnbuild,
  kRun,
  kShell,
  kStopsignal,
  kUser,
  kVolume,
  kWorkdir,
};

// How the text behind keyword and flags is read.
enum class ArgumentForm {
  // One text, blanks inside kept: USER, WORKDIR, STOPSIGNAL, MAINTAINER.
  kText,
  // Words between blanks: FROM, EXPOSE.
  kWords,
  // A JSON array of texts, else one text: RUN, CMD, ENTRYPOINT, SHELL.
  kCommand,
  // A JSON array of texts, else words: COPY, ADD, VOLUME.
  kList,
  // NAME=value words, or the old `NAME value`: ENV, LABEL.
  kPairs,
  // NAME or NAME=value words: ARG.
  kNames,
  // NONE, or CMD and a command: HEALTHCHECK.
  kHealthcheck,
  // Another instruction: ONBUILD.
  kInstruction,
};

enum class FlagKind { kBool, kValue, kRepeated };

struct FlagSyntax {
  std::string_view name;
  FlagKind kind;
};

struct InstructionSyntax {
  Keyword keyword;
  std::string_view name;
  ArgumentForm form;
  absl::Span<const FlagSyntax> flags;
  // May take here-documents.
  bool heredocs;
  // Shown after "expected".
  std::string_view usage;
};

// All 18, sorted by name.
absl::Span<const InstructionSyntax> InstructionTable();
const InstructionSyntax& SyntaxOf(Keyword keyword);
// By name in any case; null if there is none.
const InstructionSyntax* FindSyntax(std::string_view name);

struct Word {
  std::string text;
  // Into Instruction::text, for its place.
  size_t offset = 0;
};

struct Flag {
  const FlagSyntax* syntax = nullptr;
  std::string value;
  // The value of a boolean flag.
  bool enabled = false;
  size_t offset = 0;
};

struct Pair {
  std::string name;
  std::string value;
  // ARG NAME without a value.
  bool has_value = true;
  size_t offset = 0;
};

struct Heredoc {
  // Descriptor number before `<<`, usually empty.
  std::string descriptor;
  std::string name;
  // Lines as written, each with its line end.
  std::string content;
  // `<<-`: leading tabs are not part of it.
  bool strip_tabs = false;
  // The name was not quoted.
  bool expand = true;
  // The word as written: <<-"EOF".
  std::string word;
};

// `content` without the leading tabs of each line.
std::string StripTabs(std::string_view content);

struct Instruction {
  const InstructionSyntax* syntax = nullptr;
  // One logical line: continuation lines joined, comments between them dropped.
  std::string text;
  // Behind keyword and flags, trimmed; view it through arguments().
  size_t arguments_offset = 0;
  std::vector<Flag> flags;
  // By form. kText and kCommand in text form: one word.
  std::vector<Word> words;
  // JSON form was used.
  bool json = false;
  std::vector<Pair> pairs;
  std::vector<Heredoc> heredocs;
  uint32_t first_line = 0;
  uint32_t last_line = 0;
  // Where pieces of `text` stand in the file, by ascending offset.
  struct Piece {
    size_t offset;
    uint32_t line;
    uint32_t column;
  };
  std::vector<Piece> pieces;
  // A trigger: all of it stands at the first piece's place, since its text is in no file.
  bool fixed_place = false;

  Keyword keyword() const { return syntax->keyword; }
  std::string_view arguments() const { return std::string_view(text).substr(arguments_offset); }
  // The flag if it was given, else null. For kRepeated the first.
  const Flag* FindFlag(std::string_view name) const;
  // Where text[offset] stands in `file`.
  Place PlaceOf(std::string_view file, size_t offset) const;
};

}  // namespace crossmill::dockerfile
