// Requirements files as pip reads them: comments, continued lines, options, requirements by name, URL or
// path. Pure: included files are named, not read, and variables are those that the caller gives.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/python/file_hash.h"
#include "common/python/requirement.h"

namespace crossmill::python {

// Which forms of packages are allowed (--no-binary, --only-binary): names in normal form, or ":all:". What is
// named later wins, and ":none:" empties a list, as in pip.
struct FormatControl {
  // `value`: names separated by commas.
  void NoBinary(std::string_view value) { Change(value, no_binary, only_binary); }
  void OnlyBinary(std::string_view value) { Change(value, only_binary, no_binary); }

  bool AllowsWheels(std::string_view normal_name) const {
    return !Names(no_binary, only_binary, normal_name);
  }
  bool AllowsSources(std::string_view normal_name) const {
    return !Names(only_binary, no_binary, normal_name);
  }

  std::vector<std::string> no_binary;
  std::vector<std::string> only_binary;

 private:
  static void Change(std::string_view value, std::vector<std::string>& target,
                     std::vector<std::string>& other);
  static bool Names(const std::vector<std::string>& list, const std::vector<std::string>& other,
                    std::string_view normal_name);
};

struct RequirementLine {
  enum class Kind {
    // By name: `requirement` is set (its url too for `name @ url`).
    kNamed,
    // An address or a path in the file system, in `location`; what it is called, is seen only there.
    kUrl,
    kPath,
    // -e: `location` is what follows it, as it is.
    kEditable,
  };

  Kind kind = Kind::kNamed;
  // Where the line begins, from 1.
  int line = 0;
  std::optional<Requirement> requirement;
  std::string location;
  // Of kUrl and kPath; in kNamed they are in the requirement.
  std::vector<std::string> extras;
  std::optional<Marker> marker;
  // --hash=sha256:abc...
  std::vector<FileHash> hashes;
  std::vector<std::string> config_settings;
};

struct RequirementsFile {
  struct Include {
    int line = 0;
    // -c: it only restricts versions.
    bool constraints = false;
    // As written; relative to the folder of the file that names it.
    std::string location;
  };

  std::vector<RequirementLine> requirements;
  std::vector<Include> includes;
  // The last one that is named.
  std::optional<std::string> index_url;
  std::vector<std::string> extra_index_urls;
  std::vector<std::string> find_links;
  std::vector<std::string> trusted_hosts;
  std::vector<std::string> features;
  // --all-releases and --only-final, as given.
  std::vector<std::string> all_releases;
  std::vector<std::string> only_final;
  FormatControl format;
  bool no_index = false;
  bool prefer_binary = false;
  bool pre = false;
  bool require_hashes = false;
};

// `name` is what errors call the file. Each `${VAR}` whose (upper-case) name is in `variables` with a value
// that is not empty is replaced, others stay. INVALID_ARGUMENT "NAME:LINE: ..." at the first line that pip
// would refuse.
absl::StatusOr<RequirementsFile> ParseRequirementsFile(
    std::string_view text, std::string_view name = "requirements.txt",
    const std::map<std::string, std::string, std::less<>>& variables = {});

}  // namespace crossmill::python
