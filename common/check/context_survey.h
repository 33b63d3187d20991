// Sums of what lies in a context and should not: the walker tells every path that is part of it, and gets the
// sums. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crossmill::check {

class ContextSurvey {
 public:
  // One kind of file that is better ignored: "version control", with the pattern that ignores it.
  struct Unneeded {
    std::string what;
    // Line of an ignore file.
    std::string pattern;
    // The first place found.
    std::string path;
    int64_t files = 0;
    int64_t bytes = 0;
    friend bool operator==(const Unneeded&, const Unneeded&) = default;
  };
  struct Secret {
    std::string path;
    // "a private key", "passwords and tokens".
    std::string what;
    int64_t bytes = 0;
    friend bool operator==(const Secret&, const Secret&) = default;
  };

  // Whether Add should get the beginning of this file: its name alone does not say what it is.
  static bool WantsContent(std::string_view path);
  // A regular file of the context, ignored ones left out. `path` is relative, slash separated; `head`
  // the first bytes of the file where WantsContent, else empty.
  void Add(std::string_view path, int64_t bytes, std::string_view head = "");

  int64_t files() const { return files_; }
  int64_t bytes() const { return bytes_; }
  // Largest first.
  std::vector<Unneeded> unneeded() const;
  // By path.
  const std::vector<Secret>& secrets() const { return secrets_; }
  // Files that dependency installers read (requirements.txt, package.json, ...).
  bool HasManifest(std::string_view path) const { return manifests_.contains(path); }

 private:
  int64_t files_ = 0;
  int64_t bytes_ = 0;
  // By pattern.
  std::map<std::string, Unneeded, std::less<>> unneeded_;
  std::vector<Secret> secrets_;
  std::set<std::string, std::less<>> manifests_;
};

}  // namespace crossmill::check
