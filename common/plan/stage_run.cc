// RUN of StageEvaluator.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/dockerfile/run_mount.h"
#include "common/dockerfile/words.h"
#include "common/pattern/path_pattern.h"
#include "common/plan/stage_evaluator.h"
#include "common/plan/step_sources.h"

namespace crossmill::plan {
namespace {

constexpr std::string_view kCacheNamespace = "BUILDKIT_CACHE_MOUNT_NS";
constexpr std::string_view kHostNameArgument = "BUILDKIT_SANDBOX_HOSTNAME";

// Last part of a path; that of "/" is "/".
std::string BaseName(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos || path == "/" ? path : path.substr(slash + 1));
}

}  // namespace

absl::Status StageEvaluator::Run(const dockerfile::Instruction& instruction, v1::Step& step) {
  v1::Run& run = *step.mutable_run();
  RETURN_IF_ERROR(RunNetwork(instruction, run));
  RETURN_IF_ERROR(RunSecurity(instruction));
  for (const std::string& host : facts_.options->extra_hosts) run.add_extra_hosts(host);
  if (run.network() == v1::NETWORK_MODE_RECORDED) {
    run.set_offline(facts_.options->offline);
    if (facts_.options->exclude_newer) run.set_exclude_newer(*facts_.options->exclude_newer);
  }
  for (const std::string& rule : facts_.options->normalize) run.add_normalize(rule);
  run.set_shm_size(facts_.options->shm_size);
  for (const v1::Ulimit& limit : facts_.options->ulimits) *run.add_ulimits() = limit;
  if (const auto name = facts_.build_arguments.find(kHostNameArgument);
      name != facts_.build_arguments.end()) {
    run.set_hostname(name->second);
  }
  run.set_cwd(pattern::CleanAbsolute(state_.config.working_dir));
  run.set_user(state_.config.user);
  if (instruction.json) {
    for (const dockerfile::Word& word : instruction.words) run.add_argv(word.text);
  } else {
    ASSIGN_OR_RETURN(const std::string command, RunCommand(instruction, run));
    for (std::string& argument : WithShell(command)) run.add_argv(std::move(argument));
  }
  RunEnvironment(run);
  RETURN_IF_ERROR(RunMounts(instruction, run));
  StampLayer(facts_, state_, step);
  if (!instruction.heredocs.empty()) {
    const std::string_view content = dockerfile::TrimBlanks(instruction.heredocs[0].content);
    const std::string_view first = content.substr(0, content.find('\n'));
    shown_ +=
        fmt::format(" ({}{})", dockerfile::TrimBlanks(first), first.size() < content.size() ? "..." : "");
  }
  std::string flags;
  for (const dockerfile::Flag& flag : instruction.flags)
    flags += fmt::format("--{}={} ", flag.syntax->name, flag.value);
  shown_ = flags + shown_;
  std::string history;
  for (const auto& [name, value] : state_.arguments) {
    const auto variable = state_.variables.find(name);
    history += fmt::format("{}={} ", name, variable == state_.variables.end() ? "" : variable->second);
  }
  if (!state_.arguments.empty()) history = fmt::format("|{} {}", state_.arguments.size(), history);
  state_.config.AddHistory(fmt::format("RUN {}{} # buildkit", history, absl::StrJoin(run.argv(), " ")),
                           false);
  return absl::OkStatus();
}

absl::Status StageEvaluator::RunNetwork(const dockerfile::Instruction& instruction, v1::Run& run) {
  run.set_network(facts_.options->network);
  const dockerfile::Flag* flag = instruction.FindFlag("network");
  if (flag == nullptr || flag->value == "default") return absl::OkStatus();
  if (flag->value == "none") {
    run.set_network(v1::NETWORK_MODE_NONE);
    return absl::OkStatus();
  }
  if (flag->value != "host") {
    return Error(
        instruction, flag->offset,
        fmt::format("RUN --network has the value '{}'; expected default, none or host", flag->value));
  }
  if (facts_.options->network == v1::NETWORK_MODE_NONE) {
    return Error(instruction, flag->offset,
                 "RUN --network=host in a build without network; expected the build to be submitted with "
                 "--network=host");
  }
  run.set_network(v1::NETWORK_MODE_HOST);
  return absl::OkStatus();
}

// Sandboxed is all there is: a build must not leave its worker.
absl::Status StageEvaluator::RunSecurity(const dockerfile::Instruction& instruction) const {
  if (const dockerfile::Flag* device = instruction.FindFlag("device"); device != nullptr) {
    return Error(instruction, device->offset,
                 fmt::format("RUN --device={} is refused: steps see no devices of their host, whose results "
                             "would depend on it; expected RUN without --device",
                             device->value));
  }
  const dockerfile::Flag* flag = instruction.FindFlag("security");
  if (flag == nullptr || flag->value == "sandbox") return absl::OkStatus();
  if (flag->value == "insecure") {
    return Error(instruction, flag->offset,
                 "RUN --security=insecure is refused: steps of this farm never run outside of their sandbox; "
                 "expected --security=sandbox");
  }
  return Error(instruction, flag->offset,
               fmt::format("RUN --security has the value '{}'; expected sandbox{}", flag->value,
                           dockerfile::DidYouMean(flag->value, std::vector<std::string>{"sandbox"})));
}

absl::Status StageEvaluator::RunMounts(const dockerfile::Instruction& instruction, v1::Run& run) {
  for (const dockerfile::Flag& flag : instruction.flags) {
    if (flag.syntax->name == "mount") RETURN_IF_ERROR(AddMount(instruction, flag, run));
  }
  return absl::OkStatus();
}

// Relative to the working directory; empty means that itself.
std::string StageEvaluator::MountTarget(std::string_view written) const {
  return pattern::CleanAbsolute(written.starts_with('/')
                                    ? std::string(written)
                                    : fmt::format("{}/{}", state_.config.working_dir, written));
}

absl::Status StageEvaluator::AddMount(const dockerfile::Instruction& instruction,
                                      const dockerfile::Flag& flag, v1::Run& run) {
  const dockerfile::ExpandText expand = [&](std::string_view text) {
    return dockerfile::Expand(text, state_.variables, Expansion());
  };
  ASSIGN_OR_RETURN(const dockerfile::MountSpec spec,
                   dockerfile::ReadMount(facts_.outline->document.file, instruction, flag, expand));
  v1::RunMount& mount = *run.add_mounts();
  mount.set_type(spec.type);
  mount.set_target(MountTarget(spec.target));
  mount.set_read_only(spec.read_only);
  mount.set_required(spec.required);
  mount.set_size(spec.size);
  switch (spec.type) {
    case v1::RunMount::TYPE_CACHE:
      RETURN_IF_ERROR(AddCache(instruction, flag, spec, mount));
      break;
    case v1::RunMount::TYPE_SECRET:
      AddSecret(spec, mount);
      break;
    case v1::RunMount::TYPE_SSH: {
      mount.set_id(spec.id.empty() ? "default" : spec.id);
      mount.set_mode(spec.mode.value_or(0600));
      if (!spec.target.empty()) break;
      int number = 0;  // It counts the agents before it.
      for (const v1::RunMount& other : run.mounts()) number += other.type() == v1::RunMount::TYPE_SSH ? 1 : 0;
      mount.set_target(fmt::format("/run/buildkit/ssh_agent.{}", number - 1));
      break;
    }
    default:
      if (spec.type == v1::RunMount::TYPE_BIND) RETURN_IF_ERROR(MountSource(instruction, flag, spec, mount));
      break;
  }
  // As in the builder, a folder below a cache is as it is there.
  const bool part = spec.type == v1::RunMount::TYPE_CACHE && pattern::CleanAbsolute(spec.source) != "/";
  mount.set_uid(part ? 0 : spec.uid.value_or(0));
  mount.set_gid(part ? 0 : spec.gid.value_or(0));
  if (mount.target() == "/") {
    return Error(instruction, flag.offset,
                 "--mount: the target is '/'; expected a path below it (target=PATH)");
  }
  return absl::OkStatus();
}

absl::Status StageEvaluator::MountSource(const dockerfile::Instruction& instruction,
                                         const dockerfile::Flag& flag, const dockerfile::MountSpec& spec,
                                         v1::RunMount& mount) {
  const std::string path = pattern::CleanAbsolute(spec.source);
  CopyOrigin origin;
  ASSIGN_OR_RETURN(origin,
                   OriginOfMount(*facts_.outline, *view_.contexts, view_.target, stage_, instruction, flag));
  if (origin.kind == CopyOrigin::kScratch) {
    if (path == "/") return absl::OkStatus();
    return Error(
        instruction, flag.offset,
        fmt::format("--mount: there is no '{}' in scratch; expected a from= that has it", spec.source));
  }
  v1::CopySource& source = *mount.mutable_source();
  source.set_text(spec.source.empty() ? "." : spec.source);
  // Here wildcards are letters like others.
  const std::string pattern = LiteralPattern(path);
  if (origin.kind == CopyOrigin::kContext || origin.kind == CopyOrigin::kTree) {
    source.mutable_context_pattern()->set_pattern(pattern);
    if (origin.tree != nullptr) source.mutable_context_pattern()->set_context(origin.tree->name());
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const uint32_t stage, find_source_(origin));
  source.mutable_export_()->set_stage(stage);
  source.mutable_export_()->mutable_export_()->set_pattern(pattern);
  return absl::OkStatus();
}

absl::Status StageEvaluator::AddCache(const dockerfile::Instruction& instruction,
                                      const dockerfile::Flag& flag, const dockerfile::MountSpec& spec,
                                      v1::RunMount& mount) {
  // The target as written, not as resolved.
  std::string id = spec.id;
  if (id.empty())
    id = spec.target.starts_with('/') ? pattern::CleanAbsolute(spec.target)
                                      : pattern::CleanAbsolute(spec.target).substr(1);
  if (id.empty()) id = ".";
  const auto given = facts_.build_arguments.find(kCacheNamespace);
  if (given != facts_.build_arguments.end() && !given->second.empty()) id = given->second + "/" + id;
  mount.set_id(id);
  mount.set_sharing(spec.sharing.value_or(v1::RunMount::SHARING_SHARED));
  const bool whole = pattern::CleanAbsolute(spec.source) == "/";
  // Mode and owner are those of a new, empty folder: as in the builder, it then has no content from
  // elsewhere.
  const bool owned = spec.mode || spec.uid || spec.gid;
  mount.set_mode(whole ? spec.mode.value_or(0755) : 0755);
  if (spec.from.empty() && !whole) mount.set_cache_path(pattern::CleanAbsolute(spec.source));
  if (spec.from.empty() || (whole && owned)) return absl::OkStatus();
  return MountSource(instruction, flag, spec, mount);
}

void StageEvaluator::AddSecret(const dockerfile::MountSpec& spec, v1::RunMount& mount) const {
  std::string id = spec.source.empty() ? spec.id : spec.source;
  if (id.empty()) id = BaseName(spec.target);
  mount.set_id(id);
  mount.set_mode(spec.mode.value_or(0400));
  if (spec.env) mount.set_env(*spec.env);
  if (!spec.target.empty()) return;
  // Only a variable, unless a file is asked for.
  mount.set_target(spec.env ? "" : "/run/secrets/" + BaseName(id));
}

// Config environment and declared build arguments, the one set last at the end. Proxies that were given but
// not declared go apart: they never change a result, so they are in no key and no history.
void StageEvaluator::RunEnvironment(v1::Run& run) const {
  std::vector<std::pair<int64_t, std::string>> variables;
  for (const auto& [name, value] : state_.variables) {
    variables.emplace_back(state_.assigned.at(name), fmt::format("{}={}", name, value));
  }
  std::sort(variables.begin(), variables.end());
  for (auto& [number, variable] : variables) run.add_env(std::move(variable));
  // A proxy is announced in both cases, whichever it was given in.
  std::map<std::string, std::string> proxies;
  for (const auto& [name, value] : facts_.build_arguments) {
    if (!dockerfile::IsProxyArgument(name)) continue;
    proxies[absl::AsciiStrToUpper(name)] = value;
    proxies[absl::AsciiStrToLower(name)] = value;
  }
  for (const auto& [name, value] : proxies) {
    if (!state_.variables.contains(name)) run.add_proxy_env(fmt::format("{}={}", name, value));
  }
}

// The text form's command. A lone here-document is the script itself (with `#!`: a file that is
// executed); in any other line the shell gets it to read, as written.
absl::StatusOr<std::string> StageEvaluator::RunCommand(const dockerfile::Instruction& instruction,
                                                       v1::Run& run) const {
  const std::string& line = instruction.words[0].text;
  if (instruction.heredocs.empty()) return line;
  const dockerfile::Heredoc& first = instruction.heredocs[0];
  if (line == first.word) {
    std::string content = first.strip_tabs ? dockerfile::StripTabs(first.content) : first.content;
    if (!content.starts_with("#!")) return content;
    v1::InlineFile& file = *run.add_files();
    file.set_name(first.name);
    file.set_content(std::move(content));
    file.set_mode(0755);
    return "/dev/pipes/" + first.name;
  }
  std::string command = line;
  for (const dockerfile::Heredoc& heredoc : instruction.heredocs)
    command += "\n" + heredoc.content + heredoc.name;
  return command;
}

}  // namespace crossmill::plan
