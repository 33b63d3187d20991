// crossmill verify: a recorded build, or an image that somebody published, built again and compared with what
// was made then.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/history/render_rebuild.h"
#include "cli/recipe/build_flags.h"
#include "cli/reproduce/reproduction.h"
#include "cli/session/build_follow.h"
#include "cli/session/build_session.h"
#include "cli/session/json_flag.h"
#include "cli/session/submission.h"
#include "cli/show/exit_codes.h"
#include "cli/show/render_build.h"
#include "common/plan/variation.h"

namespace crossmill::cli {
namespace {

struct RebuildFlags {
  std::string build;
  uint32_t hosts = 1;
  bool allow_same_host = false;
  std::string vary;
  std::vector<std::string> secrets;
  std::vector<std::string> agents;
  std::string progress = "auto";
  size_t paths = kPathsOfReport;
};

// One run of the command. The members are what its phases hand on.
class VerifyCommand {
 public:
  VerifyCommand(Session& session, const RebuildFlags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run();

 private:
  absl::Status ReadFlags();
  // Secrets and agents that the recorded build had and this one was not given are named before anything is
  // built.
  absl::Status ReadOffers();
  absl::StatusOr<int64_t> Submit();

  Session& session_;
  const RebuildFlags& flags_;
  Farm* farm_ = nullptr;
  v1::VerifyBuildRequest request_;
  ProgressMode mode_ = ProgressMode::kAuto;
  std::unique_ptr<LocalAgents> agents_;
  ClientOffers offers_;
};

absl::Status VerifyCommand::ReadFlags() {
  ASSIGN_OR_RETURN(const int64_t build, ParseBuildId(flags_.build));
  request_.set_build_id(build);
  request_.set_hosts(flags_.hosts);
  request_.set_allow_same_host(flags_.allow_same_host);
  request_.set_idempotency_key(NewIdempotencyKey());
  if (!flags_.vary.empty()) {
    ASSIGN_OR_RETURN(*request_.mutable_vary(), plan::ParseVary(flags_.vary));
  }
  ASSIGN_OR_RETURN(mode_, ParseProgress(flags_.progress));
  return absl::OkStatus();
}

absl::Status VerifyCommand::ReadOffers() {
  v1::GetSubmissionRequest asked;
  asked.set_build_id(request_.build_id());
  ASSIGN_OR_RETURN(const v1::BuildSubmission recorded,
                   session_.Call(*farm_->builds, &v1::Builds::StubInterface::GetSubmission, asked));
  ASSIGN_OR_RETURN(offers_.secrets, ReadSecrets(flags_.secrets, session_.env));
  ASSIGN_OR_RETURN(agents_, LocalAgents::Start(flags_.agents, session_.env));
  offers_.agent_sockets = agents_->sockets();
  const v1::BuildOptions& options = recorded.options();
  return CheckGivenAgain(offers_, {options.secret_ids().begin(), options.secret_ids().end()},
                         {options.ssh_ids().begin(), options.ssh_ids().end()});
}

absl::StatusOr<int64_t> VerifyCommand::Submit() {
  v1::VerifyBuildRequest request = request_;
  const AtScopeEnd wiped([&request] { WipeValues(request.mutable_secrets()); });
  for (const v1::Secret& secret : offers_.secrets) *request.add_secrets() = secret;
  const auto response =
      session_.Call(*farm_->verification, &v1::Verification::StubInterface::VerifyBuild, request);
  if (response.ok()) return response->build_id();
  // There is nothing to verify: no fault of the farm's.
  if (absl::IsFailedPrecondition(response.status())) return WithExit(response.status(), kExitUsage);
  return response.status();
}

absl::StatusOr<int> VerifyCommand::Run() {
  RETURN_IF_ERROR(ReadFlags());
  ASSIGN_OR_RETURN(farm_, session_.Connect());
  RETURN_IF_ERROR(ReadOffers());
  const std::unique_ptr<Progress> progress = MakeProgress(session_, mode_);
  FollowOptions follow;
  follow.logs = mode_ != ProgressMode::kQuiet;
  ASSIGN_OR_RETURN(const BuildModel model,
                   FollowOffered(session_, *farm_, *progress, follow, offers_, [this] { return Submit(); }));
  progress->Finish();
  ASSIGN_OR_RETURN(const v1::BuildView view, GetBuild(session_, std::to_string(model.view().id())));
  if (session_.json) {
    RETURN_IF_ERROR(session_.PrintJson(RebuildJson(view)));
  } else {
    RETURN_IF_ERROR(session_.Print(RenderRebuild(view, session_.OutText(), flags_.paths)));
  }
  return RebuildExitCode(view);
}

}  // namespace

namespace {

// Of an image that this farm built more is known than any statement says: its build is verified.
absl::StatusOr<int> Verify(Session& session, RebuildFlags& flags, ReproductionFlags& published) {
  if (flags.build.empty() || ParseBuildId(flags.build).ok()) return VerifyCommand(session, flags).Run();
  ASSIGN_OR_RETURN(const int64_t build, BuildOfImage(session, flags.build));
  const RecipeOverrides& overrides = published.overrides;
  if (build != 0 && overrides.context.empty() && overrides.file.empty() && overrides.build_args.empty()) {
    if (published.level_given || !published.platform.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("this farm built {0} (build {1}), and build {1} is verified, all of its levels on all "
                      "platforms: --level and "
                      "--platform are for images of others",
                      flags.build, build));
    }
    session.Tell(
        fmt::format("crossmill: {} is the image of build {} in this farm's store; what a registry has "
                    "under that name is not asked\n",
                    flags.build, build));
    flags.build = std::to_string(build);
    return VerifyCommand(session, flags).Run();
  }
  published.image = flags.build;
  published.hosts = flags.hosts;
  published.allow_same_host = flags.allow_same_host;
  published.vary = flags.vary;
  published.secrets = flags.secrets;
  published.agents = flags.agents;
  published.progress = flags.progress;
  published.paths = flags.paths;
  return ReproduceImage(session, published);
}

}  // namespace

void AddVerifyCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("verify",
                                         "Build a recorded build, or a published image, again with its bases "
                                         "and context, and compare it with what it was");
  auto flags = std::make_shared<RebuildFlags>();
  auto published = std::make_shared<ReproductionFlags>();
  command
      ->add_option(
          "build", flags->build,
          "Number of the build [the latest that was no rebuild], or an image, whose recipe is read from the "
          "provenance that its registry has or from its labels")
      ->type_name("BUILD|IMAGE");
  command
      ->add_option("--level", published->level,
                   "Of an image, what has to be equal: image, config, blobs, layers or files")
      ->capture_default_str();
  command->add_option("--platform", published->platform, "Of an image, only this platform")
      ->type_name("OS/ARCH");
  command
      ->add_option("--context", published->overrides.context,
                   "Of an image: its context, in place of what the provenance says")
      ->type_name("CONTEXT");
  command->add_option("-f,--file", published->overrides.file, "Of an image: its Dockerfile")
      ->type_name("FILE");
  command
      ->add_option("--build-arg", published->overrides.build_args,
                   "Of an image: an argument that the provenance leaves out; repeatable")
      ->type_name("NAME=VALUE");
  command->add_option("--hosts", flags->hosts, "Execute each step on so many hosts, and compare those too")
      ->type_name("N")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  command->add_flag("--allow-same-host", flags->allow_same_host,
                    "Distinct workers are enough for --hosts; the verdict says 'same host'");
  command
      ->add_option("--vary", flags->vary,
                   "In what the executions of --hosts differ on purpose: standard, none, or "
                   "names such as clock,host-name [as the recorded build]")
      ->type_name("LIST");
  command->add_option("--secret", flags->secrets,
                      "A secret that the build was given: id=ID,src=FILE or id=ID,env=NAME; repeatable");
  command->add_option("--ssh", flags->agents, "An ssh agent that the build was given; repeatable");
  command->add_option("--progress", flags->progress, "auto, live, plain, json, quiet")->capture_default_str();
  command->add_option("--paths", flags->paths, "At most so many paths per step")
      ->type_name("N")
      ->capture_default_str();
  AddJsonFlag(*command, session);
  command->callback([&session, flags, published, command] {
    published->level_given = command->count("--level") > 0;
    session.command = [&session, flags, published] { return Verify(session, *flags, *published); };
  });
}

}  // namespace crossmill::cli
