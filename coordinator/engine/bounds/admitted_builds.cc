#include "coordinator/engine/bounds/admitted_builds.h"

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

void CountDown(std::map<std::string, size_t>& counts, const std::string& name) {
  const auto found = counts.find(name);
  if (found != counts.end() && --found->second == 0) counts.erase(found);
}

}  // namespace

absl::Status AdmittedBuilds::Check(const std::string& project, const core::Realm& realm, size_t count) const {
  const uint32_t most = terms_ == nullptr ? 0 : terms_->Find(project).most_builds;
  const auto found = projects_.find(project);
  const size_t present = found == projects_.end() ? 0 : found->second;
  if (most > 0 && present + count > most) {
    const std::string what =
        present >= most
            ? "as many as it may"
            : fmt::format("and with {} more there would be more than the {} that it may have", count, most);
    return absl::ResourceExhaustedError(
        fmt::format("project {} has {} builds that have not ended, {}; submit again when some of them have",
                    project, present, what));
  }
  const std::string key = core::KeyOf(realm);
  if (!key.empty() && !realms_.contains(key) && realms_.size() >= kMostRealms) {
    return absl::ResourceExhaustedError(
        fmt::format("builds are under way with {} different choices of pool and constraints, as many as the "
                    "farm looks at; "
                    "this is another: submit again when some have ended",
                    realms_.size()));
  }
  return absl::OkStatus();
}

void AdmittedBuilds::Add(int64_t build, const std::string& project, const core::Realm& realm) {
  const std::string key = core::KeyOf(realm);
  if (!builds_.emplace(build, std::pair(project, key)).second) return;
  ++projects_[project];
  if (!key.empty()) ++realms_[key];
}

void AdmittedBuilds::Remove(int64_t build) {
  const auto found = builds_.find(build);
  if (found == builds_.end()) return;
  CountDown(projects_, found->second.first);
  CountDown(realms_, found->second.second);
  builds_.erase(found);
}

}  // namespace crossmill::coordinator
