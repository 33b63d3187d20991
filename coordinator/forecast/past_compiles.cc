#include "coordinator/forecast/past_compiles.h"

#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/storage/compile_records.h"

namespace crossmill::coordinator {
namespace {

// Rows that are looked at: further back than that nobody asks how long it took.
constexpr int kMostRows = 60;

}  // namespace

absl::StatusOr<std::string> PastCompiles::PlatformOf(int64_t build, uint32_t stage) {
  auto found = platforms_.find(build);
  if (found == platforms_.end()) {
    std::vector<std::string> platforms;
    const auto plan = records_.LoadPlan(build);
    if (!plan.ok() && !absl::IsNotFound(plan.status())) return plan.status();
    if (plan.ok()) {
      for (const v1::StagePlan& one : plan->stages()) platforms.push_back(FormatPlatform(one.platform()));
    }
    found = platforms_.emplace(build, std::move(platforms)).first;
  }
  return stage < found->second.size() ? found->second[stage] : "";
}

absl::StatusOr<std::vector<v1::PastCompile>> PastCompiles::Find(const std::string& name,
                                                                const std::string& version) {
  storage::CompileRecords compiles(records_.connection());
  ASSIGN_OR_RETURN(const std::vector<storage::CompileRow> rows,
                   compiles.Latest(scope_, name, version, kMostRows));
  std::vector<v1::PastCompile> past;
  std::set<std::pair<std::string, bool>> told;
  for (const storage::CompileRow& row : rows) {
    ASSIGN_OR_RETURN(const std::string platform, PlatformOf(row.build, row.stage));
    if (platform.empty() || !told.insert({platform, row.emulated}).second) continue;
    v1::PastCompile& one = past.emplace_back();
    one.set_name(name);
    one.set_version(version);
    one.set_platform(platform);
    one.set_seconds(row.seconds);
    one.set_emulated(row.emulated);
    one.set_build_id(row.build);
  }
  return past;
}

}  // namespace crossmill::coordinator
