#include "worker/task/task_file.h"

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <ostream>
#include <sstream>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/wiped_io.h"

namespace crossmill::worker {
namespace {

// As Docker has it.
constexpr int64_t kSecretBytes = 500 << 10;

}  // namespace

absl::StatusOr<v1::Task> ReadTaskFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  v1::Task task;
  const size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && bytes[first] == '{') {
    const auto status = google::protobuf::util::JsonStringToMessage(bytes, &task);
    if (!status.ok()) {
      return absl::InvalidArgumentError(fmt::format("{}: not a Task in JSON: {}", path, status.ToString()));
    }
  } else if (!task.ParseFromString(bytes)) {
    return absl::InvalidArgumentError(fmt::format("{}: neither a Task in JSON nor in binary form", path));
  }
  if (task.platform().os().empty() || (task.steps().empty() && task.exports().empty())) {
    return absl::InvalidArgumentError(fmt::format("{}: a Task needs a platform, and steps or exports", path));
  }
  return task;
}

absl::StatusOr<std::vector<SecretSource>> OpenSecrets(const std::vector<std::string>& flags) {
  std::vector<SecretSource> sources;
  for (const std::string& flag : flags) {
    std::map<std::string, std::string> parts;
    std::istringstream words(flag);
    for (std::string word; std::getline(words, word, ',');) {
      const size_t sign = std::min(word.find('='), word.size());
      const std::string name = word.substr(0, sign) == "source" ? "src" : word.substr(0, sign);
      if (sign == word.size() || (name != "id" && name != "src" && name != "env")) {
        return absl::InvalidArgumentError(
            fmt::format("--secret {}: '{}' is not id=, src= or env=", flag, word));
      }
      parts[name] = word.substr(sign + 1);
    }
    SecretSource source;
    source.id = parts["id"];
    source.variable = parts["env"];
    if (source.id.empty())
      return absl::InvalidArgumentError(fmt::format("--secret {}: id= is missing", flag));
    if (source.variable.empty() && parts["src"].empty()) {
      (std::getenv(source.id.c_str()) != nullptr ? source.variable : parts["src"]) = source.id;
    }
    if (source.variable.empty()) {
      auto file = OpenFile(parts["src"], O_RDONLY);
      if (!file.ok()) {
        return absl::InvalidArgumentError(fmt::format("--secret {}: {}", flag, Sv(file.status().message())));
      }
      source.file = *std::move(file);
    } else if (std::getenv(source.variable.c_str()) == nullptr) {
      return absl::InvalidArgumentError(fmt::format("--secret {}: {} is not set", flag, source.variable));
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

absl::StatusOr<std::shared_ptr<const TaskSecrets>> ReadSecrets(const std::vector<SecretSource>& sources) {
  auto secrets = std::make_shared<TaskSecrets>();
  for (const SecretSource& source : sources) {
    if (!source.variable.empty()) {
      const char* const value = std::getenv(source.variable.c_str());
      if (value == nullptr) {
        return absl::InvalidArgumentError(
            fmt::format("--secret id={}: {} is not set", source.id, source.variable));
      }
      secrets->Add(source.id, value);
      continue;
    }
    const auto value = ReadAllWiped(source.file.get(), kSecretBytes);
    if (!value.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("--secret id={}: {}", source.id, Sv(value.status().message())));
    }
    secrets->Add(source.id, View(*value));
  }
  return std::shared_ptr<const TaskSecrets>(std::move(secrets));
}

std::string TaskResultJson(const v1::TaskResult& result) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(result, &text, options);
  return status.ok() ? text : fmt::format("{{\"message\": \"{}\"}}\n", status.ToString());
}

int ExitCodeOf(const v1::TaskResult& result) {
  switch (result.outcome()) {
    case v1::TASK_OUTCOME_SUCCEEDED:
      return 0;
    case v1::TASK_OUTCOME_FAILED:
      return 1;
    case v1::TASK_OUTCOME_CANCELLED:
      return 130;
    default:
      return 5;
  }
}

PrintingObserver::PrintingObserver(const v1::Task& task, std::ostream& console)
    : task_(task), console_(console) {}

void PrintingObserver::OnStepStarted(const v1::StepStarted& started) {
  MutexLock lock(mutex_);
  for (const v1::Step& step : task_.steps()) {
    if (step.number() == started.number()) console_ << fmt::format("[{}] {}\n", step.number(), step.text());
  }
  console_.flush();
}

void PrintingObserver::OnLog(const v1::LogChunk& chunk) {
  MutexLock lock(mutex_);
  console_ << chunk.data();
  console_.flush();
}

void PrintingObserver::OnStepFinished(const v1::StepResult& result) {
  MutexLock lock(mutex_);
  const double seconds = static_cast<double>(result.finished_at() - result.started_at()) / 1e9;
  console_ << fmt::format(
      "[{}] {} in {:.2f} s\n", result.number(),
      result.failure().empty() ? "sha256:" + result.layer().tar().hash() : result.failure(), seconds);
  console_.flush();
}

}  // namespace crossmill::worker
