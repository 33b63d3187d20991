// A worker played by the test: takes leases from the engine and reports what the test wants.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/blob_store.h"
#include "common/base/mutex.h"
#include "coordinator/engine/engine.h"
#include "tests/support/eventually.h"

namespace crossmill::coordinator {

class PlayedWorker {
 public:
  PlayedWorker(Engine& engine, BlobStore& blobs, std::string name, std::string host);
  ~PlayedWorker();

  // Before it connects: emulates the architecture beside amd64.
  void Emulate(const std::string& architecture) { emulated_ = architecture; }
  // Before it connects: has a set with a tool in use.
  void OfferSet(const std::string& architecture, const std::string& digest) {
    sets_.emplace_back(architecture, digest);
  }
  // Before it connects: its slots (then many) follow the load of its machine.
  void FollowLoad(uint32_t cpus) { cpus_ = cpus; }
  void Connect(const std::set<uint64_t>& leases);
  // Its stream breaks.
  void Disconnect();
  // After a restart of the coordinator.
  void Reconnect(Engine& engine, const std::set<uint64_t>& leases);
  void Heartbeat();

  // Waits for a lease that has a task and was not returned before.
  std::optional<uint64_t> NextLease();
  std::set<uint64_t> Desired();
  std::set<uint64_t> Acknowledged();
  v1::Task TaskOf(uint64_t lease);
  size_t tasks_given();
  // What came with the lease's task.
  std::vector<v1::Secret> SecretsOf(uint64_t lease);

  // Reports the start of step `index` of the lease's task.
  void StartStep(uint64_t lease, int index);
  // Reports a line of console of the step that was started.
  void Say(uint64_t lease, int index, const std::string& text);
  // Reports the start and the end of step `index` of the lease's task: a layer with one file named by
  // the last word of the step.
  void FinishStep(uint64_t lease, int index);
  // Reports the end of the task with its exports.
  void FinishTask(uint64_t lease);

  // From now on a thread plays every lease to its end.
  void PlayAll();
  void FailOn(const std::string& word, int exit_code) { fail_on_[word] = exit_code; }
  void Mend(const std::string& word) { fail_on_.erase(word); }
  void BreakOn(const std::string& word, const std::string& reason) { break_on_[word] = reason; }
  void WarnOn(const std::string& word, const std::string& warning) { warn_on_[word] = warning; }
  // What it says that it signed.
  void StateOn(const std::string& word, const std::string& statement) { state_on_[word] = statement; }
  // Its exports of the pattern are made of this path (relative to the root); empty: it does not say.
  void LeadTo(const std::string& pattern, const std::string& path) { lead_to_[pattern] = path; }
  // Its file has that many bytes.
  void WeighOn(const std::string& word, size_t bytes) { weigh_on_[word] = bytes; }
  // Its command takes so many seconds and uses so many processors.
  void UseOn(const std::string& word, double cpus, int64_t seconds = 1) { use_on_[word] = {cpus, seconds}; }
  // What it reports has the manifest that is right, and another's tar.
  void LieOn(const std::string& word) { lie_on_.insert(word); }
  // The step is made with the set, or found to differ from what the set makes.
  void AccelerateOn(const std::string& word, const std::string& digest) { accelerate_on_[word] = digest; }
  void AccuseOn(const std::string& word, const std::string& digest) { accuse_on_[word] = digest; }
  // What it tells of the clock from now on.
  void TellClock(const std::string& value) { clock_value_ = value; }
  // The file's content tells the worker's name.
  void DifferOn(const std::string& word) { differ_on_.insert(word); }

  int steps_run();
  int tasks_started();
  int exports_made();

 private:
  struct Link;

  void PlayTask(uint64_t lease);
  v1::Layer MakeLayer(const std::string& word);
  void Report(v1::LeaseReport report);

  Engine* engine_;
  BlobStore& blobs_;
  const std::string name_;
  const std::string host_;
  std::string emulated_;
  uint32_t cpus_ = 0;
  std::shared_ptr<Link> link_;
  std::map<std::string, int> fail_on_;
  std::map<std::string, std::string> warn_on_;
  std::map<std::string, std::string> state_on_;
  std::map<std::string, std::string> break_on_;
  std::map<std::string, std::string> lead_to_;
  std::map<std::string, size_t> weigh_on_;
  std::map<std::string, std::pair<double, int64_t>> use_on_;
  std::set<std::string> differ_on_;
  std::set<std::string> lie_on_;
  std::map<std::string, std::string> accelerate_on_;
  std::vector<std::pair<std::string, std::string>> sets_;
  std::map<std::string, std::string> accuse_on_;
  std::string clock_value_;
  std::set<uint64_t> played_;
  std::jthread player_;
};

}  // namespace crossmill::coordinator
