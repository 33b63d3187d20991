#include "coordinator/verdict/comparer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/base/status.h"
#include "common/plan/plan_graph.h"
#include "common/words/words.h"
#include "coordinator/core/circumstances.h"
#include "coordinator/core/image_reach.h"

namespace crossmill::verdict {
namespace {

std::string Count(size_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::string Place(const v1::StepComparison& step) {
  return fmt::format("step {} of {} ({}:{})", step.step_number(), StagePhrase(step.stage_name()),
                     step.range().file(), step.range().first_line());
}

bool CopiesFromStages(const v1::Step& step) {
  return std::any_of(step.copy().sources().begin(), step.copy().sources().end(),
                     [](const v1::CopySource& source) { return source.has_export_(); });
}

// With the copies between stages whose layers show that they wrote where their destination says.
core::ResolvedExports ResolvedOf(const CellExecutions& input) {
  core::ResolvedExports resolved = input.resolved;
  for (const auto& [id, layer] : input.layers) {
    const v1::Step* step = plan::FindStep(*input.plan, id.first, id.second);
    if (step != nullptr && CopiesFromStages(*step) &&
        core::WroteWhereTold(layer, step->copy().destination())) {
      resolved.plain_copies.insert(id);
    }
  }
  return resolved;
}

// Judges one cell. Used once.
class CellJudge {
 public:
  explicit CellJudge(const CellExecutions& input)
      : input_(input),
        cell_(input.plan->cells(static_cast<int>(input.cell))),
        reach_(*input.plan, cell_.target_stage(), ResolvedOf(input)),
        stages_(plan::StagesOfCell(*input.plan, input.cell)) {}

  v1::CellComparison Judge() {
    *result_.mutable_platform() = cell_.platform();
    for (const std::string& digest : input_.image_digests) result_.add_image_digests(digest);
    for (const StepExecutions& step : input_.steps) AddStep(step);
    FindMissingSteps();
    result_.set_hosts(static_cast<uint32_t>(fewest_hosts_.value_or(0)));
    result_.set_executions(static_cast<uint32_t>(fewest_executions_.value_or(0)));
    result_.set_same_host(all_hosts_.size() == 1 && result_.executions() > 1);
    Decide();
    core::DescribeCircumstances(runs_, &result_);
    return std::move(result_);
  }

 private:
  void AddStep(const StepExecutions& executions) {
    const v1::Step* planned = plan::FindStep(*input_.plan, executions.stage, executions.step_number);
    if (planned == nullptr || executions.witnesses.empty()) return;
    if (!std::binary_search(stages_.begin(), stages_.end(), executions.stage)) return;
    seen_.insert({executions.stage, executions.step_number});
    v1::StepComparison* step = result_.add_steps();
    step->set_stage(executions.stage);
    step->set_stage_name(input_.plan->stages(static_cast<int>(executions.stage)).name());
    step->set_step_number(executions.step_number);
    *step->mutable_range() = planned->range();
    step->set_text(planned->text());
    if (planned->has_run()) runs_.push_back(result_.steps_size() - 1);
    if (!CountWitnesses(executions, step)) return;
    step->mutable_causes()->Assign(executions.causes.begin(), executions.causes.end());
    step->set_causes_problem(executions.causes_problem);
    step->mutable_input_changes()->Assign(executions.input_changes.begin(), executions.input_changes.end());
    AddDifferences(executions, step);
  }

  // True if there are different layers. An execution that failed has none: it makes the step flaky, and
  // nothing can be said of its bytes.
  bool CountWitnesses(const StepExecutions& executions, v1::StepComparison* step) {
    std::set<std::string> hosts;
    std::set<std::string> workers;
    std::set<std::string> layers;
    size_t failed = 0;
    for (const v1::Witness& witness : executions.witnesses) {
      *step->add_witnesses() = witness;
      hosts.insert(witness.host_id());
      workers.insert(witness.worker());
      all_hosts_.insert(witness.host_id());
      const std::string& layer = witness.layer().tar().hash();
      if (layer.empty()) {
        ++failed;
      } else {
        layers.insert(layer);
      }
    }
    const bool flaky = failed > 0 && !layers.empty();
    step->set_agrees(!flaky && layers.size() <= 1);
    if (flaky && !flaky_.has_value()) flaky_ = result_.steps_size() - 1;
    const auto keep_fewest = [](std::optional<size_t>* fewest, size_t count) {
      *fewest = std::min(fewest->value_or(count), count);
    };
    keep_fewest(&fewest_hosts_, hosts.size());
    keep_fewest(&fewest_workers_, workers.size());
    keep_fewest(&fewest_executions_, executions.witnesses.size());
    return layers.size() > 1;
  }

  void AddDifferences(const StepExecutions& executions, v1::StepComparison* step) {
    const size_t total = std::max<size_t>(executions.differences_total, executions.differences.size());
    std::vector<const v1::PathDifference*> reaching;
    std::vector<const v1::PathDifference*> others;
    for (const v1::PathDifference& difference : executions.differences) {
      const bool reaches = reach_.Reaches(executions.stage, difference) || WasCarriedIn(difference);
      (reaches ? reaching : others).push_back(&difference);
    }
    // Layers that differ in unknown paths, or in none (their bytes alone): nothing shows that they stay
    // outside.
    const bool incomplete =
        reach_.IsConnected(executions.stage) && (total == 0 || total > executions.differences.size());
    step->set_reaches_image(!reaching.empty() || incomplete || reach_.IsInImage(executions.stage));
    step->set_differences_total(static_cast<uint32_t>(total));
    NoteReaching(executions.stage, *step, reaching, incomplete, executions.only_packing);
    reaching.insert(reaching.end(), others.begin(), others.end());
    for (const v1::PathDifference* difference : reaching) {
      if (static_cast<size_t>(step->differences_size()) >= input_.difference_limit) break;
      *step->add_differences() = *difference;
    }
  }

  // The very bytes are in the image at another path: a later step moved or copied the file. It did so in the
  // replica too, with the first's bytes, so nothing else would show it.
  bool WasCarriedIn(const v1::PathDifference& difference) {
    if (difference.first().hash().empty() || difference.first().size_bytes() == 0) return false;
    if (!contents_.has_value()) CollectContents();
    return contents_->contains(difference.first().hash());
  }

  // Of the files that steps put where it reaches the image.
  void CollectContents() {
    contents_.emplace();
    for (const auto& [id, layer] : input_.layers) {
      if (!std::binary_search(stages_.begin(), stages_.end(), id.first) || !reach_.IsConnected(id.first))
        continue;
      std::map<std::string_view, std::string_view> files;
      for (const layer::ManifestEntry& each : layer.entries) {
        std::string_view content = each.sha256;
        if (each.entry.type == layer::EntryType::kHardLink) content = files[each.entry.link];
        if (content.empty()) continue;
        files[each.entry.path] = content;
        v1::PathDifference file;
        file.set_path(each.entry.path);
        file.set_kind(v1::PathDifference::KIND_CONTENT);
        if (reach_.Reaches(id.first, file)) contents_->emplace(content);
      }
    }
  }

  void NoteReaching(uint32_t stage, const v1::StepComparison& step,
                    const std::vector<const v1::PathDifference*>& reaching, bool incomplete,
                    bool only_packing) {
    if (!step.reaches_image()) {
      ++divergent_elsewhere_;
      return;
    }
    ++divergent_in_image_;
    if (!only_packing) only_packing_ = false;
    if (!IsDrift(step)) all_drift_ = false;
    if (!reach_.IsInImage(stage)) exports_differ_ = true;
    const auto is_time = [](const v1::PathDifference* d) {
      return d->kind() == v1::PathDifference::KIND_TIME;
    };
    if (incomplete || !std::all_of(reaching.begin(), reaching.end(), is_time)) more_than_times_ = true;
    if (reason_step_.has_value()) return;
    reason_step_ = result_.steps_size() - 1;
    reaching_paths_ = reaching.size();
    if (!reaching.empty()) reason_path_ = reaching.front()->path();
  }

  // Other input may make other output. Where every difference is known to come from something else, it did
  // not. What is unknown may come from the input, however certain it is that nothing else explains it.
  static bool IsDrift(const v1::StepComparison& step) {
    if (step.input_changes().empty()) return false;
    const auto& causes = step.causes();
    return causes.empty() || !step.causes_problem().empty() ||
           std::any_of(causes.begin(), causes.end(), [](const v1::CauseGroup& group) {
             return group.cause().confidence() != v1::Cause::CONFIDENCE_CERTAIN ||
                    group.cause().class_() == "input" || group.cause().class_() == "unknown";
           });
  }

  // A step that was to be compared and has no executions at all.
  void FindMissingSteps() {
    for (const uint32_t stage : stages_) {
      for (const v1::Step& step : input_.plan->stages(static_cast<int>(stage)).steps()) {
        if (step.action_case() == v1::Step::ACTION_NOT_SET) continue;
        if (!seen_.contains({stage, step.number()})) fewest_hosts_ = fewest_workers_ = fewest_executions_ = 0;
      }
    }
  }

  void Decide() {
    if (input_.wanted < 2) return Set(v1::VERDICT_UNVERIFIED, "none", "no verification was asked for");
    if (flaky_.has_value()) return Set(v1::VERDICT_FLAKY, "none", FlakyReason());
    if (divergent_in_image_ > 0 && all_drift_) {
      return Set(v1::VERDICT_INPUT_DRIFT, DivergentLevel(), DriftReason());
    }
    if (divergent_in_image_ > 0) return Set(v1::VERDICT_UNREPRODUCIBLE, DivergentLevel(), DivergentReason());
    if (result_.steps_size() == 0 && !fewest_executions_.has_value()) {
      return Set(v1::VERDICT_REPRODUCIBLE, AgreeingLevel(),
                 "no step is executed: the image is its base and its config");
    }
    const size_t distinct = (input_.allow_same_host ? fewest_workers_ : fewest_hosts_).value_or(0);
    if (distinct < input_.wanted) {
      const std::string_view what = input_.allow_same_host ? "worker" : "host";
      return Set(v1::VERDICT_INCONCLUSIVE, "none",
                 fmt::format("{} were asked for, but not every step ran on more than {}",
                             Count(input_.wanted, what), distinct == 0 ? "none" : Count(distinct, what)));
    }
    std::string reason =
        fmt::format("{} on {} gave the same bytes", Count(*fewest_executions_, "execution"), Hosts());
    if (divergent_elsewhere_ > 0) {
      reason += fmt::format("; {} differ{} in paths that do not reach the image",
                            Count(divergent_elsewhere_, "step"), divergent_elsewhere_ == 1 ? "s" : "");
    }
    Set(v1::VERDICT_REPRODUCIBLE, AgreeingLevel(), reason);
  }

  std::string Hosts() const { return result_.same_host() ? "the same host" : Count(result_.hosts(), "host"); }

  static bool AllEqual(const std::vector<std::string>& digests) {
    return digests.size() > 1 && std::all_of(digests.begin(), digests.end(), [&](const std::string& digest) {
             return !digest.empty() && digest == digests.front();
           });
  }

  // Every step of the image agrees, so diffIDs do; the digests say whether more does.
  std::string AgreeingLevel() const {
    if (AllEqual(input_.image_digests)) return "image";
    if (AllEqual(input_.config_digests)) return "config";
    return AllEqual(input_.blob_digests) ? "blobs" : "layers";
  }

  std::string DivergentLevel() const {
    if (!more_than_times_) return "entries";
    if (!exports_differ_ && input_.same_root) return "root";
    if (only_packing_) return "contents";
    return exports_differ_ ? "none" : "exports";
  }

  std::string FlakyReason() const {
    const v1::StepComparison& step = result_.steps(*flaky_);
    std::string reason = fmt::format("{} succeeded in one execution and failed in another", Place(step));
    for (const v1::Witness& witness : step.witnesses()) {
      if (witness.has_layer()) continue;
      return fmt::format("{}: {} on {}", reason, witness.failure().empty() ? "no reason" : witness.failure(),
                         witness.worker());
    }
    return reason;
  }

  std::string DriftReason() const {
    const v1::StepComparison& step = result_.steps(*reason_step_);
    const v1::InputChange& change = step.input_changes(0);
    const auto side = [](const std::string& value) {
      return value.empty() ? "nothing" : value.substr(0, 19);
    };
    std::string reason =
        fmt::format("{} was given other input, so its bytes cannot be compared: {} was {} and {}",
                    Place(step), change.name(), side(change.first()), side(change.second()));
    if (step.input_changes_size() > 1) reason += fmt::format("; {} more", step.input_changes_size() - 1);
    return reason;
  }

  std::string DivergentReason() const {
    const v1::StepComparison& step = result_.steps(*reason_step_);
    std::string reason = fmt::format("{} gives different bytes", Place(step));
    if (reaching_paths_ > 0) {
      reason += fmt::format(" in {} that {} the image, first /{}", Count(reaching_paths_, "path"),
                            reaching_paths_ == 1 ? "reaches" : "reach", reason_path_);
    }
    if (divergent_in_image_ > 1)
      reason += fmt::format("; {} more in the image", Count(divergent_in_image_ - 1, "step"));
    if (divergent_elsewhere_ > 0)
      reason += fmt::format("; {} elsewhere", Count(divergent_elsewhere_, "step"));
    for (const v1::Witness& witness : step.witnesses()) {
      if (witness.outvoted()) {
        reason += fmt::format("; {} alone made other bytes than {} others, which agree", witness.worker(),
                              step.witnesses_size() - 1);
      }
    }
    return reason;
  }

  void Set(v1::Verdict verdict, const std::string& level, const std::string& reason) {
    result_.set_verdict(verdict);
    result_.set_level(level);
    result_.set_reason(reason);
  }

  const CellExecutions& input_;
  const v1::CellPlan& cell_;
  core::ImageReach reach_;
  std::vector<uint32_t> stages_;
  v1::CellComparison result_;

  // Indexes into result_.steps.
  std::vector<int> runs_;
  std::set<std::pair<uint32_t, uint32_t>> seen_;
  std::set<std::string> all_hosts_;
  // Over all steps; nullopt: no step yet.
  std::optional<size_t> fewest_hosts_;
  std::optional<size_t> fewest_workers_;
  std::optional<size_t> fewest_executions_;
  // SHA-256 of files that reach the image; collected when first asked for.
  std::optional<std::set<std::string, std::less<>>> contents_;
  // Index into result_.steps.
  std::optional<int> flaky_;
  size_t divergent_in_image_ = 0;
  size_t divergent_elsewhere_ = 0;
  bool exports_differ_ = false;
  // Of all steps whose difference reaches the image.
  bool only_packing_ = true;
  // Of the steps that reach the image.
  bool all_drift_ = true;
  bool more_than_times_ = false;
  // The first divergent step that reaches the image.
  std::optional<int> reason_step_;
  size_t reaching_paths_ = 0;
  std::string reason_path_;
};

}  // namespace

v1::CellComparison CompareCell(const CellExecutions& executions) { return CellJudge(executions).Judge(); }

}  // namespace crossmill::verdict
