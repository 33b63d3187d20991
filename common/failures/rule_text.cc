#include "common/failures/rule_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::failures {
namespace {

constexpr std::string_view kRuleWords =
    "match, unless, install, also, least, constrain, env, say, note or general";

bool IsClassName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
  });
}

// The first word, and what follows it.
std::pair<std::string_view, std::string_view> SplitWord(std::string_view text) {
  const size_t end = std::min(text.find_first_of(" \t"), text.size());
  return {text.substr(0, end), Trim(text.substr(end))};
}

class TextReader {
 public:
  TextReader(const RuleFile& file, ProviderTable* providers) : file_(file), providers_(*providers) {}

  absl::StatusOr<std::vector<WrittenRule>> Read() {
    for (const auto piece : absl::StrSplit(file_.text, '\n')) {
      ++line_;
      const std::string_view text = Trim(Sv(piece));
      if (text.empty() || text[0] == '#') continue;
      const auto [word, rest] = SplitWord(text);
      if (word == "class") RETURN_IF_ERROR(EndRule());
      const absl::Status read = ReadStatement(word, rest);
      if (!read.ok()) return At(line_, read);
    }
    RETURN_IF_ERROR(EndRule());
    return std::move(rules_);
  }

 private:
  absl::Status At(int line, const absl::Status& error) const {
    return absl::InvalidArgumentError(fmt::format("{}:{}: {}", file_.name, line, Sv(error.message())));
  }

  absl::Status ReadStatement(std::string_view word, std::string_view rest) {
    if (word == "provide") return providers_.Add(rest);
    if (word == "archived") return providers_.AddArchived(rest);
    if (word == "class") {
      if (!IsClassName(rest)) {
        return absl::InvalidArgumentError(
            fmt::format("'{}' is no class: its name is lower case letters, digits and dashes", rest));
      }
      rules_.emplace_back();
      rules_.back().line = line_;
      rules_.back().failure_class = rest;
      return absl::OkStatus();
    }
    if (rules_.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' stands outside a rule: a rule begins with a line `class NAME`", word));
    }
    return ReadRuleStatement(word, rest, &rules_.back());
  }

  absl::Status ReadRuleStatement(std::string_view word, std::string_view rest, WrittenRule* rule) {
    if (word == "general") {
      rule->general = true;
      return absl::OkStatus();
    }
    if (word == "install" && rest == "python") {
      rule->need.install.push_back({"python", ""});
      return absl::OkStatus();
    }
    if (rest.empty()) return absl::InvalidArgumentError(fmt::format("nothing stands behind '{}'", word));
    Use(rest, word == "match" || word == "unless");
    Need& need = rule->need;
    if (word == "match") {
      rule->match.push_back({line_, std::string(rest)});
    } else if (word == "unless") {
      rule->unless.push_back({line_, std::string(rest)});
    } else if (word == "install") {
      return ReadThing(rest, &need.install, &need.words);
    } else if (word == "also") {
      return ReadThing(rest, &need.also, nullptr);
    } else if (word == "least") {
      rule->least = rest;
    } else if (word == "constrain") {
      need.constraint = rest;
      return CheckQuotable(rest);
    } else if (word == "env") {
      return ReadVariable(rest, &need);
    } else if (word == "say") {
      need.say = rest;
    } else if (word == "note") {
      need.note = rest;
    } else {
      return absl::InvalidArgumentError(
          fmt::format("'{}' is no word of a rule: it has to be {}", word, kRuleWords));
    }
    return absl::OkStatus();
  }

  // Both become part of Dockerfile lines.
  static absl::Status CheckQuotable(std::string_view text) {
    if (text.find_first_of("'\"\\$`{}") == text.npos) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("'{}' must have no quotes, backslashes, dollars, backquotes or braces in it", text));
  }

  static absl::Status ReadThing(std::string_view text, std::vector<Thing>* things, std::string* words) {
    const auto [kind, name] = SplitWord(text);
    if (kind == "words" && words != nullptr && !name.empty()) {
      *words = name;
      return absl::OkStatus();
    }
    const bool known =
        kind == "header" || kind == "library" || kind == "shared" || kind == "tool" || kind == "compiler";
    if (!known || name.empty() || name.find(' ') != name.npos) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' has to be a kind (header, library, shared, tool, compiler) and one name", text));
    }
    things->push_back({std::string(kind), std::string(name)});
    return absl::OkStatus();
  }

  static absl::Status ReadVariable(std::string_view text, Need* need) {
    const auto [installer, variable] = SplitWord(text);
    const size_t equals = variable.find('=');
    if ((installer != "pip" && installer != "uv") || equals == 0 || equals == variable.npos ||
        variable.find(' ') != variable.npos) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' has to be `pip NAME=VALUE` or `uv NAME=VALUE`", text));
    }
    (installer == "pip" ? need->pip_variables : need->uv_variables).emplace_back(variable);
    return CheckQuotable(variable);
  }

  // Braces of a pattern are repetitions.
  void Use(std::string_view text, bool pattern) {
    if (pattern || rules_.empty()) return;
    FillIn(text, [this](std::string_view name) {
      rules_.back().uses.push_back({line_, std::string(name)});
      return std::string();
    });
  }

  absl::Status EndRule() const {
    if (rules_.empty() || !rules_.back().match.empty()) return absl::OkStatus();
    return At(rules_.back().line, absl::InvalidArgumentError("the rule has no `match` line"));
  }

  const RuleFile& file_;
  ProviderTable& providers_;
  int line_ = 0;
  std::vector<WrittenRule> rules_;
};

}  // namespace

absl::StatusOr<std::vector<WrittenRule>> ReadRuleText(const RuleFile& file, ProviderTable* providers) {
  return TextReader(file, providers).Read();
}

std::string FillIn(std::string_view text, absl::FunctionRef<std::string(std::string_view)> value) {
  std::string filled;
  while (true) {
    const size_t open = text.find('{');
    const size_t close = text.find('}', std::min(open, text.size()));
    if (close == text.npos) break;
    filled += text.substr(0, open);
    filled += value(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
  }
  filled += text;
  return filled;
}

}  // namespace crossmill::failures
