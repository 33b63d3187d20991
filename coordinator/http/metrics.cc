#include "coordinator/http/metrics.h"

#include "absl/strings/ascii.h"
#include "common/base/status.h"

namespace crossmill::coordinator::door {
namespace {

// "BUILD_STATUS_TIMED_OUT": "timed_out".
std::string Word(const std::string& name, std::string_view prefix) {
  return absl::AsciiStrToLower(name.substr(name.starts_with(prefix) ? prefix.size() : 0));
}

void Head(std::string_view name, std::string_view type, std::string_view help, std::string* text) {
  *text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void Gauge(std::string_view name, std::string_view help, int64_t value, std::string* text) {
  Head(name, "gauge", help, text);
  *text += fmt::format("{} {}\n", name, value);
}

}  // namespace

std::string MetricsText(const v1::FarmStatus& status, std::string_view version) {
  std::string text;
  Head("crossmill_build_info", "gauge", "The coordinator's version.", &text);
  text += fmt::format("crossmill_build_info{{version=\"{}\"}} 1\n", version);
  Head("crossmill_builds_total", "counter", "Builds that ended.", &text);
  for (const v1::BuildCount& count : status.ended()) {
    text += fmt::format("crossmill_builds_total{{outcome=\"{}\"}} {}\n",
                        Word(v1::BuildStatus_Name(count.status()), "BUILD_STATUS_"), count.builds());
  }
  Head("crossmill_builds_running", "gauge", "Builds that have not ended.", &text);
  for (const v1::BuildCount& count : status.running()) {
    text += fmt::format("crossmill_builds_running{{status=\"{}\"}} {}\n",
                        Word(v1::BuildStatus_Name(count.status()), "BUILD_STATUS_"), count.builds());
  }
  Head("crossmill_verdicts_total", "counter", "Platforms of builds that ended, by verdict.", &text);
  for (const v1::VerdictCount& count : status.verdicts()) {
    text += fmt::format("crossmill_verdicts_total{{verdict=\"{}\"}} {}\n",
                        Word(v1::Verdict_Name(count.verdict()), "VERDICT_"), count.cells());
  }
  Gauge("crossmill_workers_connected", "Workers that are connected.", status.workers_connected(), &text);
  Gauge("crossmill_workers_draining", "Of them, workers that take no new tasks.", status.workers_draining(),
        &text);
  Gauge("crossmill_worker_slots", "Tasks that connected workers run at most.", status.slots(), &text);
  Gauge("crossmill_tasks_running", "Tasks that workers run.", status.tasks_running(), &text);
  Gauge("crossmill_queue_depth", "Tasks that wait for a worker.", status.tasks_queued(), &text);
  return text;
}

}  // namespace crossmill::coordinator::door
