// How installers in a step learn of the package index: variables of the step's environment, which are part of
// no key and no image. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace crossmill::worker {

// What a step brings for its installers, beside its environment, whose variables win in any case.
struct InstallerSettings {
  // A file of pip's, or of uv's, that names an index: variables would beat it.
  bool pip_file = false;
  bool uv_file = false;
  // The command uses `uv pip`, `uv tool` or uvx, and nothing of uv that compares addresses with a lock file.
  bool uv_pip = false;
};

// `indexes`: how many there are, the main one included; 0: nothing is announced.
std::vector<std::pair<std::string, std::string>> IndexVariables(size_t indexes,
                                                                const InstallerSettings& settings);

// Whether the text of a pip or uv settings file names an index, or other places for packages.
bool NamesAnIndex(const std::string& text);
// For InstallerSettings::uv_pip.
bool UsesUvPip(const std::vector<std::string>& argv);

}  // namespace crossmill::worker
