#include "tests/coordinator/engine/played_worker.h"

#include <algorithm>
#include <deque>

#include "common/base/status.h"
#include "common/layer/layer_writer.h"

namespace crossmill::coordinator {

// What the engine sends, as it arrives.
struct PlayedWorker::Link final : WorkerLink {
  void Send(const v1::SynchronizeResponse& message) override {
    MutexLock lock(mutex);
    desired.clear();
    for (const v1::DesiredLease& row : message.leases()) {
      desired.insert(row.lease());
      if (!row.has_task() || tasks.contains(row.lease())) continue;
      tasks[row.lease()] = row.task();
      secrets[row.lease()].assign(row.secrets().begin(), row.secrets().end());
      waiting.push_back(row.lease());
    }
    acknowledged.insert(message.acknowledged().begin(), message.acknowledged().end());
    wake.NotifyAll();
  }

  Mutex mutex;
  CondVar wake;
  std::map<uint64_t, v1::Task> tasks;
  std::map<uint64_t, std::vector<v1::Secret>> secrets;
  std::deque<uint64_t> waiting;
  std::set<uint64_t> desired;
  std::set<uint64_t> acknowledged;
  int steps = 0;
  int started = 0;
  int exports = 0;
};

PlayedWorker::PlayedWorker(Engine& engine, BlobStore& blobs, std::string name, std::string host)
    : engine_(&engine),
      blobs_(blobs),
      name_(std::move(name)),
      host_(std::move(host)),
      link_(std::make_shared<Link>()) {}

PlayedWorker::~PlayedWorker() {
  if (!player_.joinable()) return;
  player_.request_stop();
  player_.join();
}

void PlayedWorker::Connect(const std::set<uint64_t>& leases) {
  v1::WorkerState state;
  state.mutable_info()->set_name(name_);
  state.mutable_info()->set_host_id(host_);
  state.mutable_info()->set_slots(cpus_ == 0 ? 2 : 100);
  state.mutable_info()->set_cpus(cpus_);
  state.mutable_info()->set_slots_by_load(cpus_ != 0);
  v1::Platform& platform = *state.mutable_info()->add_platforms()->mutable_platform();
  platform.set_os("linux");
  platform.set_architecture("amd64");
  if (!emulated_.empty()) {
    v1::PlatformSupport& support = *state.mutable_info()->add_platforms();
    support.mutable_platform()->set_os("linux");
    support.mutable_platform()->set_architecture(emulated_);
    support.set_emulated(true);
  }
  for (const auto& [architecture, digest] : sets_) {
    v1::AcceleratorOffer& offer = *state.mutable_info()->add_accelerators();
    offer.set_set("debian-bookworm-" + architecture);
    offer.set_digest(digest);
    offer.set_architecture(architecture);
    offer.add_tools("gcc-12/cc1");
  }
  for (uint64_t lease : leases) state.add_leases(lease);
  engine_->WorkerState(link_, state);
}

void PlayedWorker::Reconnect(Engine& engine, const std::set<uint64_t>& leases) {
  engine_ = &engine;
  Connect(leases);
}

void PlayedWorker::Disconnect() { engine_->WorkerGone(name_, link_); }

void PlayedWorker::Heartbeat() { engine_->WorkerHeartbeat(name_); }

std::optional<uint64_t> PlayedWorker::NextLease() {
  MutexLock lock(link_->mutex);
  for (int i = 0; i < 200 && link_->waiting.empty(); ++i)
    link_->wake.WaitFor(link_->mutex, std::chrono::milliseconds(50));
  if (link_->waiting.empty()) return std::nullopt;
  const uint64_t lease = link_->waiting.front();
  link_->waiting.pop_front();
  return lease;
}

std::set<uint64_t> PlayedWorker::Desired() {
  MutexLock lock(link_->mutex);
  return link_->desired;
}

std::set<uint64_t> PlayedWorker::Acknowledged() {
  MutexLock lock(link_->mutex);
  return link_->acknowledged;
}

std::vector<v1::Secret> PlayedWorker::SecretsOf(uint64_t lease) {
  MutexLock lock(link_->mutex);
  return link_->secrets[lease];
}

int PlayedWorker::steps_run() {
  MutexLock lock(link_->mutex);
  return link_->steps;
}

int PlayedWorker::tasks_started() {
  MutexLock lock(link_->mutex);
  return link_->started;
}

int PlayedWorker::exports_made() {
  MutexLock lock(link_->mutex);
  return link_->exports;
}

size_t PlayedWorker::tasks_given() {
  MutexLock lock(link_->mutex);
  return link_->tasks.size();
}

v1::Task PlayedWorker::TaskOf(uint64_t lease) {
  MutexLock lock(link_->mutex);
  return link_->tasks.at(lease);
}

void PlayedWorker::Report(v1::LeaseReport report) { engine_->WorkerReport(name_, std::move(report)); }

v1::Layer PlayedWorker::MakeLayer(const std::string& word) {
  std::string content = differ_on_.contains(word) ? word + " by " + name_ : word;
  if (const auto bytes = weigh_on_.find(word); bytes != weigh_on_.end()) content.resize(bytes->second, '.');
  std::string tar;
  layer::LayerWriter writer(
      [&](std::string_view bytes) {
        tar.append(bytes);
        return absl::OkStatus();
      },
      0);
  layer::TarEntry entry;
  entry.path = word;
  entry.type = layer::EntryType::kFile;
  entry.mode = 0644;
  entry.size = static_cast<int64_t>(content.size());
  size_t done = 0;
  writer
      .Add(entry,
           [&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
             const size_t count = content.copy(buffer, size, done);
             done += count;
             return count;
           })
      .IgnoreError();  // a broken layer fails the test by itself
  v1::Layer layer;
  const std::string manifest = writer.Finish()->Serialize();
  ToProto(blobs_.PutBytes(tar).value(), layer.mutable_tar());
  ToProto(blobs_.PutBytes(manifest).value(), layer.mutable_manifest());
  return layer;
}

void PlayedWorker::StartStep(uint64_t lease, int index) {
  v1::LeaseReport started;
  started.set_lease(lease);
  started.mutable_step_started()->set_number(TaskOf(lease).steps(index).number());
  Report(started);
}

void PlayedWorker::Say(uint64_t lease, int index, const std::string& text) {
  v1::LeaseReport report;
  report.set_lease(lease);
  report.mutable_log()->set_step_number(TaskOf(lease).steps(index).number());
  report.mutable_log()->set_data(text);
  Report(report);
}

void PlayedWorker::FinishStep(uint64_t lease, int index) {
  const v1::Task task = TaskOf(lease);
  const v1::Step& step = task.steps(index);
  const std::string word = step.text().substr(step.text().rfind(' ') + 1);
  StartStep(lease, index);
  v1::LeaseReport finished;
  finished.set_lease(lease);
  v1::StepResult& result = *finished.mutable_step_finished();
  result.set_number(step.number());
  // As a worker does that can give all it is asked for.
  for (const int aspect : task.variation().aspects()) {
    v1::Circumstance& told = *result.add_circumstances();
    told.set_aspect(static_cast<v1::Aspect>(aspect));
    told.set_value(std::to_string(task.variation().number()));
    if (aspect == v1::ASPECT_CLOCK && !clock_value_.empty()) told.set_value(clock_value_);
    told.set_asked(true);
  }
  if (task.replica() == 0 && !clock_value_.empty()) {
    v1::Circumstance& told = *result.add_circumstances();
    told.set_aspect(v1::ASPECT_CLOCK);
    told.set_value(clock_value_);
  }
  if (auto warning = warn_on_.find(word); warning != warn_on_.end()) result.add_warnings(warning->second);
  if (auto statement = state_on_.find(word); statement != state_on_.end())
    result.set_statement(statement->second);
  if (auto set = accelerate_on_.find(word); set != accelerate_on_.end()) {
    const auto& off = task.accelerators_off();
    if (std::find(off.begin(), off.end(), set->second) == off.end() && task.replica() == 0 &&
        task.acceleration() != v1::ACCELERATION_OFF)
      result.mutable_acceleration()->set_digest(set->second);
  }
  if (auto set = accuse_on_.find(word); set != accuse_on_.end()) {
    v1::AccelerationCheck& check = *result.mutable_acceleration_check();
    check.set_outcome(v1::AccelerationCheck::OUTCOME_SET_DIFFERS);
    check.set_digest(set->second);
    check.set_path("out/unit.o");
    check.set_reason("two emulated executions agree");
  }
  if (auto failure = fail_on_.find(word); failure != fail_on_.end()) {
    result.set_exit_code(failure->second);
    result.set_failure("exit code " + std::to_string(failure->second));
  } else {
    *result.mutable_layer() = MakeLayer(word);
    if (lie_on_.contains(word)) *result.mutable_layer()->mutable_tar() = MakeLayer("foreign-" + word).tar();
    if (auto use = use_on_.find(word); use != use_on_.end()) {
      result.set_started_at(1'000'000'000);
      const auto [cpus, seconds] = use->second;
      result.set_finished_at((1 + seconds) * 1'000'000'000);
      result.set_cpu_seconds(cpus * static_cast<double>(seconds));
    }
  }
  {
    MutexLock lock(link_->mutex);
    ++link_->steps;
  }
  Report(finished);
}

void PlayedWorker::FinishTask(uint64_t lease) {
  const v1::Task task = TaskOf(lease);
  v1::LeaseReport finished;
  finished.set_lease(lease);
  v1::TaskResult& result = *finished.mutable_task_finished();
  result.set_outcome(v1::TASK_OUTCOME_SUCCEEDED);
  for (const v1::Export& wanted : task.exports()) {
    v1::ExportResult& exported = *result.add_exports();
    *exported.mutable_export_() = wanted;
    ToProto(blobs_.PutBytes("export of " + wanted.pattern()).value(), exported.mutable_blob());
    const auto lead = lead_to_.find(wanted.pattern());
    const std::string path = lead == lead_to_.end() ? wanted.pattern().substr(1) : lead->second;
    if (!path.empty()) exported.mutable_paths()->add_trees(path);
    MutexLock lock(link_->mutex);
    ++link_->exports;
  }
  Report(finished);
}

void PlayedWorker::PlayAll() {
  player_ = std::jthread([this](std::stop_token stop) {
    while (!stop.stop_requested()) {
      uint64_t lease = 0;
      {
        MutexLock lock(link_->mutex);
        if (link_->waiting.empty()) link_->wake.WaitFor(link_->mutex, std::chrono::milliseconds(20));
        if (link_->waiting.empty()) {
          // A lease that the test took with NextLease is played too.
          for (const auto& [number, task] : link_->tasks) {
            if (link_->desired.contains(number) && !played_.contains(number)) lease = number;
          }
        } else {
          lease = link_->waiting.front();
          link_->waiting.pop_front();
        }
        if (lease != 0 && !played_.insert(lease).second) lease = 0;
      }
      if (lease != 0) PlayTask(lease);
    }
  });
}

void PlayedWorker::PlayTask(uint64_t lease) {
  const v1::Task task = TaskOf(lease);
  {
    MutexLock lock(link_->mutex);
    ++link_->started;
  }
  for (int i = 0; i < task.steps_size(); ++i) {
    const v1::Step& step = task.steps(i);
    const std::string word = step.text().substr(step.text().rfind(' ') + 1);
    if (auto broken = break_on_.find(word); broken != break_on_.end()) {
      v1::LeaseReport report;
      report.set_lease(lease);
      report.mutable_task_finished()->set_outcome(v1::TASK_OUTCOME_INFRASTRUCTURE);
      report.mutable_task_finished()->set_message(broken->second);
      Report(report);
      return;
    }
    FinishStep(lease, i);
    if (fail_on_.contains(word)) {
      v1::LeaseReport report;
      report.set_lease(lease);
      report.mutable_task_finished()->set_outcome(v1::TASK_OUTCOME_FAILED);
      report.mutable_task_finished()->set_message("a step failed");
      Report(report);
      return;
    }
  }
  FinishTask(lease);
}

}  // namespace crossmill::coordinator
