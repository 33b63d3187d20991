// What is asked for: requirements files with all that they include, and requirements on the command line, in
// the form in which recipes carry them. Pure: texts come from a function.
//
// What only the machine of the user has (a path, an editable folder) has no place in a recipe and is refused,
// as is a password in an address: recipes are on record.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/python/file_hash.h"

namespace crossmill::cli {

struct WantedNames {
  // As written: -r, -c, and requirements as words.
  std::vector<std::string> files;
  std::vector<std::string> constraints;
  std::vector<std::string> requirements;
};

struct WantedPackages {
  struct File {
    // As people know it.
    std::string path;
    // Included files are named by their place in `files`: "-r 2.txt".
    std::string text;
  };
  std::vector<File> files;
  // Places in `files` of what was named: with -r (and the words), and with -c.
  std::vector<size_t> roots;
  std::vector<size_t> constraints;

  // By normalised name: the address of a requirement that names one.
  std::map<std::string, std::string, std::less<>> addresses;
  // By normalised name, of all lines. If there is any hash, pip wants one for every package.
  std::map<std::string, std::vector<python::FileHash>, std::less<>> hashes;
  // By normalised name: options of its line that are for its build, as a requirements file has them.
  std::map<std::string, std::string, std::less<>> build_options;
  // Words of pip's command line that the files' own options come to: where packages are looked for, and what
  // else decides how one is compiled.
  std::vector<std::string> index_options;
  std::vector<std::string> compile_options;
};

using TextReader = std::function<absl::StatusOr<std::string>(const std::string& path)>;

// INVALID_ARGUMENT "FILE:LINE: ..." for what is refused, and when nothing is asked for; the reader's errors.
absl::StatusOr<WantedPackages> ReadWanted(const WantedNames& names, const TextReader& read);

}  // namespace crossmill::cli
