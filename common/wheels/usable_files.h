// The files of one index page that pip could take in an environment, in the order in which it prefers them:
// asked for many specifiers. Agrees with the finder of pip 26.3.
#pragma once

#include <optional>
#include <vector>

#include "common/wheels/candidates.h"

namespace crossmill::python {

struct UsableFile {
  const ListedFile* file = nullptr;
  const IndexFile* listed = nullptr;
  // Of wheels: the place of its best tag.
  std::optional<size_t> rank;
  // It has one of the hashes that were asked for, if any was.
  bool allowed_hash = false;
};

class UsableFiles {
 public:
  struct Matching {
    // The best first.
    std::vector<UsableFile> files;
    // What was yanked is among them: the specifier pins a version that is only there yanked (PEP 592).
    bool allow_yanked = false;
  };

  // The page outlives it. Specifier and hashes of the rules are not looked at.
  UsableFiles(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment);

  // In the order of the page, whatever their versions.
  const std::vector<UsableFile>& files() const { return usable_; }
  Matching Find(const SpecifierSet& specifier, const std::vector<FileHash>& hashes = {}) const;

 private:
  std::optional<bool> prereleases_;
  bool prefer_binary_;
  std::vector<UsableFile> usable_;
};

}  // namespace crossmill::python
