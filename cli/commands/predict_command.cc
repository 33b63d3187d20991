// crossmill predict: what Python packages will be, before a build; and beside what came, after one.

#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/recipe/build_context.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/build_follow.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "cli/show/prediction_json.h"
#include "cli/show/render_prediction.h"
#include "common/plan/planner.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

struct PredictFlags {
  BuildFlags build;
  // A build to compare with; unset: a recipe is predicted.
  std::optional<std::string> against;
  bool csv = false;
};

class PredictCommand {
 public:
  PredictCommand(Session& session, const PredictFlags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run() {
    if (flags_.csv && session_.json) return absl::InvalidArgumentError("--csv and --json exclude each other");
    ASSIGN_OR_RETURN(const ProgressMode mode, ParseProgress(flags_.build.progress));
    progress_ = MakeProgress(session_, session_.json || flags_.csv ? ProgressMode::kQuiet : mode);
    v1::PredictRequest request;
    if (flags_.against.has_value()) {
      ASSIGN_OR_RETURN(const int64_t build, ParseBuildId(*flags_.against));
      request.set_against_build(build);
      ASSIGN_OR_RETURN(farm_, session_.Connect());
    } else {
      RETURN_IF_ERROR(MakeSubmission(request.mutable_submission()));
    }
    ASSIGN_OR_RETURN(const v1::Forecast forecast, Ask(request));
    progress_->Finish();
    RETURN_IF_ERROR(Print(forecast));
    const bool bad = flags_.against.has_value() ? HasCertainDifference(forecast) : PredictsFailure(forecast);
    return bad ? kExitBuildFailed : kExitOk;
  }

 private:
  // The recipe, as `build` submits it; the context is sent to the farm.
  absl::Status MakeSubmission(v1::BuildSubmission* submission) {
    const BuildFlags& flags = flags_.build;
    ASSIGN_OR_RETURN(const std::unique_ptr<BuildContext> context,
                     BuildContext::Make(session_, {flags.context, flags.file, flags.build_contexts}));
    ASSIGN_OR_RETURN(const v1::Platform own, OwnPlatform());
    ASSIGN_OR_RETURN(const EpochChoice epoch,
                     ParseEpoch(flags.source_date_epoch, session_.env.Variable("SOURCE_DATE_EPOCH")));
    ASSIGN_OR_RETURN(*submission->mutable_options(), MakeBuildOptions(flags, own, epoch));
    v1::Recipe* recipe = submission->mutable_recipe();
    recipe->set_target(flags.target);
    RETURN_IF_ERROR(AddBuildArguments(
        flags.build_args, [&](const std::string& name) { return session_.env.Variable(name); }, recipe));
    RETURN_IF_ERROR(context->Read(*progress_, recipe));
    const absl::Status syntax = plan::CheckSyntax(recipe->dockerfile_name(), recipe->dockerfile());
    if (!syntax.ok()) return WithExit(syntax, kExitBuildFailed);
    if (epoch.mode == EpochMode::kGit) {
      ASSIGN_OR_RETURN(const int64_t seconds, context->CommitTime());
      submission->mutable_options()->set_source_date_epoch(seconds);
    }
    ASSIGN_OR_RETURN(farm_, session_.Connect());
    return context->Send(*farm_, *progress_, submission->options().keep_times(), recipe);
  }

  absl::StatusOr<v1::Forecast> Ask(const v1::PredictRequest& request) {
    std::optional<v1::Forecast> forecast;
    const absl::Status status = session_.CallStream([&] {
      grpc::ClientContext call;
      const auto reader = farm_->predictions->Predict(&call, request);
      v1::PredictResponse response;
      while (reader->Read(&response)) {
        if (response.has_forecast()) {
          forecast = std::move(*response.mutable_forecast());
        } else {
          progress_->Activity(fmt::format("predicting {}", Printable(response.progress())));
        }
      }
      return rpc::FromGrpc(reader->Finish());
    });
    // The recipe's fault, not the command line's.
    if (absl::IsInvalidArgument(status)) return WithExit(status, kExitBuildFailed);
    RETURN_IF_ERROR(status);
    if (!forecast.has_value())
      return absl::UnavailableError("the coordinator ended the prediction without one");
    return *std::move(forecast);
  }

  absl::Status Print(const v1::Forecast& forecast) {
    if (session_.json) return session_.PrintJson(ForecastJson(forecast));
    if (flags_.csv) return session_.Print(ForecastCsv(forecast));
    return session_.Print(flags_.against.has_value() ? RenderPredictedBeside(forecast, session_.OutText())
                                                     : RenderForecast(forecast, session_.OutText()));
  }

  Session& session_;
  const PredictFlags& flags_;
  Farm* farm_ = nullptr;
  std::unique_ptr<Progress> progress_;
};

void AddRecipeFlags(CLI::App* command, BuildFlags* flags) {
  command
      ->add_option("context", flags->context,
                   "Folder that COPY and ADD read from; - (tar or Dockerfile on standard input), git URL, "
                   "http(s) URL")
      ->type_name("CONTEXT")
      ->capture_default_str();
  command
      ->add_option("-f,--file", flags->file,
                   "Dockerfile; - reads it from standard input [CONTEXT/Dockerfile]")
      ->type_name("FILE");
  command
      ->add_option(
          "--platform", flags->platforms,
          "Platforms, comma separated or repeated; none of the farm's workers needs to have them [this "
          "machine's]")
      ->type_name("OS/ARCH,...");
  command->add_option("--target", flags->target, "Stage to look at [the last]")->type_name("STAGE");
  command
      ->add_option("--build-arg", flags->build_args,
                   "Build argument; NAME alone takes the variable's value; repeatable")
      ->type_name("NAME[=VALUE]");
  command
      ->add_option("--build-context", flags->build_contexts,
                   "Name for FROM, COPY --from and mounts, as of build; repeatable")
      ->type_name("NAME=VALUE");
  command->add_option("--network", flags->network, "Network of RUN steps, as of build [recorded]")
      ->type_name("recorded|none|host|default");
  command->add_flag("--offline", flags->offline, "Ask no package index: only what the farm has kept counts");
  command
      ->add_option("--exclude-newer", flags->exclude_newer,
                   "As if no file had been uploaded then or later: 2024-05-01")
      ->type_name("DATE");
  command
      ->add_option("--source-date-epoch", flags->source_date_epoch,
                   "As of build: earlier steps are found in the cache if it is the same")
      ->type_name("EPOCH");
  command->add_flag("--pull", flags->pull, "Ask the registries again what the tags of base images mean");
  command->add_option("--progress", flags->progress, "How to show what is being done")
      ->type_name("auto|tty|plain|quiet")
      ->capture_default_str();
}

}  // namespace

void AddPredictCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand(
      "predict", "Say before a build what each Python package will be on each platform, and why");
  auto flags = std::make_shared<PredictFlags>();
  AddRecipeFlags(command, &flags->build);
  command
      ->add_option("--against", flags->against,
                   "In place of a recipe: the plan of a build, beside what came; its number, or latest")
      ->type_name("BUILD");
  command->add_flag("--csv", flags->csv, "Print the packages as comma-separated values");
  AddJsonFlag(*command, session);
  for (const char* name : {"--platform", "--build-arg", "--build-context"})
    command->get_option(name)->allow_extra_args(false);
  command->callback([&session, flags] {
    session.command = [&session, flags] { return PredictCommand(session, *flags).Run(); };
  });
}

}  // namespace crossmill::cli
