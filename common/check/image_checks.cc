// Checks of what the image is when it runs: user, health, compilers, virtual environments.
#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/check/installers.h"
#include "common/check/subject.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;

// The last instruction of that kind on the way to the image, or null.
const Instruction* LastOf(const Subject& subject, Keyword keyword) {
  for (const size_t stage : subject.Lineage(subject.target)) {
    const auto& body = subject.outline.stages[stage].body;
    for (auto it = body.rbegin(); it != body.rend(); ++it) {
      if ((*it)->keyword() == keyword) return *it;
    }
  }
  return nullptr;
}

bool IsRootUser(std::string_view user) {
  user = user.substr(0, user.find(':'));
  return user == "root" || user == "0";
}

// A base whose name says that it does not run as root, or that is made to be run as it is.
bool NamesAnotherUser(std::string_view reference) {
  for (const std::string_view word :
       {"nonroot", "rootless", "unprivileged", "chainguard", "bitnami", "ubi-micro"}) {
    if (absl::StrContains(Av(reference), Av(word))) return true;
  }
  return false;
}

// Official images whose config has no user, so that programs run as root.
bool IsKnownRoot(std::string_view reference) {
  if (reference == "scratch") return true;
  const ImageName image = SplitImage(reference);
  if (image.repository != image.name && image.repository != "docker.io/library/" + image.name &&
      image.repository != "library/" + image.name) {
    return false;
  }
  for (const std::string_view name :
       {"alpine", "debian", "ubuntu",     "busybox",   "python",          "node",           "golang",
        "rust",   "ruby",   "php",        "openjdk",   "eclipse-temurin", "amazoncorretto", "maven",
        "gcc",    "fedora", "rockylinux", "almalinux", "centos",          "amazonlinux",    "perl"}) {
    if (image.name == name) return true;
  }
  return false;
}

bool DropsPrivileges(const Subject& subject) {
  // An entry point that changes the user itself.
  for (const Instruction& instruction : subject.outline.document.instructions) {
    for (const char* tool : {"gosu", "su-exec", "setpriv", "s6-setuidgid", "tini-su"}) {
      if (absl::StrContains(instruction.text, tool)) return true;
    }
    for (const dockerfile::Heredoc& heredoc : instruction.heredocs) {
      if (absl::StrContains(heredoc.content, "gosu") || absl::StrContains(heredoc.content, "su-exec"))
        return true;
    }
  }
  return false;
}

bool HasOwnProgram(const Subject& subject) {
  return LastOf(subject, Keyword::kCmd) != nullptr || LastOf(subject, Keyword::kEntrypoint) != nullptr;
}

void CheckUser(const Subject& subject, Sink& sink) {
  const std::string& root = subject.stages[subject.target].root_image;
  const Instruction* user = LastOf(subject, Keyword::kUser);
  if (user != nullptr) {
    const std::string& name = user->words[0].text;
    if (!IsRootUser(name) || !HasOwnProgram(subject) || DropsPrivileges(subject)) return;
    if (Finding* finding =
            sink.Add("RunsAsRoot", *user, {}, "The last USER is root, so the image's program runs as root")) {
      finding->fix = "end with a USER of its own: RUN useradd --system app, then USER app";
    }
    return;
  }
  if (!HasOwnProgram(subject) || DropsPrivileges(subject) || NamesAnotherUser(root)) return;
  bool known = IsKnownRoot(root);
  if (const auto base = subject.input.bases.find(root); base != subject.input.bases.end()) {
    if (!base->second.user.empty() && !IsRootUser(base->second.user)) return;
    known = true;
  }
  const dockerfile::Stage& stage = subject.outline.stages[subject.target];
  Finding* finding = sink.Add("RunsAsRoot", *stage.from, {},
                              known ? "No USER is set, so the image's program runs as root"
                                    : "No USER is set, so the base image decides who runs the program");
  if (finding == nullptr) return;
  const ImageName image = SplitImage(root);
  if (!known) {
    finding->severity = Severity::kInfo;
    finding->why = "if the base says nothing, the program runs as root";
  }
  if (root == "scratch") {
    finding->fix = "USER 65534:65534 before CMD or ENTRYPOINT";
  } else if (image.name == "node") {
    finding->fix = "USER node before CMD (the base image has that user)";
  } else if (image.name == "alpine" || absl::StrContains(image.tag, "alpine")) {
    finding->fix = "RUN adduser -S app, then USER app before CMD or ENTRYPOINT";
  } else {
    finding->fix = "RUN useradd --system --create-home app, then USER app before CMD or ENTRYPOINT";
  }
}

void CheckHealth(const Subject& subject, Sink& sink) {
  const Instruction* expose = LastOf(subject, Keyword::kExpose);
  if (expose == nullptr || LastOf(subject, Keyword::kHealthcheck) != nullptr || !HasOwnProgram(subject))
    return;
  const std::string& root = subject.stages[subject.target].root_image;
  if (const auto base = subject.input.bases.find(root);
      base != subject.input.bases.end() && base->second.has_healthcheck)
    return;
  Finding* finding =
      sink.Add("MissingHealthcheck", *expose, {}, "The image exposes a port and has no HEALTHCHECK");
  if (finding == nullptr) return;
  std::string port =
      expose->words.empty() ? "" : expose->words[0].text.substr(0, expose->words[0].text.find('/'));
  const ImageName image = SplitImage(root);
  if (port.empty() || port.find_first_not_of("0123456789") != std::string::npos) port = "PORT";
  if (root == "scratch" || absl::StrContains(Av(root), "distroless")) {
    finding->fix =
        "HEALTHCHECK CMD [\"/PROGRAM\", \"--health\"] (there is no shell: the program itself has to answer), "
        "or HEALTHCHECK "
        "NONE if the platform that runs it checks";
  } else if (image.name == "python") {
    finding->fix = fmt::format(
        "HEALTHCHECK CMD [\"python\", \"-c\", \"import urllib.request as u; "
        "u.urlopen('http://127.0.0.1:{}/', timeout=2)\"], or HEALTHCHECK NONE if the platform that runs it "
        "checks",
        port);
  } else {
    finding->fix = fmt::format(
        "HEALTHCHECK CMD wget -q --spider http://127.0.0.1:{}/ || exit 1, or HEALTHCHECK NONE if the "
        "platform "
        "that runs it checks",
        port);
  }
}

// A distribution package that is only of use for building.
bool IsBuildPackage(std::string_view package) {
  package = package.substr(0, package.find_first_of("=:/"));
  for (const std::string_view known : {"build-essential",
                                       "gcc",
                                       "g++",
                                       "cpp",
                                       "make",
                                       "cmake",
                                       "clang",
                                       "llvm",
                                       "maven",
                                       "gradle",
                                       "cargo",
                                       "rustc",
                                       "golang",
                                       "golang-go",
                                       "go",
                                       "build-base",
                                       "alpine-sdk",
                                       "musl-dev",
                                       "libc-dev",
                                       "libc6-dev",
                                       "linux-headers",
                                       "autoconf",
                                       "automake",
                                       "libtool",
                                       "bison",
                                       "flex",
                                       "nasm",
                                       "yasm",
                                       "ninja-build",
                                       "meson",
                                       "gfortran",
                                       "default-jdk",
                                       "default-jdk-headless",
                                       "gcc-c++",
                                       "rust",
                                       "dpkg-dev"}) {
    if (package == known) return true;
  }
  if (package.starts_with("gcc-") || package.starts_with("g++-") || package.starts_with("clang-"))
    return package.find("-base") == std::string_view::npos && package.find("-doc") == std::string_view::npos;
  if (package.starts_with("openjdk-") || package.starts_with("openjdk"))
    return absl::StrContains(Av(package), "-jdk") || package.ends_with("-devel");
  return package.ends_with("-dev") || package.ends_with("-devel");
}

// Packages that the command installs and that only serve building.
std::vector<std::string> BuildPackages(const ShellCommand& command) {
  const std::string_view program = command.Program();
  const std::string_view action = command.Subcommand();
  const bool apt = (program == "apt-get" || program == "apt") && action == "install";
  const bool apk = program == "apk" && action == "add";
  const bool dnf = (program == "dnf" || program == "yum" || program == "microdnf") && action == "install";
  std::vector<std::string> packages;
  if (!apt && !apk && !dnf) return packages;
  // apk add --virtual .deps ... is made to be removed.
  for (size_t i = command.FirstArgument() + 1; i < command.words.size(); ++i) {
    const std::string& word = command.words[i].text;
    if (word == "--virtual" || word == "-t" || word.starts_with("--virtual=")) {
      if (word.find('=') == std::string::npos) ++i;
      continue;
    }
    if (!word.starts_with('-') && !command.words[i].expands && IsBuildPackage(word)) packages.push_back(word);
  }
  return packages;
}

// Whether the step itself takes away what it installed.
bool RemovesAgain(const std::vector<RunScript>& scripts) {
  for (const RunScript& script : scripts) {
    for (const ShellCommand& command : script.commands) {
      const std::string_view program = command.Program();
      const std::string_view action = command.Subcommand();
      if ((program == "apt-get" || program == "apt") &&
          (action == "purge" || action == "remove" || action == "autoremove"))
        return true;
      if (program == "apk" && action == "del") return true;
      if ((program == "dnf" || program == "yum" || program == "microdnf") &&
          (action == "remove" || action == "erase" || action == "autoremove"))
        return true;
    }
  }
  return false;
}

// Names that say that a stage is not for production.
bool IsWorkbench(std::string_view name) {
  for (const std::string_view word :
       {"dev", "test", "build", "ci", "debug", "sdk", "toolchain", "compile", "lint"}) {
    if (absl::StrContains(Av(name), Av(word))) return true;
  }
  return false;
}

void CheckCompilers(const Subject& subject, Sink& sink) {
  if (!HasOwnProgram(subject) || IsWorkbench(subject.outline.stages[subject.target].name)) return;
  for (const size_t index : subject.Lineage(subject.target)) {
    const dockerfile::Stage& stage = subject.outline.stages[index];
    const StageFacts& facts = subject.stages[index];
    for (size_t i = 0; i < stage.body.size(); ++i) {
      if (RemovesAgain(facts.scripts[i])) continue;
      for (const RunScript& script : facts.scripts[i]) {
        for (const ShellCommand& command : script.commands) {
          const std::vector<std::string> packages = BuildPackages(command);
          if (packages.empty()) continue;
          const size_t shown = std::min<size_t>(packages.size(), 4);
          std::string names =
              absl::StrJoin(packages.begin(), packages.begin() + static_cast<std::ptrdiff_t>(shown), ", ");
          if (shown < packages.size()) names += fmt::format(" and {} more", packages.size() - shown);
          Finding* finding =
              sink.Add("CompilersInFinalStage", script, command,
                       fmt::format("{} stay{} in the final image", names, packages.size() == 1 ? "s" : ""));
          if (finding == nullptr) continue;
          if (subject.input.history != nullptr) {
            const History::Cost cost = subject.input.history->Of(stage.Label(), stage.body[i]->text);
            if (cost.bytes > 0)
              finding->why +=
                  fmt::format("; this step's layer held {} in past builds", BytesText(cost.bytes));
          }
          finding->fix =
              "compile in a stage of its own (FROM ... AS builder) and COPY --from=builder what it made; the "
              "final stage needs only "
              "the libraries";
        }
      }
    }
  }
  // A toolchain as the base of the final image.
  const std::string& root = subject.stages[subject.target].root_image;
  const ImageName image = SplitImage(root);
  struct Toolchain {
    std::string_view name;
    std::string_view instead;
  };
  constexpr std::array<Toolchain, 5> kToolchains = {
      {{"golang", "copy the program to scratch or debian:bookworm-slim"},
       {"rust", "copy the program to debian:bookworm-slim"},
       {"gcc", "copy the program to debian:bookworm-slim or scratch"},
       {"maven", "copy the jar to eclipse-temurin:VERSION-jre"},
       {"gradle", "copy the jar to eclipse-temurin:VERSION-jre"}}};
  for (const Toolchain& toolchain : kToolchains) {
    if (image.name != toolchain.name) continue;
    const size_t bottom = subject.Lineage(subject.target).back();
    if (Finding* finding =
            sink.Add("CompilersInFinalStage", *subject.outline.stages[bottom].from, {},
                     fmt::format("The final image is built on {} and holds its compilers", root))) {
      finding->fix = fmt::format("make this a stage of its own (AS builder) and {}", toolchain.instead);
    }
  }
}

void CheckVirtualEnvironments(const Subject& subject, Sink& sink) {
  for (const size_t index : subject.Lineage(subject.target)) {
    const dockerfile::Stage& stage = subject.outline.stages[index];
    // On other bases the system's Python asks for one.
    if (SplitImage(subject.stages[index].root_image).name != "python") return;
    for (size_t i = 0; i < stage.body.size(); ++i) {
      for (const RunScript& script : subject.stages[index].scripts[i]) {
        for (const ShellCommand& command : script.commands) {
          const bool module = command.Program().starts_with("python") && command.HasWord("-m") &&
                              command.HasWord("venv", "virtualenv");
          if (!module && command.Program() != "virtualenv") continue;
          if (command.HasWord("--system-site-packages")) continue;
          if (Finding* finding = sink.Add("VirtualEnvironmentInImage", script, command,
                                          "The image's packages go into a virtual environment")) {
            finding->fix =
                "install into the image's Python; a virtual environment pays where a builder stage's is "
                "copied with COPY --from";
            if (subject.input.history != nullptr) {
              const History::Cost cost = subject.input.history->Of(stage.Label(), stage.body[i]->text);
              if (cost.bytes > 0)
                finding->why +=
                    fmt::format("; this step's layer held {} in past builds", BytesText(cost.bytes));
            }
          }
        }
      }
    }
  }
}

}  // namespace

void CheckImage(const Subject& subject, Sink& sink) {
  CheckUser(subject, sink);
  CheckHealth(subject, sink);
  CheckCompilers(subject, sink);
  CheckVirtualEnvironments(subject, sink);
}

}  // namespace crossmill::check
