// An Environment whose input, variables and outputs are the test's.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/session/environment.h"
#include "common/base/mutex.h"
#include "tests/cli/fake_coordinator.h"
#include "tests/support/fake_clock.h"

namespace crossmill::cli {

class FakeEnvironment final : public Environment {
 public:
  explicit FakeEnvironment(FakeCoordinator& coordinator) : coordinator_(coordinator) {}

  absl::Status Out(std::string_view bytes) override {
    out += bytes;
    return absl::OkStatus();
  }
  void Err(std::string_view text) override {
    MutexLock lock(mutex_);
    err_ += text;
  }
  std::string err() {
    MutexLock lock(mutex_);
    return err_;
  }
  absl::StatusOr<std::string> In() override { return input; }
  absl::StatusOr<size_t> ReadIn(char* buffer, size_t size) override {
    const size_t count = read_ < input.size() ? input.copy(buffer, size, read_) : 0;
    read_ += count;
    return count;
  }
  void ShowInput(bool shown) override { input_shown.push_back(shown); }
  Terminal OutTerminal() override { return out_terminal; }
  Terminal ErrTerminal() override { return err_terminal; }
  std::optional<std::string> Variable(const std::string& name) override {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  }
  Clock& clock() override { return clock_; }
  bool IsRoot() override { return false; }
  std::string ProgramFolder() override { return program_folder; }
  absl::StatusOr<ProcessResult> RunProgram(const ProcessOptions& options) override {
    programs_run.push_back(options.argv);
    if (!run_program) return absl::NotFoundError("no such program");
    return run_program(options);
  }
  absl::StatusOr<std::unique_ptr<Farm>> Connect(const ConnectOptions& options) override {
    connected = options;
    if (!connect_error.ok()) return connect_error;
    return coordinator_.Connect();
  }
  void OnInterrupt(InterruptHandler handler) override {
    MutexLock running(handler_mutex_);
    MutexLock lock(mutex_);
    handler_ = std::move(handler);
  }
  void ForceExit(int code) override { forced = code; }

  // The user interrupts so many times; the handler stays for all of them.
  void Interrupt(int times) {
    MutexLock lock(handler_mutex_);
    InterruptHandler handler;
    {
      MutexLock inner(mutex_);
      handler = handler_;
    }
    for (int count = 1; handler && count <= times; ++count) handler(count);
  }

  std::string out;
  Terminal out_terminal;
  Terminal err_terminal;
  std::string input;
  // Each change of what a terminal shows.
  std::vector<bool> input_shown;
  std::map<std::string, std::string> variables;
  ConnectOptions connected;
  absl::Status connect_error;
  std::atomic<int> forced{-1};
  std::string program_folder = "/nonexistent";
  // Each call of another program; unset: there is none.
  std::vector<std::vector<std::string>> programs_run;
  std::function<absl::StatusOr<ProcessResult>(const ProcessOptions&)> run_program;

 private:
  FakeCoordinator& coordinator_;
  FakeClock clock_;
  size_t read_ = 0;
  Mutex mutex_;
  Mutex handler_mutex_;
  std::string err_ ABSL_GUARDED_BY(mutex_);
  InterruptHandler handler_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::cli
