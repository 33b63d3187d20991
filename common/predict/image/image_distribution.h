// Which distribution an image is made of: os-release, as far as remedies need it.
#pragma once

#include <string>
#include <vector>

#include "common/predict/image/root_paths.h"

namespace crossmill::predict {

struct Distribution {
  // "debian", "alpine", "ubuntu"; empty if the image does not say it.
  std::string id;
  // What it is like: ID_LIKE's words.
  std::vector<std::string> like;
  // "12", "3.19.1", and "bookworm"; empty where they are not said.
  std::string version;
  std::string codename;
  // For people: "Debian GNU/Linux 12 (bookworm)".
  std::string name;

  // What installs its packages: "apt", "apk", "dnf", "zypper", "pacman"; empty for others.
  std::string PackageManager() const;
};

// From /etc/os-release, else /usr/lib/os-release (the rules of a shell's assignments).
Distribution FindDistribution(const RootPaths& root);

}  // namespace crossmill::predict
