#include "coordinator/engine/planning.h"

#include <map>
#include <vector>

#include "common/base/status.h"
#include "common/plan/context_match.h"
#include "common/plan/ignore_rules.h"
#include "common/plan/platform.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

std::string At(const v1::SourceRange& range) {
  return fmt::format("{}:{}", range.file(), range.first_line());
}

// The ignore rule that hides `pattern`, in words, or nothing.
std::string HidingRule(const v1::Recipe& recipe, std::string_view pattern) {
  auto rules = plan::IgnoreRules::Parse(recipe.ignore_file());
  if (!rules.ok()) return "";
  while (pattern.starts_with("/") || pattern.starts_with("./"))
    pattern.remove_prefix(pattern.starts_with("/") ? 1 : 2);
  while (pattern.ends_with("/")) pattern.remove_suffix(1);
  const auto rule = rules->Excluding(pattern);
  if (!rule) return "";
  return fmt::format("; it is hidden by {}:{}: '{}'", recipe.ignore_file_name(), rule->line, rule->text);
}

// Directory messages of one context, read once.
class ContextReader {
 public:
  explicit ContextReader(BlobStore& blobs) : blobs_(blobs) {}

  absl::StatusOr<reapi::Directory> Read(const Digest& digest) {
    auto known = read_.find(digest);
    if (known != read_.end()) return known->second;
    ASSIGN_OR_RETURN(const std::string bytes, blobs_.Get(digest));
    reapi::Directory directory;
    if (!directory.ParseFromString(bytes)) {
      return absl::DataLossError(fmt::format("blob {} of the context is not a Directory", ToString(digest)));
    }
    return read_[digest] = directory;
  }

  absl::StatusOr<Digest> Store(const reapi::Directory& directory) {
    return blobs_.PutBytes(directory.SerializeAsString());
  }

 private:
  BlobStore& blobs_;
  std::map<Digest, reapi::Directory> read_;
};

absl::Status ResolveContext(const v1::Recipe& recipe, BlobStore& blobs, v1::BuildPlan* plan) {
  ContextReader reader(blobs);
  const Digest root = FromProto(recipe.context_root());
  for (v1::StagePlan& stage : *plan->mutable_stages()) {
    for (v1::Step& step : *stage.mutable_steps()) {
      if (!step.has_copy()) continue;
      for (v1::CopySource& source : *step.mutable_copy()->mutable_sources()) {
        if (!source.has_context_pattern()) continue;
        const v1::ContextPattern pattern = source.context_pattern();
        auto matches = plan::MatchContext(
            pattern, root, [&](const Digest& digest) { return reader.Read(digest); },
            [&](const reapi::Directory& directory) { return reader.Store(directory); });
        if (!matches.ok()) {
          const bool missing = absl::IsNotFound(matches.status());
          return absl::Status(missing ? absl::StatusCode::kInvalidArgument : matches.status().code(),
                              Av(fmt::format("{}: {}: {}{}", At(step.range()), step.instruction(),
                                             Sv(matches.status().message()),
                                             missing ? HidingRule(recipe, pattern.pattern()) : "")));
        }
        if (!plan->keep_times()) {
          for (v1::ContextMatch& match : *matches->mutable_matches()) match.clear_mtime();
        }
        *source.mutable_context() = *std::move(matches);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

plan::PlanOptions PlanOptionsOf(const v1::BuildOptions& options) {
  plan::PlanOptions plan_options;
  plan_options.platforms.assign(options.platforms().begin(), options.platforms().end());
  // The farm builds on linux/amd64 unless it is not asked for it; one platform for the whole build,
  // so that $BUILDPLATFORM stages are one task.
  plan_options.build_platform = plan_options.platforms.front();
  for (const v1::Platform& platform : plan_options.platforms) {
    if (plan::FormatPlatform(platform) == "linux/amd64") plan_options.build_platform = platform;
  }
  plan_options.network = options.network();
  if (options.has_source_date_epoch()) plan_options.source_date_epoch = options.source_date_epoch();
  plan_options.keep_times = options.keep_times();
  return plan_options;
}

absl::StatusOr<v1::BuildPlan> PlanBuild(const v1::BuildSubmission& submission, ImageStore& images,
                                        BlobStore& blobs,
                                        const std::function<void(const v1::PinnedImage&)>& on_pinned) {
  const plan::PlanOptions options = PlanOptionsOf(submission.options());
  ASSIGN_OR_RETURN(const std::vector<plan::BaseNeed> needs, plan::FindBases(submission.recipe(), options));
  std::vector<v1::PinnedImage> bases;
  for (const plan::BaseNeed& need : needs) {
    auto pinned = images.Pin(need.reference, need.platform);
    if (!pinned.ok()) {
      // Also when no registry answers: a name that is nearly a stage's is most likely meant to be it.
      return absl::Status(pinned.status().code(), Av(fmt::format("{}: {}{}", At(need.range),
                                                                 Sv(pinned.status().message()), need.suggestion)));
    }
    on_pinned(*pinned);
    bases.push_back(*std::move(pinned));
  }
  ASSIGN_OR_RETURN(v1::BuildPlan plan, plan::MakePlan(submission.recipe(), options, bases));
  RETURN_IF_ERROR(ResolveContext(submission.recipe(), blobs, &plan));
  return plan;
}

}  // namespace crossmill::coordinator
