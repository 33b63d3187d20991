// A sandbox that runs a function of the test in place of a container.
#pragma once

#include <functional>
#include <utility>

#include "worker/sandbox/sandbox.h"

namespace crossmill {

class FakeSandbox final : public worker::Sandbox {
 public:
  using Behaviour = std::function<absl::StatusOr<worker::SandboxResult>(const worker::SandboxRun&)>;

  // Succeeds and does nothing unless told otherwise.
  explicit FakeSandbox(Behaviour behaviour =
                           [](const worker::SandboxRun&) { return worker::SandboxResult(); })
      : behaviour_(std::move(behaviour)) {}
  absl::StatusOr<worker::SandboxResult> Run(const worker::SandboxRun& run) override {
    return behaviour_(run);
  }

 private:
  const Behaviour behaviour_;
};

}  // namespace crossmill
