#include "coordinator/http/metrics.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/words/words.h"

namespace crossmill::coordinator::door {
namespace {

// "BUILD_STATUS_TIMED_OUT": "timed_out".
std::string LabelWord(const std::string& name, std::string_view prefix) {
  return absl::AsciiStrToLower(name.substr(name.starts_with(prefix) ? prefix.size() : 0));
}

// Writes families. OpenMetrics names a counter's family without the "_total" that its samples have, and has a
// type of its own for what only has labels.
class MetricsWriter {
 public:
  explicit MetricsWriter(MetricsForm form) : form_(form) {}

  void Info(std::string_view name, std::string_view help, std::string_view label, std::string_view value) {
    const bool open = form_ == MetricsForm::kOpenMetrics;
    Head(open ? std::string(name) : fmt::format("{}_info", name), open ? "info" : "gauge", help);
    text_ += fmt::format("{}_info{{{}=\"{}\"}} 1\n", name, label, value);
  }
  void BeginCounter(std::string_view name, std::string_view help) {
    Head(form_ == MetricsForm::kOpenMetrics ? std::string(name) : fmt::format("{}_total", name), "counter",
         help);
    sample_ = fmt::format("{}_total", name);
  }
  void BeginGauge(std::string_view name, std::string_view help) {
    Head(name, "gauge", help);
    sample_ = name;
  }
  // Of the family that was begun last.
  void Sample(int64_t value) { text_ += fmt::format("{} {}\n", sample_, value); }
  void Sample(std::string_view label, std::string_view word, int64_t value) {
    text_ += fmt::format("{}{{{}=\"{}\"}} {}\n", sample_, label, word, value);
  }
  void SampleSeconds(std::string_view label, std::string_view word, double value) {
    text_ += fmt::format("{}{{{}=\"{}\"}} {:.6f}\n", sample_, label, word, value);
  }
  std::string Take() {
    if (form_ == MetricsForm::kOpenMetrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  // In one order in both forms: OpenMetrics wants TYPE first, the text format does not care.
  void Head(std::string_view name, std::string_view type, std::string_view help) {
    text_ += fmt::format("# TYPE {} {}\n# HELP {} {}\n", name, type, name, help);
  }

  const MetricsForm form_;
  std::string sample_;
  std::string text_;
};

// Every word has a sample from the start: of a counter that appears with its first event nobody sees that it
// grew.
void WriteCounts(const v1::FarmStatus& status, MetricsWriter& writer) {
  std::map<int, int64_t> builds, verdicts;
  for (const auto* counts : {&status.ended(), &status.running()}) {
    for (const v1::BuildCount& count : *counts) builds[count.status()] = count.builds();
  }
  for (const v1::VerdictCount& count : status.verdicts()) verdicts[count.verdict()] = count.cells();
  const auto write_builds = [&](std::string_view label, bool finished) {
    for (int i = v1::BuildStatus_MIN; i <= v1::BuildStatus_MAX; ++i) {
      const auto value = static_cast<v1::BuildStatus>(i);
      if (i == v1::BUILD_STATUS_UNSPECIFIED || IsFinished(value) != finished) continue;
      writer.Sample(label, LabelWord(v1::BuildStatus_Name(value), "BUILD_STATUS_"), builds[i]);
    }
  };
  writer.BeginCounter("crossmill_builds", "Builds that ended.");
  write_builds("outcome", true);
  writer.BeginGauge("crossmill_builds_running", "Builds that have not ended.");
  write_builds("status", false);
  writer.BeginCounter("crossmill_verdicts", "Platforms of builds that ended, by verdict.");
  for (int i = v1::Verdict_MIN; i <= v1::Verdict_MAX; ++i) {
    if (i == v1::VERDICT_UNSPECIFIED) continue;
    writer.Sample("verdict", LabelWord(v1::Verdict_Name(static_cast<v1::Verdict>(i)), "VERDICT_"),
                  verdicts[i]);
  }
}

// Of a media range "type/subtype;q=0.5;..." in an Accept field: its q, or nothing if it is not this type.
double QualityOf(std::string_view range, std::string_view type) {
  const size_t semicolon = std::min(range.find(';'), range.size());
  if (Trim(range.substr(0, semicolon)) != type) return -1;
  double quality = 1;
  std::string_view rest = range.substr(semicolon);
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view parameter = Trim(rest.substr(0, end));
    rest.remove_prefix(end);
    if (parameter.starts_with("q=") && !absl::SimpleAtod(Av(parameter.substr(2)), &quality)) quality = 0;
    // Of OpenMetrics there is one version here.
    if (parameter.starts_with("version=") && type.ends_with("openmetrics-text") &&
        parameter.substr(8) != "1.0.0")
      return -1;
  }
  return quality;
}

}  // namespace

MetricsForm PreferredForm(std::string_view accept) {
  double open = -1, text = -1;
  while (!accept.empty()) {
    const size_t end = std::min(accept.find(','), accept.size());
    const std::string_view range = accept.substr(0, end);
    accept.remove_prefix(std::min(end + 1, accept.size()));
    open = std::max(open, QualityOf(range, "application/openmetrics-text"));
    text = std::max(text, QualityOf(range, "text/plain"));
  }
  return open > 0 && open >= text ? MetricsForm::kOpenMetrics : MetricsForm::kText;
}

std::string_view MetricsType(MetricsForm form) {
  return form == MetricsForm::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                           : "text/plain; version=0.0.4; charset=utf-8";
}

std::string MetricsText(const v1::FarmStatus& status, std::string_view version, MetricsForm form) {
  MetricsWriter writer(form);
  writer.Info("crossmill_build", "The coordinator's version.", "version", version);
  WriteCounts(status, writer);
  const auto gauge = [&writer](std::string_view name, std::string_view help, int64_t value) {
    writer.BeginGauge(name, help);
    writer.Sample(value);
  };
  gauge("crossmill_workers_connected", "Workers that are connected.", status.workers_connected());
  gauge("crossmill_workers_draining", "Of them, workers that take no new tasks.", status.workers_draining());
  gauge("crossmill_workers_unfit",
        "Of them, workers that get no new tasks for a while: their disks are full, or what they run keeps "
        "failing.",
        status.workers_unfit());
  gauge("crossmill_workers_cordoned", "Of them, workers that get no tasks of later builds.",
        status.workers_cordoned());
  gauge("crossmill_worker_slots", "Tasks that connected workers run at most.", status.slots());
  gauge("crossmill_tasks_running", "Tasks that workers run.", status.tasks_running());
  gauge("crossmill_queue_depth", "Tasks that wait for a worker.", status.tasks_queued());
  gauge("crossmill_disk_free_bytes", "Free bytes on the coordinator's disk.",
        static_cast<int64_t>(status.disk_free()));
  gauge("crossmill_disk_least_bytes", "Free bytes below which the coordinator takes nothing new.",
        static_cast<int64_t>(status.disk_least_space()));
  gauge("crossmill_disk_refuses", "1: the coordinator's disk has too little room.",
        status.disk_reason().empty() ? 0 : 1);
  const v1::BucketState& bucket = status.bucket();
  gauge("crossmill_bucket_blobs", "Blobs that are known to be in the bucket behind the disk.",
        bucket.blobs());
  gauge("crossmill_bucket_bytes", "Their bytes.", bucket.bytes());
  gauge("crossmill_bucket_waiting_blobs", "Blobs on the disk that are not yet in the bucket.",
        bucket.waiting_blobs());
  gauge("crossmill_bucket_waiting_bytes", "Their bytes.", bucket.waiting_bytes());
  gauge("crossmill_bucket_trouble", "1: the bucket cannot be used.", bucket.trouble().empty() ? 0 : 1);
  gauge("crossmill_bucket_lost_blobs",
        "Blobs since the start that the bucket should have had and had not, or damaged.",
        bucket.lost_blobs());
  writer.BeginGauge("crossmill_loop_longest_seconds",
                    "Longest time that one event held the transaction loop since the start, by its kind.");
  for (const v1::LoopEvents& events : status.loop())
    writer.SampleSeconds("event", events.kind(), events.longest_seconds());
  writer.BeginCounter("crossmill_loop_slow_events", "Events that held the transaction loop over 50 ms.");
  for (const v1::LoopEvents& events : status.loop()) writer.Sample("event", events.kind(), events.slow());
  return writer.Take();
}

}  // namespace crossmill::coordinator::door
