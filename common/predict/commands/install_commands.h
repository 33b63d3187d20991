// What the commands of a RUN install with Python installers: pip, uv, poetry, pdm, in shell text or as
// arguments. Nothing is guessed: a command is either understood in all of its words, or named with the reason
// why it is not. Pure: files are named, not read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/predict/resolver/resolver.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::predict {

// Options of installers, and their settings in the environment, as far as they decide what is installed, and
// where.
struct InstallRules {
  std::optional<std::string> index_url;
  std::vector<std::string> extra_index_urls;
  std::vector<std::string> find_links;
  bool no_index = false;
  python::FormatControl format;
  bool prefer_binary = false;
  bool pre = false;
  Upgrade upgrade = Upgrade::kNone;
  // uv -P
  std::vector<std::string> upgrade_packages;
  bool force_reinstall = false;
  bool ignore_installed = false;
  bool no_dependencies = false;
  bool require_hashes = false;
  bool no_build_isolation = false;
  bool ignore_requires_python = false;
  bool break_system_packages = false;
  // For another Python than the one that runs: --python-version, --platform, --abi, --implementation.
  std::string python_version;
  std::vector<std::string> platforms;
  std::vector<std::string> abis;
  std::string implementation;
  // --uploaded-prior-to, --exclude-newer, as given.
  std::string exclude_newer;
  // uv: "highest", "lowest", "lowest-direct"; empty for the highest.
  std::string resolution;
};

struct InstallFile {
  enum class Kind { kRequirements, kConstraints, kBuildConstraints, kOverrides };
  Kind kind = Kind::kRequirements;
  // As written; relative to the install's folder.
  std::string path;
  // It is a here-document.
  std::optional<std::string> content;
};

struct Install {
  enum class Tool { kPip, kUvPip, kUvSync, kPoetry, kPdm };
  // kSync also takes away what is not asked for.
  enum class Action { kInstall, kSync, kWheel, kDownload };

  Tool tool = Tool::kPip;
  Action action = Action::kInstall;
  // Of kPip and kUvPip.
  std::vector<RootRequirement> requirements;
  std::vector<InstallFile> files;
  // Extras and groups of a project; of kUvPip too, for -r pyproject.toml.
  std::vector<std::string> extras;
  bool all_extras = false;
  std::vector<std::string> groups;
  std::vector<std::string> without_groups;
  // Only the groups, not the project's own dependencies.
  bool only_groups = false;
  bool all_groups = false;
  bool without_dev = false;
  // The project itself is not installed.
  bool without_project = false;
  InstallRules rules;

  // What runs it: "pip", "/opt/venv/bin/python3"; for uv, poetry and pdm these themselves.
  std::string program;
  // The Python that the command names (--python), and whether it is the system's (uv --system).
  std::string python;
  bool system = false;
  // VIRTUAL_ENV, or the environment of a project; empty if none is named.
  std::string virtual_environment;
  // Where files go instead.
  std::string target;
  std::string prefix;
  std::string root;
  bool user = false;
  // PATH at that place; empty if it is not known.
  std::string path_variable;
  // Where the command runs; empty if it is not known.
  std::string folder;

  // As written, on one line.
  std::string source;
  // It may not run, or not only once.
  bool conditional = false;
  // What people should look at; sentences.
  std::vector<std::string> notes;
};

// A virtual environment that the commands make.
struct CreatedEnvironment {
  std::string path;
  // Whose Python it has: a program, or uv's --python; empty for uv's choice.
  std::string python;
  bool system_site_packages = false;
};

struct NotUnderstood {
  // As written, on one line.
  std::string source;
  std::string why;
};

struct InstallCommands {
  std::vector<Install> installs;
  std::vector<CreatedEnvironment> environments;
  std::vector<NotUnderstood> not_understood;
};

// Of a step as the plan has it: its arguments, environment, folder and here-documents.
InstallCommands ReadInstallCommands(const v1::Run& run);

}  // namespace crossmill::predict
