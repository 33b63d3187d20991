#include "common/plan/image_config.h"

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "common/base/status.h"

namespace crossmill::plan {
namespace {

constexpr std::string_view kHistoryComment = "buildkit.dockerfile.v0";

int64_t NumberAt(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

std::vector<std::string> TextsAt(const Json& object, const char* name) {
  std::vector<std::string> texts;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return texts;
  for (const Json& item : *found) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::set<std::string> KeysAt(const Json& object, const char* name) {
  std::set<std::string> keys;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_object()) return keys;
  for (const auto& [key, value] : found->items()) keys.insert(key);
  return keys;
}

Json KeysAsObject(const std::set<std::string>& keys) {
  Json object = Json::object();
  for (const std::string& key : keys) object[key] = Json::object();
  return object;
}

void ReadContainerConfig(const Json& object, ImageConfig& config) {
  config.user = TextMember(object, "User");
  config.exposed_ports = KeysAt(object, "ExposedPorts");
  config.env = TextsAt(object, "Env");
  config.entrypoint = TextsAt(object, "Entrypoint");
  config.cmd = TextsAt(object, "Cmd");
  const auto escaped = object.find("ArgsEscaped");
  config.args_escaped = escaped != object.end() && escaped->is_boolean() && escaped->get<bool>();
  config.volumes = KeysAt(object, "Volumes");
  config.working_dir = TextMember(object, "WorkingDir");
  config.stop_signal = TextMember(object, "StopSignal");
  config.on_build = TextsAt(object, "OnBuild");
  config.shell = TextsAt(object, "Shell");
  if (const auto labels = object.find("Labels"); labels != object.end() && labels->is_object()) {
    for (const auto& [name, value] : labels->items()) {
      if (value.is_string()) config.labels[name] = value.get<std::string>();
    }
  }
  if (const auto check = object.find("Healthcheck"); check != object.end() && check->is_object()) {
    config.health_check = HealthCheck{TextsAt(*check, "Test"),           NumberAt(*check, "Interval"),
                                      NumberAt(*check, "Timeout"),       NumberAt(*check, "StartPeriod"),
                                      NumberAt(*check, "StartInterval"), NumberAt(*check, "Retries")};
  }
}

Json WriteHealthCheck(const HealthCheck& check) {
  Json object = Json::object();
  if (!check.test.empty()) object["Test"] = check.test;
  if (check.interval != 0) object["Interval"] = check.interval;
  if (check.timeout != 0) object["Timeout"] = check.timeout;
  if (check.start_period != 0) object["StartPeriod"] = check.start_period;
  if (check.start_interval != 0) object["StartInterval"] = check.start_interval;
  if (check.retries != 0) object["Retries"] = check.retries;
  return object;
}

Json WriteContainerConfig(const ImageConfig& config) {
  Json object = Json::object();
  if (!config.user.empty()) object["User"] = config.user;
  if (!config.exposed_ports.empty()) object["ExposedPorts"] = KeysAsObject(config.exposed_ports);
  if (!config.env.empty()) object["Env"] = config.env;
  if (!config.entrypoint.empty()) object["Entrypoint"] = config.entrypoint;
  if (!config.cmd.empty()) object["Cmd"] = config.cmd;
  if (!config.volumes.empty()) object["Volumes"] = KeysAsObject(config.volumes);
  if (!config.working_dir.empty()) object["WorkingDir"] = config.working_dir;
  if (!config.labels.empty()) object["Labels"] = config.labels;
  if (!config.stop_signal.empty()) object["StopSignal"] = config.stop_signal;
  if (config.args_escaped) object["ArgsEscaped"] = true;
  if (config.health_check) object["Healthcheck"] = WriteHealthCheck(*config.health_check);
  if (!config.on_build.empty()) object["OnBuild"] = config.on_build;
  if (!config.shell.empty()) object["Shell"] = config.shell;
  return object;
}

}  // namespace

void ImageConfig::SetEnv(std::string_view name, std::string_view value) {
  std::string entry = fmt::format("{}={}", name, value);
  for (std::string& existing : env) {
    if (std::string_view(existing).substr(0, existing.find('=')) == name) {
      existing = std::move(entry);
      return;
    }
  }
  env.push_back(std::move(entry));
}

const std::string* ImageConfig::FindEnv(std::string_view name) const {
  for (const std::string& existing : env) {
    if (std::string_view(existing).substr(0, existing.find('=')) == name) return &existing;
  }
  return nullptr;
}

void ImageConfig::AddHistory(std::string created_by, bool empty_layer) {
  Json entry = {{"created_by", std::move(created_by)}, {"comment", kHistoryComment}};
  if (empty_layer) entry["empty_layer"] = true;
  history.push_back(std::move(entry));
}

ImageConfig EmptyImageConfig(const v1::Platform& platform) {
  ImageConfig config;
  config.platform = platform;
  config.working_dir = "/";
  config.SetEnv("PATH", kDefaultPath);
  return config;
}

absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view text, const v1::Platform& platform) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(text));
  if (!document.is_object()) return absl::InvalidArgumentError("not an image config: expected a JSON object");
  ImageConfig config;
  config.platform = platform;
  config.os_version = TextMember(document, "os.version");
  config.author = TextMember(document, "author");
  if (const auto part = document.find("config"); part != document.end() && part->is_object()) {
    ReadContainerConfig(*part, config);
  }
  if (const auto history = document.find("history"); history != document.end() && history->is_array()) {
    config.history = *history;
  }
  if (config.FindEnv("PATH") == nullptr) config.SetEnv("PATH", kDefaultPath);
  return config;
}

std::string WriteImageConfig(const ImageConfig& config) {
  Json document = Json::object();
  document["architecture"] = config.platform.architecture();
  if (!config.author.empty()) document["author"] = config.author;
  document["config"] = WriteContainerConfig(config);
  document["history"] = config.history;
  document["os"] = config.platform.os();
  if (!config.os_version.empty()) document["os.version"] = config.os_version;
  document["rootfs"] = {{"type", "layers"}, {"diff_ids", Json::array()}};
  if (!config.platform.variant().empty()) document["variant"] = config.platform.variant();
  return WriteJson(document);
}

absl::StatusOr<int64_t> ParseGoDuration(std::string_view text) {
  absl::Duration duration;
  // Go also knows "µs", which absl does not.
  std::string plain(text);
  for (const std::string_view micro : {"\xC2\xB5s", "\xCE\xBCs"}) {
    for (size_t at = 0; (at = plain.find(micro, at)) != std::string::npos;) plain.replace(at, 3, "us");
  }
  const std::string expected = fmt::format(
      "'{}' is not a duration; expected a number with a unit, such as 30s, "
      "500ms or 1m30s",
      text.substr(0, 60));
  if (!absl::ParseDuration(plain, &duration) || duration == absl::InfiniteDuration() ||
      duration == -absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(expected);
  }
  if (duration != absl::ZeroDuration() && duration < absl::Milliseconds(1)) {
    return absl::InvalidArgumentError(fmt::format("'{}' is too short; expected 0 or at least 1ms", text));
  }
  if (duration > absl::Hours(24 * 365 * 200)) return absl::InvalidArgumentError(expected);
  return absl::ToInt64Nanoseconds(duration);
}

std::string FormatGoDuration(int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  const auto with_fraction = [](int64_t value, int64_t unit) {
    std::string digits = fmt::format("{}.{:09}", value / unit, (value % unit) * (1'000'000'000 / unit));
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.ends_with('.')) digits.pop_back();
    return digits;
  };
  constexpr int64_t kSecond = 1'000'000'000;
  if (nanoseconds < 1'000) return fmt::format("{}ns", nanoseconds);
  if (nanoseconds < 1'000'000) return with_fraction(nanoseconds, 1'000) + "\xC2\xB5s";
  if (nanoseconds < kSecond) return with_fraction(nanoseconds, 1'000'000) + "ms";
  const int64_t minutes = nanoseconds / (60 * kSecond);
  std::string text = with_fraction(nanoseconds % (60 * kSecond), kSecond) + "s";
  if (minutes > 0) text = fmt::format("{}m{}", minutes % 60, text);
  if (minutes >= 60) text = fmt::format("{}h{}", minutes / 60, text);
  return text;
}

}  // namespace crossmill::plan
