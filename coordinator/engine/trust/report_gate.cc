#include "coordinator/engine/trust/report_gate.h"

#include <algorithm>
#include <optional>

#include "common/base/status.h"
#include "common/layer/layer_check.h"

namespace crossmill::coordinator {
namespace {

// Names of layers are short; with more of them all are forgotten, and read again when they are reported
// again.
constexpr size_t kMostRemembered = 100'000;
// What has less is read at once: that takes less than a thread's turn, and the batch that would come of it.
constexpr int64_t kSmall = 64 << 10;

// Manifests over it are read by one thread: some ten times as much is in memory meanwhile.
constexpr int64_t kLargeManifest = 64 << 20;

bool AreSmall(const std::vector<std::pair<Digest, Digest>>& layers) {
  // The sizes are the worker's word: a negative one must not make up for a large one.
  int64_t bytes = 0;
  for (const auto& [tar, manifest] : layers) {
    for (const int64_t size : {tar.size, manifest.size}) {
      if (size < 0 || size > kSmall) return false;
      bytes += size;
    }
    if (bytes > kSmall) return false;
  }
  return true;
}

bool Succeeded(const v1::StepResult& result) { return result.exit_code() == 0 && result.failure().empty(); }

}  // namespace

absl::StatusOr<std::vector<ReportGate::LayerName>> ReportGate::Unread(const v1::LeaseReport& report) const {
  std::vector<LayerName> layers;
  const bool task = report.has_task_finished();
  if (!task && !report.has_step_finished()) return layers;
  // They count in the order of the steps, whatever else a report has.
  const std::vector<uint32_t> unfinished = unfinished_(report.lease());
  auto next = unfinished.begin();
  std::optional<uint32_t> without_layer;
  const auto add = [&](const v1::StepResult& result) {
    if (next == unfinished.end() || result.number() != *next) return;
    ++next;
    if (!Succeeded(result)) return;
    if (!result.has_layer()) without_layer = result.number();
    LayerName name{FromProto(result.layer().tar()), FromProto(result.layer().manifest())};
    if (read_.contains(name) || std::find(layers.begin(), layers.end(), name) != layers.end()) return;
    layers.push_back(std::move(name));
  };
  if (task) {
    for (const v1::StepResult& result : report.task_finished().steps()) add(result);
  } else {
    add(report.step_finished());
  }
  if (without_layer)
    return absl::InvalidArgumentError(fmt::format("step {} has succeeded without a layer", *without_layer));
  return layers;
}

absl::Status ReportGate::ReadAll(const std::vector<LayerName>& layers, const std::stop_token& stop) const {
  for (const auto& [tar, manifest] : layers) RETURN_IF_ERROR(layer::CheckLayer(blobs_, tar, manifest, stop));
  return absl::OkStatus();
}

void ReportGate::Remember(const std::vector<LayerName>& layers) {
  if (read_.size() > kMostRemembered) read_.clear();
  read_.insert(layers.begin(), layers.end());
}

void ReportGate::Take(const std::string& worker, v1::LeaseReport report,
                      std::shared_ptr<ReportRoom::Place> place) {
  const core::LeaseNumber lease = report.lease();
  if (const auto waiting = held_.find(lease); waiting != held_.end()) {
    waiting->second.reports.push_back({worker, std::move(report), std::move(place)});
    return;
  }
  absl::StatusOr<std::vector<LayerName>> layers = Unread(report);
  if (!layers.ok()) return deliver_(worker, report, layers.status());
  if (AreSmall(*layers)) {
    const absl::Status result = ReadAll(*layers, {});
    if (result.ok()) Remember(*layers);
    deliver_(worker, report, result);
    return;
  }
  held_[lease].reports.push_back({worker, std::move(report), std::move(place)});
  Read(*std::move(layers), lease);
}

void ReportGate::Read(std::vector<LayerName> layers, core::LeaseNumber lease) {
  // Entries of a large one take gigabytes: one at a time, on the thread of the first kind.
  const bool large = std::any_of(layers.begin(), layers.end(),
                                 [](const LayerName& name) { return name.second.size > kLargeManifest; });
  jobs_.Run(large ? JobKind::kNetwork : JobKind::kProcessor, held_.at(lease).stop.get_token(),
            [this, layers = std::move(layers), lease](const std::stop_token& stop) {
              const absl::Status result = ReadAll(layers, stop);
              if (stop.stop_requested()) return;
              post_([this, layers, lease, result] {
                if (result.ok()) Remember(layers);
                const auto waiting = held_.find(lease);
                if (waiting == held_.end()) return;
                const Held held = std::move(waiting->second.reports.front());
                waiting->second.reports.pop_front();
                deliver_(held.worker, held.report, result);
                Continue(lease);
              });
            });
}

void ReportGate::Continue(core::LeaseNumber lease) {
  for (auto waiting = held_.find(lease); waiting != held_.end(); waiting = held_.find(lease)) {
    std::deque<Held>& reports = waiting->second.reports;
    if (reports.empty()) {
      held_.erase(waiting);
      return;
    }
    absl::StatusOr<std::vector<LayerName>> layers = Unread(reports.front().report);
    if (layers.ok() && !layers->empty()) {
      Read(*std::move(layers), lease);
      return;
    }
    const Held held = std::move(reports.front());
    reports.pop_front();
    deliver_(held.worker, held.report, layers.status());
  }
}

void ReportGate::Drop(core::LeaseNumber lease) {
  auto dropped = held_.extract(lease);
  if (!dropped) return;
  dropped.mapped().stop.request_stop();
  // Not from within what was delivered.
  post_([this, reports = std::move(dropped.mapped().reports)] {
    for (const Held& held : reports) deliver_(held.worker, held.report, absl::CancelledError("given up"));
  });
}

}  // namespace crossmill::coordinator
