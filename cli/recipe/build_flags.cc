#include "cli/recipe/build_flags.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "absl/strings/str_join.h"
#include "cli/show/text.h"
#include "common/base/status.h"
#include "common/oci/annotations.h"
#include "common/plan/step_flags.h"
#include "common/plan/submitted_options.h"
#include "common/plan/variation.h"
#include "common/words/acceleration.h"
#include "common/words/normalize_rules.h"
#include "common/words/platform.h"
#include "common/words/priority.h"
#include "common/words/size.h"
#include "common/words/worker_labels.h"

namespace crossmill::cli {
namespace {

std::optional<int64_t> ParseNumber(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

absl::Status AddPlatforms(const BuildFlags& flags, const v1::Platform& own, v1::BuildOptions* options) {
  for (const std::string& list : flags.platforms) {
    for (const std::string& text : Split(list, ',')) {
      ASSIGN_OR_RETURN(const v1::Platform platform, ParsePlatform(text));
      for (const v1::Platform& known : options->platforms()) {
        if (SamePlatform(known, platform)) {
          return absl::InvalidArgumentError(
              fmt::format("--platform names {} twice", FormatPlatform(platform)));
        }
      }
      *options->add_platforms() = platform;
    }
  }
  if (options->platforms().empty()) *options->add_platforms() = own;
  return absl::OkStatus();
}

absl::Status SetNetwork(const std::string& text, v1::BuildOptions* options) {
  if (text == "none") {
    options->set_network(v1::NETWORK_MODE_NONE);
  } else if (text == "host") {
    options->set_network(v1::NETWORK_MODE_HOST);
  } else if (text == "recorded" || text == "default" || text.empty()) {
    options->set_network(v1::NETWORK_MODE_RECORDED);
  } else {
    return absl::InvalidArgumentError(
        fmt::format("--network={} is not known; expected recorded, none, host or default", text));
  }
  return absl::OkStatus();
}

absl::Status SetIndexPolicy(const BuildFlags& flags, v1::BuildOptions* options) {
  options->set_offline(flags.offline);
  options->set_no_compile_ahead(flags.no_compile_ahead);
  options->set_no_wheel_cache(flags.no_wheel_cache);
  if (!flags.exclude_newer.empty()) {
    auto seconds = ParseDate(flags.exclude_newer);
    if (!seconds.ok()) return Annotate(seconds.status(), "--exclude-newer");
    options->set_exclude_newer(*seconds);
  }
  if ((flags.offline || !flags.exclude_newer.empty()) && options->network() != v1::NETWORK_MODE_RECORDED) {
    return absl::InvalidArgumentError(
        fmt::format("{} is for steps on the recorded network: leave out --network={}",
                    flags.offline ? "--offline" : "--exclude-newer", flags.network));
  }
  return absl::OkStatus();
}

absl::Status SetVerify(const BuildFlags& flags, v1::BuildOptions* options) {
  bool require = false;
  for (const std::string& what : flags.require) {
    if (what != "reproducible") {
      return absl::InvalidArgumentError(
          fmt::format("--require {} is not known; expected reproducible", what));
    }
    require = true;
  }
  int verify = flags.verify;
  const int hosts = flags.min_hosts;
  if (hosts > 0 && !require) {
    return absl::InvalidArgumentError(
        "--min-hosts says on how many hosts a verdict has to rest: it needs --require reproducible");
  }
  if (hosts > 0 && verify >= 0 && verify < hosts) {
    return absl::InvalidArgumentError(
        fmt::format("--min-hosts {} needs as many executions: --verify {}", hosts, hosts));
  }
  if (verify < 0 && hosts > 2) verify = hosts;
  if (verify < 0) verify = require || flags.attribute || flags.until_different > 0 ? 2 : 0;
  if (verify > 16) return absl::InvalidArgumentError("--verify takes at most 16 executions");
  if (require && verify < 2) {
    return absl::InvalidArgumentError("--require reproducible needs at least two executions: --verify 2");
  }
  if (flags.until_different > 0 && verify < 2) {
    return absl::InvalidArgumentError("--until-different compares executions: it needs --verify 2");
  }
  if (flags.attribute && verify < 2) {
    return absl::InvalidArgumentError("--attribute compares executions: it needs --verify 2");
  }
  options->set_verify(static_cast<uint32_t>(verify));
  if (flags.vary) {
    if (verify < 2) {
      return absl::InvalidArgumentError("--vary says how compared executions differ: it needs --verify 2");
    }
    ASSIGN_OR_RETURN(*options->mutable_vary(), plan::ParseVary(*flags.vary));
  }
  options->set_allow_same_host(flags.allow_same_host);
  return absl::OkStatus();
}

absl::Status AddStepOptions(const BuildFlags& flags, v1::BuildOptions* options) {
  if (!flags.normalize.empty()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> rules,
                     ParseNormalize(absl::StrJoin(flags.normalize, ",")));
    options->mutable_normalize()->Assign(rules.begin(), rules.end());
  }
  for (const std::string& glob : flags.neutral) {
    if (glob.empty() || glob == "/")
      return absl::InvalidArgumentError("--neutral: expected a glob of paths, such as '/srv/static/*'");
    options->add_neutral(glob);
  }
  for (const std::string& text : flags.extra_hosts) {
    ASSIGN_OR_RETURN(*options->add_extra_hosts(), plan::ParseExtraHost(text));
  }
  if (!flags.shm_size.empty()) {
    ASSIGN_OR_RETURN(const int64_t bytes, ParseSize(flags.shm_size, "--shm-size"));
    options->set_shm_size(bytes);
  }
  ASSIGN_OR_RETURN(const v1::StepBounds bounds, MakeStepBounds(flags.bounds));
  if (bounds.ByteSizeLong() > 0) *options->mutable_step_bounds() = bounds;
  for (const std::string& text : flags.ulimits) {
    RETURN_IF_ERROR(plan::AddUlimit(text, options));
  }
  for (const std::string& list : flags.no_cache_stages) {
    for (const std::string& stage : Split(list, ',')) {
      if (stage.empty())
        return absl::InvalidArgumentError(fmt::format("--no-cache-filter {}: a name is empty", list));
      options->add_no_cache_stages(stage);
    }
  }
  for (const std::string& text : flags.labels) {
    const size_t equals = text.find('=');
    if (equals == 0 || text.empty()) {
      return absl::InvalidArgumentError(fmt::format("--label {}: expected NAME=VALUE or NAME", text));
    }
    v1::BuildArgument& label = *options->add_labels();
    label.set_name(text.substr(0, equals));
    if (equals != std::string::npos) label.set_value(text.substr(equals + 1));
  }
  options->set_pull(flags.pull);
  return absl::OkStatus();
}

// Which workers, and when.
absl::Status AddPlacement(const BuildFlags& flags, v1::BuildOptions* options) {
  if (!flags.priority.empty()) {
    const auto priority = ParsePriority(flags.priority);
    if (!priority.ok()) return Annotate(priority.status(), "--priority");
    options->set_priority(*priority);
  }
  options->set_pool(flags.pool);
  for (const std::string& text : flags.constraints) {
    auto constraint = ParseConstraint(text);
    if (!constraint.ok()) return Annotate(constraint.status(), "--constraint");
    *options->add_constraints() = *std::move(constraint);
  }
  return CheckPlacement(*options);
}

}  // namespace

absl::StatusOr<int64_t> ParseSize(std::string_view text, std::string_view flag) {
  const absl::StatusOr<int64_t> size = crossmill::ParseSize(text);
  if (size.ok()) return size;
  return absl::InvalidArgumentError(
      fmt::format("{} {}: expected a size such as 64m, 1.5g or 65536", flag, text));
}

absl::StatusOr<std::optional<v1::BuildArgument>> ParseBuildArgument(std::string_view text,
                                                                    const VariableLookup& variable) {
  const size_t equals = text.find('=');
  const std::string name(text.substr(0, equals));
  if (name.empty()) {
    return absl::InvalidArgumentError(fmt::format("--build-arg {}: expected NAME=VALUE or NAME", text));
  }
  v1::BuildArgument argument;
  argument.set_name(name);
  if (equals != std::string_view::npos) {
    argument.set_value(std::string(text.substr(equals + 1)));
    return argument;
  }
  const std::optional<std::string> value = variable(name);
  if (!value) return std::optional<v1::BuildArgument>();
  argument.set_value(*value);
  return argument;
}

absl::Status AddBuildArguments(const std::vector<std::string>& texts, const VariableLookup& variable,
                               v1::Recipe* recipe) {
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(const auto argument, ParseBuildArgument(text, variable));
    if (argument) *recipe->add_build_arguments() = *argument;
  }
  return absl::OkStatus();
}

namespace {

absl::Status OutputError(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("-o {}: {}", text, what));
}

absl::StatusOr<OutputTarget::Type> ParseOutputType(std::string_view text, const std::string& type) {
  if (type == "oci") return OutputTarget::Type::kOci;
  if (type == "docker") return OutputTarget::Type::kDocker;
  if (type == "tar") return OutputTarget::Type::kTar;
  if (type == "local") return OutputTarget::Type::kLocal;
  if (type == "registry" || type == "image")
    return OutputError(text, "to push the image, give --push and -t NAME");
  return OutputError(text, fmt::format("type {} is not known; expected oci, docker, tar or local", type));
}

absl::StatusOr<v1::Compression> ParseCompressionName(std::string_view text) {
  if (text == "gzip") return v1::COMPRESSION_GZIP;
  if (text == "zstd") return v1::COMPRESSION_ZSTD;
  return absl::InvalidArgumentError(fmt::format("compression {} is not known; expected gzip or zstd", text));
}

absl::StatusOr<bool> ParseBool(std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return absl::InvalidArgumentError(fmt::format("{}: expected true or false", text));
}

absl::Status SetOutputField(const std::string& name, const std::string& value, OutputTarget* target) {
  if (name == "compression") {
    ASSIGN_OR_RETURN(target->compression, ParseCompressionName(value));
  } else if (name == "compression-level") {
    const std::optional<int64_t> level = ParseNumber(value);
    if (!level)
      return absl::InvalidArgumentError(fmt::format("compression-level {}: expected a number", value));
    target->compression_level = static_cast<int32_t>(std::clamp<int64_t>(*level, -1, 1000));
  } else if (name == "platform-split") {
    ASSIGN_OR_RETURN(target->split, ParseBool(value));
  } else if (name == "dest") {
    target->destination = value;
  } else {
    return absl::InvalidArgumentError(fmt::format(
        "{} is not known; expected type, dest, compression, compression-level or platform-split", name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseCompression(std::string_view text, v1::BuildOptions* options) {
  const std::vector<std::string> parts = Split(text, ',');
  ASSIGN_OR_RETURN(const v1::Compression compression, ParseCompressionName(parts[0]));
  options->set_compression(compression);
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string_view part = parts[i];
    const std::optional<int64_t> level =
        part.starts_with("level=") ? ParseNumber(part.substr(6)) : std::nullopt;
    if (!level)
      return absl::InvalidArgumentError(fmt::format("--compression {}: expected level=NUMBER", text));
    RETURN_IF_ERROR(plan::CheckCompressionLevel(compression, *level));
    options->set_compression_level(static_cast<int32_t>(*level));
  }
  return absl::OkStatus();
}

absl::StatusOr<OutputTarget> ParseOutput(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("-o: expected type=oci,dest=FILE, or a file name");
  OutputTarget target;
  target.destination = std::string(text);
  if (text.find('=') == std::string_view::npos) return target;
  target.destination.clear();
  std::string type;
  for (const std::string& field : Split(text, ',')) {
    const size_t equals = field.find('=');
    if (equals == std::string::npos) return OutputError(text, fmt::format("\"{}\" is not NAME=VALUE", field));
    const std::string name = field.substr(0, equals);
    if (name == "type") {
      type = field.substr(equals + 1);
      continue;
    }
    const absl::Status set = SetOutputField(name, field.substr(equals + 1), &target);
    if (!set.ok()) return OutputError(text, Sv(set.message()));
  }
  if (type.empty()) return OutputError(text, "type=oci, docker, tar or local is missing");
  ASSIGN_OR_RETURN(target.type, ParseOutputType(text, type));
  const bool local = target.type == OutputTarget::Type::kLocal;
  if (target.destination.empty())
    return OutputError(text, local ? "dest=FOLDER is missing" : "dest=FILE is missing");
  if (local && target.destination == "-")
    return OutputError(text, "a folder cannot go to standard output; use type=tar");
  if (target.type != OutputTarget::Type::kOci && (target.compression != 0 || target.compression_level != 0)) {
    return OutputError(text, "only type=oci has compressed layers");
  }
  if (target.compression_level != 0) {
    const absl::Status level = plan::CheckCompressionLevel(target.compression, target.compression_level);
    if (!level.ok()) return OutputError(text, Sv(level.message()));
  }
  if (target.split && !local && target.type != OutputTarget::Type::kTar) {
    return OutputError(text, "platform-split is for type=tar and type=local");
  }
  return target;
}

absl::StatusOr<EpochChoice> ParseEpoch(const std::optional<std::string>& flag,
                                       const std::optional<std::string>& variable) {
  if (!flag && (!variable || variable->empty())) return EpochChoice{};
  const std::string& text = flag ? *flag : *variable;
  const std::string name = flag ? "--source-date-epoch" : "SOURCE_DATE_EPOCH";
  if (flag && text == "git") return EpochChoice{EpochMode::kGit, 0};
  if (flag && text == "none") return EpochChoice{EpochMode::kNone, 0};
  const std::optional<int64_t> seconds = ParseNumber(text);
  if (!seconds || *seconds < 0) {
    return absl::InvalidArgumentError(
        fmt::format("{}={}: expected seconds since 1970{}", name, text, flag ? ", git or none" : ""));
  }
  return EpochChoice{EpochMode::kNumber, *seconds};
}

absl::StatusOr<ProgressMode> ParseProgress(std::string_view text) {
  if (text == "auto") return ProgressMode::kAuto;
  if (text == "tty") return ProgressMode::kTty;
  if (text == "plain") return ProgressMode::kPlain;
  if (text == "json") return ProgressMode::kJson;
  if (text == "quiet") return ProgressMode::kQuiet;
  return absl::InvalidArgumentError(
      fmt::format("--progress {}: expected auto, tty, plain, json or quiet", text));
}

absl::StatusOr<v1::BuildOptions> MakeBuildOptions(const BuildFlags& flags, const v1::Platform& own,
                                                  const EpochChoice& epoch) {
  v1::BuildOptions options;
  RETURN_IF_ERROR(AddPlatforms(flags, own, &options));
  RETURN_IF_ERROR(SetNetwork(flags.network, &options));
  RETURN_IF_ERROR(SetIndexPolicy(flags, &options));
  RETURN_IF_ERROR(SetVerify(flags, &options));
  options.set_no_cache(flags.no_cache);
  if (epoch.mode == EpochMode::kNumber) options.set_source_date_epoch(epoch.seconds);
  if (epoch.mode == EpochMode::kGit) options.set_source_date_epoch(-1);
  options.set_keep_times(epoch.mode == EpochMode::kNone);
  // Of a matrix each combination has its own.
  if (!IsMatrix(flags)) {
    for (const std::string& tag : flags.tags) options.add_tags(tag);
  }
  if (flags.push && flags.tags.empty()) {
    return absl::InvalidArgumentError("--push: say where to: -t REGISTRY/REPOSITORY:TAG");
  }
  if (flags.push && flags.detach) {
    return absl::InvalidArgumentError(
        "--push cannot be had with --detach: it happens after the build; use crossmill image push");
  }
  for (const std::string& text : flags.annotations) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(fmt::format("--annotation {}: expected [LEVEL:]NAME=VALUE", text));
    }
    RETURN_IF_ERROR(oci::ParseAnnotation(text.substr(0, equals), text.substr(equals + 1)).status());
    v1::BuildArgument* annotation = options.add_annotations();
    annotation->set_name(text.substr(0, equals));
    annotation->set_value(text.substr(equals + 1));
  }
  if (!flags.compression.empty()) RETURN_IF_ERROR(ParseCompression(flags.compression, &options));
  for (const std::string& text : flags.outputs) {
    ASSIGN_OR_RETURN(const OutputTarget output, ParseOutput(text));
    if (output.type == OutputTarget::Type::kDocker && options.platforms_size() > 1) {
      return OutputError(text, "docker's archive holds one platform; use type=oci for several");
    }
    if (output.compression == 0 && output.compression_level == 0) continue;
    const v1::Compression wanted = output.compression == 0 ? v1::COMPRESSION_GZIP : output.compression;
    const bool other =
        options.compression() != 0 &&
        (options.compression() != wanted || options.compression_level() != output.compression_level);
    if (other)
      return absl::InvalidArgumentError("an image has one compression; --compression and -o ask for several");
    options.set_compression(wanted);
    options.set_compression_level(output.compression_level);
  }
  if (!flags.timeout.empty()) {
    ASSIGN_OR_RETURN(const uint32_t seconds, ParseTimeout(flags.timeout, "--timeout"));
    options.set_timeout(seconds);
  }
  if (!flags.step_timeout.empty()) {
    ASSIGN_OR_RETURN(const uint32_t seconds, ParseTimeout(flags.step_timeout, "--step-timeout"));
    options.set_step_timeout(seconds);
  }
  if (flags.emulation != "allow" && flags.emulation != "never") {
    return absl::InvalidArgumentError(
        fmt::format("--emulation={}: expected allow or never", flags.emulation));
  }
  options.set_forbid_emulation(flags.emulation == "never");
  const auto acceleration = ParseAcceleration(flags.accelerate);
  if (!acceleration.ok()) {
    return Annotate(acceleration.status(), fmt::format("--accelerate={}", flags.accelerate));
  }
  options.set_accelerate(*acceleration);
  RETURN_IF_ERROR(AddPlacement(flags, &options));
  RETURN_IF_ERROR(AddStepOptions(flags, &options));
  return options;
}

}  // namespace crossmill::cli
