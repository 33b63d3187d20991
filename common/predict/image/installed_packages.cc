// Site folders and the names in them.
#include "common/predict/image/installed_packages.h"

#include <algorithm>
#include <set>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/python/package_name.h"
#include "common/python/version.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostSiteEntries = 50'000;
constexpr size_t kMostMetadata = size_t{1} << 20;

// "name-1.0.dist-info", "name-1.0.egg-info", "name-1.0-py3.11.egg-info".
bool ReadInfoName(std::string_view entry, InstalledPackage& package) {
  for (const std::string_view ending : {".dist-info", ".egg-info"}) {
    if (!entry.ends_with(ending)) continue;
    const std::string_view stem = entry.substr(0, entry.size() - ending.size());
    const size_t dash = stem.find('-');
    if (dash == stem.npos || !python::IsName(stem.substr(0, dash))) return false;
    const std::string_view version = stem.substr(dash + 1, stem.find('-', dash + 1) - dash - 1);
    const auto parsed = python::Version::Parse(version);
    if (!parsed.ok()) return false;
    package.name = python::NormaliseName(stem.substr(0, dash));
    package.version = parsed->Text();
    return true;
  }
  return false;
}

}  // namespace

const InstalledPackage* InstalledPackages::Find(std::string_view name) const {
  const auto found = std::find_if(packages.begin(), packages.end(),
                                  [&](const InstalledPackage& package) { return package.name == name; });
  return found == packages.end() ? nullptr : &*found;
}

InstalledPackages FindInstalled(const RootPaths& root, const std::vector<std::string>& folders) {
  InstalledPackages found;
  std::set<std::string> names;
  for (const std::string& folder : folders) {
    auto listing = root.List(folder, kMostSiteEntries);
    if (!listing.ok()) continue;
    if (listing->cut) {
      found.notes.push_back(fmt::format("{} has more than {} entries; the rest was not looked at.",
                                        Printable(folder.substr(0, 200)), kMostSiteEntries));
    }
    std::sort(listing->entries.begin(), listing->entries.end(),
              [](const RootFiles::Entry& a, const RootFiles::Entry& b) { return a.name < b.name; });
    for (const RootFiles::Entry& entry : listing->entries) {
      InstalledPackage package;
      if (!ReadInfoName(entry.name, package) || !names.insert(package.name).second) continue;
      package.path = PathIn(folder, entry.name);
      found.packages.push_back(std::move(package));
    }
  }
  return found;
}

std::string ReadInstalledMetadata(const RootPaths& root, const InstalledPackage& package) {
  for (const char* name : {"METADATA", "PKG-INFO"}) {
    if (auto text = root.ReadHead(PathIn(package.path, name), kMostMetadata); text.ok())
      return *std::move(text);
  }
  return root.ReadHead(package.path, kMostMetadata).value_or("");
}

}  // namespace crossmill::predict
