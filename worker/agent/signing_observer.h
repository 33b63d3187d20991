// Signs what an execution tells of its steps, on the way to whoever listens.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/keys/ed25519.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"
#include "crossmill/v1/worker.pb.h"
#include "worker/task/stage_executor.h"

namespace crossmill::worker {

// Of one execution of one task, on its thread. Adds to each step that succeeded the worker's statement about
// it (common/attest/execution_statement.h). What cannot be signed is told without a statement: it is
// evidence, and no part of the result.
class SigningObserver final : public ExecutionObserver {
 public:
  // All are the caller's and outlive it.
  SigningObserver(const v1::Task& task, const v1::WorkerInfo& info, const keys::SigningKey& key,
                  ExecutionObserver& next);

  void OnStepStarted(const v1::StepStarted& started) override { next_.OnStepStarted(started); }
  void OnLog(const v1::LogChunk& chunk) override { next_.OnLog(chunk); }
  void OnStepFinished(const v1::StepResult& result) override;

  // The task's result tells its steps once more.
  void AddStatements(v1::TaskResult* result) const;

 private:
  std::string Sign(const v1::Step& step, const v1::StepResult& result) const;

  const v1::Task& task_;
  const v1::WorkerInfo& info_;
  const keys::SigningKey& key_;
  ExecutionObserver& next_;
  // Root file system before the next step: diffIDs, bottom first.
  std::vector<Digest> parents_;
  // By step number.
  std::map<uint32_t, std::string> statements_;
};

}  // namespace crossmill::worker
