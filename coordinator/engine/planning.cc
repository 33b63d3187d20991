#include "coordinator/engine/planning.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "common/base/status.h"
#include "common/pattern/ignore_rules.h"
#include "common/plan/context_match.h"
#include "common/plan/parsed_size.h"
#include "common/plan/remote_source.h"
#include "common/plan/step_sources.h"
#include "common/words/platform.h"
#include "coordinator/engine/planning/fetched_before.h"
#include "coordinator/engine/planning/source_replacements.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

// A file that ADD fetches has it, unless --chmod says otherwise.
constexpr uint32_t kRemoteFileMode = 0600;
// The name of a file from a URL without a name in it, as Docker's builder gives it.
constexpr std::string_view kUnnamed = "__unnamed__";
// Of a folder's message: half a million entries.
constexpr int64_t kMostDirectoryBytes = int64_t{64} << 20;
// Of that message in memory: half a million entries take 200 MB, empty ones of two bytes would take
// gigabytes.
constexpr int64_t kMostDirectoryMemory = int64_t{512} << 20;
// Below it there is nothing to count.
constexpr size_t kSmallDirectory = 1 << 20;

std::string At(const v1::SourceRange& range) {
  return fmt::format("{}:{}:{}", range.file(), range.first_line(), std::max(range.column(), 1u));
}

// The ignore rule that hides `pattern`, in words, or nothing.
std::string HidingRule(const std::string& rules_text, const std::string& rules_name,
                       std::string_view pattern) {
  auto rules = pattern::IgnoreRules::Parse(rules_text);
  if (!rules.ok()) return "";
  while (pattern.starts_with("/") || pattern.starts_with("./"))
    pattern.remove_prefix(pattern.starts_with("/") ? 1 : 2);
  while (pattern.ends_with("/")) pattern.remove_suffix(1);
  const auto rule = rules->Excluding(pattern);
  if (!rule) return "";
  return fmt::format("; it is hidden by {}:{}: '{}'", rules_name, rule->line, rule->text);
}

// The recipe's place would mislead: it has no part in it.
bool IsStoreFault(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDataLoss(status);
}

// Directory messages of contexts.
class ContextReader {
 public:
  explicit ContextReader(BlobStore& blobs) : blobs_(blobs) {}

  absl::StatusOr<reapi::Directory> Read(const Digest& digest) const {
    if (digest.size > kMostDirectoryBytes) {
      return absl::InvalidArgumentError(
          fmt::format("a folder of the context is a message of {} bytes; expected at most {}", digest.size,
                      kMostDirectoryBytes));
    }
    const absl::StatusOr<std::string> bytes = blobs_.Get(digest);
    // The client had sent all of it before it submitted: the recipe cannot be blamed.
    if (absl::IsNotFound(bytes.status())) {
      return absl::UnavailableError(fmt::format(
          "folder {} of the context is no longer in the farm's store; submit the build again (the "
          "client sends what is missing)",
          ToString(digest)));
    }
    RETURN_IF_ERROR(bytes.status());
    reapi::Directory directory;
    if (bytes->size() > kSmallDirectory) RETURN_IF_ERROR(CheckMemory(*bytes));
    if (!directory.ParseFromString(*bytes)) {
      return absl::DataLossError(fmt::format("blob {} of the context is not a Directory", ToString(digest)));
    }
    return directory;
  }

  static absl::Status CheckMemory(std::string_view bytes) {
    const auto size = plan::ParsedSize(bytes, *reapi::Directory::descriptor(), kMostDirectoryMemory);
    // What is no message is told by who parses it.
    if (!size.ok() || *size < kMostDirectoryMemory) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("a folder of the context takes more than {} bytes of memory; expected fewer files in it",
                    kMostDirectoryMemory));
  }

  absl::StatusOr<Digest> Store(const reapi::Directory& directory) {
    return blobs_.PutBytes(directory.SerializeAsString());
  }

 private:
  BlobStore& blobs_;
};

// Puts content in the place of every pattern and reference of a plan. Used once.
class SourceResolver {
 public:
  SourceResolver(const v1::BuildSubmission& submission, const plan::PlanOptions& options,
                 const PlanningParts& parts, const PlanningCalls& calls, v1::BuildPlan& plan)
      : recipe_(submission.recipe()),
        replacements_(submission),
        effort_(options.effort),
        parts_(parts),
        calls_(calls),
        plan_(plan),
        reader_(parts.blobs),
        survey_(options.limits.context_entries, *parts.known_trees) {}

  absl::Status Resolve() {
    for (v1::StagePlan& stage : *plan_.mutable_stages()) {
      for (v1::Step& step : *stage.mutable_steps()) {
        for (v1::CopySource* source : plan::MutableSourcesOf(step)) {
          RETURN_IF_ERROR(ResolveSource(step, *source));
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ResolveSource(const v1::Step& step, v1::CopySource& source) {
    if (source.has_context_pattern()) return ResolvePattern(step, source);
    if (source.has_remote_file()) return ResolveFile(step, source);
    if (source.has_remote_git()) return ResolveGit(step, source);
    return absl::OkStatus();
  }

  // The step's place and `status`; what does not exist is the recipe's mistake.
  absl::Status Failed(const v1::Step& step, const absl::Status& status, std::string_view hint) const {
    const bool missing = absl::IsNotFound(status);
    return absl::Status(
        missing ? absl::StatusCode::kInvalidArgument : status.code(),
        Av(fmt::format("{}: {}: {}{}", At(step.range()), step.has_run() ? "RUN --mount" : step.instruction(),
                       Sv(status.message()), hint)));
  }

  const v1::NamedContext* FindContext(const std::string& name) const {
    for (const v1::NamedContext& context : recipe_.contexts()) {
      if (context.name() == name) return &context;
    }
    return nullptr;
  }

  absl::Status ResolvePattern(const v1::Step& step, v1::CopySource& source) {
    const v1::ContextPattern pattern = source.context_pattern();
    const v1::NamedContext* context = pattern.context().empty() ? nullptr : FindContext(pattern.context());
    const Digest root = FromProto(context == nullptr ? recipe_.context_root() : context->tree());
    auto matches = MatchTree(pattern, root);
    if (IsStoreFault(matches.status())) return matches.status();
    if (!matches.ok()) {
      std::string hint;
      if (absl::IsNotFound(matches.status())) {
        hint = context == nullptr
                   ? HidingRule(recipe_.ignore_file(), recipe_.ignore_file_name(), pattern.pattern())
                   : fmt::format(
                         " (build context {}: {}){}", context->name(), context->origin(),
                         HidingRule(context->ignore_file(), context->ignore_file_name(), pattern.pattern()));
      }
      return Failed(step, matches.status(), hint);
    }
    if (step.has_run() && matches->matches_size() != 1) {
      return Failed(
          step,
          absl::InvalidArgumentError(fmt::format("source '{}' names {} files and folders; expected one",
                                                 source.text(), matches->matches_size())),
          "");
    }
    Put(*std::move(matches), source);
    return absl::OkStatus();
  }

  absl::Status ResolveFile(const v1::Step& step, v1::CopySource& source) {
    const v1::RemoteFile wanted = source.remote_file();
    ASSIGN_OR_RETURN(v1::ContextMatches matches,
                     Fetch(step, std::make_tuple(wanted.url(), wanted.checksum(), false),
                           [&] { return FetchFile(step, wanted); }));
    Put(std::move(matches), source);
    return absl::OkStatus();
  }

  absl::Status ResolveGit(const v1::Step& step, v1::CopySource& source) {
    const v1::RemoteGit wanted = source.remote_git();
    ASSIGN_OR_RETURN(v1::ContextMatches matches,
                     Fetch(step, std::make_tuple(wanted.url(), wanted.checksum(), wanted.keep_git_dir()),
                           [&] { return FetchGit(step, wanted); }));
    if (!wanted.excludes().empty()) {
      v1::ContextPattern rest;
      *rest.mutable_excludes() = wanted.excludes();
      auto left = MatchTree(rest, FromProto(matches.matches(0).directory()));
      if (IsStoreFault(left.status())) return left.status();
      if (!left.ok()) return Failed(step, left.status(), "");
      matches = *std::move(left);
    }
    Put(std::move(matches), source);
    return absl::OkStatus();
  }

  // What is walked, and what a step will be given to walk, is measured before.
  absl::StatusOr<v1::ContextMatches> MatchTree(const v1::ContextPattern& pattern, const Digest& root) {
    const plan::ReadDirectory read = [&](const Digest& digest) { return reader_.Read(digest); };
    const bool walked =
        pattern.parents() || !pattern.excludes().empty() || pattern::HasWildcards(pattern.pattern());
    if (walked) RETURN_IF_ERROR(survey_.Measure(root, read, calls_.stop).status());
    ASSIGN_OR_RETURN(
        v1::ContextMatches matches,
        plan::MatchContext(
            pattern, root, read, [&](const reapi::Directory& directory) { return reader_.Store(directory); },
            effort_));
    for (const v1::ContextMatch& match : matches.matches()) {
      if (!match.has_directory()) continue;
      RETURN_IF_ERROR(survey_.Measure(FromProto(match.directory()), read, calls_.stop).status());
    }
    return matches;
  }

  // URL, checksum, keep_git_dir.
  using Key = std::tuple<std::string, std::string, bool>;

  template <typename Get>
  absl::StatusOr<v1::ContextMatches> Fetch(const v1::Step& step, const Key& key, const Get& get) {
    if (const auto known = fetched_.find(key); known != fetched_.end()) return known->second;
    if (parts_.remote == nullptr) {
      return Failed(step,
                    absl::UnimplementedError(
                        fmt::format("{}: this coordinator does not fetch remote sources", std::get<0>(key))),
                    "");
    }
    absl::StatusOr<v1::ContextMatches> matches = get();
    if (!matches.ok()) return Failed(step, matches.status(), "");
    return fetched_[key] = *std::move(matches);
  }

  RemoteSources::OnProgress ProgressOf(const std::string& url) const {
    return [this, url](int64_t done, int64_t total) {
      if (calls_.on_progress) calls_.on_progress(url, done, total);
    };
  }

  absl::StatusOr<v1::ContextMatches> FetchFile(const v1::Step& step, const v1::RemoteFile& wanted) {
    const v1::RemoteFile taken = replacements_.FileFor(wanted);
    ASSIGN_OR_RETURN(
        const RemoteSources::File file,
        parts_.remote->FetchFile(taken.url(), taken.checksum(), ProgressOf(taken.url()), calls_.stop));
    v1::RemoteSource found;
    found.set_url(taken.url());
    found.set_digest(file.digest.Oci());
    found.set_bytes(file.digest.size);
    found.set_cached(file.cached);
    Note(step, found);
    v1::ContextMatches matches;
    v1::ContextMatch& match = *matches.add_matches();
    // The URL's own name comes first, as in Docker's builder.
    std::string name = plan::FileNameOfUrl(wanted.url());
    if (name.empty()) name = file.name;
    match.set_name(name.empty() ? std::string(kUnnamed) : name);
    match.set_path(wanted.url());
    ToProto(file.digest, match.mutable_file());
    match.set_unix_mode(kRemoteFileMode);
    match.set_mtime(file.mtime);
    return matches;
  }

  absl::StatusOr<v1::ContextMatches> FetchGit(const v1::Step& step, const v1::RemoteGit& wanted) {
    const v1::RemoteGit taken = replacements_.RepositoryFor(wanted);
    ASSIGN_OR_RETURN(const RemoteSources::Tree tree,
                     parts_.remote->FetchGit(taken.url(), taken.checksum(), taken.keep_git_dir(),
                                             ProgressOf(taken.url()), calls_.stop));
    v1::RemoteSource found;
    found.set_url(taken.url());
    found.set_commit(tree.commit);
    found.set_cached(tree.cached);
    Note(step, found);
    // As the context itself: without a name, so that its content goes to the destination.
    return MatchTree({}, tree.root);
  }

  void Note(const v1::Step& step, v1::RemoteSource& found) {
    *found.mutable_range() = step.range();
    *plan_.add_remote_sources() = found;
    if (calls_.on_fetched) calls_.on_fetched(found);
  }

  void Put(v1::ContextMatches matches, v1::CopySource& source) const {
    if (!plan_.keep_times()) {
      for (v1::ContextMatch& match : *matches.mutable_matches()) match.clear_mtime();
    }
    *source.mutable_context() = std::move(matches);
  }

  const v1::Recipe& recipe_;
  const SourceReplacements replacements_;
  pattern::Effort* const effort_;
  const PlanningParts& parts_;
  const PlanningCalls& calls_;
  v1::BuildPlan& plan_;
  ContextReader reader_;
  plan::TreeSurvey survey_;
  std::map<Key, v1::ContextMatches> fetched_;
};

// When the one thing that `step` adds was last changed, as its server or its commit says; nullopt: nobody
// says.
absl::StatusOr<std::optional<int64_t>> TimeOfSource(const v1::Step& step,
                                                    const SourceReplacements& replacements,
                                                    const PlanningParts& parts, const PlanningCalls& calls) {
  const v1::CopySource& source = step.copy().sources(0);
  const v1::RemoteGit git = replacements.RepositoryFor(source.remote_git());
  const v1::RemoteFile wanted = replacements.FileFor(source.remote_file());
  const std::string url = source.has_remote_git() ? git.url() : wanted.url();
  const auto failed = [&](const absl::Status& status) {
    return absl::Status(status.code(), Av(fmt::format("{}: SOURCE_DATE_EPOCH: {}: {}", At(step.range()), url,
                                                      Sv(status.message()))));
  };
  if (parts.remote == nullptr) {
    return failed(absl::UnimplementedError("this coordinator does not fetch remote sources"));
  }
  const auto on_progress = [&](int64_t done, int64_t total) {
    if (calls.on_progress) calls.on_progress(url, done, total);
  };
  if (source.has_remote_git()) {
    const auto time = parts.remote->CommitTime(url, git.checksum(), on_progress, calls.stop);
    if (!time.ok()) return failed(time.status());
    return *time;
  }
  const auto file = parts.remote->FetchFile(url, wanted.checksum(), on_progress, calls.stop);
  if (!file.ok()) return failed(file.status());
  return file->mtime == 0 ? std::nullopt : std::optional<int64_t>(file->mtime);
}

absl::StatusOr<v1::PinnedImage> PinBase(const plan::BaseNeed& need, const std::string& reference,
                                        bool refresh, ImageStore& images, const std::string& project,
                                        const std::stop_token& stop) {
  auto pinned = need.root.empty() ? images.Pin(reference, need.platform, refresh, stop, project)
                                  : images.PinRoot(need.root, need.platform, need.reference);
  if (pinned.ok() || absl::IsCancelled(pinned.status())) return pinned;
  // Also when no registry answers: a name that is nearly a stage's is most likely meant to be it.
  return absl::Status(
      pinned.status().code(),
      Av(fmt::format("{}: {}{}", At(need.range), Sv(pinned.status().message()), need.suggestion)));
}

absl::StatusOr<v1::BuildPlan> Plan(const v1::BuildSubmission& submission, plan::PlanOptions options,
                                   const PlanningParts& parts, const PlanningCalls& calls) {
  const v1::Recipe& recipe = submission.recipe();
  ASSIGN_OR_RETURN(const std::optional<v1::Step> epoch_source, plan::FindEpochSource(recipe, options));
  const SourceReplacements replacements(submission);
  if (epoch_source) {
    ASSIGN_OR_RETURN(options.epoch_stage_time, TimeOfSource(*epoch_source, replacements, parts, calls));
  }
  std::vector<v1::PinnedImage> bases;
  while (true) {
    // Triggers of the bases known so far may need more.
    ASSIGN_OR_RETURN(const std::vector<plan::BaseNeed> needs, plan::FindBases(recipe, options, bases));
    if (needs.size() == bases.size()) break;
    for (size_t i = bases.size(); i < needs.size(); ++i) {
      ASSIGN_OR_RETURN(v1::PinnedImage pinned, PinBase(needs[i], replacements.ImageFor(needs[i].reference),
                                                       submission.options().pull(), parts.images,
                                                       core::ProjectOf(submission), calls.stop));
      if (calls.on_pinned) calls.on_pinned(pinned);
      bases.push_back(std::move(pinned));
    }
  }
  ASSIGN_OR_RETURN(v1::BuildPlan plan, plan::MakePlan(recipe, options, bases));
  RETURN_IF_ERROR(SourceResolver(submission, options, parts, calls, plan).Resolve());
  return plan;
}

}  // namespace

plan::PlanOptions PlanOptionsOf(const v1::BuildOptions& options, const v1::Platform& build_platform,
                                const PlanningLimits& limits) {
  plan::PlanOptions plan_options;
  plan_options.limits = limits.recipe;
  plan_options.platforms.assign(options.platforms().begin(), options.platforms().end());
  plan_options.build_platform = build_platform;
  if (options.network() != v1::NETWORK_MODE_UNSPECIFIED) plan_options.network = options.network();
  if (options.has_source_date_epoch()) plan_options.source_date_epoch = options.source_date_epoch();
  plan_options.keep_times = options.keep_times();
  plan_options.offline = options.offline();
  if (options.has_exclude_newer()) plan_options.exclude_newer = options.exclude_newer();
  plan_options.extra_hosts.assign(options.extra_hosts().begin(), options.extra_hosts().end());
  plan_options.normalize.assign(options.normalize().begin(), options.normalize().end());
  plan_options.shm_size = options.shm_size();
  plan_options.ulimits.assign(options.ulimits().begin(), options.ulimits().end());
  plan_options.no_cache_stages.assign(options.no_cache_stages().begin(), options.no_cache_stages().end());
  return plan_options;
}

bool IsFaultOfRecipe(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<v1::BuildPlan> PlanBuild(const v1::BuildSubmission& submission,
                                        const v1::Platform& build_platform, const PlanningParts& parts,
                                        const PlanningCalls& calls) {
  pattern::Effort effort(parts.limits.effort, calls.stop);
  plan::PlanOptions options = PlanOptionsOf(submission.options(), build_platform, parts.limits);
  options.effort = calls.effort == nullptr ? &effort : calls.effort;
  PlanningParts own = parts;
  std::optional<FetchedBefore> fetched;
  if (parts.remote != nullptr && submission.fetched_sources_size() > 0)
    own.remote = &fetched.emplace(submission, *parts.remote);
  absl::StatusOr<v1::BuildPlan> plan = Plan(submission, std::move(options), own, calls);
  // An error that the token made says something about the recipe that is not so.
  if (!plan.ok() && calls.stop.stop_requested()) return absl::CancelledError("planning was cancelled");
  return plan;
}

}  // namespace crossmill::coordinator
