// Candidates for the word at the cursor of a command line, from the program's own parser, so that they cannot
// be out of date. Values are found by the type names that --help shows: `a|b|c` is a choice, FILE a file,
// BUILD a build.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace crossmill::cli {

struct Candidate {
  std::string value;
  std::string description;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

struct Completion {
  // Those that begin as the current word does.
  std::vector<Candidate> candidates;
  // The shell's own: files, or folders only.
  bool files = false;
  bool folders = false;
};

struct CompletionSources {
  std::function<std::vector<Candidate>()> builds;
  std::function<std::vector<Candidate>()> images;
};

// The values that options before the cursor have, by name ("--data").
using GivenOptions = std::map<std::string, std::string, std::less<>>;
GivenOptions ReadGivenOptions(const CLI::App& app, const std::vector<std::string>& words);

// `words`: behind the program's name; the last one is the word at the cursor, empty for a new one.
Completion Complete(const CLI::App& app, const std::vector<std::string>& words,
                    const CompletionSources& sources);

// The script for "bash", "zsh" or "fish"; empty for others.
std::string_view CompletionScript(std::string_view shell);

}  // namespace crossmill::cli
