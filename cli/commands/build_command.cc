// crossmill build and retry: from flags to the report.

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/ascii.h"
#include "cli/attribution/attribution.h"
#include "cli/attribution/rounds.h"
#include "cli/attribution/trials.h"
#include "cli/commands/build/build_results.h"
#include "cli/commands/build/matrix_run.h"
#include "cli/commands/build/pipeline_report.h"
#include "cli/commands/build_arguments.h"
#include "cli/commands/check_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/report.h"
#include "cli/images/docker_load.h"
#include "cli/recipe/build_context.h"
#include "cli/recipe/build_flags.h"
#include "cli/recipe/docker_flags.h"
#include "cli/session/build_follow.h"
#include "cli/session/build_session.h"
#include "cli/session/json_flag.h"
#include "cli/session/submission.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "common/base/files.h"
#include "common/plan/planner.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

void TellIgnored(Session& session, absl::Span<const std::string> flags) {
  if (!flags.empty()) session.Tell(fmt::format("crossmill: {}\n", IgnoredFlagsNotice(flags)));
}

// What is no traceparent is left out of account, as the standard wants it; the farm looks at the rest of it.
std::string TraceparentOf(const std::string& variable) {
  constexpr size_t kLongest = 256;
  const bool could_be =
      variable.size() <= kLongest && std::all_of(variable.begin(), variable.end(), absl::ascii_isgraph);
  return could_be ? variable : "";
}

// One run of the command. The members are what its phases hand on.
class BuildCommand {
 public:
  BuildCommand(Session& session, const BuildFlags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run();

 private:
  // All of it; what keeps it from its end is told the pipeline by Run.
  absl::StatusOr<int> RunToEnd();
  // Flags that build and retry share: results, progress, offers of the client.
  absl::Status ReadCommonFlags();
  absl::Status ReadFlags();
  // The submission of the build that is tried again.
  absl::Status TakeSubmission();
  // Reads secrets and agents, and names them in the options.
  absl::Status ReadOffers();
  absl::Status ReadRecipe();
  absl::StatusOr<int64_t> Submit();
  absl::StatusOr<v1::SubmitBuildResponse> SendSubmission();
  absl::StatusOr<int> Detach();
  // What is done with the image afterwards, or told of it, needs its digest.
  bool TakesImage() const;
  absl::StatusOr<BuildModel> Follow();
  absl::StatusOr<int> Finish(const v1::BuildView& known);
  int CodeOf(const v1::BuildView& build) const;
  // Which requirement is not met, if that is what the code says.
  void TellRequirement(const v1::BuildView& build, int code);
  absl::Status PrintReport(const BuildReport& report);
  absl::Status WriteIidFile(const v1::BuildView& build);
  // In place of Follow and Finish, where there are combinations.
  absl::StatusOr<int> FollowMatrix();
  // --until-different: further rounds after the one that has ended; the last one.
  absl::StatusOr<BuildModel> FollowRounds(BuildModel model);
  // --attribute: tries of a build of which steps differ; what they say, for the report.
  absl::Status Attribute(const v1::BuildView& build);
  // Also tells which flags are ignored.
  void StartProgress();
  // Results, unless an image is written to standard output.
  absl::Status PrintResult(std::string_view text);

  Session& session_;
  const BuildFlags& flags_;
  const SteadyClock::time_point started_ = SteadyClock::now();
  std::unique_ptr<BuildContext> context_;
  bool epoch_of_commit_ = false;
  std::vector<OutputTarget> outputs_;
  bool image_on_stdout_ = false;
  // --load, and a Docker daemon answers: else it is ignored, as others of Docker's flags.
  bool load_ = false;
  ProgressMode mode_ = ProgressMode::kAuto;
  v1::BuildSubmission submission_;
  Farm* farm_ = nullptr;
  std::unique_ptr<LocalAgents> agents_;
  ClientOffers offers_;
  std::unique_ptr<Progress> progress_;
  std::unique_ptr<PipelineReport> report_;
  // Of a matrix.
  std::vector<v1::MatrixCombination> combinations_;
  std::optional<Attribution> attribution_;
  std::optional<Rounds> rounds_;
};

absl::Status BuildCommand::ReadFlags() {
  ASSIGN_OR_RETURN(context_,
                   BuildContext::Make(session_, {flags_.context, flags_.file, flags_.build_contexts}));
  ASSIGN_OR_RETURN(const EpochChoice epoch,
                   ParseEpoch(flags_.source_date_epoch, session_.env.Variable("SOURCE_DATE_EPOCH")));
  ASSIGN_OR_RETURN(const v1::Platform own, OwnPlatform());
  ASSIGN_OR_RETURN(*submission_.mutable_options(), MakeBuildOptions(flags_, own, epoch));
  if (load_ && submission_.options().platforms_size() > 1) {
    return absl::InvalidArgumentError(
        "--load: Docker takes one platform; -o type=oci or the farm's store hold several");
  }
  ASSIGN_OR_RETURN(combinations_, ReadMatrix(flags_, submission_.options()));
  epoch_of_commit_ = epoch.mode == EpochMode::kGit;
  v1::Recipe* recipe = submission_.mutable_recipe();
  recipe->set_target(flags_.target);
  RETURN_IF_ERROR(AddBuildArguments(
      flags_.build_args, [&](const std::string& name) { return session_.env.Variable(name); }, recipe));
  return absl::OkStatus();
}

absl::Status BuildCommand::ReadCommonFlags() {
  for (const std::string& text : flags_.outputs) {
    ASSIGN_OR_RETURN(OutputTarget target, ParseOutput(text));
    if (target.destination == "-") {
      if (session_.env.OutTerminal().is_terminal) {
        return absl::InvalidArgumentError("-o dest=-: standard output is a terminal; redirect it to a file");
      }
      if (image_on_stdout_ || session_.json) {
        return absl::InvalidArgumentError("-o dest=-: standard output can hold only one result");
      }
      image_on_stdout_ = true;
    }
    outputs_.push_back(std::move(target));
  }
  if (flags_.detach && !outputs_.empty()) {
    return absl::InvalidArgumentError(
        "--detach does not wait for an image: -o cannot be used with it (crossmill image save)");
  }
  if (flags_.detach && (!flags_.iid_file.empty() || !flags_.require.empty())) {
    return absl::InvalidArgumentError(
        "--detach does not wait for a result: --iidfile and --require cannot be used with it");
  }
  if (flags_.detach && TellsTheEnd(flags_)) {
    return absl::InvalidArgumentError(
        "--detach does not wait for a result: --junit, --sarif, --code-quality, --summary and "
        "--commit-status "
        "cannot be used with it");
  }
  ASSIGN_OR_RETURN(mode_, ParseProgress(flags_.progress));
  if (flags_.quiet) {
    if (mode_ != ProgressMode::kAuto && mode_ != ProgressMode::kQuiet) {
      return absl::InvalidArgumentError(
          fmt::format("-q cannot be used with --progress {}: it shows nothing", flags_.progress));
    }
    mode_ = ProgressMode::kQuiet;
  }
  if (const char* again = flags_.attribute             ? "--attribute"
                          : flags_.until_different > 0 ? "--until-different"
                                                       : nullptr) {
    if (flags_.detach)
      return absl::InvalidArgumentError(
          fmt::format("{} needs the result: it cannot be used with --detach", again));
    if (!flags_.secrets.empty() || !flags_.agents.empty() || !flags_.idempotency_key.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("{} submits the recipe again and again: it cannot be used with --secret, --ssh or "
                      "--idempotency-key",
                      again));
    }
  }
  if (flags_.until_different > 0 && (!outputs_.empty() || flags_.push || flags_.load)) {
    return absl::InvalidArgumentError(
        "--until-different is about many images: -o, --push and --load cannot be used with it");
  }
  if (flags_.detach && !flags_.agents.empty()) {
    return absl::InvalidArgumentError(
        "--ssh needs this program while the build runs: it cannot be used with --detach");
  }
  load_ = flags_.load && DockerAnswers(session_.env);
  if (load_ && flags_.detach) {
    return absl::InvalidArgumentError("--load cannot be used with --detach: it happens after the build");
  }
  return absl::OkStatus();
}

absl::Status BuildCommand::TakeSubmission() {
  ASSIGN_OR_RETURN(const int64_t id, ParseBuildId(flags_.retried));
  v1::GetSubmissionRequest request;
  request.set_build_id(id);
  ASSIGN_OR_RETURN(submission_,
                   session_.Call(*farm_->builds, &v1::Builds::StubInterface::GetSubmission, request));
  v1::BuildOptions& options = *submission_.mutable_options();
  // SendSubmission has it retried from the coordinator's record, where nothing can be changed.
  if (submission_.fetched_sources_size() > 0 && (flags_.no_cache || flags_.pull || !flags_.agents.empty())) {
    return absl::InvalidArgumentError(
        "--no-cache, --pull, --ssh: what ADD names was fetched with the credentials of a client of Docker's; "
        "build it again with that client, or retry it as it was");
  }
  if (flags_.no_cache) options.set_no_cache(true);
  if (flags_.pull) options.set_pull(true);
  // An epoch that was given stays; everything else that depends on the time of submission is new.
  return absl::OkStatus();
}

absl::Status BuildCommand::ReadOffers() {
  v1::BuildOptions& options = *submission_.mutable_options();
  const std::vector<std::string> former_secrets(options.secret_ids().begin(), options.secret_ids().end());
  const std::vector<std::string> former_agents(options.ssh_ids().begin(), options.ssh_ids().end());
  ASSIGN_OR_RETURN(offers_.secrets, ReadSecrets(flags_.secrets, session_.env));
  ASSIGN_OR_RETURN(agents_, LocalAgents::Start(flags_.agents, session_.env));
  offers_.agent_sockets = agents_->sockets();
  options.clear_secret_ids();
  options.clear_ssh_ids();
  for (const v1::Secret& secret : offers_.secrets) options.add_secret_ids(secret.id());
  for (const auto& [id, socket] : offers_.agent_sockets) options.add_ssh_ids(id);
  return CheckGivenAgain(offers_, former_secrets, former_agents);
}

absl::Status BuildCommand::ReadRecipe() {
  v1::Recipe* recipe = submission_.mutable_recipe();
  RETURN_IF_ERROR(context_->Read(*progress_, recipe));
  const absl::Status syntax = plan::CheckSyntax(recipe->dockerfile_name(), recipe->dockerfile());
  if (!syntax.ok()) return WithExit(syntax, kExitBuildFailed);
  if (epoch_of_commit_) {
    ASSIGN_OR_RETURN(const int64_t seconds, context_->CommitTime());
    submission_.mutable_options()->set_source_date_epoch(seconds);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SubmitBuildResponse> BuildCommand::SendSubmission() {
  if (submission_.fetched_sources_size() > 0) {
    // What was fetched with a client's credentials only the coordinator says: it takes its own record.
    v1::RetryBuildRequest request;
    const AtScopeEnd wiped([&request] { WipeValues(request.mutable_secrets()); });
    ASSIGN_OR_RETURN(const int64_t retried, ParseBuildId(flags_.retried));
    request.set_build_id(retried);
    request.set_idempotency_key(flags_.idempotency_key.empty() ? NewIdempotencyKey()
                                                               : flags_.idempotency_key);
    for (const v1::Secret& secret : offers_.secrets) *request.add_secrets() = secret;
    return session_.Call(*farm_->builds, &v1::Builds::StubInterface::RetryBuild, request,
                         Session::Repeat::kAwaitStart);
  }
  v1::SubmitBuildRequest request;
  const AtScopeEnd wiped([&request] { WipeValues(request.mutable_secrets()); });
  *request.mutable_submission() = submission_;
  request.set_idempotency_key(flags_.idempotency_key);
  for (const v1::Secret& secret : offers_.secrets) *request.add_secrets() = secret;
  return SubmitOnce(session_, *farm_, request);
}

absl::StatusOr<int64_t> BuildCommand::Submit() {
  const auto response = SendSubmission();
  if (response.ok()) {
    if (response->existing())
      progress_->Note(fmt::format("build {} was submitted before with this key", response->build_id()));
    RETURN_IF_ERROR(report_->Submitted(response->build_id(), 0, *progress_));
    return response->build_id();
  }
  const absl::Status& last = response.status();
  if (absl::IsFailedPrecondition(last) && !flags_.retried.empty()) {
    return WithHint(
        last,
        "what the build was made from is not complete on the farm any more; `crossmill build CONTEXT` "
        "sends it again");
  }
  // The recipe's fault, not the command line's.
  if (absl::IsInvalidArgument(last) || absl::IsNotFound(last)) return WithExit(last, kExitBuildFailed);
  return last;
}

absl::Status BuildCommand::PrintResult(std::string_view text) {
  if (!image_on_stdout_) return session_.Print(text);
  session_.Tell(text);
  return absl::OkStatus();
}

absl::Status BuildCommand::WriteIidFile(const v1::BuildView& build) {
  if (flags_.iid_file.empty() || build.status() != v1::BUILD_STATUS_SUCCEEDED) return absl::OkStatus();
  return WriteFileAtomic(flags_.iid_file, build.index_digest());
}

void BuildCommand::StartProgress() {
  std::vector<std::string> ignored = flags_.ignored;
  if (flags_.load && !load_) ignored.emplace_back("--load");
  // Before a live picture, whose lines are drawn over; but as a line of JSON where all are.
  if (mode_ != ProgressMode::kJson) TellIgnored(session_, ignored);
  // Detached, there is nothing to show live; of several builds there is no live picture.
  ProgressMode shown = flags_.detach && mode_ == ProgressMode::kAuto ? ProgressMode::kQuiet : mode_;
  if (IsMatrix(flags_) && (shown == ProgressMode::kAuto || shown == ProgressMode::kTty))
    shown = ProgressMode::kPlain;
  progress_ = MakeProgress(session_, shown);
  if (mode_ == ProgressMode::kJson && !ignored.empty()) progress_->Note(IgnoredFlagsNotice(ignored));
}

absl::StatusOr<BuildModel> BuildCommand::FollowRounds(BuildModel model) {
  rounds_.emplace(static_cast<uint32_t>(flags_.until_different));
  rounds_->Take(model.view());
  // Names stay with the first round's image.
  submission_.mutable_options()->clear_tags();
  submission_.mutable_options()->set_no_cache(true);
  while (rounds_->GoesOn()) {
    progress_->Note(rounds_->Render());
    ASSIGN_OR_RETURN(model, Follow());
    rounds_->Take(model.view());
  }
  return model;
}

absl::Status BuildCommand::Attribute(const v1::BuildView& build) {
  if (!flags_.attribute || build.status() != v1::BUILD_STATUS_SUCCEEDED) return absl::OkStatus();
  Attribution attribution(build, submission_);
  if (attribution.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(RunTrials(session_, *farm_, *progress_, &attribution));
  attribution_ = std::move(attribution);
  return absl::OkStatus();
}

int BuildCommand::CodeOf(const v1::BuildView& build) const {
  // Its executions may agree with each other, and with no earlier round.
  if (rounds_ && rounds_->differs_from_first() && report_->requirement().reproducible)
    return kExitNotReproducible;
  return ExitCodeOf(build, report_->requirement());
}

void BuildCommand::TellRequirement(const v1::BuildView& build, int code) {
  if (rounds_ && rounds_->differs_from_first() && report_->requirement().reproducible) {
    session_.Tell("crossmill: --require reproducible: rounds gave different images\n");
  } else if (code == kExitNotReproducible || code == kExitInconclusive || code == kExitTooFewHosts) {
    session_.Tell(RequirementText(OverallVerdict(build), code, report_->requirement()));
  }
}

absl::StatusOr<int> BuildCommand::Finish(const v1::BuildView& known) {
  ASSIGN_OR_RETURN(const BuildReport report,
                   FetchReportOfEnd(session_, known.id(), submission_.recipe().dockerfile()));
  absl::Status done;
  if (flags_.push) done.Update(PushNames(session_, report.build, *progress_));
  done.Update(Attribute(report.build));
  progress_->Finish();
  done.Update(WriteIidFile(report.build));
  done.Update(WriteOutputs(session_, report.build, outputs_, load_));
  const int code = CodeOf(report.build);
  RETURN_IF_ERROR(report_->Ended({report}, done.ok() ? code : ExitCodeOf(done)));
  RETURN_IF_ERROR(done);
  RETURN_IF_ERROR(PrintReport(report));
  TellRequirement(report.build, code);
  return code;
}

absl::Status BuildCommand::PrintReport(const BuildReport& report) {
  if (session_.json) {
    Json document = BuildJson(report);
    if (attribution_) document["attribution"] = attribution_->Document();
    if (rounds_) document["rounds"] = rounds_->Document();
    RETURN_IF_ERROR(session_.PrintJson(document));
  } else if (mode_ == ProgressMode::kQuiet) {
    if (report.build.status() == v1::BUILD_STATUS_SUCCEEDED) {
      RETURN_IF_ERROR(PrintResult(report.build.index_digest() + "\n"));
    } else {
      session_.Tell(RenderHeader(report.build, {160, session_.ErrColour()}) +
                    RenderFailures(report, {160, session_.ErrColour()}));
    }
  } else {
    RETURN_IF_ERROR(PrintResult(RenderReport(report, session_.OutText()) +
                                (attribution_ ? attribution_->Render() : std::string()) +
                                (rounds_ ? rounds_->Render() + "\n" : std::string())));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> BuildCommand::Detach() {
  ASSIGN_OR_RETURN(const int64_t id, Submit());
  progress_->Finish();
  v1::BuildView view;
  view.set_id(id);
  view.set_status(v1::BUILD_STATUS_QUEUED);
  *view.mutable_options() = submission_.options();
  if (!flags_.metadata_file.empty())
    RETURN_IF_ERROR(WriteFileAtomic(flags_.metadata_file, WriteJsonPretty(MetadataJson(view)) + "\n"));
  if (session_.json) {
    RETURN_IF_ERROR(session_.PrintJson(MetadataJson(view)));
  } else {
    RETURN_IF_ERROR(session_.Print(fmt::format("{}\n", id)));
  }
  return kExitOk;
}

bool BuildCommand::TakesImage() const {
  return flags_.push || load_ || flags_.attribute || flags_.until_different > 0 || !outputs_.empty() ||
         !flags_.metadata_file.empty() || !flags_.iid_file.empty() || TellsTheEnd(flags_) || session_.json ||
         mode_ == ProgressMode::kQuiet || !flags_.require.empty();
}

absl::StatusOr<BuildModel> BuildCommand::Follow() {
  FollowOptions follow;
  follow.logs = mode_ != ProgressMode::kQuiet;
  follow.until_built = !TakesImage();
  if (submission_.options().timeout() > 0) {
    follow.deadline = started_ + std::chrono::seconds(submission_.options().timeout());
  }
  return FollowOffered(session_, *farm_, *progress_, follow, offers_, [this] { return Submit(); });
}

absl::StatusOr<int> BuildCommand::FollowMatrix() {
  MatrixRun run{session_, *farm_,      flags_,        mode_,    *progress_, *report_,
                offers_,  submission_, combinations_, outputs_, started_};
  return RunMatrix(run);
}

absl::StatusOr<int> BuildCommand::RunToEnd() {
  const bool retry = !flags_.retried.empty();
  if (!retry) {
    RETURN_IF_ERROR(ReadOffers());
    RETURN_IF_ERROR(ReadRecipe());
    report_->SetRecipe(submission_.recipe(), submission_.options());
  }
  ASSIGN_OR_RETURN(farm_, session_.Connect());
  // A coordinator that is not there should be noticed before the context is read.
  RETURN_IF_ERROR(
      session_.Call(*farm_->farm, &v1::Farm::StubInterface::GetVersion, v1::GetVersionRequest()).status());
  if (retry) {
    RETURN_IF_ERROR(TakeSubmission());
    RETURN_IF_ERROR(ReadOffers());
    report_->SetRecipe(submission_.recipe(), submission_.options());
  } else {
    RETURN_IF_ERROR(
        context_->Send(*farm_, *progress_, submission_.options().keep_times(), submission_.mutable_recipe()));
  }
  // Of who runs this, also where what is submitted was another's.
  submission_.set_traceparent(TraceparentOf(session_.env.VariableOr("TRACEPARENT")));
  if (!combinations_.empty()) return FollowMatrix();
  if (flags_.detach) return Detach();
  ASSIGN_OR_RETURN(BuildModel model, Follow());
  if (flags_.until_different > 0) {
    ASSIGN_OR_RETURN(model, FollowRounds(std::move(model)));
  }
  return Finish(model.view());
}

absl::StatusOr<int> BuildCommand::Run() {
  RETURN_IF_ERROR(ReadCommonFlags());
  StartProgress();
  if (flags_.retried.empty()) RETURN_IF_ERROR(ReadFlags());
  ASSIGN_OR_RETURN(report_, PipelineReport::Begin(session_, flags_));
  const absl::StatusOr<int> code = RunToEnd();
  if (!code.ok()) report_->Broke(code.status());
  return code;
}

}  // namespace

void AddBuildCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("build", "Build a Dockerfile for one or more platforms");
  auto flags = std::make_shared<BuildFlags>();
  AddBuildArguments(command, flags.get());
  AddJsonFlag(*command, session);
  command->callback([&session, flags] {
    session.command = [&session, flags]() -> absl::StatusOr<int> {
      ASSIGN_OR_RETURN(const DockerCall call, ParseDockerCall(flags->call));
      if (!flags->check && !call.check) return BuildCommand(session, *flags).Run();
      TellIgnored(session, flags->ignored);
      CheckFlags check;
      check.build = *flags;
      check.format = call.format;
      return RunCheck(session, check);
    };
  });
}

void AddRetryCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("retry", "Submit the recipe of a build again, as it was");
  auto flags = std::make_shared<BuildFlags>();
  AddRetryArguments(command, flags.get());
  AddJsonFlag(*command, session);
  command->callback([&session, flags] {
    session.command = [&session, flags] { return BuildCommand(session, *flags).Run(); };
  });
}

}  // namespace crossmill::cli
