// What is already there for a Python: the dist-info folders of its site folders, and the installers among
// them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/predict/image/root_paths.h"

namespace crossmill::predict {

struct InstalledPackage {
  // Normalised.
  std::string name;
  std::string version;
  // Its dist-info folder or egg-info; METADATA or PKG-INFO is in it (an egg-info file is that itself).
  std::string path;
};

struct InstalledPackages {
  // The first of a name is the one that Python finds.
  std::vector<InstalledPackage> packages;
  // What was not looked at, and why.
  std::vector<std::string> notes;

  // By normalised name; null if it is not there.
  const InstalledPackage* Find(std::string_view name) const;
};

// Looks into `folders` in their order; those that are not there are passed over.
InstalledPackages FindInstalled(const RootPaths& root, const std::vector<std::string>& folders);
// The metadata of one of them, or empty.
std::string ReadInstalledMetadata(const RootPaths& root, const InstalledPackage& package);

}  // namespace crossmill::predict
