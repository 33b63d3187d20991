// Reading and evaluating markers.
#include "common/python/marker.h"

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/python/package_name.h"
#include "common/python/specifier.h"

namespace crossmill::python {

// Either a comparison, or parts that are joined by one word.
struct Marker::Node {
  enum class Kind { kComparison, kAnd, kOr };
  struct Side {
    bool is_variable = false;
    // The variable's name, or the text between the quotes.
    std::string text;
  };

  Kind kind = Kind::kComparison;
  std::vector<std::shared_ptr<const Node>> parts;
  Side left;
  std::string operation;
  Side right;
};

namespace {

using Node = Marker::Node;

constexpr int kMostNesting = 200;
// What follows a backslash in Python's texts, and what it means.
constexpr std::string_view kEscapes = "\\'\"abfnrtv";
constexpr std::string_view kEscaped = "\\'\"\a\b\f\n\r\t\v";

// As written -> name. Those with dots and without "platform_" are from before PEP 508.
constexpr std::array<std::pair<std::string_view, std::string_view>, 19> kVariables = {{
    {"python_version", "python_version"},
    {"python_full_version", "python_full_version"},
    {"os.name", "os_name"},
    {"os_name", "os_name"},
    {"sys.platform", "sys_platform"},
    {"sys_platform", "sys_platform"},
    {"platform_release", "platform_release"},
    {"platform_system", "platform_system"},
    {"platform.version", "platform_version"},
    {"platform_version", "platform_version"},
    {"platform.machine", "platform_machine"},
    {"platform_machine", "platform_machine"},
    {"platform.python_implementation", "platform_python_implementation"},
    {"platform_python_implementation", "platform_python_implementation"},
    {"python_implementation", "platform_python_implementation"},
    {"implementation_name", "implementation_name"},
    {"implementation_version", "implementation_version"},
    {"extra", "extra"},
    {"extras", "extras"},
}};

bool HoldsVersions(std::string_view variable) {
  return variable == "implementation_version" || variable == "platform_release" ||
         variable == "python_full_version" || variable == "python_version";
}

// What Python makes of the escapes between quotes; false for those by number or name, which nobody has in a
// marker.
bool UnescapePython(std::string_view text, std::string& plain) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' || text[i] == '\r') return false;
    if (text[i] != '\\') {
      plain.push_back(text[i]);
      continue;
    }
    if (++i == text.size()) return false;
    if (const size_t known = kEscapes.find(text[i]); known != kEscapes.npos) {
      plain.push_back(kEscaped[known]);
    } else if (std::string_view("xuUN01234567\n\r").find(text[i]) != std::string_view::npos) {
      return false;
    } else {
      plain.push_back('\\');
      plain.push_back(text[i]);
    }
  }
  return true;
}

absl::StatusOr<Node::Side> ReadSide(SyntaxCursor& cursor) {
  for (const auto& [written, name] : kVariables) {
    if (cursor.TakeWord(written)) return Node::Side{true, std::string(name)};
  }
  if (cursor.TakeWord("dependency_groups")) return Node::Side{true, "dependency_groups"};
  const size_t begin = cursor.at();
  const char quote = cursor.Peek();
  if (quote != '"' && quote != '\'') {
    return cursor.Error(fmt::format("expected a variable or a text in quotes, not {}", cursor.Here()));
  }
  cursor.Take(quote);
  const std::string_view rest = cursor.Rest();
  const size_t end = rest.find(quote);
  if (end == rest.npos) return cursor.ErrorAt(begin, "the text has no closing quote");
  Node::Side side;
  if (!UnescapePython(rest.substr(0, end), side.text)) {
    return cursor.ErrorAt(begin, "an escape that cannot be read in a text");
  }
  cursor.MoveTo(cursor.at() + end + 1);
  return side;
}

absl::StatusOr<std::string> ReadOperation(SyntaxCursor& cursor) {
  if (cursor.TakeWord("in")) return "in";
  if (cursor.TakeWord("not")) {
    if (!cursor.SkipBlanks() || !cursor.TakeWord("in")) return cursor.Error("expected ' in' after 'not'");
    return "not in";
  }
  for (const std::string_view one : {"===", "==", "~=", "!=", "<=", ">=", "<", ">"}) {
    if (!cursor.Rest().starts_with(one)) continue;
    cursor.MoveTo(cursor.at() + one.size());
    return std::string(one);
  }
  return cursor.Error(
      fmt::format("expected one of <=, <, !=, ==, >=, >, ~=, ===, in, not in, not {}", cursor.Here()));
}

absl::StatusOr<std::shared_ptr<const Node>> ReadComparison(SyntaxCursor& cursor) {
  Node node;
  ASSIGN_OR_RETURN(node.left, ReadSide(cursor));
  cursor.SkipBlanks();
  ASSIGN_OR_RETURN(node.operation, ReadOperation(cursor));
  cursor.SkipBlanks();
  ASSIGN_OR_RETURN(node.right, ReadSide(cursor));
  // Names of extras are compared in their normal form.
  if (node.left.is_variable && node.left.text == "extra" && !node.right.is_variable) {
    node.right.text = NormaliseName(node.right.text);
  } else if (node.right.is_variable && node.right.text == "extra" && !node.left.is_variable) {
    node.left.text = NormaliseName(node.left.text);
  }
  return std::make_shared<const Node>(std::move(node));
}

std::shared_ptr<const Node> Joined(Node::Kind kind, std::vector<std::shared_ptr<const Node>> parts) {
  if (parts.size() == 1) return parts.front();
  Node node;
  node.kind = kind;
  node.parts = std::move(parts);
  return std::make_shared<const Node>(std::move(node));
}

absl::StatusOr<std::shared_ptr<const Node>> ReadExpression(SyntaxCursor& cursor, int depth);

absl::StatusOr<std::shared_ptr<const Node>> ReadAtom(SyntaxCursor& cursor, int depth) {
  cursor.SkipBlanks();
  const size_t begin = cursor.at();
  if (!cursor.Take('(')) return ReadComparison(cursor);
  if (depth >= kMostNesting) {
    return cursor.ErrorAt(begin, fmt::format("more than {} parentheses inside each other", kMostNesting));
  }
  auto inner = ReadExpression(cursor, depth + 1);
  if (!inner.ok()) return inner;
  if (!cursor.Take(')')) {
    return cursor.Error(
        fmt::format("expected ')' for the '(' in column {}, not {}", begin + 1, cursor.Here()));
  }
  return inner;
}

// `and` binds closer than `or`.
absl::StatusOr<std::shared_ptr<const Node>> ReadExpression(SyntaxCursor& cursor, int depth) {
  std::vector<std::shared_ptr<const Node>> alternatives;
  std::vector<std::shared_ptr<const Node>> together;
  while (true) {
    ASSIGN_OR_RETURN(auto atom, ReadAtom(cursor, depth));
    together.push_back(std::move(atom));
    cursor.SkipBlanks();
    if (cursor.TakeWord("and")) continue;
    alternatives.push_back(Joined(Node::Kind::kAnd, std::exchange(together, {})));
    if (!cursor.TakeWord("or")) return Joined(Node::Kind::kOr, std::move(alternatives));
  }
}

// No text has both quotes: one of them is around it, and escapes by number are not read.
std::string SideText(const Node::Side& side) {
  if (side.is_variable) return side.text;
  const char quote = side.text.find('"') == side.text.npos ? '"' : '\'';
  std::string text(1, quote);
  for (const char c : side.text) {
    const size_t escaped = c == '\'' || c == '"' ? kEscaped.npos : kEscaped.find(c);
    if (escaped == kEscaped.npos) {
      text.push_back(c);
    } else {
      text.push_back('\\');
      text.push_back(kEscapes[escaped]);
    }
  }
  return text + quote;
}

std::string NodeText(const Node& node, Node::Kind around) {
  if (node.kind == Node::Kind::kComparison) {
    return fmt::format("{} {} {}", SideText(node.left), node.operation, SideText(node.right));
  }
  std::string text;
  for (const auto& part : node.parts) {
    if (!text.empty()) text += node.kind == Node::Kind::kAnd ? " and " : " or ";
    text += NodeText(*part, node.kind);
  }
  return around == Node::Kind::kAnd && node.kind == Node::Kind::kOr ? "(" + text + ")" : text;
}

absl::StatusOr<std::string> ValueOf(const std::string& variable, const MarkerEnvironment& environment) {
  const auto found = environment.find(variable);
  if (found == environment.end()) {
    if (variable == "extra") return "";
    return absl::NotFoundError(fmt::format("the environment has no '{}'", variable));
  }
  if (variable == "extra") return NormaliseName(found->second);
  // Pythons that were built from a checkout say "3.13.0+".
  if (variable == "python_full_version" && found->second.ends_with('+')) return found->second + "local";
  return found->second;
}

absl::StatusOr<bool> CompareTexts(const std::string& left, const std::string& operation,
                                  const std::string& right) {
  if (operation == "==" || operation == "<=" || operation == ">=") return left == right;
  if (operation == "!=") return left != right;
  if (operation == "<" || operation == ">") return false;
  if (operation == "in") return right.find(left) != right.npos;
  if (operation == "not in") return right.find(left) == right.npos;
  return absl::InvalidArgumentError(
      fmt::format("'{}' has no meaning between '{}' and '{}'", operation, Printable(left), Printable(right)));
}

absl::StatusOr<bool> EvaluateComparison(const Node& node, const MarkerEnvironment& environment) {
  std::string left = node.left.text;
  // As in pip: of two variables the right one counts as a text, its own name.
  std::string right = node.right.text;
  const std::string& variable = node.left.is_variable ? node.left.text : node.right.text;
  if (node.left.is_variable) {
    ASSIGN_OR_RETURN(left, ValueOf(variable, environment));
  } else if (node.right.is_variable) {
    ASSIGN_OR_RETURN(right, ValueOf(variable, environment));
  } else {
    return absl::InvalidArgumentError(fmt::format("neither side of '{}' is a variable",
                                                  Printable(NodeText(node, Node::Kind::kComparison))));
  }
  if (HoldsVersions(variable)) {
    if (const auto specifier = Specifier::Parse(node.operation + right); specifier.ok()) {
      return specifier->ContainsText(left);
    }
  }
  return CompareTexts(left, node.operation, right);
}

// All parts are evaluated, so that an error does not depend on the values before it.
absl::StatusOr<bool> EvaluateNode(const Node& node, const MarkerEnvironment& environment) {
  if (node.kind == Node::Kind::kComparison) return EvaluateComparison(node, environment);
  bool all = true;
  bool any = false;
  for (const auto& part : node.parts) {
    ASSIGN_OR_RETURN(const bool holds, EvaluateNode(*part, environment));
    all &= holds;
    any |= holds;
  }
  return node.kind == Node::Kind::kAnd ? all : any;
}

}  // namespace

absl::StatusOr<Marker> Marker::Parse(std::string_view text) {
  SyntaxCursor cursor(text);
  auto marker = Read(cursor);
  if (marker.ok() && !cursor.AtEnd()) {
    return cursor.Error(fmt::format("expected 'and', 'or' or the end of the marker, not {}", cursor.Here()));
  }
  return marker;
}

absl::StatusOr<Marker> Marker::Read(SyntaxCursor& cursor) {
  ASSIGN_OR_RETURN(auto root, ReadExpression(cursor, 0));
  return Marker(std::move(root));
}

absl::StatusOr<bool> Marker::Evaluate(const MarkerEnvironment& environment) const {
  return EvaluateNode(*root_, environment);
}

std::string Marker::Text() const { return NodeText(*root_, Node::Kind::kOr); }

}  // namespace crossmill::python
