#include "cli/commands/build_arguments.h"

#include <CLI/CLI.hpp>

#include "cli/recipe/docker_flags.h"

namespace crossmill::cli {
namespace {

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
      ->add_option("--matrix", flags->matrix,
                   "Values of a build argument, each built as a combination with those of the others; "
                   "repeatable. -t and -o take {NAME}")
      ->type_name("NAME=VALUE,...");
  command
      ->add_option("--matrix-file", flags->matrix_file,
                   "TOML with [matrix], [[include]] and [[exclude]]: combinations and odd cells")
      ->type_name("FILE");
  command
      ->add_option("--build-context", flags->build_contexts,
                   "Name for FROM, COPY --from and mounts: folder, docker-image://, oci-layout://, git or "
                   "http(s) URL; "
                   "repeatable")
      ->type_name("NAME=VALUE");
  command->add_flag("--no-cache", flags->no_cache, "Execute every step anew");
  command->add_flag("--check", flags->check, "Do not build: check the recipe, as `crossmill check` does");
  command
      ->add_option("--call", flags->call, "check: the same as --check; check,format=json writes it as JSON")
      ->type_name("build|check");
  command
      ->add_option("--network", flags->network,
                   "Network of RUN steps: recorded goes out through a proxy that records it [recorded]")
      ->type_name("recorded|none|host|default");
  command->add_option("--emulation", flags->emulation, "Whether emulated executions count")
      ->type_name("allow|never")
      ->capture_default_str();
  command
      ->add_option(
          "--accelerate", flags->accelerate,
          "Native programs in the place of emulated ones: where a worker has a calibrated set, nowhere, "
          "or each step once more without, compared")
      ->type_name("auto|off|verify")
      ->capture_default_str();
  command
      ->add_option("--source-date-epoch", flags->source_date_epoch,
                   "Newest file time in the image: seconds, git (the context's commit) or none (keep times) "
                   "[SOURCE_DATE_EPOCH, else by the base images]")
      ->type_name("EPOCH");
}

// Secrets and ssh agents: only the client has them.
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
  command->add_option("--step-timeout", flags->step_timeout, "Timeout of each step: 20m")->type_name("TIME");
  command->add_flag("--no-compile-ahead", flags->no_compile_ahead,
                    "Leave the compiling of Python packages to the RUN that installs them");
  command->add_flag("--no-wheel-cache", flags->no_wheel_cache,
                    "Do not offer wheels that the farm compiled for earlier builds");
  command->add_flag(
      "--offline", flags->offline,
      "Package indexes give RUN steps only what the farm has kept; other hosts are not reached");
  command
      ->add_option("--exclude-newer", flags->exclude_newer,
                   "Package indexes show RUN steps no file that was uploaded then or later: 2024-05-01")
      ->type_name("DATE");
  command->add_flag("--normalize{all}", flags->normalize,
                    "Take known noise out of what RUN steps make: all rules, or --normalize=RULE,...");
  command
      ->add_option("--neutral", flags->neutral,
                   "Paths that should be the same on every platform, besides those that are known to be "
                   "(a glob; repeatable): compared, and told beside the verdict")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command->add_option("--add-host", flags->extra_hosts, "Line of /etc/hosts in RUN steps; repeatable")
      ->type_name("NAME:ADDRESS")
      ->allow_extra_args(false);
  command->add_option("--shm-size", flags->shm_size, "Size of /dev/shm in RUN steps [64m]")
      ->type_name("SIZE");
  AddStepBoundFlags(command, &flags->bounds);
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
  command
      ->add_option(
          "--priority", flags->priority,
          "Place among the builds of the project that wait: low, normal, high, or -100 to 100 [normal]")
      ->type_name("PRIORITY");
  command
      ->add_option("--pool", flags->pool, "Only workers of this pool [the farm's for the platform, else any]")
      ->type_name("NAME");
  command
      ->add_option("--constraint", flags->constraints,
                   "Only workers with this label, or, with !=, without it; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void AddMinHosts(CLI::App* command, BuildFlags* flags) {
  command
      ->add_option("--min-hosts", flags->min_hosts,
                   "With --require reproducible: exit 8 when a verdict rests on executions on fewer hosts")
      ->type_name("N")
      ->check(CLI::Range(1, 16));
}

void AddVerification(CLI::App* command, BuildFlags* flags) {
  command
      ->add_option(
          "--vary", flags->vary,
          "In what the executions that are compared differ on purpose: standard (default), all, none, or "
          "of clock, host-name, processors, file-order, process-ids, environment, time-zone, locale, "
          "search-path "
          "with commas")
      ->type_name("WHAT");
  command->add_option("--verify", flags->verify, "Execute each step N times on different hosts and compare")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--allow-same-host", flags->allow_same_host, "Let executions to compare run on one host");
  command->add_flag("--attribute", flags->attribute,
                    "Execute steps that differ again with each variation alone, and say with which of "
                    "them they differed (implies --verify 2)");
  command
      ->add_option("--until-different", flags->until_different,
                   "Build again with everything executed anew, until something differs, at most N times "
                   "(implies --verify 2)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--require", flags->require,
                   "Exit 3 when it is not, 6 when that cannot be said (implies --verify 2)")
      ->type_name("reproducible");
  AddMinHosts(command, flags);
}

// Files and statuses for the pipeline that runs it.
void AddPipeline(CLI::App* command, BuildFlags* flags) {
  command
      ->add_option("--metadata-file", flags->metadata_file, "Write id, status, digests and verdict as JSON")
      ->type_name("FILE");
  command->add_option("--junit", flags->junit, "Write steps, failed packages and verdicts as JUnit XML")
      ->type_name("FILE");
  command
      ->add_option("--sarif", flags->sarif,
                   "Write failures, what differs and the recipe's findings as SARIF 2.1.0")
      ->type_name("FILE");
  command->add_option("--code-quality", flags->code_quality, "Write the same as GitLab's code quality report")
      ->type_name("FILE");
  command->add_option("--summary", flags->summary, "Write a summary in Markdown")->type_name("FILE");
  command
      ->add_option(
          "--commit-status", flags->commit_status,
          "Set the commit's status at the forge that runs the pipeline, with the token of its variables")
      ->type_name("auto|github|gitlab|gitea");
  command->add_option("--commit-status-name", flags->commit_status_name, "What the status is called")
      ->type_name("NAME")
      ->capture_default_str();
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
  AddPipeline(command, flags);
  command->add_option("--iidfile", flags->iid_file, "Write the image digest")->type_name("FILE");
  command
      ->add_option(
          "--progress", flags->progress,
          "How to show the build while it runs; json: one object per line on standard error, quiet: only the "
          "image digest at the end")
      ->type_name("auto|tty|plain|json|quiet")
      ->capture_default_str();
  command->add_flag("-q,--quiet", flags->quiet, "Print only the image digest, as --progress quiet");
  command->add_flag("-d,--detach", flags->detach, "Print the build's id and do not wait");
  command
      ->add_option("--idempotency-key", flags->idempotency_key,
                   "The same key within a day gives the same build [random]")
      ->type_name("KEY");
}

}  // namespace

void AddBuildArguments(CLI::App* command, BuildFlags* flags) {
  AddWhatToBuild(command, flags);
  AddVerification(command, flags);
  AddBuildOptions(command, flags);
  AddOffers(command, flags);
  AddResults(command, flags);
  command->add_flag("--load", flags->load, "Load the image into this machine's Docker, where one runs");
  AddIgnoredDockerFlags(command, &flags->ignored);
  // One value per mention: what follows is the context.
  for (const char* name :
       {"--platform", "--build-arg", "--matrix", "--build-context", "--tag", "--output", "--require"}) {
    command->get_option(name)->allow_extra_args(false);
  }
}

void AddRetryArguments(CLI::App* command, BuildFlags* flags) {
  command->add_option("build", flags->retried, "Number of the build, or latest")
      ->type_name("BUILD")
      ->required();
  command->add_flag("--no-cache", flags->no_cache, "Execute every step anew");
  command->add_flag("--pull", flags->pull, "Ask the registries again what the tags of base images mean");
  command
      ->add_option("--require", flags->require,
                   "reproducible: exit 3 when it is not, 6 when that cannot be said")
      ->type_name("WHAT");
  AddMinHosts(command, flags);
  AddOffers(command, flags);
  AddResults(command, flags);
  for (const char* name : {"--output", "--require"}) command->get_option(name)->allow_extra_args(false);
}

}  // namespace crossmill::cli
