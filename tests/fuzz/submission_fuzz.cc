// Any bytes as a submission: what is not refused can be planned or is refused with a place, a plan is a
// message that can be read again, and the coordinator's own fields stay its own.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/pattern/effort.h"
#include "common/plan/planner.h"
#include "common/plan/submitted_options.h"
#include "common/words/platform.h"
#include "crossmill/v1/build.pb.h"

namespace {

using namespace crossmill;  // NOLINT(google-build-using-namespace): one room

void Expect(bool holds) {
  if (!holds) std::abort();
}

void Check(const absl::Status& status) { Expect(status.ok() || absl::IsInvalidArgument(status)); }

// What the checks promise to whoever comes after them.
void CheckPromises(const v1::BuildSubmission& submission) {
  for (const v1::Platform& platform : submission.options().platforms())
    Expect(SamePlatform(ParsePlatform(FormatPlatform(platform)).value(), platform));
  for (const std::string& line : submission.options().extra_hosts())
    Expect(line.find('\n') == std::string::npos);
  for (const v1::Ulimit& limit : submission.options().ulimits()) Expect(plan::IsUlimitName(limit.name()));
  Expect(submission.options().shm_size() >= 0);
  Expect(submission.recipe().context_root().hash().find('/') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // It would tell of every text that is none.
  [[maybe_unused]] static const auto former = google::protobuf::SetLogHandler(nullptr);
  v1::BuildSubmission submission;
  if (!submission.ParseFromArray(data, static_cast<int>(size))) return 0;
  const absl::Status options_status = plan::CheckOptions(submission.options());
  const absl::Status recipe_status = plan::CheckRecipeFields(submission.recipe());
  Check(options_status);
  Check(recipe_status);
  if (!options_status.ok() || !recipe_status.ok()) return 0;
  CheckPromises(submission);
  pattern::Effort effort(200'000'000);
  plan::PlanOptions options;
  options.effort = &effort;
  options.limits.stages = 30;
  options.limits.steps = 500;
  const v1::BuildOptions& asked = submission.options();
  options.platforms.assign(asked.platforms().begin(), asked.platforms().end());
  options.build_platform = options.platforms[0];
  options.extra_hosts.assign(asked.extra_hosts().begin(), asked.extra_hosts().end());
  options.ulimits.assign(asked.ulimits().begin(), asked.ulimits().end());
  options.no_cache_stages.assign(asked.no_cache_stages().begin(), asked.no_cache_stages().end());
  std::vector<v1::PinnedImage> bases;
  while (true) {
    const auto needs = plan::FindBases(submission.recipe(), options, bases);
    Check(needs.status());
    if (!needs.ok()) return 0;
    if (needs->size() == bases.size()) break;
    bases.resize(needs->size());
    for (v1::PinnedImage& base : bases)
      base.set_config(R"({"os":"linux","config":{"Env":["A=\u00e9\u20ac"]}})");
  }
  const auto made = plan::MakePlan(submission.recipe(), options, bases);
  Check(made.status());
  if (!made.ok()) return 0;
  v1::BuildPlan again;
  Expect(again.ParseFromString(made->SerializeAsString()));
  Expect(static_cast<size_t>(made->stages_size()) <= options.limits.stages * options.platforms.size());
  return 0;
}
