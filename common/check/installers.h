// Commands that install the dependencies of a project, and the files that say which. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/check/shell_commands.h"

namespace crossmill::check {

// pip install, pip3.11 install, python -m pip install.
bool IsPipInstall(const ShellCommand& command);

// The sources that a pip install names: requirement files (-r) and packages; no local paths, URLs or
// variables.
struct PipArguments {
  std::vector<std::string> files;
  std::vector<std::string> packages;
  // As they are written: parallel to `packages`.
  std::vector<std::string> requirements;
  // Installs a folder (`.`, -e .): it needs the sources.
  bool local = false;
};
PipArguments ReadPipArguments(const ShellCommand& command);

// "requests[socks]>=2 ; python_version > '3'" -> "requests"; "" for what is no named requirement.
std::string PackageName(std::string_view requirement);
// Names of a requirements file, one per line with its number; options, URLs and comments left out.
struct RequirementLine {
  std::string name;
  int line = 0;
  // As it is written, without options behind it.
  std::string text;
};
std::vector<RequirementLine> ReadRequirements(std::string_view text);

// An install that depends on a few files only, all of them known by name.
struct DependencyInstall {
  // "pip", "npm", "Maven"...
  std::string_view tool;
  // At least one of them is there; the others if they are.
  std::vector<std::string> manifests;
  // Files to be copied before, as written in COPY.
  std::string copy;
  // Command to be run before sources are copied; empty: the same.
  std::string command;
  // Only a cache mount helps: the tool cannot install dependencies alone.
  std::string mount;
};
// Empty tool if the command is none.
DependencyInstall FindDependencyInstall(const ShellCommand& command);

}  // namespace crossmill::check
