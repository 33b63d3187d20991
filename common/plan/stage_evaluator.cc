#include "common/plan/stage_evaluator.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/dockerfile/go_format.h"
#include "common/dockerfile/words.h"
#include "common/pattern/path_pattern.h"

namespace crossmill::plan {
namespace {

// All variables together have at most so many: a recipe that doubles a variable in each line is stopped here.
constexpr size_t kMostVariableBytes = size_t{8} << 20;
// A port as text.
constexpr size_t kPortBytes = 16;
// Units of effort for a name that another is compared with.
constexpr size_t kName = 5;
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

// As the config says it: as written, like Docker's builder, so that a slash at the end stays. But not with
// `..`, which a runtime may resolve by another folder than the one that was made. Steps get the clean path.
std::string AsWorkingFolder(std::string_view written) {
  const bool up = fmt::format("{}/", written).find("/../") != std::string::npos;
  return written.starts_with('/') && !up ? std::string(written) : pattern::CleanAbsolute(written);
}

}  // namespace

void StageState::Assign(std::string_view name, std::string_view value) {
  const auto [entry, added] = variables.try_emplace(std::string(name));
  variable_bytes += value.size() + (added ? name.size() : 0);
  variable_bytes -= entry->second.size();
  entry->second = value;
  assigned[entry->first] = ++assignments;
}

namespace {

// The config's environment is set anew where a stage begins.
void AssignEnvironment(StageState& state) {
  for (const std::string& entry : state.config.env) {
    const size_t equals = entry.find('=');
    state.Assign(std::string_view(entry).substr(0, equals),
                 equals == std::string::npos ? "" : std::string_view(entry).substr(equals + 1));
  }
}

}  // namespace

StageState StateFromConfig(ImageConfig config) {
  StageState state;
  state.config = std::move(config);
  std::string& folder = state.config.working_dir;
  if (!folder.empty()) folder = AsWorkingFolder(folder);
  AssignEnvironment(state);
  return state;
}

StageState StateFromStage(const StageState& base) {
  StageState state = base;
  state.config.on_build.clear();
  AssignEnvironment(state);
  return state;
}

void StampLayer(const BuildFacts& facts, StageState& state, v1::Step& step) {
  ++state.layers;
  step.set_clamp_time(facts.strict_epoch ? facts.epoch : facts.epoch + state.layers);
  step.set_keep_times(facts.options->keep_times);
}

StageEvaluator::StageEvaluator(const BuildFacts& facts, const PlatformView& view, size_t stage,
                               uint32_t first_number, StageState& state, FindSource find_source)
    : facts_(facts),
      view_(view),
      stage_(stage),
      first_number_(first_number),
      state_(state),
      find_source_(std::move(find_source)) {}

absl::Status StageEvaluator::Error(const dockerfile::Instruction& instruction, size_t offset,
                                   std::string_view message) const {
  return dockerfile::RecipeError(instruction.PlaceOf(facts_.outline->document.file, offset), message);
}

absl::StatusOr<std::string> StageEvaluator::ExpandAt(const dockerfile::Instruction& instruction,
                                                     size_t offset, std::string_view text,
                                                     bool quotes_are_text, bool is_pattern) const {
  dockerfile::ExpansionOptions options{facts_.outline->document.escape, quotes_are_text, is_pattern,
                                       facts_.options->effort};
  if (quotes_are_text) options.escape = '\\';
  absl::StatusOr<std::string> value = dockerfile::Expand(text, state_.variables, options);
  if (!value.ok()) return Error(instruction, offset, Sv(value.status().message()));
  return value;
}

absl::Status StageEvaluator::Evaluate(const dockerfile::Instruction& instruction) {
  v1::Step step;
  step.set_number(static_cast<uint32_t>(steps_.size()) + first_number_);
  step.set_instruction(std::string(instruction.syntax->name));
  *step.mutable_range() = dockerfile::RangeOf(*facts_.outline, instruction);
  shown_ = instruction.arguments();
  RETURN_IF_ERROR(Dispatch(instruction, step));
  step.set_text(OneLine(fmt::format("{} {}", instruction.syntax->name, shown_)));
  // What is shown is in the config's history too.
  const size_t kept = step.ByteSizeLong() + shown_.size();
  RETURN_IF_ERROR(SpendAt(instruction, 0, kept, pattern::Effort::kKeptByte));
  steps_.push_back(std::move(step));
  return absl::OkStatus();
}

absl::Status StageEvaluator::Dispatch(const dockerfile::Instruction& instruction, v1::Step& step) {
  switch (instruction.keyword()) {
    case dockerfile::Keyword::kAdd:
    case dockerfile::Keyword::kCopy:
      return Copy(instruction, step);
    case dockerfile::Keyword::kArg:
      return Arg(instruction);
    case dockerfile::Keyword::kCmd:
    case dockerfile::Keyword::kEntrypoint:
      return Command(instruction);
    case dockerfile::Keyword::kEnv:
      return Env(instruction);
    case dockerfile::Keyword::kExpose:
      return Expose(instruction);
    case dockerfile::Keyword::kFrom:
      return Error(instruction, 0, "FROM inside a stage; expected another instruction");
    case dockerfile::Keyword::kHealthcheck:
      return Health(instruction);
    case dockerfile::Keyword::kLabel:
      return Label(instruction);
    case dockerfile::Keyword::kMaintainer:
      state_.config.author = instruction.words[0].text;
      state_.config.AddHistory("MAINTAINER " + state_.config.author, true);
      return absl::OkStatus();
    case dockerfile::Keyword::kOnbuild:
      state_.config.on_build.push_back(instruction.words[0].text);
      return absl::OkStatus();
    case dockerfile::Keyword::kRun:
      return Run(instruction, step);
    case dockerfile::Keyword::kShell:
      return Shell(instruction);
    case dockerfile::Keyword::kStopsignal:
      return StopSignal(instruction);
    case dockerfile::Keyword::kUser:
      return User(instruction);
    case dockerfile::Keyword::kVolume:
      return Volume(instruction);
    case dockerfile::Keyword::kWorkdir:
      return Workdir(instruction, step);
  }
  return absl::OkStatus();
}

absl::Status StageEvaluator::SetVariable(const dockerfile::Instruction& instruction, size_t offset,
                                         std::string_view name, std::string_view value) {
  state_.Assign(name, value);
  if (state_.variable_bytes <= kMostVariableBytes) return absl::OkStatus();
  return Error(instruction, offset,
               "the variables of this stage are too long; expected at most 8 MiB together");
}

absl::Status StageEvaluator::SpendAt(const dockerfile::Instruction& instruction, size_t offset, size_t times,
                                     size_t units) const {
  const absl::Status spent = Spend(facts_.options->effort, times, units);
  return spent.ok() ? spent : Error(instruction, offset, Sv(spent.message()));
}

// A given build argument beats the default here, which beats the value before the first FROM.
absl::Status StageEvaluator::Arg(const dockerfile::Instruction& instruction) {
  std::vector<std::string> shown;
  for (const dockerfile::Pair& pair : instruction.pairs) {
    std::optional<std::string> value;
    if (const auto given = facts_.build_arguments.find(pair.name); given != facts_.build_arguments.end()) {
      value = given->second;
    } else if (pair.has_value) {
      ASSIGN_OR_RETURN(value, ExpandAt(instruction, pair.offset, pair.value));
    } else if (const auto global = view_.globals.find(pair.name); global != view_.globals.end()) {
      value = global->second;
    }
    // Two that only say what to scan are no variables.
    if (value && !pair.name.starts_with("BUILDKIT_SBOM_SCAN_")) {
      RETURN_IF_ERROR(SetVariable(instruction, pair.offset, pair.name, *value));
    }
    RETURN_IF_ERROR(SpendAt(instruction, pair.offset, state_.arguments.size() + 1, kName));
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

absl::Status StageEvaluator::Env(const dockerfile::Instruction& instruction) {
  // All values are expanded before any is set.
  std::vector<std::pair<std::string, std::string>> values;
  for (const dockerfile::Pair& pair : instruction.pairs) {
    ASSIGN_OR_RETURN(std::string name, ExpandAt(instruction, pair.offset, pair.name));
    ASSIGN_OR_RETURN(std::string value, ExpandAt(instruction, pair.offset, pair.value));
    if (name.empty()) return Error(instruction, pair.offset, "ENV has an empty name; expected NAME=VALUE");
    values.emplace_back(std::move(name), std::move(value));
  }
  shown_.clear();
  for (const auto& [name, value] : values) {
    RETURN_IF_ERROR(SpendAt(instruction, 0, state_.config.env.size() + 1, kName));
    state_.config.SetEnv(name, value);
    RETURN_IF_ERROR(SetVariable(instruction, 0, name, value));
    shown_ += fmt::format("{}{}={}", shown_.empty() ? "" : " ", name, value);
  }
  state_.config.AddHistory("ENV " + shown_, true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Label(const dockerfile::Instruction& instruction) {
  shown_.clear();
  for (const dockerfile::Pair& pair : instruction.pairs) {
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

absl::Status StageEvaluator::Command(const dockerfile::Instruction& instruction) {
  std::vector<std::string> argv;
  if (instruction.json) {
    for (const dockerfile::Word& word : instruction.words) argv.push_back(word.text);
  } else {
    argv = WithShell(instruction.words[0].text);
  }
  state_.config.AddHistory(fmt::format("{} {}", instruction.syntax->name, dockerfile::GoQuotedList(argv)),
                           true);
  if (instruction.keyword() == dockerfile::Keyword::kCmd) {
    state_.config.cmd = std::move(argv);
    // As the builder sets it, on every system.
    state_.config.args_escaped = true;
    cmd_set_ = true;
    return absl::OkStatus();
  }
  state_.config.entrypoint = std::move(argv);
  // An inherited command was meant for the inherited entry point.
  if (!cmd_set_) state_.config.cmd.clear();
  return absl::OkStatus();
}

absl::Status StageEvaluator::Expose(const dockerfile::Instruction& instruction) {
  std::vector<std::string> ports;
  shown_.clear();
  for (const dockerfile::Word& word : instruction.words) {
    absl::StatusOr<std::vector<std::string>> expanded =
        dockerfile::ExpandToWords(word.text, state_.variables, Expansion());
    if (!expanded.ok()) return Error(instruction, word.offset, Sv(expanded.status().message()));
    for (const std::string& text : *expanded) {
      absl::StatusOr<std::vector<std::string>> parsed = dockerfile::ParsePorts(text);
      if (!parsed.ok()) return Error(instruction, word.offset, Sv(parsed.status().message()));
      RETURN_IF_ERROR(
          SpendAt(instruction, word.offset, parsed->size() * kPortBytes, pattern::Effort::kKeptByte));
      ports.insert(ports.end(), parsed->begin(), parsed->end());
      shown_ += (shown_.empty() ? "" : " ") + text;
    }
  }
  state_.config.exposed_ports.insert(ports.begin(), ports.end());
  state_.config.AddHistory(fmt::format("EXPOSE [{}]", absl::StrJoin(ports, " ")), true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Health(const dockerfile::Instruction& instruction) {
  HealthCheck check;
  for (const dockerfile::Flag& flag : instruction.flags) {
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

absl::Status StageEvaluator::Volume(const dockerfile::Instruction& instruction) {
  std::vector<std::string> volumes;
  for (const dockerfile::Word& word : instruction.words) {
    ASSIGN_OR_RETURN(std::string volume, ExpandAt(instruction, word.offset, word.text));
    volume = std::string(dockerfile::TrimBlanks(volume));
    if (volume.empty()) return Error(instruction, word.offset, "VOLUME has an empty path; expected a path");
    volumes.push_back(std::move(volume));
  }
  shown_ = absl::StrJoin(volumes, " ");
  state_.config.volumes.insert(volumes.begin(), volumes.end());
  state_.config.AddHistory(fmt::format("VOLUME [{}]", shown_), true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::StopSignal(const dockerfile::Instruction& instruction) {
  const dockerfile::Word& word = instruction.words[0];
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

absl::Status StageEvaluator::Shell(const dockerfile::Instruction& instruction) {
  state_.config.shell.clear();
  for (const dockerfile::Word& word : instruction.words) state_.config.shell.push_back(word.text);
  state_.config.AddHistory(fmt::format("SHELL [{}]", absl::StrJoin(state_.config.shell, " ")), true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::User(const dockerfile::Instruction& instruction) {
  const dockerfile::Word& word = instruction.words[0];
  ASSIGN_OR_RETURN(shown_, ExpandAt(instruction, word.offset, word.text));
  // Empty: the image's programs and later steps run as root again.
  state_.config.user = shown_;
  state_.config.AddHistory("USER " + shown_, true);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Workdir(const dockerfile::Instruction& instruction, v1::Step& step) {
  const dockerfile::Word& word = instruction.words[0];
  ASSIGN_OR_RETURN(shown_, ExpandAt(instruction, word.offset, word.text));
  if (!shown_.empty()) {
    state_.config.working_dir = shown_.starts_with('/')
                                    ? AsWorkingFolder(shown_)
                                    : pattern::CleanAbsolute(state_.config.working_dir + "/" + shown_);
  }
  const std::string path = pattern::CleanAbsolute(state_.config.working_dir);
  const bool makes_layer = path != "/";
  if (makes_layer) {
    step.mutable_workdir()->set_path(path);
    step.mutable_workdir()->set_user(state_.config.user);
    StampLayer(facts_, state_, step);
  }
  state_.config.AddHistory("WORKDIR " + state_.config.working_dir, !makes_layer);
  return absl::OkStatus();
}

}  // namespace crossmill::plan
