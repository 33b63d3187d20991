#include "coordinator/core/standing/scope.h"

#include <algorithm>

namespace crossmill::core {
namespace {

constexpr std::string_view kMark = "project ";
constexpr std::string_view kEnd = ", ";

}  // namespace

std::string InProject(std::string_view project, std::string_view text) {
  if (project.empty()) project = kDefaultProject;
  std::string key(kMark);
  key += project;
  key += kEnd;
  if (text.starts_with(key)) return std::string(text);
  // What looks like a key of another is said to be of this one.
  if (project == kDefaultProject && !text.starts_with(kMark)) return std::string(text);
  key += text;
  return key;
}

std::string_view ProjectOfKey(std::string_view key) {
  if (!key.starts_with(kMark)) return kDefaultProject;
  key.remove_prefix(kMark.size());
  return key.substr(0, std::min(key.find(kEnd), key.size()));
}

bool Scope::SeesKey(std::string_view key) const { return Sees(ProjectOfKey(key)); }

}  // namespace crossmill::core
