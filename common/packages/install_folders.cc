#include "common/packages/install_folders.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::packages {
namespace {

// A script of a megabyte has its installs at the front, or it has none.
constexpr size_t kMostText = 1 << 20;
constexpr size_t kMostFolders = 200;

constexpr std::string_view kOptions[] = {"--target", "--prefix", "--root", "--home", "--install-dir"};
constexpr std::string_view kVariables[] = {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH",
                                           "PYTHONUSERBASE"};

bool EndsCommand(std::string_view word) {
  return word == ";" || word == "&&" || word == "||" || word == "|" || word == "&" || word == "\n";
}

// Words of a shell text, near enough to find options and their values: quotes are taken off, operators and
// line ends are words of their own.
std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  const auto end = [&] {
    if (!word.empty() || quoted) words.push_back(std::move(word));
    word.clear();
    quoted = false;
  };
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word.push_back(c);
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      quoted = true;
    } else if (c == '\\' && i + 1 < text.size()) {
      if (text[++i] != '\n') word.push_back(text[i]);
    } else if (c == ' ' || c == '\t' || c == '\r') {
      end();
    } else if (c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' || c == ')') {
      end();
      words.emplace_back(c == '(' || c == ')' ? ";" : std::string(1, c));
    } else {
      word.push_back(c);
    }
  }
  end();
  return words;
}

std::string TextOf(const v1::Run& run) {
  std::string text = absl::StrJoin(run.argv(), " ");
  for (const v1::InlineFile& file : run.files()) {
    if (text.size() > kMostText) break;
    text += "\n" + file.content();
  }
  text.resize(std::min(text.size(), kMostText));
  return text;
}

class Folders {
 public:
  explicit Folders(const v1::Run& run) : run_(run), cwd_(run.cwd()) {}

  std::vector<std::string> Find() {
    for (const std::string& variable : run_.env()) AddAssignment(variable);
    const std::vector<std::string> words = WordsOf(TextOf(run_));
    bool installer = false;
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      if (EndsCommand(word)) {
        installer = false;
        continue;
      }
      installer = installer || word.find("pip") != word.npos || word == "uv" || word.ends_with("/uv");
      if (word == "cd" && i + 1 < words.size()) cwd_ = Absolute(words[i + 1]);
      AddAssignment(word);
      AddOption(words, i, installer);
    }
    return std::move(folders_);
  }

 private:
  void AddOption(const std::vector<std::string>& words, size_t i, bool installer) {
    if (!installer) return;
    const std::string& word = words[i];
    for (const std::string_view option : kOptions) {
      if (word == option && i + 1 < words.size()) Add(words[i + 1]);
      if (word.starts_with(option) && word.substr(option.size()).starts_with("=")) {
        Add(word.substr(option.size() + 1));
      }
    }
    if (word == "-t" && i + 1 < words.size()) Add(words[i + 1]);
  }

  // "NAME=value" in the environment or before a command.
  void AddAssignment(std::string_view text) {
    for (const std::string_view name : kVariables) {
      if (!text.starts_with(name) || !text.substr(name.size()).starts_with("=")) continue;
      for (const auto folder : absl::StrSplit(Av(text.substr(name.size() + 1)), ':', absl::SkipEmpty())) {
        Add(Sv(folder));
      }
    }
  }

  void Add(std::string_view path) {
    if (path.empty() || folders_.size() >= kMostFolders) return;
    std::string folder = Absolute(path);
    folder.erase(0, 1);
    if (!folder.empty()) folders_.push_back(std::move(folder));
  }

  std::string Value(std::string_view name) const {
    for (int i = run_.env_size() - 1; i >= 0; --i) {
      const std::string& variable = run_.env(i);
      if (variable.starts_with(name) && variable.substr(name.size()).starts_with("=")) {
        return variable.substr(name.size() + 1);
      }
    }
    if (name == "HOME")
      return run_.user().empty() || run_.user() == "root" ? "/root" : "/home/" + run_.user();
    return {};
  }

  // $NAME and ${NAME}; ~ in front.
  std::string Expand(std::string_view text) const {
    std::string plain;
    if (text == "~" || text.starts_with("~/")) {
      plain = Value("HOME");
      text.remove_prefix(1);
    }
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '$') {
        plain.push_back(text[i]);
        continue;
      }
      const bool braces = i + 1 < text.size() && text[i + 1] == '{';
      size_t begin = i + (braces ? 2 : 1);
      size_t end = begin;
      while (end < text.size() && (isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
        ++end;
      plain += Value(text.substr(begin, end - begin));
      i = braces && end < text.size() ? std::min(text.find('}', end), text.size() - 1) : end - 1;
    }
    return plain;
  }

  // Lexically: links of the image are not known here.
  std::string Absolute(std::string_view path) const {
    std::string plain = Expand(path);
    if (!plain.starts_with("/")) plain = cwd_ + "/" + plain;
    std::vector<std::string> kept;
    const std::vector<std::string> parts = absl::StrSplit(plain, '/', absl::SkipEmpty());
    for (const std::string& part : parts) {
      if (part == ".") continue;
      if (part != "..") {
        kept.push_back(part);
      } else if (!kept.empty()) {
        kept.pop_back();
      }
    }
    return "/" + absl::StrJoin(kept, "/");
  }

  const v1::Run& run_;
  std::string cwd_;
  std::vector<std::string> folders_;
};

}  // namespace

std::vector<std::string> InstallFolders(const v1::Run& run) { return Folders(run).Find(); }

bool MakesWheels(const v1::Run& run) {
  const std::vector<std::string> words = WordsOf(TextOf(run));
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "wheel" || words[i] == "bdist_wheel" || words[i] == "build") {
      // Not `pip install wheel build`: the word right behind the program.
      if (words[i] == "bdist_wheel" || (i > 0 && (words[i - 1].find("pip") != std::string::npos ||
                                                  words[i - 1] == "-m" || words[i - 1] == "uv"))) {
        return true;
      }
    }
  }
  return false;
}

bool BuildsWheels(const v1::Run& run) {
  const std::vector<std::string> words = WordsOf(TextOf(run));
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "bdist_wheel") return true;
    if (words[i] != "build" || i == 0) continue;
    for (const std::string_view program : {"-m", "uv", "poetry", "pdm", "hatch", "flit"}) {
      if (words[i - 1] == program) return true;
    }
  }
  return false;
}

}  // namespace crossmill::packages
