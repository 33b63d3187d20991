#include "coordinator/verdict/input_changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "common/base/status.h"

namespace crossmill::verdict {
namespace {

// Projects of which the farm's own wheel was taken.
std::set<std::string> FarmWheelProjects(const v1::StepFetches& fetches) {
  std::set<std::string> projects;
  for (const v1::Fetch& fetch : fetches.fetches()) {
    if (fetch.compiled_by_execution() != 0) projects.insert(fetch.project());
  }
  return projects;
}

bool IsInput(const v1::Fetch& fetch) {
  const bool whole = !fetch.sha256().empty() && fetch.error().empty() && fetch.refused_by().empty();
  const bool page = fetch.kind() == v1::Fetch::KIND_INDEX && fetch.file_name().empty();
  return whole && !page && fetch.kind() != v1::Fetch::KIND_TUNNEL && fetch.status() >= 200 &&
         fetch.status() < 300 && fetch.method() != "HEAD";
}

std::string NameOf(const v1::Fetch& fetch) {
  if (!fetch.url().empty()) return fetch.url();
  return fetch.file_name().empty() ? fetch.host() : fetch.file_name();
}

// Digest -> name, of what one execution fetched and the other did not.
std::map<std::string, std::string> OnlyIn(const v1::StepFetches& one, const v1::StepFetches& other,
                                          const std::set<std::string>& ignored) {
  std::set<std::string> there;
  for (const v1::Fetch& fetch : other.fetches()) {
    if (IsInput(fetch)) there.insert(fetch.sha256());
  }
  std::map<std::string, std::string> only;
  for (const v1::Fetch& fetch : one.fetches()) {
    if (!IsInput(fetch) || there.contains(fetch.sha256())) continue;
    if (!fetch.project().empty() && ignored.contains(fetch.project())) continue;
    only.emplace(fetch.sha256(), NameOf(fetch));
  }
  return only;
}

// One name's changes: digests are paired as they come, what is left over stands alone.
void AddFetchChanges(const ExecutionInput& first, const ExecutionInput& other,
                     std::vector<v1::InputChange>* changes) {
  std::set<std::string> ignored = FarmWheelProjects(first.fetches);
  ignored.merge(FarmWheelProjects(other.fetches));
  std::map<std::string, std::pair<std::vector<std::string>, std::vector<std::string>>> by_name;
  for (const auto& [digest, name] : OnlyIn(first.fetches, other.fetches, ignored))
    by_name[name].first.push_back(digest);
  for (const auto& [digest, name] : OnlyIn(other.fetches, first.fetches, ignored))
    by_name[name].second.push_back(digest);
  for (const auto& [name, digests] : by_name) {
    const auto& [ours, theirs] = digests;
    for (size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
      v1::InputChange& change = changes->emplace_back();
      change.set_kind(v1::InputChange::KIND_FETCH);
      change.set_name(name);
      if (i < ours.size()) change.set_first("sha256:" + ours[i]);
      if (i < theirs.size()) change.set_second("sha256:" + theirs[i]);
    }
  }
}

// Name -> versions, of what is installed.
std::map<std::string, std::set<std::string>> VersionsOf(const std::vector<v1::PackageOutcome>& packages) {
  std::map<std::string, std::set<std::string>> versions;
  for (const v1::PackageOutcome& package : packages) {
    if (package.installed() && !package.version().empty()) versions[package.name()].insert(package.version());
  }
  return versions;
}

std::string Listed(const std::set<std::string>& versions) {
  std::string listed;
  for (const std::string& version : versions) listed += (listed.empty() ? "" : ", ") + version;
  return listed;
}

void AddPackageChanges(const ExecutionInput& first, const ExecutionInput& other,
                       std::vector<v1::InputChange>* changes) {
  const auto ours = VersionsOf(first.packages);
  const auto theirs = VersionsOf(other.packages);
  std::set<std::string> names;
  for (const auto& [name, versions] : ours) names.insert(name);
  for (const auto& [name, versions] : theirs) names.insert(name);
  for (const std::string& name : names) {
    const auto mine = ours.find(name);
    const auto yours = theirs.find(name);
    if (mine != ours.end() && yours != theirs.end() && mine->second == yours->second) continue;
    v1::InputChange& change = changes->emplace_back();
    change.set_kind(v1::InputChange::KIND_PACKAGE);
    change.set_name(name);
    if (mine != ours.end()) change.set_first(Listed(mine->second));
    if (yours != theirs.end()) change.set_second(Listed(yours->second));
  }
}

}  // namespace

std::vector<v1::InputChange> ChangedInputs(const ExecutionInput& first, const ExecutionInput& other,
                                           size_t limit) {
  std::vector<v1::InputChange> changes;
  AddFetchChanges(first, other, &changes);
  AddPackageChanges(first, other, &changes);
  if (changes.size() > limit) changes.resize(limit);
  return changes;
}

}  // namespace crossmill::verdict
