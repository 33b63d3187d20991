#include "coordinator/coordinator_command.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "common/base/absolute_path.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/private_memory.h"
#include "common/base/status.h"
#include "common/index/configured_indexes.h"
#include "common/words/age.h"
#include "coordinator/rpc/token_file.h"
#include "coordinator/server.h"

namespace {

using crossmill::Sv;

// Why the program has to end although nobody asked it to. Thread safe.
class FatalError {
 public:
  void Set(const absl::Status& reason) {
    {
      crossmill::MutexLock lock(mutex_);
      reason_ = reason;
    }
    // Wakes whoever waits for signals.
    kill(getpid(), SIGTERM);
  }
  absl::Status Get() {
    crossmill::MutexLock lock(mutex_);
    return reason_;
  }

 private:
  crossmill::Mutex mutex_;
  absl::Status reason_ ABSL_GUARDED_BY(mutex_);
};

// Each connected worker and client is a descriptor; the usual 1024 are for programs that call select.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Serve(crossmill::coordinator::ServerOptions options, int timeout_seconds, int grace_seconds) {
  // Values of secrets will be in it.
  crossmill::KeepMemoryPrivate();
  RaiseDescriptorLimit();
  // gRPC's own traces show messages.
  unsetenv("GRPC_TRACE");
  options.worker_timeout = absl::Seconds(timeout_seconds);
  options.unplaceable_grace = absl::Seconds(grace_seconds);
  // Blocked before any thread starts, so that only sigwait sees them.
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  FatalError fatal;
  options.on_failure = [&fatal](const absl::Status& reason) { fatal.Set(reason); };
  auto server = crossmill::coordinator::Server::Start(options);
  if (!server.ok()) {
    fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(server.status().message()));
    return 5;
  }
  int number = 0;
  sigwait(&signals, &number);
  const absl::Status reason = fatal.Get();
  if (reason.ok()) {
    crossmill::LogInfo("stopping signal={}", number);
    return 0;
  }
  server->reset();
  fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(reason.message()));
  return 5;
}

// --reverify-older-than; empty: never.
absl::Status ReadReverifyAge(const std::string& text, crossmill::coordinator::ServerOptions* options) {
  if (text.empty()) return absl::OkStatus();
  const auto age = crossmill::ParseAge(text);
  if (!age.ok()) return crossmill::Annotate(age.status(), "--reverify-older-than");
  if (*age == absl::ZeroDuration())
    return absl::InvalidArgumentError("--reverify-older-than: 0 would verify without end");
  options->reverification.older_than = *age;
  return absl::OkStatus();
}

int PrintNewToken(const std::string& file, const std::string& role, const std::string& name) {
  auto token = crossmill::coordinator::AddToken(file, role, name);
  if (!token.ok()) {
    fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(token.status().message()));
    return 5;
  }
  fmt::print("{}\n", *token);
  return 0;
}

}  // namespace

namespace crossmill::coordinator {

int RunCoordinatorCommand(int argc, char** argv) {
  CLI::App app("Crossmill's coordinator: schedules builds, keeps the record and the blobs");
  crossmill::coordinator::ServerOptions options;
  std::string level = "info", role, name, reverify_age;
  std::vector<std::string> index_urls, extra_index_urls;
  int timeout_seconds = 30, grace_seconds = 20;
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
  app.add_flag("--public-badges", options.public_badges, "Badges of names can be read without a token");
  app.add_option("--webhook-allow", options.webhook_networks,
                 "Network that is not public and that webhooks may reach: 10.0.0.0/8 (repeatable)");
  app.add_flag("--insecure", options.listen.insecure, "Plain text on an address other hosts can reach");
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
  app.add_option("--log-level", level, "trace, debug, info, warn, error")->capture_default_str();
  CLI::App* token = app.add_subcommand("token", "Make a token and print it: the only time that it is seen");
  token->add_option("role", role, "read, submit, operate or worker")->required();
  token->add_option("name", name, "Who holds it, one word")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  crossmill::SetUpLog("coordinator", level);
  options.data_folder = AbsolutePath(options.data_folder);
  if (!options.listen.unix_socket.empty())
    options.listen.unix_socket = AbsolutePath(options.listen.unix_socket);
  if (options.token_file.empty()) options.token_file = options.data_folder + "/tokens";
  if (token->parsed()) return PrintNewToken(options.token_file, role, name);
  if (const absl::Status age = ReadReverifyAge(reverify_age, &options); !age.ok()) {
    fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(age.message()));
    return 2;
  }
  auto indexes = index::FindIndexes(index_urls, extra_index_urls);
  if (!indexes.ok()) {
    fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(indexes.status().message()));
    return 2;
  }
  options.indexes = *std::move(indexes);
  return Serve(options, timeout_seconds, grace_seconds);
}

}  // namespace crossmill::coordinator
