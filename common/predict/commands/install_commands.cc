// Which of a shell's commands are installers, behind sudo, env, python -m and the like.
#include "common/predict/commands/install_commands.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/commands/installer_call.h"
#include "common/predict/commands/shell_script.h"

namespace crossmill::predict {
namespace {

using Words = absl::Span<const ShellWord>;

template <size_t N>
bool IsOneOf(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `begin`, then digits and points, then `t` perhaps.
bool IsVersioned(std::string_view name, std::string_view begin) {
  if (!name.starts_with(begin)) return false;
  name.remove_prefix(begin.size());
  if (name.ends_with('t')) name.remove_suffix(1);
  return name.find_first_not_of("0123456789.") == name.npos;
}

bool IsPip(std::string_view name) { return IsVersioned(name, "pip"); }
bool IsPython(std::string_view name) { return IsVersioned(name, "python") || IsVersioned(name, "pypy"); }
bool IsShell(std::string_view name) { return IsOneOf<5>(name, {"sh", "bash", "dash", "ash", "zsh"}); }

// Installs Python packages in a way that is not read here.
bool IsOtherInstaller(std::string_view name) {
  return IsOneOf<14>(name, {"pipx", "pipenv", "pip-sync", "easy_install", "hatch", "rye", "conda", "mamba",
                            "micromamba", "tox", "nox", "uvx", "pixi", "flit"});
}

// Starts another program behind options, of which those of the second list have a value.
struct Wrapper {
  std::string_view name;
  std::string_view options_with_value;
  // Words that are neither options nor the program.
  int arguments = 0;
};

constexpr std::array<Wrapper, 14> kWrappers = {{{"sudo", "-u -g -C -h -p -r -t -U -D", 0},
                                                {"env", "-u -C --unset --chdir", 0},
                                                {"time", "-f -o", 0},
                                                {"nice", "-n", 0},
                                                {"ionice", "-c -n", 0},
                                                {"nohup", "", 0},
                                                {"exec", "-a", 0},
                                                {"command", "", 0},
                                                {"builtin", "", 0},
                                                {"timeout", "-k -s", 1},
                                                {"stdbuf", "-i -o -e", 0},
                                                {"gosu", "", 1},
                                                {"su-exec", "", 1},
                                                {"unbuffer", "", 0}}};

// Programs whose words are texts, files or packages of the distribution.
bool TakesTexts(std::string_view name) {
  return IsOneOf<24>(name, {"echo", "printf", "grep",  "sed",      "awk",  "cat",  "apt",   "apt-get",
                            "apk",  "yum",    "dnf",   "microdnf", "rm",   "cp",   "mv",    "ln",
                            "ls",   "chmod",  "chown", "mkdir",    "curl", "wget", "which", "tee"});
}

class CommandReader {
 public:
  explicit CommandReader(const v1::Run& run)
      : script_([this](const ShellCommand& command, ShellState& state) { return Visit(command, state); }) {
    for (const std::string& setting : run.env()) {
      const size_t equals = setting.find('=');
      const std::string name = setting.substr(0, equals);
      state_.variables[name] = equals == std::string::npos ? "" : setting.substr(equals + 1);
      state_.exported.insert(name);
    }
    // As a container without one has it.
    if (!state_.variables.contains("PATH")) {
      state_.variables["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
      state_.exported.insert("PATH");
    }
    if (!state_.variables.contains("HOME") &&
        (run.user().empty() || run.user() == "root" || run.user() == "0"))
      state_.variables["HOME"] = "/root";
    if (!state_.variables.contains("HOME")) state_.variables["HOME"] = std::nullopt;
    state_.folder = run.cwd().empty() ? "/" : run.cwd();
    for (const v1::InlineFile& file : run.files()) {
      pipes_.emplace("/dev/pipes/" + file.name(), file.content());
    }
  }

  InstallCommands Read(const v1::Run& run) {
    ShellCommand command;
    for (const std::string& argument : run.argv()) command.words.emplace_back().text = argument;
    std::vector<std::string> words(run.argv().begin(), run.argv().end());
    command.source = Printable(std::string_view(absl::StrJoin(words, " ")).substr(0, 300));
    if (!command.words.empty()) {
      const absl::Status status = Visit(command, state_);
      if (!status.ok()) Refuse(command, Sv(status.message()));
    }
    return std::move(commands_);
  }

 private:
  void Refuse(const ShellCommand& command, std::string_view why) {
    constexpr size_t kMostRefused = 1000;
    if (commands_.not_understood.size() < kMostRefused)
      commands_.not_understood.push_back({command.source, Printable(why.substr(0, 500))});
  }

  absl::Status Visit(const ShellCommand& command, ShellState& state) {
    ShellState inner = state;
    for (const auto& [name, value] : command.assignments) {
      inner.variables[name] = value.unknown.empty() ? std::optional<std::string>(value.text) : std::nullopt;
      inner.exported.insert(name);
    }
    const absl::Status status = Start(command, command.words, inner, 0);
    if (status.code() == absl::StatusCode::kResourceExhausted) return status;
    if (!status.ok()) Refuse(command, Sv(status.message()));
    return absl::OkStatus();
  }

  // INVALID_ARGUMENT: why the command is not understood.
  absl::Status Start(const ShellCommand& command, Words words, ShellState& state, int depth) {
    if (words.empty()) return absl::OkStatus();
    if (depth > 20) return absl::InvalidArgumentError("too many programs that start each other");
    const ShellWord& first = words[0];
    if (!first.unknown.empty())
      return Mentions(words, 1) || (words.size() > 1 && IsVerb(words[1].text))
                 ? absl::InvalidArgumentError(first.unknown)
                 : absl::OkStatus();
    const std::string_view name = LastName(first.text);
    for (const Wrapper& wrapper : kWrappers) {
      if (wrapper.name == name) return Wrapped(command, wrapper, words, state, depth);
    }
    if (IsShell(name)) return Shell(command, words, state);
    if (IsPython(name)) return Python(command, words, state);
    if (IsPip(name) || name == "uv" || name == "poetry" || name == "pdm")
      return Installer(command, name, first.text, words.subspan(1), state);
    if (IsOtherInstaller(name)) return Other(words);
    if (name == "virtualenv") return Venv(words.subspan(1), "");
    return Foreign(command, words);
  }

  absl::Status Foreign(const ShellCommand& command, Words words) {
    const std::string_view name = LastName(words[0].text);
    if (name == "." || name == "source")
      return absl::InvalidArgumentError("what the script sets in the shell is not looked at");
    if (TakesTexts(name)) return absl::OkStatus();
    if (name == "make" || words[0].text.starts_with("./") || name.ends_with(".sh") ||
        words[0].text.starts_with("/dev/pipes/")) {
      if (const auto pipe = pipes_.find(words[0].text); pipe != pipes_.end()) return Pipe(pipe->second);
      return absl::InvalidArgumentError("what it runs is not looked at");
    }
    if (Mentions(words, 1) && !command.words.empty())
      return absl::InvalidArgumentError(
          fmt::format("how {} starts an installer is not known", Printable(name)));
    return absl::OkStatus();
  }

  // A here-document that is run as a program.
  absl::Status Pipe(const std::string& text) {
    const std::string_view first = std::string_view(text).substr(0, text.find('\n'));
    if (first.starts_with("#!") && first.find("sh") == first.npos)
      return absl::InvalidArgumentError("a script that is no shell's is not looked at");
    ShellState inner = Exported(state_);
    return script_.Walk(text, inner);
  }

  static bool IsVerb(std::string_view word) {
    return IsOneOf<4>(word, {"install", "sync", "wheel", "download"});
  }

  // An installer with a word behind it that makes it install.
  static bool Mentions(Words words, size_t from) {
    bool installer = false;
    for (size_t i = from; i < words.size(); ++i) {
      const std::string& word = words[i].text;
      if (installer && IsVerb(word)) return true;
      const std::string_view name = LastName(word);
      installer =
          installer || IsPip(name) || name == "uv" || name == "poetry" || name == "pdm" || name == "pipenv";
      if (word.find("pip install") != std::string::npos || word.find("uv sync") != std::string::npos)
        return true;
    }
    return false;
  }

  absl::Status Wrapped(const ShellCommand& command, const Wrapper& wrapper, Words words, ShellState& state,
                       int depth) {
    const std::string values = fmt::format(" {} ", wrapper.options_with_value);
    size_t at = 1;
    int arguments = wrapper.arguments;
    for (; at < words.size(); ++at) {
      const std::string& word = words[at].text;
      const size_t equals = word.find('=');
      if (word == "--") {
        ++at;
        break;
      }
      if (wrapper.name == "command" && (word == "-v" || word == "-V")) return absl::OkStatus();
      if (word.starts_with('-') && word.size() > 1) {
        if (wrapper.name == "env" && (word == "-i" || word == "-" || word == "--ignore-environment")) {
          state.exported.clear();
        } else if (wrapper.name == "env" && (word.starts_with("-S") || word.starts_with("--split-string"))) {
          return Mentions(words, 1) ? absl::InvalidArgumentError("env -S is not understood")
                                    : absl::OkStatus();
        } else if (word.starts_with("-u") && wrapper.name == "env" && at + 1 < words.size()) {
          state.variables.erase(words[at + 1].text);
        }
        if (values.find(fmt::format(" {} ", word)) != std::string::npos) ++at;
      } else if ((wrapper.name == "env" || wrapper.name == "sudo") && equals != std::string::npos &&
                 equals > 0) {
        const std::string name = word.substr(0, equals);
        state.variables[name] =
            words[at].unknown.empty() ? std::optional<std::string>(word.substr(equals + 1)) : std::nullopt;
        state.exported.insert(name);
      } else if (arguments > 0) {
        --arguments;
      } else {
        break;
      }
    }
    return at >= words.size() ? absl::OkStatus() : Start(command, words.subspan(at), state, depth + 1);
  }

  static ShellState Exported(const ShellState& state) {
    ShellState inner;
    inner.folder = state.folder;
    inner.exported = state.exported;
    for (const auto& [name, value] : state.variables) {
      if (state.exported.contains(name) || name == "HOME") inner.variables.emplace(name, value);
    }
    return inner;
  }

  // sh -c TEXT, sh <<EOF, sh FILE.
  absl::Status Shell(const ShellCommand& command, Words words, const ShellState& state) {
    ShellState inner = Exported(state);
    bool text_follows = false;
    size_t at = 1;
    for (; at < words.size() && (words[at].text.starts_with('-') || words[at].text.starts_with('+')); ++at) {
      const std::string& option = words[at].text;
      if (option == "--") continue;
      if (option.starts_with("--")) continue;
      text_follows = text_follows || (option[0] == '-' && option.find('c') != std::string::npos);
      // -o pipefail, also at the end of several letters.
      if (option.ends_with('o') && at + 1 < words.size()) ++at;
    }
    if (text_follows) {
      if (at >= words.size()) return absl::OkStatus();
      if (!words[at].unknown.empty())
        return Mentions(words, at) ? absl::InvalidArgumentError(words[at].unknown) : absl::OkStatus();
      const auto pipe = pipes_.find(words[at].text);
      return Text(command, pipe != pipes_.end() ? pipe->second : words[at].text, inner);
    }
    if (at < words.size() && words[at].text != "-") {
      const auto pipe = pipes_.find(words[at].text);
      if (pipe != pipes_.end()) return Text(command, pipe->second, inner);
      return absl::InvalidArgumentError("what the script runs is not looked at");
    }
    if (command.input.has_value()) return Text(command, *command.input, inner);
    if (command.reads_pipe)
      return absl::InvalidArgumentError("what the shell reads from another program is not known");
    return absl::OkStatus();
  }

  absl::Status Text(const ShellCommand& command, const std::string& text, ShellState& state) {
    const size_t installs = commands_.installs.size();
    const size_t environments = commands_.environments.size();
    const absl::Status status = script_.Walk(text, state);
    if (status.ok()) return status;
    // A shell refuses a text that it cannot read to the end.
    commands_.installs.resize(installs);
    commands_.environments.resize(environments);
    if (status.code() == absl::StatusCode::kResourceExhausted) return status;
    static constexpr std::array<std::string_view, 5> kNames = {"pip", "uv", "poetry", "pdm", "python"};
    const bool mentions = std::any_of(kNames.begin(), kNames.end(), [&](std::string_view name) {
      return text.find(name) != std::string::npos;
    });
    if (mentions) Refuse(command, fmt::format("the shell text is not understood: {}", Sv(status.message())));
    return absl::OkStatus();
  }

  // python -m MODULE; python get-pip.py.
  absl::Status Python(const ShellCommand& command, Words words, const ShellState& state) {
    size_t at = 1;
    for (; at < words.size() && words[at].text.starts_with('-') && words[at].text.size() > 1; ++at) {
      const std::string& option = words[at].text;
      if (option == "-m" || option == "-c") break;
      // -Im pip.
      if (option[1] != '-' && option.ends_with('m')) break;
      if (option == "-W" || option == "-X") ++at;
    }
    if (at >= words.size()) {
      return command.input.has_value() && command.input->find("pip") != std::string::npos
                 ? absl::InvalidArgumentError("what the Python text does is not looked at")
                 : absl::OkStatus();
    }
    if (words[at].text == "-c") {
      return at + 1 < words.size() && words[at + 1].text.find("pip") != std::string::npos
                 ? absl::InvalidArgumentError("what the Python text does is not looked at")
                 : absl::OkStatus();
    }
    if (!words[at].text.starts_with('-')) {
      const std::string_view script = LastName(words[at].text);
      if (script == "get-pip.py")
        return absl::InvalidArgumentError("get-pip.py installs pip as its own text says");
      if (script == "setup.py") return SetupPy(words.subspan(at + 1));
      if (IsPip(script)) return Installer(command, "pip", words[0].text, words.subspan(at + 1), state);
      return absl::OkStatus();
    }
    if (at + 1 >= words.size()) return absl::OkStatus();
    const std::string& module = words[at + 1].text;
    const Words rest = words.subspan(at + 2);
    if (module == "pip" || module == "uv" || module == "poetry" || module == "pdm")
      return Installer(command, module, words[0].text, rest, state);
    if (module == "venv" || module == "virtualenv") return Venv(rest, words[0].text);
    if (IsOtherInstaller(module) || module == "piptools") return Other(words.subspan(at + 1));
    return absl::OkStatus();
  }

  static absl::Status SetupPy(Words words) {
    for (const ShellWord& word : words) {
      if (word.text == "install" || word.text == "develop")
        return absl::InvalidArgumentError("setup.py installs what its own text says");
    }
    return absl::OkStatus();
  }

  static absl::Status Other(Words words) {
    static constexpr std::array<std::string_view, 9> kVerbs = {"install", "sync", "update", "create", "add",
                                                               "run",     "env",  "shell",  "inject"};
    const std::string_view name = LastName(words[0].text);
    const bool always = name == "pip-sync" || name == "easy_install" || name == "tox" || name == "nox" ||
                        name == "uvx" || name == "piptools";
    const bool verb = std::any_of(words.begin() + 1, words.end(), [](const ShellWord& word) {
      return IsOneOf(word.text, kVerbs) || !word.unknown.empty();
    });
    if (!always && !verb) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format("{} is not understood here", Printable(name)));
  }

  // python -m venv [options] FOLDER..., virtualenv -p PYTHON FOLDER.
  absl::Status Venv(Words words, const std::string& python) {
    static constexpr std::array<OptionSyntax, 6> kOptions = {
        {{"python", "--python -p", true},
         {"system-site-packages", "--system-site-packages", false},
         {"-", "--prompt --pip --setuptools --wheel --creator --seeder --app-data --activators", true},
         {"-",
          "--symlinks --copies --clear --upgrade --without-pip --upgrade-deps --always-copy --no-download",
          false},
         {"-",
          "--no-setuptools --no-wheel --no-pip --download --quiet -q --verbose -v --without-scm-ignore-files",
          false},
         {"help", "--help -h", false}}};
    ASSIGN_OR_RETURN(const OptionWords read, ReadOptionWords(words, kOptions, true));
    if (read.Has("help")) return absl::OkStatus();
    for (const std::string& path : read.arguments) {
      commands_.environments.push_back(
          {path, read.Last("python").value_or(python), read.Has("system-site-packages")});
    }
    return absl::OkStatus();
  }

  absl::Status Installer(const ShellCommand& command, std::string_view tool, const std::string& program,
                         Words words, const ShellState& state) {
    InstallerCall call;
    call.program = program;
    call.words = words;
    call.folder = state.folder;
    call.input = command.input;
    call.pipes = &pipes_;
    for (const std::string& name : state.exported) {
      const auto found = state.variables.find(name);
      if (found != state.variables.end()) call.environment.emplace(name, found->second);
    }
    Install install;
    install.program = program;
    install.source = command.source;
    install.conditional = command.conditional || command.in_function;
    install.folder = state.folder.value_or("");
    install.path_variable = state.Value("PATH").value_or("");
    ASSIGN_OR_RETURN(const bool installs, tool == "uv" ? ReadUvCall(call, install, commands_.environments)
                                          : tool == "poetry" ? ReadPoetryCall(call, install)
                                          : tool == "pdm"    ? ReadPdmCall(call, install)
                                                             : ReadPipCall(call, install));
    if (!installs) return absl::OkStatus();
    if (tool == "pip" || IsPip(tool)) {
      ASSIGN_OR_RETURN(install.virtual_environment, call.Setting("VIRTUAL_ENV"));
    }
    for (const std::string& file : command.redirections) {
      if (file.find_first_of("=<>", 1) != std::string::npos || (file[0] == '<' && file != "</dev/null")) {
        install.notes.push_back(fmt::format(
            "The shell takes {} for a file, not for a part of the requirement.", Printable(file)));
      }
    }
    commands_.installs.push_back(std::move(install));
    return absl::OkStatus();
  }

  ShellScript script_;
  ShellState state_;
  std::map<std::string, std::string> pipes_;
  InstallCommands commands_;
};

}  // namespace

InstallCommands ReadInstallCommands(const v1::Run& run) { return CommandReader(run).Read(run); }

}  // namespace crossmill::predict
