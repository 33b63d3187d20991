#include "worker/index/index_announcement.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "worker/index/index_request.h"
#include "worker/network/step_service.h"

namespace crossmill::worker {
namespace {

// Of pip's and uv's files.
constexpr std::string_view kSettings[] = {"index-url",  "extra-index-url", "no-index",
                                          "find-links", "index",           "default-index"};
// What reads or writes a lock file, which names the index of each package.
constexpr std::string_view kLockVerbs[] = {"sync", "lock", "run", "add", "remove", "export", "tree"};

std::string Address(size_t index) {
  std::string page = PageTarget(index, "x");
  page.resize(page.size() - 2);
  return fmt::format("http://{}:{}{}", kServiceAddress, kPackageIndexPort, page);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> IndexVariables(size_t indexes,
                                                                const InstallerSettings& settings) {
  std::vector<std::pair<std::string, std::string>> variables;
  if (indexes == 0) return variables;
  std::string extra;
  for (size_t i = 1; i < indexes; ++i) extra += (extra.empty() ? "" : " ") + Address(i);
  if (!settings.pip_file) {
    variables.emplace_back("PIP_INDEX_URL", Address(0));
    if (!extra.empty()) variables.emplace_back("PIP_EXTRA_INDEX_URL", extra);
  }
  // A lock file names the index of each package: with another one `uv sync --locked` would call it out of
  // date.
  if (!settings.uv_file && settings.uv_pip) {
    variables.emplace_back("UV_DEFAULT_INDEX", Address(0));
    if (!extra.empty()) variables.emplace_back("UV_INDEX", extra);
  }
  return variables;
}

bool NamesAnIndex(const std::string& text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view setting = absl::StripAsciiWhitespace(line);
    // TOML's tables: [[tool.uv.index]], [[index]], [pip] has index-url below it.
    if (setting == "[[index]]" || setting == "[[tool.uv.index]]") return true;
    const size_t end = setting.find_first_of("=:");
    if (end == absl::string_view::npos) continue;
    std::string name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(setting.substr(0, end)));
    std::replace(name.begin(), name.end(), '_', '-');
    if (name.size() > 1 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    if (std::find(std::begin(kSettings), std::end(kSettings), name) != std::end(kSettings)) return true;
  }
  return false;
}

bool UsesUvPip(const std::vector<std::string>& argv) {
  bool pip = false;
  for (const std::string& argument : argv) {
    std::vector<std::string> words;
    for (const absl::string_view word :
         absl::StrSplit(argument, absl::ByAnyChar(" \t\r\n;&|()`'\""), absl::SkipEmpty())) {
      words.emplace_back(word);
    }
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string name =
          words[i].substr(words[i].rfind('/') == std::string::npos ? 0 : words[i].rfind('/') + 1);
      if (name == "uvx") pip = true;
      if (name != "uv") continue;
      size_t verb = i + 1;
      while (verb < words.size() && words[verb].starts_with("-")) ++verb;
      if (verb == words.size()) continue;
      if (words[verb] == "pip" || words[verb] == "tool") pip = true;
      if (std::find(std::begin(kLockVerbs), std::end(kLockVerbs), words[verb]) != std::end(kLockVerbs))
        return false;
    }
  }
  return pip;
}

}  // namespace crossmill::worker
