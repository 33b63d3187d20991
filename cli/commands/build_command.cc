// crossmill build and retry: from flags to the report.

#include <CLI/CLI.hpp>

#include "cli/attribution/attribution.h"
#include "cli/attribution/rounds.h"
#include "cli/attribution/trials.h"
#include "cli/commands/build_arguments.h"
#include "cli/commands/check_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/report.h"
#include "cli/images/docker_load.h"
#include "cli/images/image_output.h"
#include "cli/images/image_transfer.h"
#include "cli/recipe/build_context.h"
#include "cli/recipe/build_flags.h"
#include "cli/recipe/docker_flags.h"
#include "cli/session/build_follow.h"
#include "cli/session/build_session.h"
#include "cli/session/submission.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "common/base/files.h"
#include "common/oci/annotations.h"
#include "common/plan/planner.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

void TellIgnored(Session& session, absl::Span<const std::string> flags) {
  if (!flags.empty()) session.Tell(fmt::format("crossmill: {}\n", IgnoredFlagsNotice(flags)));
}

// One run of the command. The members are what its phases hand on.
class BuildCommand {
 public:
  BuildCommand(Session& session, const BuildFlags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run();

 private:
  // Flags that build and retry share: results, progress, offers of the client.
  absl::Status ReadCommonFlags();
  absl::Status ReadFlags();
  // The submission of the build that is tried again.
  absl::Status TakeSubmission();
  // Reads secrets and agents, and names them in the options.
  absl::Status ReadOffers();
  absl::Status ReadRecipe();
  absl::StatusOr<int64_t> Submit();
  absl::StatusOr<int> Detach();
  // What is done with the image afterwards, or told of it, needs its digest.
  bool TakesImage() const;
  absl::StatusOr<BuildModel> Follow();
  absl::StatusOr<int> Finish(const v1::BuildView& known);
  absl::Status WriteFiles(const v1::BuildView& build);
  absl::Status WriteOutputs(const v1::BuildView& build);
  // --until-different: further rounds after the one that has ended; the last one.
  absl::StatusOr<BuildModel> FollowRounds(BuildModel model);
  // --attribute: tries of a build of which steps differ; what they say, for the report.
  absl::Status Attribute(const v1::BuildView& build);
  // Also tells which flags are ignored.
  void StartProgress();
  // --push: each -t.
  absl::Status Push(const v1::BuildView& build);
  // Results, unless an image is written to standard output.
  absl::Status PrintResult(std::string_view text);

  Session& session_;
  const BuildFlags& flags_;
  const SteadyClock::time_point started_ = SteadyClock::now();
  std::unique_ptr<BuildContext> context_;
  bool epoch_of_commit_ = false;
  std::vector<OutputTarget> outputs_;
  bool image_on_stdout_ = false;
  bool require_reproducible_ = false;
  // --load, and a Docker daemon answers: else it is ignored, as others of Docker's flags.
  bool load_ = false;
  ProgressMode mode_ = ProgressMode::kAuto;
  v1::BuildSubmission submission_;
  Farm* farm_ = nullptr;
  std::unique_ptr<LocalAgents> agents_;
  ClientOffers offers_;
  std::unique_ptr<Progress> progress_;
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
  require_reproducible_ = !flags_.require.empty();
  return absl::OkStatus();
}

absl::Status BuildCommand::TakeSubmission() {
  ASSIGN_OR_RETURN(const int64_t id, ParseBuildId(flags_.retried));
  v1::GetSubmissionRequest request;
  request.set_build_id(id);
  ASSIGN_OR_RETURN(submission_,
                   session_.Call(*farm_->builds, &v1::Builds::StubInterface::GetSubmission, request));
  v1::BuildOptions& options = *submission_.mutable_options();
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

absl::StatusOr<int64_t> BuildCommand::Submit() {
  v1::SubmitBuildRequest request;
  const AtScopeEnd wiped([&request] { WipeValues(request.mutable_secrets()); });
  *request.mutable_submission() = submission_;
  request.set_idempotency_key(flags_.idempotency_key);
  for (const v1::Secret& secret : offers_.secrets) *request.add_secrets() = secret;
  const auto response = SubmitOnce(session_, *farm_, request);
  if (response.ok()) {
    if (response->existing())
      progress_->Note(fmt::format("build {} was submitted before with this key", response->build_id()));
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

absl::Status BuildCommand::WriteFiles(const v1::BuildView& build) {
  if (!flags_.metadata_file.empty()) {
    RETURN_IF_ERROR(WriteFileAtomic(flags_.metadata_file, WriteJsonPretty(MetadataJson(build)) + "\n"));
  }
  if (!flags_.iid_file.empty() && build.status() == v1::BUILD_STATUS_SUCCEEDED) {
    RETURN_IF_ERROR(WriteFileAtomic(flags_.iid_file, build.index_digest()));
  }
  return absl::OkStatus();
}

absl::Status BuildCommand::WriteOutputs(const v1::BuildView& build) {
  if ((outputs_.empty() && !load_) || build.status() != v1::BUILD_STATUS_SUCCEEDED) return absl::OkStatus();
  ImageToWrite image;
  image.image = build.index_digest();
  image.names.assign(build.options().tags().begin(), build.options().tags().end());
  const std::vector<v1::BuildArgument> annotations(build.options().annotations().begin(),
                                                   build.options().annotations().end());
  ASSIGN_OR_RETURN(image.annotations,
                   oci::AnnotationsFor(annotations, oci::AnnotationLevel::kIndexDescriptor, nullptr));
  for (const OutputTarget& output : outputs_) {
    const absl::Status written = WriteImage(session_, image, output);
    // The build itself is done and well.
    if (!written.ok()) return WithExit(written, kExitInfrastructure);
  }
  if (!load_) return absl::OkStatus();
  const absl::Status loaded = LoadIntoDocker(session_, image);
  return loaded.ok() ? loaded : WithExit(loaded, kExitInfrastructure);
}

void BuildCommand::StartProgress() {
  std::vector<std::string> ignored = flags_.ignored;
  if (flags_.load && !load_) ignored.emplace_back("--load");
  // Before a live picture, whose lines are drawn over; but as a line of JSON where all are.
  if (mode_ != ProgressMode::kJson) TellIgnored(session_, ignored);
  // Detached, there is nothing to show live.
  progress_ =
      MakeProgress(session_, flags_.detach && mode_ == ProgressMode::kAuto ? ProgressMode::kQuiet : mode_);
  if (mode_ == ProgressMode::kJson && !ignored.empty()) progress_->Note(IgnoredFlagsNotice(ignored));
}

absl::Status BuildCommand::Push(const v1::BuildView& build) {
  if (!flags_.push || build.status() != v1::BUILD_STATUS_SUCCEEDED) return absl::OkStatus();
  for (const std::string& tag : build.options().tags()) {
    v1::PushImageRequest request;
    request.set_name(build.index_digest());
    request.set_reference(tag);
    const auto pushed = PushImage(session_, request, *progress_);
    // The build itself is done and well.
    if (!pushed.ok()) {
      const bool denied = absl::IsPermissionDenied(pushed.status());
      return WithExit(Annotate(pushed.status(), "push " + tag),
                      denied ? kExitNotPermitted : kExitInfrastructure);
    }
  }
  return absl::OkStatus();
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

absl::StatusOr<int> BuildCommand::Finish(const v1::BuildView& known) {
  ASSIGN_OR_RETURN(const BuildReport report,
                   FetchReportOfEnd(session_, known.id(), submission_.recipe().dockerfile()));
  const absl::Status pushed = Push(report.build);
  const absl::Status attributed = Attribute(report.build);
  progress_->Finish();
  RETURN_IF_ERROR(WriteFiles(report.build));
  RETURN_IF_ERROR(WriteOutputs(report.build));
  RETURN_IF_ERROR(pushed);
  RETURN_IF_ERROR(attributed);
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
  // Its executions may agree with each other, and with no earlier round.
  if (rounds_ && rounds_->differs_from_first() && require_reproducible_) {
    session_.Tell("crossmill: --require reproducible: rounds gave different images\n");
    return kExitNotReproducible;
  }
  const int code = ExitCodeOf(report.build, require_reproducible_);
  if (code == kExitNotReproducible || code == kExitInconclusive) {
    session_.Tell(fmt::format("crossmill: --require reproducible: the verdict is {}\n",
                              Word(OverallVerdict(report.build))));
  }
  return code;
}

absl::StatusOr<int> BuildCommand::Detach() {
  ASSIGN_OR_RETURN(const int64_t id, Submit());
  progress_->Finish();
  v1::BuildView view;
  view.set_id(id);
  view.set_status(v1::BUILD_STATUS_QUEUED);
  *view.mutable_options() = submission_.options();
  RETURN_IF_ERROR(WriteFiles(view));
  if (session_.json) {
    RETURN_IF_ERROR(session_.PrintJson(MetadataJson(view)));
  } else {
    RETURN_IF_ERROR(session_.Print(fmt::format("{}\n", id)));
  }
  return kExitOk;
}

bool BuildCommand::TakesImage() const {
  return flags_.push || load_ || flags_.attribute || flags_.until_different > 0 || !outputs_.empty() ||
         !flags_.metadata_file.empty() || !flags_.iid_file.empty() || session_.json ||
         mode_ == ProgressMode::kQuiet || require_reproducible_;
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

absl::StatusOr<int> BuildCommand::Run() {
  const bool retry = !flags_.retried.empty();
  RETURN_IF_ERROR(ReadCommonFlags());
  StartProgress();
  if (!retry) {
    RETURN_IF_ERROR(ReadFlags());
    RETURN_IF_ERROR(ReadOffers());
    RETURN_IF_ERROR(ReadRecipe());
  }
  ASSIGN_OR_RETURN(farm_, session_.Connect());
  // A coordinator that is not there should be noticed before the context is read.
  RETURN_IF_ERROR(
      session_.Call(*farm_->farm, &v1::Farm::StubInterface::GetVersion, v1::GetVersionRequest()).status());
  if (retry) {
    RETURN_IF_ERROR(TakeSubmission());
    RETURN_IF_ERROR(ReadOffers());
  }
  if (!retry) {
    RETURN_IF_ERROR(
        context_->Send(*farm_, *progress_, submission_.options().keep_times(), submission_.mutable_recipe()));
  }
  if (flags_.detach) return Detach();
  ASSIGN_OR_RETURN(BuildModel model, Follow());
  if (flags_.until_different > 0) {
    ASSIGN_OR_RETURN(model, FollowRounds(std::move(model)));
  }
  return Finish(model.view());
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
