// crossmill build and retry: from flags to the report.
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <random>

#include "cli/commands/check_command.h"
#include "cli/commands/commands.h"
#include "cli/commands/image_output.h"
#include "cli/commands/image_transfer.h"
#include "cli/commands/report.h"
#include "cli/recipe/build_context.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/build_follow.h"
#include "cli/session/build_session.h"
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

absl::StatusOr<v1::Platform> OwnPlatform() {
  utsname name;
  if (uname(&name) != 0) return ErrnoStatus(errno, "uname");
  return ParsePlatform(std::string("linux/") + name.machine);
}

std::string NewIdempotencyKey() {
  std::random_device random;
  std::string key;
  for (int i = 0; i < 4; ++i) key += fmt::format("{:08x}", random());
  return key;
}

// One run of the command. The members are what its phases hand on.
class BuildCommand {
 public:
  BuildCommand(Session& session, const BuildFlags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run();

 private:
  // What holds for build and retry: results, progress, what the client offers.
  absl::Status ReadCommonFlags();
  absl::Status ReadFlags();
  // The submission of the build that is tried again.
  absl::Status TakeSubmission();
  // Reads secrets and agents, and names them in the options.
  absl::Status ReadOffers();
  absl::Status ReadRecipe();
  absl::StatusOr<int64_t> Submit();
  absl::StatusOr<int> Detach();
  absl::StatusOr<BuildModel> Follow();
  absl::StatusOr<int> Finish(const v1::BuildView& known);
  absl::Status WriteFiles(const v1::BuildView& build);
  absl::Status WriteOutputs(const v1::BuildView& build);
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
  ProgressMode mode_ = ProgressMode::kAuto;
  v1::BuildSubmission submission_;
  Farm* farm_ = nullptr;
  std::unique_ptr<LocalAgents> agents_;
  ClientOffers offers_;
  std::unique_ptr<Progress> progress_;
};

absl::Status BuildCommand::ReadFlags() {
  ASSIGN_OR_RETURN(context_,
                   BuildContext::Make(session_, {flags_.context, flags_.file, flags_.build_contexts}));
  ASSIGN_OR_RETURN(const EpochChoice epoch,
                   ParseEpoch(flags_.source_date_epoch, session_.env.Variable("SOURCE_DATE_EPOCH")));
  ASSIGN_OR_RETURN(const v1::Platform own, OwnPlatform());
  ASSIGN_OR_RETURN(*submission_.mutable_options(), MakeBuildOptions(flags_, own, epoch));
  epoch_of_commit_ = epoch.mode == EpochMode::kGit;
  v1::Recipe* recipe = submission_.mutable_recipe();
  recipe->set_target(flags_.target);
  for (const std::string& text : flags_.build_args) {
    ASSIGN_OR_RETURN(const auto argument, ParseBuildArgument(text, [&](const std::string& name) {
                       return session_.env.Variable(name);
                     }));
    if (argument) *recipe->add_build_arguments() = *argument;
  }
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
  if (flags_.detach && !flags_.agents.empty()) {
    return absl::InvalidArgumentError(
        "--ssh needs this program while the build runs: it cannot be used with --detach");
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
  // The farm forgets values with the end of a build, so a retry has to be given them anew.
  for (const std::string& id : former_secrets) {
    if (std::find(options.secret_ids().begin(), options.secret_ids().end(), id) ==
        options.secret_ids().end()) {
      return absl::InvalidArgumentError(fmt::format(
          "the build was given secret {0}, which is not kept; give it again: --secret id={0},src=FILE or "
          "--secret id={0},env=NAME",
          id));
    }
  }
  for (const std::string& id : former_agents) {
    if (!offers_.agent_sockets.contains(id)) {
      return absl::InvalidArgumentError(
          fmt::format("the build was given ssh agent {0}; give it again: --ssh {0}", id));
    }
  }
  return absl::OkStatus();
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
  *request.mutable_submission() = submission_;
  request.set_idempotency_key(flags_.idempotency_key.empty() ? NewIdempotencyKey() : flags_.idempotency_key);
  for (const v1::Secret& secret : offers_.secrets) *request.add_secrets() = secret;
  absl::Status last;
  // The key makes it safe to ask again when the answer was lost.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto response = session_.Call(*farm_->builds, &v1::Builds::StubInterface::SubmitBuild, request);
    if (response.ok()) {
      if (response->existing())
        progress_->Note(fmt::format("build {} was submitted before with this key", response->build_id()));
      return response->build_id();
    }
    last = response.status();
    if (!absl::IsUnavailable(last)) break;
  }
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
  session_.env.Err(text);
  return absl::OkStatus();
}

absl::Status BuildCommand::WriteFiles(const v1::BuildView& build) {
  if (!flags_.metadata_file.empty()) {
    RETURN_IF_ERROR(WriteFileAtomic(flags_.metadata_file, WriteJsonPretty(MetadataJson(build)) + "\n"));
  }
  if (!flags_.iid_file.empty() && build.status() == v1::SUCCEEDED) {
    RETURN_IF_ERROR(WriteFileAtomic(flags_.iid_file, build.index_digest()));
  }
  return absl::OkStatus();
}

absl::Status BuildCommand::WriteOutputs(const v1::BuildView& build) {
  if (outputs_.empty() || build.status() != v1::SUCCEEDED) return absl::OkStatus();
  ImageToWrite image;
  image.image = build.index_digest();
  image.names.assign(build.options().tags().begin(), build.options().tags().end());
  const std::vector<v1::BuildArgument> annotations(build.options().annotations().begin(),
                                                   build.options().annotations().end());
  ASSIGN_OR_RETURN(image.annotations,
                   oci::AnnotationsFor(annotations, oci::AnnotationLevel::kIndexDescriptor, nullptr));
  for (const OutputTarget& output : outputs_) {
    const absl::Status written = WriteImage(session_, image, output);
    // Whatever it was, the build itself is done and well.
    if (!written.ok()) return WithExit(written, kExitInfrastructure);
  }
  return absl::OkStatus();
}

absl::Status BuildCommand::Push(const v1::BuildView& build) {
  if (!flags_.push || build.status() != v1::SUCCEEDED) return absl::OkStatus();
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

absl::StatusOr<int> BuildCommand::Finish(const v1::BuildView& known) {
  const std::string id = std::to_string(known.id());
  ASSIGN_OR_RETURN(const BuildReport report, FetchReport(session_, id, submission_.recipe().dockerfile()));
  const absl::Status pushed = Push(report.build);
  progress_->Finish();
  RETURN_IF_ERROR(WriteFiles(report.build));
  RETURN_IF_ERROR(WriteOutputs(report.build));
  RETURN_IF_ERROR(pushed);
  if (session_.json) {
    RETURN_IF_ERROR(session_.PrintJson(BuildJson(report.build, report.packages)));
  } else if (mode_ == ProgressMode::kQuiet) {
    if (report.build.status() == v1::SUCCEEDED) {
      RETURN_IF_ERROR(PrintResult(report.build.index_digest() + "\n"));
    } else {
      session_.env.Err(RenderHeader(report.build, {160, session_.ErrColour()}) +
                       RenderFailures(report, {160, session_.ErrColour()}));
    }
  } else {
    RETURN_IF_ERROR(PrintResult(RenderReport(report, session_.OutText())));
  }
  const int code = ExitCodeOf(report.build, require_reproducible_);
  if (code == kExitNotReproducible || code == kExitInconclusive) {
    session_.env.Err(fmt::format("crossmill: --require reproducible: the verdict is {}\n",
                                 Word(OverallVerdict(report.build))));
  }
  return code;
}

absl::StatusOr<int> BuildCommand::Detach() {
  ASSIGN_OR_RETURN(const int64_t id, Submit());
  progress_->Finish();
  v1::BuildView view;
  view.set_id(id);
  view.set_status(v1::QUEUED);
  *view.mutable_options() = submission_.options();
  RETURN_IF_ERROR(WriteFiles(view));
  if (session_.json) {
    RETURN_IF_ERROR(session_.PrintJson(MetadataJson(view)));
  } else {
    RETURN_IF_ERROR(session_.Print(fmt::format("{}\n", id)));
  }
  return kExitOk;
}

absl::StatusOr<BuildModel> BuildCommand::Follow() {
  FollowOptions follow;
  follow.logs = mode_ != ProgressMode::kQuiet;
  if (submission_.options().timeout() > 0) {
    follow.deadline = started_ + std::chrono::seconds(submission_.options().timeout());
  }
  // Ends with the build, or with us.
  std::optional<BuildAttachment> attachment;
  return FollowBuild(session_, *farm_, *progress_, follow, [&]() -> absl::StatusOr<int64_t> {
    ASSIGN_OR_RETURN(const int64_t id, Submit());
    if (!offers_.empty()) {
      attachment.emplace(*farm_, id, offers_, [this](std::string_view problem) {
        progress_->Note(fmt::format("secrets and ssh agents: {}", problem));
      });
    }
    return id;
  });
}

absl::StatusOr<int> BuildCommand::Run() {
  const bool retry = !flags_.retried.empty();
  RETURN_IF_ERROR(ReadCommonFlags());
  // Detached, there is nothing to show live.
  progress_ =
      MakeProgress(session_, flags_.detach && mode_ == ProgressMode::kAuto ? ProgressMode::kQuiet : mode_);
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
  ASSIGN_OR_RETURN(const BuildModel model, Follow());
  return Finish(model.view());
}

void AddWhatToBuild(CLI::App* command, BuildFlags* flags) {
  command
      ->add_option(
          "context", flags->context,
          "Folder that COPY and ADD read from; - (tar or Dockerfile on standard input), git URL, http(s) URL")
      ->type_name("CONTEXT")
      ->capture_default_str();
  command
      ->add_option("-f,--file", flags->file,
                   "Dockerfile; - reads it from standard input [CONTEXT/Dockerfile]")
      ->type_name("FILE");
  command
      ->add_option("--platform", flags->platforms, "Platforms, comma separated or repeated [this machine's]")
      ->type_name("OS/ARCH,...");
  command->add_option("--target", flags->target, "Stage to build [the last]")->type_name("STAGE");
  command
      ->add_option("--build-arg", flags->build_args,
                   "Build argument; NAME alone takes the variable's value; repeatable")
      ->type_name("NAME[=VALUE]");
  command
      ->add_option("--build-context", flags->build_contexts,
                   "Name for FROM, COPY --from and mounts: folder, docker-image://, oci-layout://, git or "
                   "http(s) URL; "
                   "repeatable")
      ->type_name("NAME=VALUE");
  command->add_flag("--no-cache", flags->no_cache, "Execute every step anew");
  command->add_flag("--check", flags->check, "Do not build: check the recipe, as `crossmill check` does");
  command->add_option("--network", flags->network, "Network of RUN steps [host]")->type_name("none|host");
  command->add_option("--emulation", flags->emulation, "Whether emulated executions count")
      ->type_name("allow|never")
      ->capture_default_str();
  command
      ->add_option("--source-date-epoch", flags->source_date_epoch,
                   "Newest file time in the image: seconds, git (the context's commit) or none (keep times) "
                   "[SOURCE_DATE_EPOCH, else by the base images]")
      ->type_name("EPOCH");
}

// What only the client has.
void AddOffers(CLI::App* command, BuildFlags* flags) {
  command
      ->add_option("--secret", flags->secrets,
                   "Secret for RUN --mount=type=secret: id=ID,src=FILE or id=ID,env=NAME; repeatable")
      ->type_name("SECRET")
      ->allow_extra_args(false);
  command
      ->add_option(
          "--ssh", flags->agents,
          "ssh agent for RUN --mount=type=ssh: default, ID, ID=SOCKET or ID=KEY_FILE,...; repeatable")
      ->type_name("AGENT")
      ->allow_extra_args(false);
}

void AddBuildOptions(CLI::App* command, BuildFlags* flags) {
  command->add_option("-t,--tag", flags->tags, "Name of the image in the farm's store; repeatable")
      ->type_name("NAME");
  command->add_option("--timeout", flags->timeout, "Cancel the build after this time: 45m")
      ->type_name("TIME");
  command->add_option("--step-timeout", flags->step_timeout, "Limit of each step: 20m")->type_name("TIME");
  command->add_option("--add-host", flags->extra_hosts, "Line of /etc/hosts in RUN steps; repeatable")
      ->type_name("NAME:ADDRESS")
      ->allow_extra_args(false);
  command->add_option("--shm-size", flags->shm_size, "Size of /dev/shm in RUN steps [64m]")
      ->type_name("SIZE");
  command->add_option("--ulimit", flags->ulimits, "Limit of RUN steps; repeatable")
      ->type_name("NAME=SOFT[:HARD]")
      ->allow_extra_args(false);
  command
      ->add_option("--no-cache-filter", flags->no_cache_stages,
                   "Stages to execute anew, comma separated or repeated")
      ->type_name("STAGE,...")
      ->allow_extra_args(false);
  command->add_option("--label", flags->labels, "Label of the images; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command->add_flag("--pull", flags->pull, "Ask the registries again what the tags of base images mean");
}

void AddVerification(CLI::App* command, BuildFlags* flags) {
  command->add_option("--verify", flags->verify, "Execute each step N times on different hosts and compare")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--allow-same-host", flags->allow_same_host, "Let executions to compare run on one host");
  command
      ->add_option("--require", flags->require,
                   "Exit 3 when it is not, 6 when that cannot be said (implies --verify 2)")
      ->type_name("reproducible");
}

void AddResults(CLI::App* command, BuildFlags* flags) {
  command
      ->add_option(
          "-o,--output", flags->outputs,
          "type=oci|docker|tar|local,dest=PATH; FILE alone: OCI layout tar; - is standard output; repeatable")
      ->type_name("OUTPUT");
  command->add_flag("--push", flags->push, "Push each -t to its registry when the build has succeeded");
  command
      ->add_option(
          "--annotation", flags->annotations,
          "Annotation [LEVEL:]NAME=VALUE; LEVEL is manifest, index, manifest-descriptor or index-descriptor "
          "[manifest]; repeatable")
      ->type_name("ANNOTATION")
      ->allow_extra_args(false);
  command
      ->add_option("--compression", flags->compression, "Of new layers: gzip or zstd, with ,level=N [gzip]")
      ->type_name("NAME");
  command
      ->add_option("--metadata-file", flags->metadata_file, "Write id, status, digests and verdict as JSON")
      ->type_name("FILE");
  command->add_option("--iidfile", flags->iid_file, "Write the image digest")->type_name("FILE");
  command
      ->add_option(
          "--progress", flags->progress,
          "How to show the build while it runs; json: one object per line on standard error, quiet: only the "
          "image digest at the end")
      ->type_name("auto|tty|plain|json|quiet")
      ->capture_default_str();
  command->add_flag("-d,--detach", flags->detach, "Print the build's id and do not wait");
  command
      ->add_option("--idempotency-key", flags->idempotency_key,
                   "The same key within a day gives the same build [random]")
      ->type_name("KEY");
}

}  // namespace

void AddBuildCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("build", "Build a Dockerfile for one or more platforms");
  auto flags = std::make_shared<BuildFlags>();
  AddWhatToBuild(command, flags.get());
  AddVerification(command, flags.get());
  AddBuildOptions(command, flags.get());
  AddOffers(command, flags.get());
  AddResults(command, flags.get());
  AddJsonFlag(*command, session);
  // One value per mention: what follows is the context.
  for (const char* name :
       {"--platform", "--build-arg", "--build-context", "--tag", "--output", "--require"}) {
    command->get_option(name)->allow_extra_args(false);
  }
  command->callback([&session, flags] {
    session.command = [&session, flags]() -> absl::StatusOr<int> {
      if (!flags->check) return BuildCommand(session, *flags).Run();
      CheckFlags check;
      check.build = *flags;
      return RunCheck(session, check);
    };
  });
}

void AddRetryCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("retry", "Submit the recipe of a build again, as it was");
  auto flags = std::make_shared<BuildFlags>();
  command->add_option("build", flags->retried, "Number of the build, or latest")
      ->type_name("BUILD")
      ->required();
  command->add_flag("--no-cache", flags->no_cache, "Execute every step anew");
  command->add_flag("--pull", flags->pull, "Ask the registries again what the tags of base images mean");
  command
      ->add_option("--require", flags->require,
                   "reproducible: exit 3 when it is not, 6 when that cannot be said")
      ->type_name("WHAT");
  AddOffers(command, flags.get());
  AddResults(command, flags.get());
  AddJsonFlag(*command, session);
  for (const char* name : {"--output", "--require"}) command->get_option(name)->allow_extra_args(false);
  command->callback([&session, flags] {
    session.command = [&session, flags] { return BuildCommand(session, *flags).Run(); };
  });
}

}  // namespace crossmill::cli
