// Reading requirements.
#include "common/python/requirement.h"

#include <utility>

#include "common/base/status.h"
#include "common/python/package_name.h"

namespace crossmill::python {
namespace {

absl::StatusOr<std::vector<std::string>> ReadExtras(SyntaxCursor& cursor) {
  std::vector<std::string> extras;
  const size_t begin = cursor.at();
  if (!cursor.Take('[')) return extras;
  cursor.SkipBlanks();
  bool comma = false;
  while (true) {
    const std::string_view extra = cursor.TakeName();
    if (extra.empty()) {
      if (comma)
        return cursor.Error(fmt::format("expected the name of an extra after ',', not {}", cursor.Here()));
      break;
    }
    extras.emplace_back(extra);
    cursor.SkipBlanks();
    comma = cursor.Take(',');
    if (!comma) break;
    cursor.SkipBlanks();
  }
  if (!cursor.Take(']')) {
    return cursor.Error(
        fmt::format("expected ',' or ']' for the '[' in column {}, not {}", begin + 1, cursor.Here()));
  }
  cursor.SkipBlanks();
  return extras;
}

bool IsOperatorChar(char c) { return c == '=' || c == '!' || c == '~' || c == '<' || c == '>'; }

// The end of the clause that begins at the cursor: operator, blanks, version.
size_t ClauseEnd(SyntaxCursor cursor) {
  const bool arbitrary = cursor.Rest().starts_with("===");
  while (IsOperatorChar(cursor.Peek())) cursor.Take(cursor.Peek());
  cursor.SkipBlanks();
  const std::string_view rest = cursor.Rest();
  // A comma separates there too.
  const size_t length =
      arbitrary
          ? rest.find_first_of(" \t\r\n\f\v;),")
          : rest.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!*+-_");
  return cursor.at() + (length == rest.npos ? rest.size() : length);
}

absl::StatusOr<SpecifierSet> ReadClauses(SyntaxCursor& cursor) {
  std::vector<Specifier> clauses;
  while (IsOperatorChar(cursor.Peek())) {
    const size_t begin = cursor.at();
    const size_t end = ClauseEnd(cursor);
    auto clause = Specifier::Parse(cursor.Rest().substr(0, end - begin));
    if (!clause.ok()) return cursor.ErrorAt(begin, Sv(clause.status().message()));
    clauses.push_back(*std::move(clause));
    cursor.MoveTo(end);
    cursor.SkipBlanks();
    if (!cursor.Take(',')) break;
    cursor.SkipBlanks();
  }
  return SpecifierSet(std::move(clauses));
}

absl::Status ReadSpecifier(SyntaxCursor& cursor, Requirement& requirement) {
  const size_t begin = cursor.at();
  const bool enclosed = cursor.Take('(');
  if (enclosed) cursor.SkipBlanks();
  ASSIGN_OR_RETURN(requirement.specifier, ReadClauses(cursor));
  if (!enclosed) return absl::OkStatus();
  cursor.SkipBlanks();
  if (!cursor.Take(')')) {
    return cursor.Error(
        fmt::format("expected ',' or ')' for the '(' in column {}, not {}", begin + 1, cursor.Here()));
  }
  cursor.SkipBlanks();
  return absl::OkStatus();
}

// What stands behind '@', to the first blank. A semicolon without a blank before it belongs to the address.
absl::Status ReadAddress(SyntaxCursor& cursor, Requirement& requirement) {
  cursor.SkipBlanks();
  const std::string_view rest = cursor.Rest();
  const size_t end = rest.find_first_of(" \t\r\n\f\v");
  requirement.url = std::string(rest.substr(0, end));
  if (requirement.url.empty()) return cursor.Error("expected a URL after '@'");
  cursor.MoveTo(cursor.at() + requirement.url.size());
  cursor.SkipBlanks();
  return absl::OkStatus();
}

std::string ExpectedAfter(const Requirement& requirement) {
  if (!requirement.url.empty()) return "';' or the end after the URL";
  if (requirement.specifier.empty()) return "'[', '@', a version specifier, ';' or the end";
  return "',' within the version specifier, ';' or the end after it";
}

}  // namespace

absl::StatusOr<Requirement> Requirement::Parse(std::string_view text) {
  SyntaxCursor cursor(text);
  cursor.SkipBlanks();
  Requirement requirement;
  requirement.name = std::string(cursor.TakeName());
  if (requirement.name.empty()) {
    return cursor.Error(fmt::format("expected the name of a package, not {}", cursor.Here()));
  }
  requirement.normal_name = NormaliseName(requirement.name);
  cursor.SkipBlanks();
  ASSIGN_OR_RETURN(requirement.extras, ReadExtras(cursor));
  if (cursor.Take('@')) {
    RETURN_IF_ERROR(ReadAddress(cursor, requirement));
  } else {
    RETURN_IF_ERROR(ReadSpecifier(cursor, requirement));
  }
  if (cursor.AtEnd()) return requirement;
  if (!cursor.Take(';')) {
    return cursor.Error(fmt::format("expected {}, not {}", ExpectedAfter(requirement), cursor.Here()));
  }
  ASSIGN_OR_RETURN(requirement.marker, Marker::Read(cursor));
  if (!cursor.AtEnd()) {
    return cursor.Error(fmt::format("expected 'and', 'or' or the end of the marker, not {}", cursor.Here()));
  }
  return requirement;
}

absl::StatusOr<bool> Requirement::Applies(MarkerEnvironment environment,
                                          const std::vector<std::string>& extras) const {
  if (!marker.has_value()) return true;
  if (extras.empty()) {
    environment["extra"] = "";
    return marker->Evaluate(environment);
  }
  bool applies = false;
  for (const std::string& extra : extras) {
    environment["extra"] = extra;
    ASSIGN_OR_RETURN(const bool holds, marker->Evaluate(environment));
    applies |= holds;
  }
  return applies;
}

}  // namespace crossmill::python
