// crossmill build: from flags to the report.
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdlib>
#include <random>

#include "cli/build_flags.h"
#include "cli/build_follow.h"
#include "cli/check_command.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/image_output.h"
#include "cli/json_output.h"
#include "cli/report.h"
#include "cli/words.h"
#include "common/base/files.h"
#include "common/base/subprocess.h"
#include "common/context/context_scan.h"
#include "common/context/context_upload.h"
#include "common/context/hash_cache.h"
#include "common/plan/ignore_rules.h"
#include "common/plan/planner.h"
#include "common/plan/platform.h"

namespace crossmill::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

absl::StatusOr<v1::Platform> OwnPlatform() {
  utsname name;
  if (uname(&name) != 0) return ErrnoStatus(errno, "uname");
  return plan::ParsePlatform(std::string("linux/") + name.machine);
}

absl::StatusOr<int64_t> GitCommitTime(const std::string& folder) {
  ProcessOptions options;
  options.argv = {"git", "-C", folder, "log", "-1", "--format=%ct"};
  const auto result = RunProcess(options);
  if (!result.ok() || result->exit_code != 0) {
    return absl::InvalidArgumentError(
        fmt::format("--source-date-epoch=git: {} has no git commit: {}", folder,
                    result.ok() ? result->stderr_text : std::string(Sv(result.status().message()))));
  }
  return std::atoll(result->stdout_text.c_str());
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
  absl::Status ReadFlags();
  absl::Status ReadRecipe();
  absl::Status SendContext();
  absl::StatusOr<int64_t> Submit();
  absl::StatusOr<int> Finish(const v1::BuildView& known);
  absl::Status WriteFiles(const v1::BuildView& build);
  absl::Status WriteOutputs(const v1::BuildView& build);
  // Results, unless an image is written to standard output.
  absl::Status PrintResult(std::string_view text);

  Session& session_;
  const BuildFlags& flags_;
  const SteadyClock::time_point started_ = SteadyClock::now();
  std::string folder_;
  std::vector<OutputTarget> outputs_;
  bool image_on_stdout_ = false;
  bool require_reproducible_ = false;
  ProgressMode mode_ = ProgressMode::kAuto;
  v1::BuildSubmission submission_;
  plan::IgnoreRules ignore_;
  Farm* farm_ = nullptr;
  std::unique_ptr<Progress> progress_;
};

absl::Status BuildCommand::ReadFlags() {
  if (flags_.context == "-" || flags_.context.find("://") != std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("context {} is not supported; expected a folder on this machine", flags_.context));
  }
  char resolved[PATH_MAX];
  if (realpath(flags_.context.c_str(), resolved) == nullptr) {
    return absl::NotFoundError(fmt::format("context folder {}: {}", flags_.context, strerror(errno)));
  }
  folder_ = resolved;
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
  ASSIGN_OR_RETURN(const EpochChoice epoch,
                   ParseEpoch(flags_.source_date_epoch, session_.env.Variable("SOURCE_DATE_EPOCH")));
  ASSIGN_OR_RETURN(const v1::Platform own, OwnPlatform());
  ASSIGN_OR_RETURN(*submission_.mutable_options(), MakeBuildOptions(flags_, own, epoch));
  if (epoch.mode == EpochMode::kGit) {
    ASSIGN_OR_RETURN(const int64_t seconds, GitCommitTime(folder_));
    submission_.mutable_options()->set_source_date_epoch(seconds);
  }
  require_reproducible_ = !flags_.require.empty();
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

absl::Status BuildCommand::ReadRecipe() {
  const RecipePaths paths = FindRecipe(flags_, folder_);
  absl::StatusOr<std::string> text =
      paths.dockerfile == "-" ? session_.env.In() : ReadFile(paths.dockerfile, 16 << 20);
  if (!text.ok()) {
    return WithHint(text.status(),
                    "-f names the Dockerfile; the default is Dockerfile in the context folder");
  }
  const absl::Status syntax = plan::CheckSyntax(paths.dockerfile_name, *text);
  if (!syntax.ok()) return WithExit(syntax, kExitBuildFailed);
  v1::Recipe* recipe = submission_.mutable_recipe();
  recipe->set_dockerfile(*std::move(text));
  recipe->set_dockerfile_name(paths.dockerfile_name);
  for (const auto& [path, name] : paths.ignore_files) {
    auto rules = ReadFile(path, 16 << 20);
    if (absl::IsNotFound(rules.status())) continue;
    RETURN_IF_ERROR(rules.status());
    auto parsed = plan::IgnoreRules::Parse(*rules);
    if (!parsed.ok()) {
      return WithExit(absl::InvalidArgumentError(fmt::format("{}:{}", name, Sv(parsed.status().message()))),
                      kExitBuildFailed);
    }
    ignore_ = *std::move(parsed);
    recipe->set_ignore_file(*std::move(rules));
    recipe->set_ignore_file_name(name);
    break;
  }
  return absl::OkStatus();
}

absl::Status BuildCommand::SendContext() {
  Environment& env = session_.env;
  progress_->Activity(fmt::format("reading the context {}", folder_));
  context::ScanOptions scan;
  scan.folder = folder_;
  scan.ignore = ignore_.empty() ? nullptr : &ignore_;
  scan.keep_times = submission_.options().keep_times();
  scan.cache_path = context::HashCachePath(env.VariableOr("XDG_CACHE_HOME"), env.VariableOr("HOME"), folder_);
  const auto scan_started = SteadyClock::now();
  ASSIGN_OR_RETURN(const context::ScannedContext scanned, context::ScanContext(scan, env.clock()));
  const std::chrono::duration<double> scan_time = SteadyClock::now() - scan_started;
  progress_->Note(fmt::format("context {} files, {}, {} of them read, {}", scanned.files.size(),
                              FormatBytes(scanned.bytes), scanned.hashed_files,
                              FormatSeconds(scan_time.count())));
  for (const std::string& note : scanned.notes) progress_->Note("note: " + note);
  const context::UploadProgress show = [this](const context::UploadResult& sent,
                                              const context::UploadResult& total) {
    progress_->Activity(
        fmt::format("sending the context {} of {}", FormatBytes(sent.bytes), FormatBytes(total.bytes)));
  };
  auto sent = context::UploadContext(scanned, folder_, *farm_->blobs, show);
  if (!sent.ok()) return session_.Explain(sent.status());
  if (sent->blobs > 0)
    progress_->Note(fmt::format("context sent {} blobs, {}", sent->blobs, FormatBytes(sent->bytes)));
  ToProto(scanned.root, submission_.mutable_recipe()->mutable_context_root());
  progress_->Activity("submitting");
  return absl::OkStatus();
}

absl::StatusOr<int64_t> BuildCommand::Submit() {
  v1::SubmitBuildRequest request;
  *request.mutable_submission() = submission_;
  request.set_idempotency_key(flags_.idempotency_key.empty() ? NewIdempotencyKey() : flags_.idempotency_key);
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
  const std::vector<std::string> names(build.options().tags().begin(), build.options().tags().end());
  for (const OutputTarget& output : outputs_) {
    const absl::Status written = WriteImage(session_, build.index_digest(), names, output.destination);
    // Whatever it was, the build itself is done and well.
    if (!written.ok()) return WithExit(written, kExitInfrastructure);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> BuildCommand::Finish(const v1::BuildView& known) {
  const std::string id = std::to_string(known.id());
  ASSIGN_OR_RETURN(const BuildReport report, FetchReport(session_, id, submission_.recipe().dockerfile()));
  progress_->Finish();
  RETURN_IF_ERROR(WriteFiles(report.build));
  RETURN_IF_ERROR(WriteOutputs(report.build));
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

absl::StatusOr<int> BuildCommand::Run() {
  RETURN_IF_ERROR(ReadFlags());
  RETURN_IF_ERROR(ReadRecipe());
  ASSIGN_OR_RETURN(farm_, session_.Connect());
  // A coordinator that is not there should be noticed before the context is read.
  RETURN_IF_ERROR(
      session_.Call(*farm_->farm, &v1::Farm::StubInterface::GetVersion, v1::GetVersionRequest()).status());
  // Detached, there is nothing to show live.
  progress_ =
      MakeProgress(session_, flags_.detach && mode_ == ProgressMode::kAuto ? ProgressMode::kQuiet : mode_);
  RETURN_IF_ERROR(SendContext());
  if (flags_.detach) {
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
  FollowOptions follow;
  follow.logs = mode_ != ProgressMode::kQuiet;
  if (submission_.options().timeout() > 0) {
    follow.deadline = started_ + std::chrono::seconds(submission_.options().timeout());
  }
  ASSIGN_OR_RETURN(const BuildModel model,
                   FollowBuild(session_, *farm_, *progress_, follow, [this] { return Submit(); }));
  return Finish(model.view());
}

void AddWhatToBuild(CLI::App* command, BuildFlags* flags) {
  command->add_option("context", flags->context, "Folder that COPY and ADD read from")
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
  command->add_flag("--no-cache", flags->no_cache, "Execute every step anew");
  command->add_flag("--check", flags->check, "Do not build: check the recipe, as `crossmill check` does");
  command->add_option("--network", flags->network, "Network of RUN steps [host]")
      ->type_name("none|host");
  command->add_option("--emulation", flags->emulation, "Whether emulated executions count")
      ->type_name("allow|never")
      ->capture_default_str();
  command
      ->add_option("--source-date-epoch", flags->source_date_epoch,
                   "Newest file time in the image: seconds, git (the context's commit) or none (keep times) "
                   "[SOURCE_DATE_EPOCH, else by the base images]")
      ->type_name("EPOCH");
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
  command->add_option("-t,--tag", flags->tags, "Name of the image in the farm's store; repeatable")
      ->type_name("NAME");
  command
      ->add_option("-o,--output", flags->outputs,
                   "type=oci,dest=FILE or FILE: OCI layout tar; - is standard output")
      ->type_name("OUTPUT");
  command
      ->add_option("--metadata-file", flags->metadata_file, "Write id, status, digests and verdict as JSON")
      ->type_name("FILE");
  command->add_option("--iidfile", flags->iid_file, "Write the image digest")->type_name("FILE");
  command->add_option("--progress", flags->progress, "How to show the build while it runs; json: one object per line on standard error, quiet: only the "
                   "image digest at the end")
      ->type_name("auto|tty|plain|json|quiet")
      ->capture_default_str();
  command->add_flag("-d,--detach", flags->detach, "Print the build's id and do not wait");
  command->add_option("--timeout", flags->timeout, "Cancel the build after this time: 45m")
      ->type_name("TIME");
  command->add_option("--step-timeout", flags->step_timeout, "Limit of each step: 20m")->type_name("TIME");
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
  AddResults(command, flags.get());
  AddJsonFlag(*command, session);
  // One value per mention: what follows is the context.
  for (const char* name : {"--platform", "--build-arg", "--tag", "--output", "--require"}) {
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

}  // namespace crossmill::cli
