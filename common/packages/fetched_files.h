// The files of packages that a step fetched, by the record of its network: what came, from where. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crossmill/v1/result.pb.h"

namespace crossmill::packages {

struct FetchedFile {
  // Normalised, as in outcomes.
  std::string name;
  std::string version;
  std::string file_name;
  // Of a wheel; a source has none.
  std::string tag;
  bool wheel = false;
  // Not from the package index that the farm offers, but around it.
  bool bypassed = false;
  // A wheel that the farm had compiled: by which execution of which build; else 0.
  int64_t compiled_in_build = 0;
  int64_t compiled_by_execution = 0;
  double seconds = 0;
  // When all of it was there: Unix time in nanoseconds; 0: not known.
  int64_t came_at = 0;
};

// Only whole files count: metadata, pages, parts and what was refused say nothing about an install. A file
// that was fetched was not therefore installed: installers fetch candidates that they do not take.
class FetchedFiles {
 public:
  explicit FetchedFiles(const v1::StepFetches& fetches);

  struct Files {
    std::vector<FetchedFile> wheels;
    std::vector<FetchedFile> sources;
  };
  // Of one name and version; null: none came.
  const Files* Find(std::string_view name, std::string_view version) const;
  // A wheel of that file name which the farm had compiled; null: none came.
  const FetchedFile* FarmWheel(std::string_view file_name) const;
  const std::map<std::pair<std::string, std::string>, Files>& all() const { return files_; }

  // Something of the project was asked for: its page, or a file. `name` is normalised.
  bool Asked(std::string_view name) const { return asked_.contains(name); }
  // A source distribution of any project came.
  bool HasSources() const { return has_sources_; }
  // Nothing came that is not told one by one: no tunnel was used, and no fetch is only counted.
  bool ToldWhole() const { return told_whole_; }

  // A host to which a tunnel went, through which anything may have come; empty: there is none.
  const std::string& tunnel() const { return tunnel_; }

 private:
  void Add(const v1::Fetch& fetch);

  // By name and canonical version.
  std::map<std::pair<std::string, std::string>, Files> files_;
  std::string tunnel_;
  std::set<std::string, std::less<>> asked_;
  bool has_sources_ = false;
  bool told_whole_ = true;
};

}  // namespace crossmill::packages
