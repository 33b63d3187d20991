#include "worker/agent/signing_observer.h"

#include <algorithm>
#include <optional>

#include "common/attest/dsse.h"
#include "common/attest/execution_statement.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/plan/step_key.h"
#include "common/words/task_name.h"

namespace crossmill::worker {

SigningObserver::SigningObserver(const v1::Task& task, const v1::WorkerInfo& info,
                                 const keys::SigningKey& key, ExecutionObserver& next)
    : task_(task), info_(info), key_(key), next_(next) {
  for (const v1::Layer& layer : task.parents()) parents_.push_back(FromProto(layer.tar()));
}

void SigningObserver::OnStepFinished(const v1::StepResult& result) {
  const auto step = std::find_if(task_.steps().begin(), task_.steps().end(),
                                 [&](const v1::Step& each) { return each.number() == result.number(); });
  if (step == task_.steps().end() || !result.has_layer() || !result.failure().empty()) {
    next_.OnStepFinished(result);
    return;
  }
  v1::StepResult told = result;
  const std::string statement = Sign(*step, result);
  told.set_statement(statement);
  statements_[result.number()] = statement;
  // As the executor goes on.
  parents_.push_back(FromProto((step->has_expected() ? step->expected() : result.layer()).tar()));
  next_.OnStepFinished(told);
}

void SigningObserver::AddStatements(v1::TaskResult* result) const {
  for (v1::StepResult& step : *result->mutable_steps()) {
    const auto found = statements_.find(step.number());
    if (found != statements_.end()) step.set_statement(found->second);
  }
}

std::string SigningObserver::Sign(const v1::Step& step, const v1::StepResult& result) const {
  const attest::Statement statement =
      attest::ExecutionStatement({.platform = &task_.platform(),
                                  .parents = parents_,
                                  .step = &step,
                                  .step_key = plan::StepKey(task_, parents_, step),
                                  .result = &result,
                                  .worker = &info_});
  const auto sealed = attest::SealStatement(attest::WriteStatement(statement), key_);
  if (sealed.ok() && sealed->size() <= attest::kMostExecutionBytes) return *sealed;
  LogWarning("build={} task={} step={} has no statement: {}", BuildOfTask(task_.name()), task_.name(),
             step.number(), sealed.ok() ? "it would be too long" : Sv(sealed.status().message()));
  return "";
}

}  // namespace crossmill::worker
