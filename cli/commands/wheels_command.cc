// crossmill wheels: a wheelhouse: every package of requirements as a wheel, for several Pythons and
// platforms.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <stop_token>

#include "cli/commands/commands.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/build_follow.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "cli/wheelhouse/making/wheel_server.h"
#include "cli/wheelhouse/making/wheelhouse_folder.h"
#include "cli/wheelhouse/making/wheelhouse_run.h"
#include "cli/wheelhouse/matrix.h"
#include "common/base/files.h"
#include "common/base/wiping.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

struct WheelsFlags {
  WantedNames wanted;
  std::vector<std::string> pythons;
  std::string base;
  std::string folder = "wheelhouse";
  bool abi3_check = false;
  bool csv = false;
  // --serve; empty text: loopback, a free port.
  std::optional<std::string> serve;
  int parallel = 16;
  // Those that builds have, too: platforms, index, cache, progress.
  BuildFlags build;
};

// Of requirements files: nobody writes larger ones.
constexpr int64_t kMostRequirements = 1 << 20;

class WheelsCommand {
 public:
  WheelsCommand(Session& session, const WheelsFlags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run() {
    if (flags_.csv && session_.json) return absl::InvalidArgumentError("--csv and --json exclude each other");
    const bool asked = !flags_.wanted.files.empty() || !flags_.wanted.requirements.empty();
    // Without requirements it serves what is there.
    if (!asked && flags_.serve.has_value()) return Serve(kExitOk);
    RETURN_IF_ERROR(ReadFlags());
    ASSIGN_OR_RETURN(const int code, Make());
    if (!flags_.serve.has_value() || code == kExitCancelled) return code;
    return Serve(code);
  }

 private:
  absl::Status ReadFlags() {
    ASSIGN_OR_RETURN(const v1::Platform own, OwnPlatform());
    ASSIGN_OR_RETURN(const EpochChoice epoch, ParseEpoch({}, session_.env.Variable("SOURCE_DATE_EPOCH")));
    ASSIGN_OR_RETURN(build_options_, MakeBuildOptions(flags_.build, own, epoch));
    ASSIGN_OR_RETURN(const std::vector<std::string> pythons, ParsePythons(flags_.pythons));
    if (pythons.empty()) return absl::InvalidArgumentError("--python is missing: --python 3.11,3.12");
    const std::vector<v1::Platform> platforms(build_options_.platforms().begin(),
                                              build_options_.platforms().end());
    ASSIGN_OR_RETURN(options_.targets, MakeTargets(platforms, pythons, flags_.base));
    ASSIGN_OR_RETURN(options_.wanted, ReadWanted(flags_.wanted, [](const std::string& path) {
                       return ReadFile(path, kMostRequirements);
                     }));
    options_.abi3_check = flags_.abi3_check;
    options_.parallel = flags_.parallel;
    return absl::OkStatus();
  }

  AskedFor Asked() const {
    AskedFor asked;
    asked.files = flags_.wanted.files;
    asked.constraints = flags_.wanted.constraints;
    asked.requirements = flags_.wanted.requirements;
    asked.exclude_newer = flags_.build.exclude_newer;
    asked.offline = flags_.build.offline;
    asked.wheel_cache = !flags_.build.no_wheel_cache;
    asked.abi3_check = flags_.abi3_check;
    return asked;
  }

  absl::StatusOr<int> Make() {
    ASSIGN_OR_RETURN(const ProgressMode mode, ParseProgress(flags_.build.progress));
    ASSIGN_OR_RETURN(Farm * farm, session_.Connect());
    ASSIGN_OR_RETURN(WheelhouseFolder folder, WheelhouseFolder::Open(flags_.folder));
    options_.scratch = folder.scratch();
    const auto progress = MakeProgress(session_, mode);
    std::stop_source stop;
    session_.env.OnInterrupt([&](int count) {
      if (count > 1) session_.env.ForceExit(kExitCancelled);
      stop.request_stop();
    });
    const AtScopeEnd quiet([this] { session_.env.OnInterrupt({}); });
    FarmBuilds builds(session_, *farm, build_options_, stop.get_token());
    RETURN_IF_ERROR(builds.Prepare());
    const std::vector<TargetRecord> records = WheelhouseRun(options_, builds, *progress).Run();
    progress->Finish();
    if (stop.stop_requested()) {
      // What is there stays as it was: a part of a wheelhouse would look like one. The farm keeps what is
      // done.
      return absl::CancelledError(fmt::format(
          "stopped: {} is as it was; the next run goes on from what the farm has", flags_.folder));
    }
    ASSIGN_OR_RETURN(const std::vector<std::string> notes, folder.Write(records, Asked()));
    for (const std::string& note : notes) session_.Tell(fmt::format("crossmill: {}\n", note));
    RETURN_IF_ERROR(PrintRecords(records));
    return CodeOf(records);
  }

  absl::Status PrintRecords(const std::vector<TargetRecord>& records) {
    if (session_.json) return session_.PrintJson(WheelhouseJson(records, Asked(), Json()));
    if (flags_.csv) return session_.Print(MatrixCsv(records));
    return session_.Print(RenderMatrix(records, session_.OutText()));
  }

  // Of the farm's fault only where nothing else went wrong.
  static int CodeOf(const std::vector<TargetRecord>& records) {
    bool infrastructure = false;
    bool failed = false;
    for (const TargetRecord& record : records) {
      if (record.status == TargetRecord::Status::kComplete) continue;
      bool only_farm = record.plan.failure.empty() && record.missing.empty();
      for (const PackageRecord& package : record.packages)
        only_farm =
            only_farm && ((package.done() && package.statements.abi3 != "failed") || package.infrastructure);
      (only_farm ? infrastructure : failed) = true;
    }
    if (failed) return kExitBuildFailed;
    return infrastructure ? kExitInfrastructure : kExitOk;
  }

  absl::StatusOr<int> Serve(int code) {
    std::vector<std::string> notes;
    ASSIGN_OR_RETURN(const WheelShelf shelf, WheelShelf::Read(flags_.folder, &notes));
    for (const std::string& note : notes) session_.Tell(fmt::format("crossmill: {}\n", note));
    ASSIGN_OR_RETURN(const std::unique_ptr<WheelServer> server, WheelServer::Listen(*flags_.serve, shelf));
    session_.env.OnInterrupt([&](int count) {
      if (count > 1) session_.env.ForceExit(kExitCancelled);
      server->Stop();
    });
    const AtScopeEnd quiet([this] { session_.env.OnInterrupt({}); });
    session_.Tell(fmt::format("crossmill: serving {} wheels at {}/simple/ until stopped\n", shelf.files(),
                              server->Url()));
    server->Run();
    return code;
  }

  Session& session_;
  const WheelsFlags& flags_;
  v1::BuildOptions build_options_;
  WheelhouseOptions options_;
};

void AddWantedFlags(CLI::App* command, WheelsFlags* flags) {
  command->add_option("requirement", flags->wanted.requirements, "Requirements beside those of files")
      ->type_name("REQUIREMENT");
  command->add_option("-r,--requirement", flags->wanted.files, "Requirements file; repeatable")
      ->type_name("FILE");
  command->add_option("-c,--constraint", flags->wanted.constraints, "Constraints file; repeatable")
      ->type_name("FILE");
  command
      ->add_option("--platform", flags->build.platforms,
                   "Platforms, comma separated or repeated [this machine's]")
      ->type_name("OS/ARCH,...");
  command->add_option("--python", flags->pythons, "Versions of Python, comma separated or repeated")
      ->type_name("X.Y,...");
  command
      ->add_option("--base", flags->base,
                   "Image to compile in; {python} in it stands for the version [python:{python}-slim]")
      ->type_name("IMAGE");
}

void AddMakingFlags(CLI::App* command, WheelsFlags* flags) {
  command->add_option("-o,--output", flags->folder, "Folder of the wheelhouse, made or brought up to date")
      ->type_name("FOLDER")
      ->capture_default_str();
  command->add_flag("--abi3-check", flags->abi3_check,
                    "Have abi3audit judge compiled abi3 wheels, where the image has it");
  command->add_option("--parallel", flags->parallel, "Builds at once")
      ->type_name("N")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command
      ->add_option("--exclude-newer", flags->build.exclude_newer,
                   "As if no file had been uploaded then or later: 2024-05-01")
      ->type_name("DATE");
  command->add_flag("--offline", flags->build.offline,
                    "Ask no package index: only what the farm has kept counts");
  command->add_flag("--no-wheel-cache", flags->build.no_wheel_cache,
                    "Take no wheel that the farm compiled before for somebody else");
  command->add_flag("--no-cache", flags->build.no_cache, "Compile anew what an earlier run compiled");
  command->add_flag("--pull", flags->build.pull,
                    "Ask the registries again what the tags of base images mean");
  command->add_option("--progress", flags->build.progress, "How to show what is being done")
      ->type_name("auto|tty|plain|quiet")
      ->capture_default_str();
}

}  // namespace

void AddWheelsCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand(
      "wheels",
      "Make a wheelhouse: every package of requirements as a wheel, for several Pythons and platforms");
  auto flags = std::make_shared<WheelsFlags>();
  AddWantedFlags(command, flags.get());
  AddMakingFlags(command, flags.get());
  command
      ->add_option("--serve", flags->serve,
                   "Offer the wheelhouse as a package index until stopped [127.0.0.1, a free port]; without "
                   "requirements the one that is there")
      ->type_name("ADDRESS:PORT")
      ->expected(0, 1);
  command->add_flag("--csv", flags->csv, "Print the matrix as comma-separated values");
  AddJsonFlag(*command, session);
  for (const char* name : {"--platform", "--python", "--requirement", "--constraint"})
    command->get_option(name)->allow_extra_args(false);
  command->callback([&session, flags] {
    session.command = [&session, flags] { return WheelsCommand(session, *flags).Run(); };
  });
}

}  // namespace crossmill::cli
