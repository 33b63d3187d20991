#include "common/plan/stage_evaluator.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/plan/go_format.h"
#include "common/plan/path_pattern.h"
#include "common/plan/words.h"

namespace crossmill::plan {
namespace {

// Of all variables together: a recipe that doubles a variable in each line is stopped here.
constexpr size_t kMostVariableBytes = size_t{8} << 20;
// Names of signals that STOPSIGNAL may give, as the kernel has them on Linux.
constexpr std::string_view kSignals[] = {
    "ABRT", "ALRM", "BUS",  "CHLD", "CLD",  "CONT", "FPE",    "HUP",    "ILL",  "INT",  "IO",    "IOT",
    "KILL", "PIPE", "POLL", "PROF", "PWR",  "QUIT", "SEGV",   "STKFLT", "STOP", "SYS",  "TERM",  "TRAP",
    "TSTP", "TTIN", "TTOU", "URG",  "USR1", "USR2", "VTALRM", "WINCH",  "XCPU", "XFSZ", "RTMIN", "RTMAX"};

bool IsSignal(std::string_view text) {
  int number = 0;
  if (absl::SimpleAtoi(Av(text), &number)) return number > 0 && number <= 64;
  std::string name = absl::AsciiStrToUpper(Av(text));
  if (name.starts_with("SIG")) name.erase(0, 3);
  if ((name.starts_with("RTMIN+") || name.starts_with("RTMAX-")) &&
      absl::SimpleAtoi(name.substr(6), &number)) {
    return number >= 0 && number <= 30;
  }
  return std::find(std::begin(kSignals), std::end(kSignals), name) != std::end(kSignals);
}

std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::replace(line.begin(), line.end(), '\r', ' ');
  return line;
}

}  // namespace

StageState StateFromConfig(ImageConfig config) {
  StageState state;
  state.config = std::move(config);
  for (const std::string& entry : state.config.env) {
    const size_t equals = entry.find('=');
    state.variables[entry.substr(0, equals)] = equals == std::string::npos ? "" : entry.substr(equals + 1);
  }
  return state;
}

StageState StateFromStage(const StageState& base) {
  StageState state = StateFromConfig(base.config);
  state.config.on_build.clear();
  for (const auto& [name, value] : base.variables) state.variables.emplace(name, value);
  state.arguments = base.arguments;
  state.layers = base.layers;
  state.variable_bytes = base.variable_bytes;
  return state;
}

StageEvaluator::StageEvaluator(const BuildFacts& facts, const PlatformView& view, size_t stage,
                               StageState& state, FindSource find_source)
    : facts_(facts), view_(view), stage_(stage), state_(state), find_source_(std::move(find_source)) {}

absl::Status StageEvaluator::Error(const Instruction& instruction, size_t offset,
                                   std::string_view message) const {
  return RecipeError(instruction.PlaceOf(facts_.outline->document.file, offset), message);
}

absl::StatusOr<std::string> StageEvaluator::ExpandAt(const Instruction& instruction, size_t offset,
                                                     std::string_view text, bool quotes_are_text) const {
  ExpansionOptions options{facts_.outline->document.escape, quotes_are_text};
  if (quotes_are_text) options.escape = '\\';
  absl::StatusOr<std::string> value = plan::Expand(text, state_.variables, options);
  if (!value.ok()) return Error(instruction, offset, Sv(value.status().message()));
  return value;
}

absl::Status StageEvaluator::Evaluate(const Instruction& instruction) {
  RETURN_IF_ERROR(CheckSupported(*facts_.outline, instruction));
  v1::Step step;
  // FROM is number 1.
  step.set_number(static_cast<uint32_t>(steps_.size() + 2));
  step.set_instruction(std::string(instruction.syntax->name));
  *step.mutable_range() = RangeOf(*facts_.outline, instruction);
  shown_ = instruction.arguments();
  RETURN_IF_ERROR(Dispatch(instruction, step));
  step.set_text(OneLine(fmt::format("{} {}", instruction.syntax->name, shown_)));
  steps_.push_back(std::move(step));
  return absl::OkStatus();
}

absl::Status StageEvaluator::Dispatch(const Instruction& instruction, v1::Step& step) {
  switch (instruction.keyword()) {
    case Keyword::kAdd:
    case Keyword::kCopy:
      return Copy(instruction, step);
    case Keyword::kArg:
      return Arg(instruction);
    case Keyword::kCmd:
    case Keyword::kEntrypoint:
      return Command(instruction);
    case Keyword::kEnv:
      return Env(instruction);
    case Keyword::kExpose:
      return Expose(instruction);
    case Keyword::kFrom:
      return Error(instruction, 0, "FROM inside a stage; expected another instruction");
    case Keyword::kHealthcheck:
      return Health(instruction);
    case Keyword::kLabel:
      return Label(instruction);
    case Keyword::kMaintainer:
      state_.config.author = instruction.words[0].text;
      state_.config.AddHistory("MAINTAINER " + state_.config.author, true);
      return absl::OkStatus();
    case Keyword::kOnbuild:
      state_.config.on_build.push_back(instruction.words[0].text);
      return absl::OkStatus();
    case Keyword::kRun:
      return Run(instruction, step);
    case Keyword::kShell:
      return Shell(instruction);
    case Keyword::kStopsignal:
      return StopSignal(instruction);
    case Keyword::kUser:
      return User(instruction);
    case Keyword::kVolume:
      return Volume(instruction);
    case Keyword::kWorkdir:
      return Workdir(instruction, step);
  }
  return absl::OkStatus();
}

absl::Status StageEvaluator::SetVariable(const Instruction& instruction, size_t offset, std::string_view name,
                                         std::string_view value) {
  const auto [entry, added] = state_.variables.try_emplace(std::string(name));
  state_.variable_bytes += value.size() + (added ? name.size() : 0);
  state_.variable_bytes -= entry->second.size();
  entry->second = value;
  if (state_.variable_bytes <= kMostVariableBytes) return absl::OkStatus();
  return Error(instruction, offset,
               "the variables of this stage are too long; expected at most 8 MiB together");
}

// A given build argument beats the default here, which beats the value before the first FROM.
absl::Status StageEvaluator::Arg(const Instruction& instruction) {
  std::vector<std::string> shown;
  for (const Pair& pair : instruction.pairs) {
    std::optional<std::string> value;
    if (const auto given = facts_.build_arguments.find(pair.name); given != facts_.build_arguments.end()) {
      value = given->second;
    } else if (pair.has_value) {
      ASSIGN_OR_RETURN(value, ExpandAt(instruction, pair.offset, pair.value));
    } else if (const auto global = view_.globals.find(pair.name); global != view_.globals.end()) {
      value = global->second;
    }
    if (value) RETURN_IF_ERROR(SetVariable(instruction, pair.offset, pair.name, *value));
    auto declared = std::find_if(state_.arguments.begin(), state_.arguments.end(),
                                 [&](const auto& argument) { return argument.first == pair.name; });
    if (declared == state_.arguments.end()) {
      state_.arguments.emplace_back(pair.name, value);
    } else {
      declared->second = value;
    }
    shown.push_back(value ? fmt::format("{}={}", pair.name, *value) : pair.name);
  }
  shown_ = absl::StrJoin(shown, " ");
  state_.config.AddHistory("ARG " + shown_, true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Env(const Instruction& instruction) {
  // All values are expanded before any is set.
  std::vector<std::pair<std::string, std::string>> values;
  for (const Pair& pair : instruction.pairs) {
    ASSIGN_OR_RETURN(std::string name, ExpandAt(instruction, pair.offset, pair.name));
    ASSIGN_OR_RETURN(std::string value, ExpandAt(instruction, pair.offset, pair.value));
    if (name.empty()) return Error(instruction, pair.offset, "ENV has an empty name; expected NAME=VALUE");
    values.emplace_back(std::move(name), std::move(value));
  }
  shown_.clear();
  for (const auto& [name, value] : values) {
    state_.config.SetEnv(name, value);
    RETURN_IF_ERROR(SetVariable(instruction, 0, name, value));
    shown_ += fmt::format("{}{}={}", shown_.empty() ? "" : " ", name, value);
  }
  state_.config.AddHistory("ENV " + shown_, true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Label(const Instruction& instruction) {
  shown_.clear();
  for (const Pair& pair : instruction.pairs) {
    ASSIGN_OR_RETURN(const std::string name, ExpandAt(instruction, pair.offset, pair.name));
    ASSIGN_OR_RETURN(const std::string value, ExpandAt(instruction, pair.offset, pair.value));
    if (name.empty()) return Error(instruction, pair.offset, "LABEL has an empty name; expected NAME=VALUE");
    state_.config.labels[name] = value;
    shown_ += fmt::format("{}{}={}", shown_.empty() ? "" : " ", name, value);
  }
  state_.config.AddHistory("LABEL " + shown_, true);
  return absl::OkStatus();
}

std::vector<std::string> StageEvaluator::WithShell(std::string_view command) const {
  std::vector<std::string> argv = state_.config.shell;
  if (argv.empty()) argv = {"/bin/sh", "-c"};
  argv.emplace_back(command);
  return argv;
}

absl::Status StageEvaluator::Command(const Instruction& instruction) {
  std::vector<std::string> argv;
  if (instruction.json) {
    for (const Word& word : instruction.words) argv.push_back(word.text);
  } else {
    argv = WithShell(instruction.words[0].text);
  }
  state_.config.AddHistory(fmt::format("{} {}", instruction.syntax->name, GoQuotedList(argv)), true);
  if (instruction.keyword() == Keyword::kCmd) {
    state_.config.cmd = std::move(argv);
    cmd_set_ = true;
    return absl::OkStatus();
  }
  state_.config.entrypoint = std::move(argv);
  // An inherited command was meant for the inherited entry point.
  if (!cmd_set_) state_.config.cmd.clear();
  return absl::OkStatus();
}

absl::Status StageEvaluator::Expose(const Instruction& instruction) {
  std::vector<std::string> ports;
  shown_.clear();
  for (const Word& word : instruction.words) {
    absl::StatusOr<std::vector<std::string>> expanded =
        ExpandToWords(word.text, state_.variables, {facts_.outline->document.escape, false});
    if (!expanded.ok()) return Error(instruction, word.offset, Sv(expanded.status().message()));
    for (const std::string& text : *expanded) {
      absl::StatusOr<std::vector<std::string>> parsed = ParsePorts(text);
      if (!parsed.ok()) return Error(instruction, word.offset, Sv(parsed.status().message()));
      ports.insert(ports.end(), parsed->begin(), parsed->end());
      shown_ += (shown_.empty() ? "" : " ") + text;
    }
  }
  state_.config.exposed_ports.insert(ports.begin(), ports.end());
  state_.config.AddHistory(fmt::format("EXPOSE [{}]", absl::StrJoin(ports, " ")), true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Health(const Instruction& instruction) {
  HealthCheck check;
  for (const Flag& flag : instruction.flags) {
    const std::string_view name = flag.syntax->name;
    if (name == "retries") {
      if (!absl::SimpleAtoi(flag.value, &check.retries) || check.retries < 0) {
        return Error(instruction, flag.offset,
                     fmt::format("--retries has the value '{}'; expected a number from 0 on", flag.value));
      }
      continue;
    }
    absl::StatusOr<int64_t> duration = ParseGoDuration(flag.value);
    if (!duration.ok()) {
      return Error(instruction, flag.offset, fmt::format("--{}: {}", name, Sv(duration.status().message())));
    }
    (name == "interval"         ? check.interval
     : name == "timeout"        ? check.timeout
     : name == "start-interval" ? check.start_interval
                                : check.start_period) = *duration;
  }
  if (instruction.words[0].text == "NONE") {
    check.test = {"NONE"};
  } else {
    check.test = {instruction.json ? "CMD" : "CMD-SHELL"};
    for (size_t i = 1; i < instruction.words.size(); ++i) check.test.push_back(instruction.words[i].text);
  }
  state_.config.AddHistory(
      fmt::format(
          "HEALTHCHECK {{Test:[{}] Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
          absl::StrJoin(check.test, " "), FormatGoDuration(check.interval), FormatGoDuration(check.timeout),
          FormatGoDuration(check.start_period), FormatGoDuration(check.start_interval), check.retries),
      true);
  state_.config.health_check = std::move(check);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Volume(const Instruction& instruction) {
  std::vector<std::string> volumes;
  for (const Word& word : instruction.words) {
    ASSIGN_OR_RETURN(std::string volume, ExpandAt(instruction, word.offset, word.text));
    volume = std::string(TrimBlanks(volume));
    if (volume.empty()) return Error(instruction, word.offset, "VOLUME has an empty path; expected a path");
    volumes.push_back(std::move(volume));
  }
  shown_ = absl::StrJoin(volumes, " ");
  state_.config.volumes.insert(volumes.begin(), volumes.end());
  state_.config.AddHistory(fmt::format("VOLUME [{}]", shown_), true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::StopSignal(const Instruction& instruction) {
  const Word& word = instruction.words[0];
  ASSIGN_OR_RETURN(shown_, ExpandAt(instruction, word.offset, word.text));
  if (!IsSignal(shown_)) {
    return Error(
        instruction, word.offset,
        fmt::format("unknown signal '{}'; expected a name such as SIGTERM or a number from 1 to 64", shown_));
  }
  state_.config.stop_signal = shown_;
  state_.config.AddHistory("STOPSIGNAL " + shown_, true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Shell(const Instruction& instruction) {
  state_.config.shell.clear();
  for (const Word& word : instruction.words) state_.config.shell.push_back(word.text);
  state_.config.AddHistory(fmt::format("SHELL [{}]", absl::StrJoin(state_.config.shell, " ")), true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::User(const Instruction& instruction) {
  const Word& word = instruction.words[0];
  ASSIGN_OR_RETURN(shown_, ExpandAt(instruction, word.offset, word.text));
  if (shown_.empty()) {
    return Error(instruction, word.offset,
                 "USER is empty after expansion; expected NAME[:GROUP] or UID[:GID]");
  }
  state_.config.user = shown_;
  state_.config.AddHistory("USER " + shown_, true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Workdir(const Instruction& instruction, v1::Step& step) {
  const Word& word = instruction.words[0];
  ASSIGN_OR_RETURN(shown_, ExpandAt(instruction, word.offset, word.text));
  const std::string& old = state_.config.working_dir;
  const std::string path = CleanAbsolute(shown_.starts_with('/') ? shown_ : old + "/" + shown_);
  state_.config.working_dir = path;
  const bool makes_layer = path != "/";
  if (makes_layer) {
    step.mutable_workdir()->set_path(path);
    step.mutable_workdir()->set_user(state_.config.user);
    AddLayer(step);
  }
  state_.config.AddHistory("WORKDIR " + path, !makes_layer);
  return absl::OkStatus();
}

void StageEvaluator::AddLayer(v1::Step& step) {
  ++state_.layers;
  step.set_clamp_time(facts_.strict_epoch ? facts_.epoch : facts_.epoch + state_.layers);
  step.set_keep_times(facts_.options->keep_times);
}

absl::Status StageEvaluator::Run(const Instruction& instruction, v1::Step& step) {
  v1::Run& run = *step.mutable_run();
  RETURN_IF_ERROR(RunNetwork(instruction, run));
  run.set_cwd(state_.config.working_dir.empty() ? "/" : state_.config.working_dir);
  run.set_user(state_.config.user);
  if (instruction.json) {
    for (const Word& word : instruction.words) run.add_argv(word.text);
  } else {
    ASSIGN_OR_RETURN(const std::string command, RunCommand(instruction, run));
    for (std::string& argument : WithShell(command)) run.add_argv(std::move(argument));
  }
  RunEnvironment(run);
  AddLayer(step);
  if (!instruction.heredocs.empty()) {
    const std::string_view content = TrimBlanks(instruction.heredocs[0].content);
    const std::string_view first = content.substr(0, content.find('\n'));
    shown_ += fmt::format(" ({}{})", TrimBlanks(first), first.size() < content.size() ? "..." : "");
  }
  if (const Flag* flag = instruction.FindFlag("network"); flag != nullptr) {
    shown_ = fmt::format("--network={} {}", flag->value, shown_);
  }
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

absl::Status StageEvaluator::RunNetwork(const Instruction& instruction, v1::Run& run) {
  run.set_network(facts_.options->network);
  const Flag* flag = instruction.FindFlag("network");
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

// Config environment, then declared build arguments that it does not have. Proxies that were given but
// not declared go apart: they never change a result, so they are in no key and no history.
void StageEvaluator::RunEnvironment(v1::Run& run) const {
  std::set<std::string_view> set;
  for (const std::string& entry : state_.config.env) {
    const std::string name = entry.substr(0, entry.find('='));
    const auto variable = state_.variables.find(name);
    // An ARG behind the ENV hides it from commands.
    run.add_env(variable == state_.variables.end() ? entry : fmt::format("{}={}", name, variable->second));
    set.insert(std::string_view(entry).substr(0, name.size()));
  }
  for (const auto& [name, value] : state_.arguments) {
    const auto variable = state_.variables.find(name);
    if (variable == state_.variables.end() || !set.insert(name).second) continue;
    run.add_env(fmt::format("{}={}", name, variable->second));
  }
  for (const auto& [name, value] : facts_.build_arguments) {
    if (IsProxyArgument(name) && set.insert(name).second)
      run.add_proxy_env(fmt::format("{}={}", name, value));
  }
}

// The text form's command. A lone here-document is the script itself (with `#!`: a file that is
// executed); in any other line the shell gets it to read, as written.
absl::StatusOr<std::string> StageEvaluator::RunCommand(const Instruction& instruction, v1::Run& run) const {
  const std::string& line = instruction.words[0].text;
  if (instruction.heredocs.empty()) return line;
  const Heredoc& first = instruction.heredocs[0];
  if (line == first.word) {
    std::string content = first.strip_tabs ? StripTabs(first.content) : first.content;
    if (!content.starts_with("#!")) return content;
    v1::InlineFile& file = *run.add_files();
    file.set_name(first.name);
    file.set_content(std::move(content));
    file.set_mode(0755);
    return "/dev/pipes/" + first.name;
  }
  std::string command = line;
  for (const Heredoc& heredoc : instruction.heredocs) command += "\n" + heredoc.content + heredoc.name;
  return command;
}

}  // namespace crossmill::plan
