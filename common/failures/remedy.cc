#include "common/failures/remedy.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace crossmill::failures {
namespace {

using Strings = std::vector<std::string>;

bool Contains(const auto& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// A step's root, asked.
class Root {
 public:
  explicit Root(const v1::RootFacts& facts) : facts_(facts), distribution_(Distribution::Of(facts)) {}

  const Distribution& distribution() const { return distribution_; }

  bool HasProgram(std::string_view name) const {
    return std::any_of(facts_.paths().begin(), facts_.paths().end(), [&](const std::string& path) {
      return std::string_view(path).substr(path.rfind('/') + 1) == name;
    });
  }

  bool IsInstalled(std::string_view package) const { return Contains(facts_.packages(), package); }

  // The distribution's Python is the only one that is not in an environment.
  bool HasOnlyDistroPython() const {
    const auto& paths = facts_.paths();
    return (Contains(paths, "/usr/bin/python3") || Contains(paths, "/bin/python3")) &&
           !Contains(paths, "/usr/local/bin/python3");
  }

  bool LacksPythonHeaders() const {
    return HasOnlyDistroPython() &&
           std::none_of(facts_.paths().begin(), facts_.paths().end(), [](const auto& path) {
             return path.starts_with("/usr/include/") && path.ends_with("/Python.h");
           });
  }

  // The command that installs packages; empty: the image has none that fits its distribution.
  std::string InstallCommand() const {
    if (IsLike("debian") || IsLike("ubuntu")) {
      return HasProgram("apt-get") ? "apt-get update && apt-get install -y --no-install-recommends" : "";
    }
    if (IsLike("alpine")) return HasProgram("apk") ? "apk add --no-cache" : "";
    for (const std::string_view manager : {"dnf", "microdnf", "yum"}) {
      if (HasProgram(manager)) return fmt::format("{} install -y", manager);
    }
    return HasProgram("apk") ? "apk add --no-cache" : "";
  }

 private:
  bool IsLike(std::string_view id) const {
    return distribution_.id == id || Contains(distribution_.like, id);
  }

  const v1::RootFacts& facts_;
  const Distribution distribution_;
};

class RemedyMaker {
 public:
  RemedyMaker(const Need& need, const ProviderTable& providers, const Situation& situation)
      : need_(need), providers_(providers), situation_(situation), root_(situation.root) {}

  Remedy Make() {
    if (!need_.install.empty() || !need_.words.empty()) {
      Install();
    } else if (!need_.constraint.empty()) {
      Constrain();
    } else {
      SetVariables();
    }
    if (!need_.note.empty()) remedy_.sentence += (remedy_.sentence.empty() ? "" : ", ") + need_.note;
    return std::move(remedy_);
  }

 private:
  // ---- packages of the distribution ----

  void Install() {
    std::vector<Thing> things = need_.install;
    if (!need_.words.empty()) {
      const std::optional<Thing> named = providers_.NamedIn(need_.words);
      if (!named) return Say(need_.say);
      things.push_back(*named);
    }
    for (Thing& thing : things) {
      if (thing.kind != "python") continue;
      if (const std::string elsewhere = PythonElsewhere(); !elsewhere.empty()) {
        return Say(
            fmt::format("the Python in {} has no headers: use an image whose Python has them", elsewhere));
      }
      thing.name = situation_.python_version.empty() ? "3" : situation_.python_version;
    }
    if (!root_.distribution().known()) return Say(BothNames(things));
    Strings packages;
    for (const Thing& thing : things) {
      const std::optional<Provision> provision = Find(thing);
      // A release of unknown version is not promised to be new enough.
      if (!provision || (!need_.least.empty() && provision->version < need_.least))
        return Say(need_.say.empty() ? Unknown(thing) : need_.say);
      Append(provision->packages, &packages);
    }
    InstallPackages(std::move(packages));
  }

  void InstallPackages(Strings packages) {
    const std::string where = root_.distribution().Name();
    if (std::all_of(packages.begin(), packages.end(),
                    [this](const std::string& package) { return root_.IsInstalled(package); })) {
      return Say(
          fmt::format("{} ({}) should bring it, but {} installed already: the build does not look there",
                      absl::StrJoin(packages, " "), where, packages.size() == 1 ? "is" : "are"));
    }
    AppendAlso(&packages);
    std::erase_if(packages, [this](const std::string& package) { return root_.IsInstalled(package); });
    Say(fmt::format("install {} ({})", absl::StrJoin(packages, " "), where));
    const std::string command = root_.InstallCommand();
    if (command.empty()) {
      remedy_.sentence += "; the image has no package manager of its own: build in one that has";
    } else if (providers_.IsArchived(root_.distribution())) {
      remedy_.sentence += "; that release is on the mirrors no more: use a newer base, or an archive of it";
    } else {
      AddAsRoot(fmt::format("RUN {} {}", command, absl::StrJoin(packages, " ")));
    }
  }

  void AddAsRoot(std::string line) {
    const std::string& user = situation_.run.user();
    const std::string name = user.substr(0, user.find(':'));
    const bool is_root = name.empty() || name == "root" || name == "0";
    if (!is_root) remedy_.lines.push_back("USER root");
    remedy_.lines.push_back(std::move(line));
    if (!is_root) remedy_.lines.push_back("USER " + user);
  }

  // What a build that gets that far needs next, so that one remedy is enough.
  void AppendAlso(Strings* packages) const {
    for (const Thing& thing : need_.also) {
      if (thing.kind == "compiler") {
        const bool plus = thing.name == "c++";
        const bool there =
            plus ? root_.HasProgram("c++") || root_.HasProgram("g++") || root_.HasProgram("clang++")
                 : root_.HasProgram("cc") || root_.HasProgram("gcc") || root_.HasProgram("clang");
        if (!there) AppendFound({"tool", plus ? "c++" : "cc"}, packages);
        if (root_.LacksPythonHeaders()) AppendFound({"python", "3"}, packages);
      } else if (thing.kind != "tool" || !root_.HasProgram(thing.name)) {
        AppendFound(thing, packages);
      }
    }
  }

  void AppendFound(const Thing& thing, Strings* packages) const {
    if (const auto provision = Find(thing)) Append(provision->packages, packages);
  }

  static void Append(const Strings& more, Strings* packages) {
    for (const std::string& package : more) {
      if (!Contains(*packages, package)) packages->push_back(package);
    }
  }

  std::optional<Provision> Find(const Thing& thing) const {
    return providers_.Find(thing, root_.distribution());
  }

  // Where a Python is that is not the distribution's; empty: it is, or nobody knows.
  std::string PythonElsewhere() const {
    if (!situation_.python_prefix.empty())
      return situation_.python_prefix == "/usr" ? "" : situation_.python_prefix;
    if (!root_.distribution().known() || root_.HasOnlyDistroPython()) return "";
    return Contains(situation_.root.paths(), "/usr/local/bin/python3") ? "/usr/local" : "";
  }

  // "apt-get install A (apk add B)", as well as it is known.
  std::string BothNames(const std::vector<Thing>& things) const {
    const auto names = [&](std::string_view id) {
      Strings packages;
      for (const Thing& thing : things) {
        const auto provision = providers_.Find(thing, Distribution{"", std::string(id), {}, {}});
        if (!provision || !need_.least.empty()) return std::string();
        Append(provision->packages, &packages);
      }
      return absl::StrJoin(packages, " ");
    };
    const std::string debian = names("debian"), alpine = names("alpine");
    if (debian.empty() && alpine.empty()) return need_.say;
    if (alpine.empty()) return "apt-get install " + debian;
    if (debian.empty()) return "apk add " + alpine;
    return fmt::format("apt-get install {} (apk add {})", debian, alpine);
  }

  std::string Unknown(const Thing& thing) const {
    return fmt::format("install what has {}: no package of {} is known to", thing.name,
                       root_.distribution().Name());
  }

  // ---- settings of the installer ----

  void Constrain() {
    Say(fmt::format("constrain the build: {} ({})", need_.constraint,
                    situation_.by_uv ? "UV_BUILD_CONSTRAINT" : "PIP_BUILD_CONSTRAINT"));
    constexpr std::string_view kFile = "/tmp/build-constraints.txt";
    const Strings variables =
        situation_.by_uv ? Strings{"UV_BUILD_CONSTRAINT"} : Strings{"PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"};
    for (const std::string& variable : variables) {
      // Theirs would be lost.
      if (HasVariable(variable + "=")) return;
    }
    // No environment is made for the build, or pip wants a hash of everything that is named.
    for (const std::string_view option : {"--no-build-isolation", "--require-hashes", "--hash="}) {
      if (IsInCommand(option)) return;
    }
    remedy_.lines.push_back(fmt::format("RUN echo '{}' > {}", need_.constraint, kFile));
    Strings settings;
    for (const std::string& variable : variables) settings.push_back(fmt::format("{}={}", variable, kFile));
    remedy_.lines.push_back("ENV " + absl::StrJoin(settings, " "));
  }

  void SetVariables() {
    Say(need_.say);
    const Strings& variables = situation_.by_uv ? need_.uv_variables : need_.pip_variables;
    for (const std::string& variable : variables) {
      if (HasVariable(variable.substr(0, variable.find('=') + 1))) return;
    }
    for (const std::string& variable : variables) remedy_.lines.push_back("ENV " + variable);
  }

  bool HasVariable(std::string_view beginning) const {
    const auto& env = situation_.run.env();
    return std::any_of(env.begin(), env.end(),
                       [&](const std::string& entry) { return entry.starts_with(beginning); });
  }

  bool IsInCommand(std::string_view text) const {
    const auto& argv = situation_.run.argv();
    return std::any_of(argv.begin(), argv.end(),
                       [&](const std::string& word) { return word.find(text) != word.npos; });
  }

  void Say(std::string sentence) { remedy_.sentence = std::move(sentence); }

  const Need& need_;
  const ProviderTable& providers_;
  const Situation& situation_;
  const Root root_;
  Remedy remedy_;
};

}  // namespace

Remedy MakeRemedy(const Need& need, const ProviderTable& providers, const Situation& situation) {
  return RemedyMaker(need, providers, situation).Make();
}

}  // namespace crossmill::failures
