// Options as optparse and clap read them.
#include "common/predict/commands/option_reader.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostWords = 5000;

bool IsSpelling(const OptionSyntax& option, std::string_view word) {
  for (const absl::string_view spelling : absl::StrSplit(Av(option.spellings), ' ')) {
    if (Sv(spelling) == word) return true;
  }
  return false;
}

bool BeginsSpelling(const OptionSyntax& option, std::string_view word) {
  for (const absl::string_view spelling : absl::StrSplit(Av(option.spellings), ' ')) {
    if (Sv(spelling).starts_with("--") && Sv(spelling).starts_with(word)) return true;
  }
  return false;
}

absl::StatusOr<const OptionSyntax*> FindOption(std::string_view word, absl::Span<const OptionSyntax> table,
                                               bool abbreviations) {
  const OptionSyntax* begun = nullptr;
  for (const OptionSyntax& option : table) {
    if (IsSpelling(option, word)) return &option;
    if (!abbreviations || !word.starts_with("--") || !BeginsSpelling(option, word)) continue;
    if (begun != nullptr)
      return absl::InvalidArgumentError(fmt::format("{} is ambiguous", Printable(word.substr(0, 100))));
    begun = &option;
  }
  if (begun == nullptr)
    return absl::InvalidArgumentError(
        fmt::format("the option {} is not known", Printable(word.substr(0, 100))));
  return begun;
}

class OptionReader {
 public:
  OptionReader(absl::Span<const ShellWord> words, absl::Span<const OptionSyntax> table, bool abbreviations)
      : words_(words), table_(table), abbreviations_(abbreviations) {}

  absl::StatusOr<OptionWords> Read() {
    if (words_.size() > kMostWords)
      return absl::InvalidArgumentError(fmt::format("more than {} words are not looked at", kMostWords));
    for (; at_ < words_.size(); ++at_) {
      const ShellWord& word = words_[at_];
      RETURN_IF_ERROR(Check(word));
      if (word.text == "--") {
        for (++at_; at_ < words_.size(); ++at_) {
          RETURN_IF_ERROR(Check(words_[at_]));
          read_.arguments.push_back(words_[at_].text);
        }
        break;
      }
      if (word.text.starts_with("--")) {
        RETURN_IF_ERROR(Long(word.text));
      } else if (word.text.size() > 1 && word.text[0] == '-') {
        RETURN_IF_ERROR(Short(word.text));
      } else {
        read_.arguments.push_back(word.text);
      }
    }
    return std::move(read_);
  }

 private:
  static absl::Status Check(const ShellWord& word) {
    if (!word.unknown.empty()) return absl::InvalidArgumentError(Av(word.unknown));
    if (word.pattern && word.text.find('=') == std::string::npos) {
      return absl::InvalidArgumentError(fmt::format("which files {} stands for is not known",
                                                    Printable(std::string_view(word.text).substr(0, 100))));
    }
    return absl::OkStatus();
  }

  absl::Status Value(const OptionSyntax& option, std::optional<std::string> value) {
    if (!option.has_value) {
      if (value.has_value())
        return absl::InvalidArgumentError(fmt::format("the option {} takes no value", option.name));
      read_.options.push_back({option.name, ""});
      return absl::OkStatus();
    }
    if (!value.has_value()) {
      if (++at_ >= words_.size())
        return absl::InvalidArgumentError(fmt::format("the option {} lacks its value", option.name));
      RETURN_IF_ERROR(Check(words_[at_]));
      value = words_[at_].text;
    }
    read_.options.push_back({option.name, *std::move(value)});
    return absl::OkStatus();
  }

  absl::Status Long(std::string_view word) {
    const size_t equals = word.find('=');
    ASSIGN_OR_RETURN(const OptionSyntax* option, FindOption(word.substr(0, equals), table_, abbreviations_));
    return Value(*option,
                 equals == word.npos ? std::nullopt : std::optional<std::string>(word.substr(equals + 1)));
  }

  // -rfile, -qqU, -i=url (as clap reads it).
  absl::Status Short(std::string_view word) {
    for (size_t i = 1; i < word.size(); ++i) {
      ASSIGN_OR_RETURN(const OptionSyntax* option, FindOption(std::string("-") + word[i], table_, false));
      std::string_view rest = word.substr(i + 1);
      if (!option->has_value || rest.empty()) {
        RETURN_IF_ERROR(Value(*option, std::nullopt));
        continue;
      }
      if (!abbreviations_ && rest.starts_with('=')) rest.remove_prefix(1);
      return Value(*option, std::string(rest));
    }
    return absl::OkStatus();
  }

  absl::Span<const ShellWord> words_;
  absl::Span<const OptionSyntax> table_;
  bool abbreviations_;
  size_t at_ = 0;
  OptionWords read_;
};

}  // namespace

bool OptionWords::Has(std::string_view name) const { return Last(name).has_value(); }

std::optional<std::string> OptionWords::Last(std::string_view name) const {
  const auto found = std::find_if(options.rbegin(), options.rend(),
                                  [&](const GivenOption& option) { return option.name == name; });
  return found == options.rend() ? std::nullopt : std::optional<std::string>(found->value);
}

std::vector<std::string> OptionWords::All(std::string_view name) const {
  std::vector<std::string> values;
  for (const GivenOption& option : options) {
    if (option.name == name) values.push_back(option.value);
  }
  return values;
}

absl::StatusOr<OptionWords> ReadOptionWords(absl::Span<const ShellWord> words,
                                            absl::Span<const OptionSyntax> table, bool abbreviations) {
  return OptionReader(words, table, abbreviations).Read();
}

}  // namespace crossmill::predict
