#include "cli/commands/completion.h"

#include <CLI/CLI.hpp>

#include "common/check/rules.h"

namespace crossmill::cli {
namespace {

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// By what stands on the command line: "--tag", "-t".
const CLI::Option* FindOption(const CLI::App& command, std::string_view word) {
  for (const CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options(nullptr)) {
      for (const std::string& name : option->get_lnames()) {
        if (word == "--" + name) return option;
      }
      for (const std::string& name : option->get_snames()) {
        if (word == "-" + name) return option;
      }
    }
  }
  return nullptr;
}

const CLI::App* FindCommand(const CLI::App& parent, const std::string& name) {
  for (const CLI::App* command : parent.get_subcommands(nullptr)) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

// The place in the command line to which the words before the cursor lead.
struct Position {
  const CLI::App* command;
  // The next word is its value; null if it is none's.
  const CLI::Option* pending = nullptr;
  size_t positionals = 0;
  bool only_positionals = false;
};

Position Walk(const CLI::App& app, const std::vector<std::string>& words, GivenOptions* given) {
  Position position{&app};
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (position.pending != nullptr) {
      if (given != nullptr && !position.pending->get_lnames().empty())
        (*given)["--" + position.pending->get_lnames()[0]] = word;
      position.pending = nullptr;
    } else if (word == "--" && !position.only_positionals) {
      position.only_positionals = true;
    } else if (word.size() > 1 && word[0] == '-' && !position.only_positionals) {
      const size_t equals = word.find('=');
      const CLI::Option* option = FindOption(*position.command, word.substr(0, equals));
      if (option == nullptr || !TakesValue(*option)) continue;
      if (equals == std::string::npos) {
        position.pending = option;
      } else if (given != nullptr && !option->get_lnames().empty()) {
        (*given)["--" + option->get_lnames()[0]] = word.substr(equals + 1);
      }
    } else if (const CLI::App* command =
                   position.positionals == 0 ? FindCommand(*position.command, word) : nullptr) {
      position.command = command;
    } else {
      ++position.positionals;
    }
  }
  return position;
}

class Completer {
 public:
  Completer(const CompletionSources& sources, std::string prefix)
      : sources_(sources), prefix_(std::move(prefix)) {}

  void Offer(const std::string& value, const std::string& description = "") {
    if (value.starts_with(prefix_)) result.candidates.push_back({value, description});
  }

  // `before`: what stands before the value in the same word ("--progress=").
  void OfferValues(const CLI::Option& option, const std::string& before) {
    const std::string type = option.get_type_name();
    if (type.find('|') != std::string::npos) {
      for (size_t begin = 0; begin <= type.size();) {
        const size_t end = std::min(type.find('|', begin), type.size());
        Offer(before + type.substr(begin, end - begin));
        begin = end + 1;
      }
    } else if (type == "BUILD") {
      for (const Candidate& build : sources_.builds()) Offer(before + build.value, build.description);
    } else if (type == "IMAGE") {
      for (const Candidate& image : sources_.images()) Offer(before + image.value, image.description);
    } else if (type == "RULE,...") {
      for (const check::Rule& rule : check::Rules())
        Offer(before + std::string(rule.id), std::string(rule.summary));
    } else if (type.starts_with("OS/ARCH")) {
      for (const char* platform :
           {"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64", "linux/s390x", "linux/ppc64le"})
        Offer(before + platform);
    } else if (type == "FILE" || type == "PATH" || type == "OUTPUT") {
      result.files = true;
    } else if (type == "FOLDER" || type == "CONTEXT") {
      result.folders = true;
    }
  }

  Completion result;

 private:
  const CompletionSources& sources_;
  const std::string prefix_;
};

void OfferFlags(const CLI::App& command, Completer& completer) {
  for (const CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options(nullptr)) {
      // Taken for Docker's sake only (cli/recipe/docker_flags.h).
      if (option->get_group().empty()) continue;
      // --version belongs to the program only.
      if (app != &command && option->get_name() == "--version") continue;
      if (app != &command && (option->get_name() == "--help" || option->get_name() == "-h,--help")) continue;
      for (const std::string& name : option->get_lnames())
        completer.Offer("--" + name, option->get_description());
    }
  }
}

}  // namespace

GivenOptions ReadGivenOptions(const CLI::App& app, const std::vector<std::string>& words) {
  GivenOptions given;
  Walk(app, words, &given);
  return given;
}

Completion Complete(const CLI::App& app, const std::vector<std::string>& words,
                    const CompletionSources& sources) {
  const std::string current = words.empty() ? "" : words.back();
  const Position position = Walk(app, words, nullptr);
  Completer completer(sources, current);
  if (position.pending != nullptr) {
    completer.OfferValues(*position.pending, "");
    return completer.result;
  }
  if (!current.empty() && current[0] == '-' && !position.only_positionals) {
    const size_t equals = current.find('=');
    if (equals == std::string::npos) {
      OfferFlags(*position.command, completer);
    } else if (const CLI::Option* option = FindOption(*position.command, current.substr(0, equals));
               option != nullptr && TakesValue(*option)) {
      completer.OfferValues(*option, current.substr(0, equals + 1));
    }
    return completer.result;
  }
  if (position.positionals == 0) {
    for (const CLI::App* command : position.command->get_subcommands(nullptr)) {
      if (!command->get_group().empty()) completer.Offer(command->get_name(), command->get_description());
    }
  }
  size_t index = 0;
  for (const CLI::Option* option : position.command->get_options(nullptr)) {
    if (!option->get_positional()) continue;
    const bool last_takes_all = option->get_items_expected_max() > 1;
    if (index++ == position.positionals || last_takes_all) {
      completer.OfferValues(*option, "");
      break;
    }
  }
  return completer.result;
}

std::string_view CompletionScript(std::string_view shell) {
  if (shell == "bash") {
    return R"sh(# bash completion for crossmill: source <(crossmill completion bash)
_crossmill() {
  local line="${COMP_LINE:0:COMP_POINT}" current kind cut entry
  local -a words answer
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="${words[${#words[@]}-1]}"
  mapfile -t answer < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
  kind="${answer[0]}"
  # The shell replaces only what stands behind the last break character.
  cut=""
  [[ $current == *=* && $COMP_WORDBREAKS == *=* ]] && cut="${current%"${current##*=}"}"
  [[ $current == *:* && $COMP_WORDBREAKS == *:* ]] && cut="${current%"${current##*:}"}"
  COMPREPLY=()
  for entry in "${answer[@]:1}"; do
    entry="${entry%%$'\t'*}"
    COMPREPLY+=("${entry#"$cut"}")
  done
  case "$kind" in
    files) compopt -o filenames 2>/dev/null; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${current#"$cut"}") ;;
    folders) compopt -o filenames 2>/dev/null; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "${current#"$cut"}") ;;
  esac
}
complete -F _crossmill crossmill
)sh";
  }
  if (shell == "zsh") {
    return R"sh(#compdef crossmill
# zsh completion for crossmill: source <(crossmill completion zsh), or save it as _crossmill in a folder of $fpath
_crossmill() {
  local -a answer values
  local entry kind
  answer=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  kind="${answer[1]}"
  for entry in "${(@)answer[2,-1]}"; do
    [[ -n $entry ]] && values+=("${${entry%%$'\t'*}//:/\\:}:${entry#*$'\t'}")
  done
  (( ${#values} )) && _describe 'crossmill' values
  case "$kind" in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _crossmill "$@"; else compdef _crossmill crossmill; fi
)sh";
  }
  if (shell == "fish") {
    return R"sh(# fish completion for crossmill: crossmill completion fish | source
function __crossmill_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l answer (command $words[1] __complete $words[2..-1] 2>/dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path (commandline -ct)
        case folders
            __fish_complete_directories (commandline -ct)
    end
    for entry in $answer[2..-1]
        echo $entry
    end
end
complete -c crossmill -f -a '(__crossmill_complete)'
)sh";
  }
  return "";
}

}  // namespace crossmill::cli
