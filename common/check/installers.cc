#include "common/check/installers.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::check {
namespace {

bool IsNameChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
}

// Options of pip install that take a value behind them.
bool TakesValue(std::string_view option) {
  for (const std::string_view known : {"-r",
                                       "--requirement",
                                       "-c",
                                       "--constraint",
                                       "-i",
                                       "--index-url",
                                       "--extra-index-url",
                                       "-f",
                                       "--find-links",
                                       "-t",
                                       "--target",
                                       "--prefix",
                                       "--root",
                                       "--platform",
                                       "--python-version",
                                       "--implementation",
                                       "--abi",
                                       "--no-binary",
                                       "--only-binary",
                                       "--trusted-host",
                                       "--src",
                                       "--upgrade-strategy",
                                       "--timeout",
                                       "--retries",
                                       "--progress-bar",
                                       "--cache-dir",
                                       "--log",
                                       "-e",
                                       "--editable",
                                       "--proxy",
                                       "--cert",
                                       "--client-cert"}) {
    if (option == known) return true;
  }
  return false;
}

bool IsLocal(std::string_view word) {
  return word.starts_with('.') || word.starts_with('/') || word.ends_with(".whl") ||
         word.ends_with(".tar.gz") || word.ends_with(".zip") || word.find('/') != std::string_view::npos ||
         word.find('*') != std::string_view::npos;
}

DependencyInstall PipInstall(const ShellCommand& command) {
  const PipArguments arguments = ReadPipArguments(command);
  if (arguments.local || arguments.files.empty()) return {};
  return {"pip", arguments.files, absl::StrJoin(arguments.files, " ") + " ./", "", ""};
}

DependencyInstall NodeInstall(const ShellCommand& command) {
  const std::string_view program = command.Program();
  const size_t first = command.FirstArgument();
  const std::string_view action = command.Subcommand();
  // With a package behind it, nothing is read from the folder.
  size_t arguments = 0;
  for (size_t i = 1; i < command.words.size(); ++i) {
    if (!command.words[i].text.starts_with('-')) ++arguments;
  }
  if (command.HasWord("-g", "--global")) return {};
  const bool plain = arguments <= 1;
  if (program == "npm" && plain && (action == "ci" || action == "install" || action == "i"))
    return {"npm", {"package.json"}, "package.json package-lock.json ./", "", ""};
  if (program == "yarn" && (first == 0 || (plain && action == "install")) && !command.HasWord("--version"))
    return {"yarn", {"package.json"}, "package.json yarn.lock ./", "", ""};
  if (program == "pnpm" && plain && (action == "install" || action == "i"))
    return {"pnpm", {"package.json"}, "package.json pnpm-lock.yaml ./", "", ""};
  return {};
}

bool HasGoal(const ShellCommand& command) {
  for (const ShellWord& word : command.words) {
    for (const std::string_view goal : {"package", "install", "verify", "compile", "test"}) {
      if (word.text == goal) return true;
    }
    if (word.text.starts_with("dependency:")) return true;
  }
  return false;
}

}  // namespace

bool IsPipInstall(const ShellCommand& command) {
  const std::string_view program = command.Program();
  if (program.starts_with("pip")) {
    const bool plain = program.substr(3).find_first_not_of("0123456789.") == std::string_view::npos;
    return plain && command.Subcommand() == "install";
  }
  if (!program.starts_with("python")) return false;
  for (size_t i = 1; i + 2 < command.words.size(); ++i) {
    if (command.words[i].text == "-m") {
      return command.words[i + 1].text == "pip" &&
             std::any_of(command.words.begin() + static_cast<std::ptrdiff_t>(i) + 2, command.words.end(),
                         [](const ShellWord& word) { return word.text == "install"; });
    }
  }
  return false;
}

PipArguments ReadPipArguments(const ShellCommand& command) {
  PipArguments arguments;
  bool installing = false;
  for (size_t i = 1; i < command.words.size(); ++i) {
    const ShellWord& word = command.words[i];
    if (!installing) {
      installing = word.text == "install";
      continue;
    }
    const std::string& text = word.text;
    if (text == "-e" || text.starts_with("--editable") || text.starts_with("-e.")) {
      arguments.local = true;
      ++i;
    } else if (text == "-r" || text == "--requirement") {
      if (++i < command.words.size() && !command.words[i].expands)
        arguments.files.push_back(command.words[i].text);
    } else if (text.starts_with("--requirement=")) {
      arguments.files.push_back(text.substr(14));
    } else if (text.starts_with("-r") && text.size() > 2) {
      arguments.files.push_back(text.substr(2));
    } else if (TakesValue(text)) {
      ++i;
    } else if (text.starts_with('-') || word.expands || absl::StrContains(text, "://")) {
      continue;
    } else if (IsLocal(text)) {
      arguments.local = true;
    } else if (const std::string name = PackageName(text); !name.empty()) {
      arguments.packages.push_back(name);
      arguments.requirements.push_back(text);
    }
  }
  return arguments;
}

std::string PackageName(std::string_view requirement) {
  requirement = Trim(requirement);
  size_t end = 0;
  while (end < requirement.size() && IsNameChar(requirement[end])) ++end;
  if (end == 0 || !absl::ascii_isalnum(static_cast<unsigned char>(requirement[0]))) return "";
  const std::string_view rest = Trim(requirement.substr(end));
  if (!rest.empty() && std::string_view("[=<>!~;@,(").find(rest[0]) == std::string_view::npos) return "";
  // NAME @ URL is fetched from there.
  if (rest.starts_with('@')) return "";
  std::string name = absl::AsciiStrToLower(Av(requirement.substr(0, end)));
  // Normalised: runs of -, _ and . are one -.
  std::string normal;
  for (const char c : name) {
    const bool separator = c == '-' || c == '_' || c == '.';
    if (separator && normal.ends_with('-')) continue;
    normal += separator ? '-' : c;
  }
  return normal;
}

std::vector<RequirementLine> ReadRequirements(std::string_view text) {
  std::vector<RequirementLine> lines;
  int number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++number;
    if (const size_t comment = line.find('#');
        comment != std::string_view::npos &&
        (comment == 0 || line[comment - 1] == ' ' || line[comment - 1] == '\t'))
      line = line.substr(0, comment);
    line = Trim(line);
    if (line.empty() || line.starts_with('-') || line.find("://") != std::string_view::npos) continue;
    // Left out on the platforms that the marker excludes; Linux is what counts here.
    if (line.find("sys_platform") != std::string_view::npos ||
        line.find("platform_system") != std::string_view::npos ||
        line.find("os_name") != std::string_view::npos) {
      continue;
    }
    if (line.ends_with('\\')) line.remove_suffix(1);
    if (const std::string name = PackageName(line); !name.empty())
      lines.push_back({name, number, std::string(Trim(line.substr(0, line.find(" --"))))});
  }
  return lines;
}

DependencyInstall FindDependencyInstall(const ShellCommand& command) {
  const std::string_view program = command.Program();
  const std::string_view action = command.Subcommand();
  if (IsPipInstall(command)) return PipInstall(command);
  if (program == "npm" || program == "yarn" || program == "pnpm") return NodeInstall(command);
  if ((program == "mvn" || program == "mvnw") && HasGoal(command) && !command.HasWord("-o", "--offline")) {
    return {"Maven", {"pom.xml"}, "pom.xml ./", "mvn -B dependency:go-offline", "target=/root/.m2"};
  }
  if ((program == "gradle" || program == "gradlew") &&
      (action == "build" || action == "assemble" || action == "bootJar" || action == "installDist")) {
    return {"Gradle", {"build.gradle", "build.gradle.kts"}, "", "", "target=/root/.gradle"};
  }
  if (program == "go" &&
      (action == "build" || action == "install" || (action == "mod" && command.HasWord("download")))) {
    if (action == "install" &&
        std::any_of(command.words.begin(), command.words.end(),
                    [](const ShellWord& word) { return word.text.find('@') != std::string::npos; })) {
      return {};
    }
    if (command.HasWord("-mod=vendor")) return {};
    return {"Go", {"go.mod"}, "go.mod go.sum ./", "go mod download", ""};
  }
  if (program == "cargo" && (action == "build" || action == "install" || action == "fetch")) {
    // `cargo install NAME` builds somebody else's program.
    if (action == "install" && !command.HasWord("--path")) return {};
    return {"Cargo", {"Cargo.toml"}, "", "", "target=/usr/local/cargo/registry"};
  }
  if (program == "bundle" && (action == "install" || action.empty()))
    return {"Bundler", {"Gemfile"}, "Gemfile Gemfile.lock ./", "", ""};
  if (program == "composer" && action == "install")
    return {"Composer",
            {"composer.json"},
            "composer.json composer.lock ./",
            "composer install --no-scripts --no-autoloader",
            ""};
  return {};
}

}  // namespace crossmill::check
