#include "coordinator/coordinator_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "common/base/absolute_path.h"
#include "common/base/log.h"
#include "common/base/logging/log_format.h"
#include "common/base/status.h"
#include "common/index/configured_indexes.h"
#include "common/settings/command_settings.h"
#include "common/words/age.h"
#include "common/words/step_bounds.h"
#include "coordinator/account/data_folder.h"
#include "coordinator/backup/backup_commands.h"
#include "coordinator/bucket_flags.h"
#include "coordinator/founding/founding_command.h"
#include "coordinator/placing_flags.h"
#include "coordinator/rpc/token_file.h"
#include "coordinator/run_coordinator.h"
#include "coordinator/server.h"
#include "coordinator/setting_sources.h"
#include "coordinator/trace_flags.h"

namespace crossmill::coordinator {
namespace {

// --reverify-older-than; empty: never.
absl::Status ReadReverifyAge(const std::string& text, ServerOptions* options) {
  if (text.empty()) return absl::OkStatus();
  const auto age = ParseAge(text);
  if (!age.ok()) return Annotate(age.status(), "--reverify-older-than");
  if (*age == absl::ZeroDuration())
    return absl::InvalidArgumentError("--reverify-older-than: 0 would verify without end");
  options->reverification.older_than = *age;
  return absl::OkStatus();
}

absl::Status ReadCertificateLife(const std::string& text, ServerOptions* options) {
  const auto life = ParseAge(text);
  if (!life.ok()) return Annotate(life.status(), "--worker-certificate-life");
  if (*life < absl::Seconds(10) || *life > absl::Hours(24 * 365))
    return absl::InvalidArgumentError("--worker-certificate-life: expected ten seconds to a year");
  options->certificate_life = *life;
  return absl::OkStatus();
}

int PrintNewToken(const std::string& file, const std::string& role, const std::string& name) {
  // Root makes tokens for a coordinator that runs as a user of its own, who has to read them.
  const absl::Status ours = BecomeOwnerOfData(std::filesystem::absolute(file).parent_path().string());
  auto token = ours.ok() ? AddToken(file, role, name) : ours;
  if (!token.ok()) {
    fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(token.status().message()));
    return 5;
  }
  fmt::print("{}\n", *token);
  return 0;
}

// All that flags, environment and settings file say.
struct Command {
  CLI::App app{"Crossmill's coordinator: schedules builds, keeps the record and the blobs"};
  ServerOptions options;
  std::string level = "info", log_format = "text", role, name, reverify_age, user, certificate_life = "30d";
  TraceFlags traces;
  std::vector<std::string> index_urls, extra_index_urls, limits, step_defaults;
  int timeout_seconds = 30, grace_seconds = 20, stop_delay = 0;
  CLI::App* token = nullptr;
  std::unique_ptr<settings::CommandSettings> effective;
  // Of a subcommand that works on the data folder.
  std::function<int()> on_data;
};

void DeclareFlags(Command& command) {
  auto& [app, options, level, log_format, role, name, reverify_age, user, certificate_life, traces,
         index_urls, extra_index_urls, limits, step_defaults, timeout_seconds, grace_seconds, stop_delay,
         token, effective, on_data] = command;
  options.data_folder = "/var/lib/crossmill";
  app.set_version_flag("--version", CROSSMILL_VERSION);
  app.add_option("--data", options.data_folder, "Folder of everything durable")->capture_default_str();
  app.add_option("--socket", options.listen.unix_socket,
                 "Unix socket for local clients (default: DATA/coordinator.sock)");
  app.add_option("--listen", options.listen.tcp_address, "host:port for workers and clients with a token");
  app.add_option("--tls-cert", options.listen.certificate_file, "PEM certificate for --listen and --http");
  app.add_option("--tls-key", options.listen.key_file, "PEM key for --listen and --http");
  app.add_option("--http", options.http_address, "ADDRESS:PORT of the page and the HTTP API (default: none)");
  app.add_option("--http-name", options.http_names,
                 "Name that the coordinator has in URLs, besides this machine's (repeatable)");
  app.add_option(
      "--buildkit", options.buildkit_address,
      "ADDRESS:PORT for clients of BuildKit, buildx and others, with client certificates (default: "
      "DATA/buildkit.sock only)");
  app.add_option(
      "--buildkit-client-ca", options.buildkit_client_ca,
      "PEM authorities whose certificates name tokens at --buildkit (default: the farm's own authority)");
  app.add_flag("--public-badges", options.public_badges, "Badges of names can be read without a token");
  app.add_option("--webhook-allow", options.webhook_networks,
                 "Network that is not public and that webhooks may reach: 10.0.0.0/8 (repeatable)");
  app.add_flag("--insecure", options.listen.insecure, "Plain text on an address other hosts can reach");
  app.add_flag("--reflection", options.listen.reflection,
               "gRPC server reflection, for anybody who reaches a port");
  app.add_option("--token-file", options.token_file, "Hashes of tokens (default: DATA/tokens)");
  app.add_option("--worker-timeout", timeout_seconds, "Seconds of silence that expire a lease")
      ->capture_default_str();
  app.add_option("--placement-grace", grace_seconds, "Seconds a task waits for a worker that can run it")
      ->capture_default_str();
  app.add_option(
         "--emulate-after", options.emulation.after,
         "A task that waits for a native worker is emulated when waiting and running natively are expected "
         "to take more than so many times what emulation takes, or when it has waited that long; 0: never")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option(
         "--emulate-at-most", options.emulation.most_slowdown,
         "A task that takes more than so many times as long under emulation as natively waits for a native "
         "worker as long as one is present; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--build-platform", options.build_platform,
                 "What BUILDPLATFORM means in every Dockerfile (default: this machine's platform)");
  app.add_option("--plain-registry,--insecure-registry", options.plain_registries,
                 "host:port of a registry without TLS (repeatable)");
  app.add_option("--registry-mirror,--mirror", options.registry_mirrors,
                 "REGISTRY=MIRROR, asked before the registry: host:port or URL (repeatable)");
  app.add_option("--push-credentials", options.push_credentials,
                 "Repositories that clients may push to with this machine's registry credentials, "
                 "'registry.example/team/*' (repeatable) [none: with their own only]");
  app.add_option("--index-url", index_urls,
                 "Package index that predictions ask, or 'none' (default: what this machine's pip uses)");
  app.add_option("--extra-index-url", extra_index_urls, "One more, with --index-url; repeatable");
  app.add_option(
      "--failure-rules", options.failure_rule_files,
      "File with more rules about why packages fail, and what to do (docs/failures.md; repeatable)");
  app.add_option("--context-limit", options.context_limit,
                 "Largest context that comes as an archive or is fetched from git, unpacked: 500m, 8g")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::PositiveNumber)
      ->default_str("8g");
  app.add_option(
      "--limit", limits,
      "NAME=NUMBER: how much one submission may ask, who may be connected (docs/operations.md; repeatable)");
  app.add_option("--step-default", step_defaults,
                 "NAME=VALUE: limit of each step where its build says nothing: memory=4g, cpus=2, "
                 "processes=1000, disk=10g, log=100m, open-files=4096 (repeatable)")
      ->allow_extra_args(false);
  app.add_option("--least-space", options.least_space,
                 "Free space on the disk of --data below which nothing new is taken, and below half of which "
                 "only the record is written: 2g (default: 1 GB, or 1/20 of a small disk)")
      ->transform(CLI::AsSizeValue(false));
  AddBucketFlags(app, options.bucket);
  AddPlacingFlags(app, options.placing);
  AddTraceFlags(app, traces);
  app.add_option("--known-files", options.known_file_rules,
                 "File with more rules for files that differ between executions for a known reason "
                 "(docs/formats.md, Causes; repeatable)");
  app.add_option(
      "--reverify-older-than", reverify_age,
      "When the farm is idle, verify again the newest reproducible build of each recipe whose last "
      "verification is older: 12h, 7d, 4w (default: never)");
  app.add_option("--reverify-max", options.reverification.max, "Rebuilds that it submits at a time")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--stop-delay", stop_delay,
                 "Seconds for which it still serves after SIGTERM while readiness says no")
      ->check(CLI::Range(0, 600))
      ->capture_default_str();
  app.add_option(
         "--worker-certificate-life", certificate_life,
         "How long the certificate of a worker that joined is good; after two thirds of it there is the "
         "next: 12h, 30d")
      ->capture_default_str();
  app.add_option("--user", user,
                 "System user to become when started as root; what root has in --data is given to it "
                 "[the coordinator stays root]");
  app.add_option("--log-level", level, "trace, debug, info, warn, error")->capture_default_str();
  app.add_option("--log-format", log_format,
                 "text, or json: an object in each line (docs/operations.md, \"Log\")")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  token = app.add_subcommand("token", "Make a token and print it: the only time that it is seen");
  token->add_option("role", role, "read, submit, operate or worker")->required();
  token
      ->add_option("name", name,
                   "Who holds it, one word; of a worker's token the worker's --name, or of several 'PREFIX*'")
      ->required();
  backup::AddBackupCommands(app, options.data_folder, on_data);
  AddFoundingCommand(app, options.data_folder, options.listen.unix_socket, on_data);
  effective = std::make_unique<settings::CommandSettings>(app, SettingSourcesOfCoordinator());
}

// The exit code where nothing is left to do.
std::optional<int> ParseFlags(int argc, char** argv, Command& command) {
  DeclareFlags(command);
  try {
    command.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return command.app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}

// Environment and file, and what is said in words of its own.
absl::Status ReadSettings(Command& command) {
  RETURN_IF_ERROR(command.effective->Complete(settings::OwnEnvironment()));
  ServerOptions& options = command.options;
  options.data_folder = AbsolutePath(options.data_folder);
  if (!options.listen.unix_socket.empty())
    options.listen.unix_socket = AbsolutePath(options.listen.unix_socket);
  if (options.token_file.empty()) options.token_file = options.data_folder + "/tokens";
  options.worker_timeout = absl::Seconds(command.timeout_seconds);
  options.unplaceable_grace = absl::Seconds(command.grace_seconds);
  RETURN_IF_ERROR(ReadReverifyAge(command.reverify_age, &options));
  RETURN_IF_ERROR(ReadCertificateLife(command.certificate_life, &options));
  RETURN_IF_ERROR(ReadPlacingFlags(options.placing));
  ASSIGN_OR_RETURN(options.otlp, ReadTraceFlags(command.traces));
  for (const std::string& limit : command.limits) RETURN_IF_ERROR(SetLimit(limit, &options.limits));
  for (const std::string& text : command.step_defaults)
    RETURN_IF_ERROR(AddStepBound(text, "--step-default", &options.usual_bounds));
  return absl::OkStatus();
}

// At SIGHUP. `running` becomes what is in effect then.
void ReloadSettings(int argc, char** argv, std::unique_ptr<Command>& running, Server& server) {
  auto fresh = std::make_unique<Command>();
  absl::Status read = absl::OkStatus();
  if (ParseFlags(argc, argv, *fresh)) read = absl::InternalError("the flags cannot be read again");
  if (read.ok()) read = ReadSettings(*fresh);
  if (!read.ok()) {
    LogError("settings stay as they are: {}", Sv(read.message()));
    // Certificates are files of their own.
    read = server.Reload(running->options.limits);
  } else {
    for (const std::string& name : settings::ChangedSettings(*running->effective, *fresh->effective)) {
      LogInfo("setting {} {}", name,
              ChangesAtRunTime(name) ? "changed"
                                     : "changed; it has effect when the coordinator is started again");
    }
    SetLogLevel(fresh->level);
    read = server.Reload(fresh->options.limits);
    running = std::move(fresh);
  }
  if (!read.ok()) LogError("the certificate stays as it is: {}", Sv(read.message()));
  LogInfo("settings were read again");
}

int Fail(const absl::Status& status) {
  fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(status.message()));
  return 2;
}

}  // namespace

int RunCoordinatorCommand(int argc, char** argv) {
  auto command = std::make_unique<Command>();
  if (const auto code = ParseFlags(argc, argv, *command)) return *code;
  if (const absl::Status read = ReadSettings(*command); !read.ok()) return Fail(read);
  SetLogFormat(LogFormatNamed(command->log_format).value_or(LogFormat::kText));
  SetUpLog("coordinator", command->level);
  for (const std::string& warning : command->effective->warnings()) LogWarning("{}", warning);
  if (command->effective->print_wanted()) {
    fmt::print("{}", command->effective->Text());
    return 0;
  }
  if (command->on_data) return command->on_data();
  ServerOptions options = command->options;
  if (command->token->parsed()) return PrintNewToken(options.token_file, command->role, command->name);
  auto indexes = index::FindIndexes(command->index_urls, command->extra_index_urls);
  if (!indexes.ok()) return Fail(indexes.status());
  options.indexes = *std::move(indexes);
  const RunOptions run{.user = command->user,
                       .stop_delay = absl::Seconds(command->stop_delay),
                       .reload = [&](Server& server) { ReloadSettings(argc, argv, command, server); }};
  return RunCoordinator(std::move(options), run);
}

}  // namespace crossmill::coordinator
