// Why two pieces of bytes differ: both are walked side by side, and each place where they part has to be one
// where each side has what is recorded of its own execution (its host's name, a time of its clock, ...), or
// what by its form is random. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/compare/fact_pair.h"
#include "crossmill/v1/difference.pb.h"

namespace crossmill::compare {

// Something on both sides that a class explains.
struct Sign {
  std::string cause;
  v1::Cause::Confidence confidence = v1::Cause::CONFIDENCE_POSSIBLE;
  // What both are: "name of the host".
  std::string words;
  // As the sides have them, for people.
  std::string first;
  std::string second;
  // Bytes of both, and what is tried before what.
  size_t first_length = 0;
  size_t second_length = 0;
  int rank = 0;
  // Of something that differs only because a file does.
  bool derived = false;
  // One side has it, and the other has nothing in its place: it may begin before the place where they part.
  bool one_sided = false;
};

// Ranks of signs: facts before forms, strong before weak.
inline constexpr int kFactRank = 0;
inline constexpr int kTimeRank = 1;
inline constexpr int kDerivedRank = 2;
inline constexpr int kWeakFactRank = 3;
inline constexpr int kFormRank = 5;

struct PiecesKind {
  // Numbers of four and eight bytes are looked for.
  bool binary = false;
  // The pieces go on beyond their ends.
  bool cut = false;
};

struct Explanation {
  // In order; no sign twice.
  std::vector<Sign> signs;
  // Every difference has a sign.
  bool whole = false;
};

// Both pieces differ. Linear in them, but for the places where they part, of which 256 are looked at.
Explanation Explain(std::string_view first, std::string_view second, const FactPair& facts, PiecesKind kind);

// The cause of two pieces that differ; unset: there is none for all that differs in them. `derived` is set if
// they differ only because a file does.
std::optional<v1::Cause> CauseOfPieces(std::string_view first, std::string_view second, const FactPair& facts,
                                       PiecesKind kind, bool* derived);

// A cause of a class of causes.h, with what helps against it.
v1::Cause MakeCause(std::string_view cause_class, v1::Cause::Confidence confidence, std::string evidence);

// "FIRST on w1, SECOND on w2", with the workers' names where they are known.
std::string BothSides(std::string_view first, std::string_view second, const FactPair& facts);

// Bytes for people: text as it is, other bytes in hex; cut.
std::string Shown(std::string_view bytes);

// The interval of a side's clock is known.
bool KnowsClock(const ExecutionFacts& facts);

}  // namespace crossmill::compare
