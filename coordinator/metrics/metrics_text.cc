#include "coordinator/metrics/metrics_text.h"

#include <map>

#include "absl/strings/ascii.h"
#include "common/words/words.h"
#include "coordinator/metrics/metrics_writer.h"
#include "coordinator/metrics/platform_words.h"

namespace crossmill::coordinator {
namespace {

// "BUILD_STATUS_TIMED_OUT": "timed_out".
std::string LabelWord(const std::string& name, std::string_view prefix) {
  return absl::AsciiStrToLower(name.substr(name.starts_with(prefix) ? prefix.size() : 0));
}

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
      writer.Sample(builds[i], {{label, LabelWord(v1::BuildStatus_Name(value), "BUILD_STATUS_")}});
    }
  };
  writer.BeginCounter("crossmill_builds", "Builds that ended.");
  write_builds("outcome", true);
  writer.BeginGauge("crossmill_builds_running", "Builds that have not ended.");
  write_builds("status", false);
  writer.BeginCounter("crossmill_verdicts", "Platforms of builds that ended, by verdict.");
  for (int i = v1::Verdict_MIN; i <= v1::Verdict_MAX; ++i) {
    if (i == v1::VERDICT_UNSPECIFIED) continue;
    writer.Sample(verdicts[i],
                  {{"verdict", LabelWord(v1::Verdict_Name(static_cast<v1::Verdict>(i)), "VERDICT_")}});
  }
}

void WriteGauge(std::string_view name, std::string_view help, int64_t value, MetricsWriter& writer) {
  writer.BeginGauge(name, help);
  writer.Sample(value);
}

void WriteFarm(const v1::FarmStatus& status, MetricsWriter& writer) {
  WriteGauge("crossmill_workers_connected", "Workers that are connected.", status.workers_connected(),
             writer);
  WriteGauge("crossmill_workers_draining", "Of them, workers that take no new tasks.",
             status.workers_draining(), writer);
  WriteGauge("crossmill_workers_unfit",
             "Of them, workers that get no new tasks for a while: full disks, or tasks that keep failing.",
             status.workers_unfit(), writer);
  WriteGauge("crossmill_workers_cordoned", "Of them, workers that get no tasks of later builds.",
             status.workers_cordoned(), writer);
  WriteGauge("crossmill_worker_slots", "Tasks that connected workers run at most.", status.slots(), writer);
}

// Whether a worker can be asked for that executes it: no name of many platforms, or of none.
bool IsOnePlatform(const v1::PlatformState& state) {
  return state.platform() != PlatformWords::kAny && state.platform() != PlatformWords::kOther;
}

void WritePlatforms(const v1::FarmNumbers& numbers, MetricsWriter& writer) {
  writer.BeginGauge("crossmill_queue_depth", "Tasks that wait for a worker.");
  for (const v1::PlatformState& state : numbers.platforms())
    writer.Sample(state.tasks_queued(), {{"platform", state.platform()}});
  writer.BeginGauge("crossmill_queue_longest_wait_seconds", "For how long the oldest of them has waited.");
  for (const v1::PlatformState& state : numbers.platforms())
    writer.SampleReal(state.longest_wait_seconds(), 3, {{"platform", state.platform()}});
  writer.BeginGauge("crossmill_tasks_running", "Tasks that workers run.");
  for (const v1::PlatformState& state : numbers.platforms())
    writer.Sample(state.tasks_running(), {{"platform", state.platform()}});
  const auto write = [&](std::string_view name, std::string_view help, auto get) {
    writer.BeginGauge(name, help);
    for (const v1::PlatformState& state : numbers.platforms()) {
      if (!IsOnePlatform(state)) continue;
      writer.Sample(get(state.native()), {{"platform", state.platform()}, {"execution", "native"}});
      writer.Sample(get(state.emulated()), {{"platform", state.platform()}, {"execution", "emulated"}});
    }
  };
  write("crossmill_platform_workers_connected", "Connected workers that execute the platform so.",
        [](const v1::PlatformWorkers& workers) { return workers.connected(); });
  write("crossmill_platform_workers_draining", "Of them, workers that take no new tasks.",
        [](const v1::PlatformWorkers& workers) { return workers.draining(); });
  write("crossmill_platform_workers_unfit",
        "Of them, workers that get none for now: failures, or their disk.",
        [](const v1::PlatformWorkers& workers) { return workers.unfit(); });
  write("crossmill_platform_slots", "Tasks that the others of them run at most.",
        [](const v1::PlatformWorkers& workers) { return workers.slots(); });
}

void WriteSteps(const v1::FarmCounters& counters, MetricsWriter& writer) {
  writer.BeginCounter("crossmill_step_executions", "Executions of steps that ended, replicas included.");
  for (const v1::PlatformCounters& row : counters.platforms()) {
    writer.Sample(row.steps_executed(), {{"platform", row.platform()}, {"outcome", "succeeded"}});
    writer.Sample(row.steps_failed(), {{"platform", row.platform()}, {"outcome", "failed"}});
    writer.Sample(row.steps_interrupted(), {{"platform", row.platform()}, {"outcome", "interrupted"}});
  }
  writer.BeginCounter("crossmill_step_cache", "Steps of builds, by what the step cache had for them.");
  for (const v1::PlatformCounters& row : counters.platforms()) {
    writer.Sample(row.steps_cached(), {{"platform", row.platform()}, {"result", "hit"}});
    writer.Sample(row.steps_shared(), {{"platform", row.platform()}, {"result", "shared"}});
    writer.Sample(row.steps_missed(), {{"platform", row.platform()}, {"result", "miss"}});
  }
  writer.BeginCounter("crossmill_packages", "Python packages that executions brought, by how they arrived.");
  for (const v1::PlatformCounters& row : counters.platforms()) {
    std::map<int, int64_t> packages;
    for (const v1::PackageCount& count : row.packages()) packages[count.outcome()] = count.packages();
    for (int i = v1::Outcome_MIN; i <= v1::Outcome_MAX; ++i) {
      if (i == v1::OUTCOME_UNSPECIFIED || !v1::Outcome_IsValid(i)) continue;
      writer.Sample(packages[i],
                    {{"platform", row.platform()},
                     {"outcome", LabelWord(v1::Outcome_Name(static_cast<v1::Outcome>(i)), "OUTCOME_")}});
    }
  }
}

void WriteTimes(std::string_view name, std::string_view help, const v1::TimeCounts& times,
                MetricsWriter& writer) {
  writer.BeginHistogram(name, help);
  writer.SampleRanges({times.ends().begin(), times.ends().end()},
                      {times.counts().begin(), times.counts().end()}, times.sum_seconds());
}

void WriteCounters(const v1::FarmCounters& counters, MetricsWriter& writer) {
  WriteSteps(counters, writer);
  WriteTimes("crossmill_build_wait_seconds",
             "From a build's submission until its first own execution began, of builds that ended.",
             counters.build_waits(), writer);
  WriteTimes("crossmill_build_duration_seconds", "From a build's submission until it ended.",
             counters.build_times(), writer);
  writer.BeginCounter("crossmill_blob_bytes", "Bytes of blobs that clients and workers sent or were sent.");
  writer.Sample(counters.blob_bytes_received(), {{"direction", "received"}});
  writer.Sample(counters.blob_bytes_sent(), {{"direction", "sent"}});
  writer.BeginCounter("crossmill_traces", "Builds that ended whose traces were sent, or dropped.");
  writer.Sample(counters.traces_sent(), {{"result", "sent"}});
  writer.Sample(counters.traces_dropped(), {{"result", "dropped"}});
}

void WriteDisk(const v1::FarmStatus& status, MetricsWriter& writer) {
  WriteGauge("crossmill_disk_free_bytes", "Free bytes on the coordinator's disk.",
             static_cast<int64_t>(status.disk_free()), writer);
  WriteGauge("crossmill_disk_least_bytes", "Free bytes below which the coordinator takes nothing new.",
             static_cast<int64_t>(status.disk_least_space()), writer);
  WriteGauge("crossmill_disk_refuses", "1: the coordinator's disk has too little room.",
             status.disk_reason().empty() ? 0 : 1, writer);
  const v1::BucketState& bucket = status.bucket();
  WriteGauge("crossmill_bucket_blobs", "Blobs that are known to be in the bucket behind the disk.",
             bucket.blobs(), writer);
  WriteGauge("crossmill_bucket_bytes", "Their bytes.", bucket.bytes(), writer);
  WriteGauge("crossmill_bucket_waiting_blobs", "Blobs on the disk that are not yet in the bucket.",
             bucket.waiting_blobs(), writer);
  WriteGauge("crossmill_bucket_waiting_bytes", "Their bytes.", bucket.waiting_bytes(), writer);
  WriteGauge("crossmill_bucket_trouble", "1: the bucket cannot be used.", bucket.trouble().empty() ? 0 : 1,
             writer);
  WriteGauge("crossmill_bucket_lost_blobs",
             "Blobs since the start that the bucket should have had and had not, or damaged.",
             bucket.lost_blobs(), writer);
}

void WriteLoop(const v1::FarmStatus& status, MetricsWriter& writer) {
  writer.BeginGauge("crossmill_loop_longest_seconds",
                    "Longest time that one event held the transaction loop since the start, by its kind.");
  for (const v1::LoopEvents& events : status.loop())
    writer.SampleReal(events.longest_seconds(), 6, {{"event", events.kind()}});
  writer.BeginCounter("crossmill_loop_slow_events", "Events that held the transaction loop over 50 ms.");
  for (const v1::LoopEvents& events : status.loop()) writer.Sample(events.slow(), {{"event", events.kind()}});
}

// Names and meanings are those of Prometheus' client libraries.
void WriteProcess(const ProcessNumbers& process, MetricsWriter& writer) {
  writer.BeginCounter("process_cpu_seconds", "Total user and system CPU time spent in seconds.");
  writer.SampleReal(process.cpu_seconds, 2);
  WriteGauge("process_open_fds", "Number of open file descriptors.", process.open_descriptors, writer);
  writer.BeginGauge("process_max_fds", "Maximum number of open file descriptors.");
  if (process.most_descriptors == ProcessNumbers::kUnlimited) {
    writer.SampleUnlimited();
  } else {
    writer.Sample(static_cast<int64_t>(process.most_descriptors));
  }
  WriteGauge("process_resident_memory_bytes", "Resident memory size in bytes.", process.resident_bytes,
             writer);
  WriteGauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", process.virtual_bytes, writer);
  writer.BeginGauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.");
  writer.SampleReal(process.start_seconds, 2);
  WriteGauge("process_threads", "Number of OS threads in the process.", process.threads, writer);
}

}  // namespace

std::string MetricsText(const MetricsSources& sources, MetricsForm form) {
  MetricsWriter writer(form);
  writer.Info("crossmill_build", "The coordinator's version.", {{"version", sources.version}});
  WriteCounts(sources.status, writer);
  WriteFarm(sources.status, writer);
  WritePlatforms(sources.numbers, writer);
  WriteCounters(sources.numbers.counters(), writer);
  WriteDisk(sources.status, writer);
  writer.BeginGauge("crossmill_last_backup_timestamp_seconds",
                    "Unix time of the newest backup that is known; 0: none.");
  writer.SampleReal(static_cast<double>(sources.numbers.last_backup_at()) / 1e9, 3);
  writer.BeginGauge("crossmill_backup_warn_after_seconds",
                    "The age from which on the newest backup is too old; 0: never.");
  writer.Sample(sources.numbers.backup_warn_after_seconds());
  WriteLoop(sources.status, writer);
  if (sources.process != nullptr) WriteProcess(*sources.process, writer);
  return writer.Take();
}

}  // namespace crossmill::coordinator
