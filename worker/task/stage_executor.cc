#include "worker/task/stage_executor.h"

#include <string.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/layer/layer_manifest.h"
#include "common/layer/manifest_diff.h"
#include "common/layer/tar_entry.h"
#include "common/words/platform.h"
#include "common/words/step_bounds.h"
#include "worker/bounds/console_limit.h"
#include "worker/host/host_load.h"
#include "worker/host/probes.h"
#include "worker/mounts/secret_mask.h"
#include "worker/mounts/secret_search.h"
#include "worker/normalize/normalizer.h"
#include "worker/normalize/step_settings.h"
#include "worker/task/acceleration_check.h"
#include "worker/task/dist_info.h"
#include "worker/task/log_bundler.h"
#include "worker/task/recorded_network.h"
#include "worker/task/required_blobs.h"
#include "worker/task/root_facts.h"
#include "worker/tree/copier.h"
#include "worker/tree/exporter.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/users.h"

namespace crossmill::worker {
namespace {

// Errors that the recipe caused: another worker would meet them too.
bool IsRecipeFault(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status);
}

// A layer that no worker can unpack, such as one with an owner outside every id map: not worth a retry. One
// that is missing is the store's fault.
bool IsUnusableLayer(const absl::Status& status) { return absl::IsInvalidArgument(status); }

// `not_for_memory`: that is known.
std::string DescribeExit(int code, bool not_for_memory) {
  if (code <= 128 || code > 128 + 64) return fmt::format("exit code {}", code);
  const char* name = sigabbrev_np(code - 128);
  const std::string signal =
      name == nullptr ? fmt::format("signal {}", code - 128) : fmt::format("SIG{}", name);
  return fmt::format("exit code {} (killed by {}{})", code, signal,
                     code == 137 && !not_for_memory ? "; perhaps out of memory" : "");
}

std::string Place(const v1::SourceRange& range) {
  return range.file().empty() ? "" : fmt::format("{}:{}: ", range.file(), range.first_line());
}

// Of --normalize; none for steps that run nothing.
std::vector<std::string> RulesOf(const v1::Step& step) {
  return {step.run().normalize().begin(), step.run().normalize().end()};
}

// Every file of such a step is as old as its layer says, whatever the context's times are.
bool HasExactTimes(const v1::Step& step) {
  if (step.has_workdir()) return true;
  return step.has_copy() && std::none_of(step.copy().sources().begin(), step.copy().sources().end(),
                                         [](const v1::CopySource& source) { return source.has_export_(); });
}

}  // namespace

// One task under way.
class StageExecutor::Execution {
 public:
  Execution(StageExecutor& executor, const v1::Task& task, const TaskContext& context,
            ExecutionObserver& observer, const std::stop_token& stop)
      : executor_(executor),
        task_(task),
        context_(context),
        observer_(observer),
        stop_(stop),
        blobs_(executor.blobs_) {
    for (const v1::Layer& layer : task.parents()) layers_.push_back(FromProto(layer.tar()));
    holds_.push_back(executor.snapshotter_.Hold(layers_));
  }

  v1::TaskResult Run() {
    if (!ExecuteSteps() || !MakeExports()) return std::move(result_);
    result_.set_outcome(v1::TASK_OUTCOME_SUCCEEDED);
    return std::move(result_);
  }

 private:
  // What executing an action gave: a status that is not OK is the farm's fault, `failure` the recipe's.
  struct ActionResult {
    std::string failure;
    int exit_code = 0;
    bool timed_out = false;
    // Unset: nothing was run.
    std::optional<double> cpu_seconds;
    uint64_t peak_memory = 0;
    double cpu_wait_share = 0;
    unsigned processors = 0;
    // How much later the clock was that its programs were shown, in nanoseconds.
    int64_t clock_shift = 0;
    unsigned process_ids = 0;
    v1::StepUse use;
    std::optional<v1::BoundReached> bound;
    std::vector<std::string> warnings;
    std::vector<std::string> stubs;
    // Of COPY.
    KnownContents known;
    // Ids of the secrets that the step could read.
    std::vector<std::string> secrets;
  };

  // Each returns false when the task ended, with result_ filled in.
  bool ExecuteSteps() {
    for (const v1::Step& step : task_.steps()) {
      if (stop_.stop_requested()) return End(absl::CancelledError("cancelled"));
      WaitApart(step, task_.variation(), executor_.clock_, stop_);
      v1::StepResult result;
      result.set_number(step.number());
      result.set_started_at(UnixNanos(executor_.clock_.Now()));
      v1::StepStarted started;
      started.set_number(step.number());
      started.set_started_at(result.started_at());
      observer_.OnStepStarted(started);
      const absl::Status status = ExecuteStep(step, &result);
      if (!status.ok()) return End(Annotate(status, fmt::format("step {}", step.number())));
      result.set_finished_at(UnixNanos(executor_.clock_.Now()));
      observer_.OnStepFinished(result);
      AddStep(result);
      if (!result.failure().empty()) {
        return Fail(fmt::format("{}{}: {}", Place(step.range()), step.instruction(), result.failure()));
      }
      const v1::Layer& next = step.has_expected() ? step.expected() : result.layer();
      layers_.push_back(FromProto(next.tar()));
      holds_.push_back(executor_.snapshotter_.Hold({&layers_.back(), 1}));
    }
    return true;
  }

  // A task's result stays one message, however much its steps fetched: they were told one by one before.
  void AddStep(const v1::StepResult& result) {
    constexpr size_t kMostFetchBytes = 8 << 20;
    v1::StepResult& step = *result_.add_steps();
    step = result;
    const size_t bytes = step.fetches().ByteSizeLong();
    if (bytes > kMostFetchBytes - std::min(fetch_bytes_, kMostFetchBytes))
      CountByHost({}, step.mutable_fetches());
    fetch_bytes_ += step.fetches().ByteSizeLong();
  }

  bool MakeExports() {
    if (task_.exports().empty()) return true;
    auto view = executor_.snapshotter_.View(layers_);
    if (IsUnusableLayer(view.status())) return Fail(std::string(Sv(view.status().message())));
    if (!view.ok()) return End(Annotate(view.status(), "root file system for exports"));
    bool complete = true;
    for (const v1::Export& wanted : task_.exports()) {
      if (stop_.stop_requested()) return End(absl::CancelledError("cancelled"));
      v1::ExportResult& made = *result_.add_exports();
      *made.mutable_export_() = wanted;
      const auto blob = MakeExport(wanted, (*view)->root(), blobs_, stop_, made.mutable_paths());
      if (blob.ok()) {
        ToProto(*blob, made.mutable_blob());
        continue;
      }
      made.clear_paths();
      if (!IsRecipeFault(blob.status())) return End(Annotate(blob.status(), "export"));
      made.set_failure(std::string(Sv(blob.status().message())));
      if (complete) Fail(made.failure());
      complete = false;
    }
    return complete;
  }

  // How a step is executed just now.
  struct Manner {
    bool accelerate = false;
    // Once more, to compare: as a first execution is, and without a console of its own.
    bool again = false;
  };

  absl::Status ExecuteStep(const v1::Step& step, v1::StepResult* result) {
    const bool off = task_.acceleration() == v1::ACCELERATION_OFF;
    manner_ = {.accelerate = task_.replica() == 0 && !off};
    RETURN_IF_ERROR(ExecuteOnce(step, result));
    const auto again = [&](Way way) { return ExecuteAgain(step, way); };
    const auto path = [this](const v1::Layer& one, const v1::Layer& other) {
      return FirstPathOf(one, other);
    };
    if (task_.acceleration() == v1::ACCELERATION_VERIFY && result->has_acceleration()) {
      result->set_finished_at(UnixNanos(executor_.clock_.Now()));
      return CompareWithEmulated(step, again, path, result);
    }
    const bool differs =
        !result->failure().empty() || result->layer().tar().hash() != step.expected().tar().hash();
    if (step.expected_accelerator().empty() || !step.has_run() || !differs) return absl::OkStatus();
    return SettleReplica(step, again, path, result);
  }

  absl::StatusOr<v1::StepResult> ExecuteAgain(const v1::Step& step, Way way) {
    if (stop_.stop_requested()) return absl::CancelledError("cancelled");
    v1::StepResult result;
    result.set_number(step.number());
    result.set_started_at(UnixNanos(executor_.clock_.Now()));
    manner_ = {.accelerate = way == Way::kAccelerated, .again = true};
    RETURN_IF_ERROR(ExecuteOnce(step, &result));
    result.set_finished_at(UnixNanos(executor_.clock_.Now()));
    return result;
  }

  std::string FirstPathOf(const v1::Layer& one, const v1::Layer& other) {
    const auto manifest_of = [this](const v1::Layer& layer) -> absl::StatusOr<layer::LayerManifest> {
      ASSIGN_OR_RETURN(const std::string text, blobs_.Get(FromProto(layer.manifest())));
      return layer::LayerManifest::Parse(text);
    };
    const auto first = manifest_of(one);
    const auto second = manifest_of(other);
    if (!first.ok() || !second.ok()) return "";
    const std::vector<v1::PathDifference> paths = layer::DiffManifests(*first, *second, 1, nullptr);
    return paths.empty() ? "" : paths.front().path();
  }

  absl::Status ExecuteOnce(const v1::Step& step, v1::StepResult* result) {
    auto snapshot = executor_.snapshotter_.Prepare(layers_);
    if (!snapshot.ok()) {
      if (!IsUnusableLayer(snapshot.status())) return Annotate(snapshot.status(), "root file system");
      result->set_failure(std::string(Sv(snapshot.status().message())));
      return absl::OkStatus();
    }
    DiskLows disk(executor_.options_.disk_space);
    ASSIGN_OR_RETURN(const ActionResult action, ExecuteAction(step, **snapshot, result));
    RETURN_IF_ERROR(BlameDisk(action, disk.Finish()));
    result->set_exit_code(action.exit_code);
    result->set_timed_out(action.timed_out);
    if (action.cpu_seconds) {
      result->set_cpu_seconds(*action.cpu_seconds);
      result->set_peak_memory(action.peak_memory);
      result->set_cpu_wait_share(action.cpu_wait_share);
      *result->mutable_use() = action.use;
    }
    if (action.bound) *result->mutable_bound() = *action.bound;
    for (const std::string& warning : action.warnings) Warn(warning, result);
    result->set_failure(action.failure);
    if (!action.failure.empty()) return absl::OkStatus();
    CommitOptions options;
    options.clamp_time = step.clamp_time();
    options.keep_times = step.keep_times();
    options.exact_times = HasExactTimes(step) && !step.keep_times();
    options.stubs = action.stubs;
    options.known = action.known;
    options.stop = stop_;
    constexpr int64_t kSecond = 1'000'000'000;
    Normalizer normalizer(RulesOf(step), {.clamp_time = step.clamp_time(),
                                          .started_at = result->started_at() / kSecond,
                                          .finished_at = UnixNanos(executor_.clock_.Now()) / kSecond,
                                          .clock_shift = action.clock_shift / kSecond});
    if (step.run().normalize_size() > 0) options.editor = &normalizer;
    const absl::StatusOr<CommittedLayer> committed = (*snapshot)->Commit(options);
    if (absl::IsInvalidArgument(committed.status())) {
      // The step made a file that no layer can hold (its name means a removal): every worker would meet it.
      result->set_failure(std::string(Sv(committed.status().message())));
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(committed.status());
    snapshot->reset();
    Tell(normalizer, result);
    *result->mutable_layer() = committed->layer;
    result->set_content_bytes(committed->content_bytes);
    return Inspect(*committed, action.secrets, result);
  }

  // The layer is on disk, but no longer mounted: one more mount, only for steps that installed something or
  // could read secrets.
  absl::Status Inspect(const CommittedLayer& committed, const std::vector<std::string>& secrets,
                       v1::StepResult* result) {
    if (secrets.empty() && !MayHoldPackages(committed.changed_paths)) return absl::OkStatus();
    std::vector<Digest> layers = layers_;
    layers.push_back(FromProto(committed.layer.tar()));
    ASSIGN_OR_RETURN(const auto view, executor_.snapshotter_.View(layers));
    PackageFacts packages = ReadPackages(view->root(), committed.changed_paths, committed.changed_times);
    for (v1::DistInfo& info : packages.infos) *result->add_dist_infos() = std::move(info);
    for (v1::WheelFile& wheel : packages.wheels) *result->add_wheels() = std::move(wheel);
    if (secrets.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<LeakedSecret> leaked,
                     FindSecrets(view->root(), committed.changed_paths, *context_.secrets, secrets));
    for (const LeakedSecret& secret : leaked) {
      Warn(fmt::format("the layer contains the secret '{}' in /{}", secret.id, layer::Printable(secret.path)),
           result);
    }
    return absl::OkStatus();
  }

  // Before what its settings told (--normalize's order).
  void Tell(const Normalizer& normalizer, v1::StepResult* result) {
    std::vector<v1::Normalization> told = normalizer.normalizations();
    told.insert(told.end(), result->normalizations().begin(), result->normalizations().end());
    result->mutable_normalizations()->Assign(told.begin(), told.end());
    for (const std::string& warning : normalizer.warnings()) Warn(warning, result);
  }

  void Warn(const std::string& warning, v1::StepResult* result) {
    result->add_warnings(warning);
    v1::LogChunk chunk;
    chunk.set_step_number(result->number());
    chunk.set_stream(v1::LogChunk::STREAM_WORKER);
    chunk.set_time(UnixNanos(executor_.clock_.Now()));
    chunk.set_data(fmt::format("warning: {}\n", warning));
    if (!manner_.again) observer_.OnLog(chunk);
  }

  absl::StatusOr<ActionResult> ExecuteAction(const v1::Step& step, const Snapshot& snapshot,
                                             v1::StepResult* result) {
    const std::string& root = snapshot.root();
    ActionResult action;
    absl::Status status;
    switch (step.action_case()) {
      case v1::Step::kRun:
        return ExecuteRun(step, snapshot, result);
      case v1::Step::kCopy:
        status = ExecuteCopy(step.copy(), root, step.clamp_time(), step.keep_times(), blobs_, stop_,
                             &action.known);
        break;
      case v1::Step::kWorkdir:
        status = ExecuteWorkdir(step.workdir(), root);
        break;
      case v1::Step::ACTION_NOT_SET:
        return absl::InternalError(fmt::format("step {} has no action", step.number()));
    }
    if (!status.ok() && !IsRecipeFault(status)) return status;
    if (!status.ok()) action.failure = std::string(Sv(status.message()));
    return action;
  }

  absl::StatusOr<ActionResult> ExecuteRun(const v1::Step& step, const Snapshot& snapshot,
                                          v1::StepResult* result) {
    const std::string& root = snapshot.root();
    ActionResult action;
    bool emulated = false;
    if (!Supports(executor_.options_.platforms, task_.platform(), &emulated)) {
      return absl::UnavailableError(
          fmt::format("no emulation for {} on this worker", FormatPlatform(task_.platform())));
    }
    result->set_emulated(emulated);
    RETURN_IF_ERROR(CheckRules(RulesOf(step)));
    absl::StatusOr<Identity> identity = PrepareIdentity(step.run(), root);
    if (!identity.ok()) {
      if (!IsRecipeFault(identity.status())) return identity.status();
      action.failure = std::string(Sv(identity.status().message()));
      return action;
    }
    ASSIGN_OR_RETURN(action, RunInSandbox(step, snapshot, *std::move(identity), result));
    if (!action.failure.empty()) *result->mutable_root() = ReadRootFacts(root, step.run());
    return action;
  }

  // Whom the step runs as, with the folder that it begins in.
  absl::StatusOr<Identity> PrepareIdentity(const v1::Run& run, const std::string& root) {
    ASSIGN_OR_RETURN(const User user, ResolveUser(root, run.user()));
    ASSIGN_OR_RETURN(const IdMap ids, IdMap::OfThisProcess());
    RETURN_IF_ERROR(ids.CheckRunner(user.uid, user.gid, user.groups));
    RETURN_IF_ERROR(MakeWorkingFolder(run, root));
    return Identity{user.uid, user.gid, user.groups, user.home};
  }

  // A base image may name a working folder that it does not contain.
  absl::Status MakeWorkingFolder(const v1::Run& run, const std::string& root) {
    v1::Workdir folder;
    folder.set_path(run.cwd());
    folder.set_user(run.user());
    return run.cwd().empty() || run.cwd() == "/" ? absl::OkStatus() : ExecuteWorkdir(folder, root);
  }

  absl::StatusOr<ActionResult> RunInSandbox(const v1::Step& step, const Snapshot& snapshot, Identity identity,
                                            v1::StepResult* result) {
    LogBundler log(step.number(), executor_.clock_, [this](const v1::LogChunk& chunk) {
      if (!manner_.again) observer_.OnLog(chunk);
    });
    const auto tell = [&log](const std::string& line) { log.Add(v1::LogChunk::STREAM_WORKER, line + "\n"); };
    ActionResult action;
    auto mounts = PrepareMounts(step, tell);
    if (!mounts.ok() && !IsRecipeFault(mounts.status())) return mounts.status();
    if (!mounts.ok()) {
      action.failure = std::string(Sv(mounts.status().message()));
      tell(action.failure);
      return action;
    }
    SandboxRun run{.run = step.run(),
                   .platform = task_.platform(),
                   .root = snapshot.root(),
                   .identity = std::move(identity),
                   .env = {},
                   .bounds = LeastOf(task_.bounds(), executor_.options_.most_bounds),
                   .asked = task_.bounds(),
                   .written = snapshot.written(),
                   .timeout = StepTimeout(),
                   .on_output = {},
                   .stop = stop_};
    std::optional<int64_t> epoch;
    if (task_.has_source_date_epoch()) epoch = task_.source_date_epoch();
    if (*mounts != nullptr) run.mounts = (*mounts)->mounts();
    const HostSettings& settings = executor_.options_.host_settings;
    ASSIGN_OR_RETURN(RecordedNetwork network,
                     RecordedNetwork::Join({executor_.options_.networks, !settings.java_trust_store.empty(),
                                            executor_.options_.indexes},
                                           run.mounts, &run));
    run.env = StepEnvironment(step.run(), run.identity, epoch, settings, network.variables());
    if (*mounts != nullptr) {
      (*mounts)->SetEnvironment(&run.env);
      action.secrets = (*mounts)->secrets();
      run.holds_secrets = !action.secrets.empty();
    }
    const MountStore* store = executor_.options_.mounts;
    ASSIGN_OR_RETURN(StepSettings normalized,
                     StepSettings::Prepare(RulesOf(step), store == nullptr ? "" : store->work()));
    normalized.Apply(&run);
    for (const v1::Normalization& told : normalized.normalizations()) *result->add_normalizations() = told;
    SecretPatterns patterns;
    for (const std::string& id : action.secrets) patterns.AddValue(*context_.secrets->Find(id));
    StepCircumstances circumstances(step, manner_.again ? v1::Variation() : task_.variation(),
                                    executor_.options_.host_facts, executor_.clock_);
    circumstances.Apply(&run);
    RETURN_IF_ERROR(Accelerate(tell, &run, &circumstances, result));
    circumstances.Started();
    RETURN_IF_ERROR(RunMasked(run, log, patterns, network, &action));
    circumstances.Ended(action.processors, action.process_ids);
    action.clock_shift = circumstances.clock_shift();
    circumstances.Tell(result);
    network.Report(patterns, !action.failure.empty(), tell, result);
    if (!action.failure.empty()) tell(action.failure);
    return action;
  }

  // Says what it did on the console, which is kept with the execution. No set for a replica: what is compared
  // is the emulated programs' with what was accelerated. The emulator's processor is the same for all
  // executions of a task, so that a difference is the set's; a build that wants nothing of it has the
  // emulator as the machine has it.
  absl::Status Accelerate(const std::function<void(const std::string&)>& tell, SandboxRun* run,
                          StepCircumstances* circumstances, v1::StepResult* result) const {
    if (!result->emulated()) return absl::OkStatus();
    const StepAccelerators* accelerators = executor_.options_.accelerators;
    AppliedAcceleration applied;
    if (accelerators != nullptr && accelerators->active() && task_.acceleration() != v1::ACCELERATION_OFF) {
      const SetChoice sets{manner_.accelerate,
                           {task_.accelerators_off().begin(), task_.accelerators_off().end()}};
      ASSIGN_OR_RETURN(applied, accelerators->Apply(sets, run));
    }
    circumstances->Emulated(applied.processor);
    if (!applied.set) return absl::OkStatus();
    tell(fmt::format("accelerated by {}", TellSet(*applied.set)));
    for (const std::string& line : applied.set->unmatched()) tell(fmt::format("emulated {}", line));
    *result->mutable_acceleration() = *applied.set;
    return absl::OkStatus();
  }

  // nullptr for a step without mounts.
  absl::StatusOr<std::unique_ptr<StepMounts>> PrepareMounts(
      const v1::Step& step, const std::function<void(const std::string&)>& tell) {
    if (step.run().mounts().empty()) return std::unique_ptr<StepMounts>();
    if (executor_.options_.mounts == nullptr) {
      return absl::FailedPreconditionError("this worker has no folder for mounts");
    }
    return StepMounts::Prepare({.store = *executor_.options_.mounts,
                                .blobs = blobs_,
                                .task = context_,
                                .fresh_caches = task_.fresh_caches(),
                                .ssh = executor_.options_.ssh,
                                .stop = stop_,
                                .tell = tell},
                               step);
  }

  // The step's console without the values of its secrets.
  absl::Status RunMasked(SandboxRun& run, LogBundler& log, const SecretPatterns& patterns,
                         RecordedNetwork& network, ActionResult* action) {
    MaskedStream out(patterns), err(patterns);
    ConsoleLimit console(run.bounds, run.asked);
    const auto add = [&](v1::LogChunk::Stream stream, std::string_view bytes) {
      log.Add(stream, console.Take(bytes));
      if (const std::string cut = console.Notice(); !cut.empty()) log.Add(v1::LogChunk::STREAM_WORKER, cut);
    };
    run.on_output = [&](v1::LogChunk::Stream stream, std::string_view bytes) {
      network.Watch(stream, bytes);
      if (stream == v1::LogChunk::STREAM_WORKER) return log.Add(stream, bytes);
      if (patterns.empty()) return add(stream, bytes);
      add(stream, (stream == v1::LogChunk::STREAM_STDOUT ? out : err).Add(bytes));
    };
    const ProcessorWait wait;
    const auto ended = executor_.sandbox_.Run(run);
    add(v1::LogChunk::STREAM_STDOUT, out.Finish());
    add(v1::LogChunk::STREAM_STDERR, err.Finish());
    if (run.holds_secrets) {
      for (std::string& entry : run.env) Wipe(&entry);
    }
    RETURN_IF_ERROR(ended.status());
    if (ended->stopped) return absl::CancelledError("cancelled");
    action->exit_code = ended->exit_code;
    action->timed_out = ended->timed_out;
    action->cpu_seconds = ended->cpu_seconds;
    action->peak_memory = ended->peak_memory;
    action->cpu_wait_share = wait.Share();
    action->processors = ended->processors;
    action->process_ids = ended->process_ids;
    action->stubs = ended->stubs;
    action->use = ended->use;
    action->bound = ended->bound;
    action->warnings = ended->warnings;
    if (!action->bound) action->bound = console.reached();
    const bool at_limit = ended->bound && !ended->bound->survived();
    if (ended->timed_out) {
      action->failure = fmt::format("step timeout of {} reached", absl::FormatDuration(run.timeout));
      action->bound.emplace().set_bound(v1::STEP_BOUND_TIME);
      action->bound->set_limit(static_cast<uint64_t>(absl::ToInt64Seconds(run.timeout)));
      action->bound->set_of_worker(task_.step_timeout() == 0);
    } else if (at_limit) {
      action->failure =
          fmt::format("{}: {}", TellBoundReached(*ended->bound), DescribeExit(ended->exit_code, true));
    } else if (!ended->refusal.empty()) {
      action->failure = patterns.Mask(ended->refusal);
    } else if (ended->exit_code != 0) {
      action->failure = DescribeExit(ended->exit_code, ended->not_killed_for_memory);
    }
    return absl::OkStatus();
  }

  // What a command could not write is no fault of its recipe; where there is room it may succeed.
  absl::Status BlameDisk(const ActionResult& action, const std::optional<DiskSpace>& lowest) const {
    if (action.timed_out || !lowest) return absl::OkStatus();
    const bool failed = action.exit_code != 0;
    const std::string full =
        failed ? WhyFull(*lowest, executor_.options_.least_space) : WhyNothingFits(*lowest);
    if (full.empty()) return absl::OkStatus();
    // There are programs that write less than they have, and say nothing.
    return absl::ResourceExhaustedError(
        failed ? fmt::format("{}, and {}", full, action.failure)
               : fmt::format("{}, and what the command wrote may not be whole", full));
  }

  absl::Duration StepTimeout() const {
    return task_.step_timeout() == 0 ? executor_.options_.step_timeout : absl::Seconds(task_.step_timeout());
  }

  bool Fail(std::string message) {
    result_.set_outcome(v1::TASK_OUTCOME_FAILED);
    result_.set_message(std::move(message));
    return false;
  }

  // A stop makes everything fail in some way; then that is the reason.
  bool End(const absl::Status& status) {
    const bool cancelled = stop_.stop_requested() || absl::IsCancelled(status);
    result_.set_outcome(cancelled ? v1::TASK_OUTCOME_CANCELLED : v1::TASK_OUTCOME_INFRASTRUCTURE);
    result_.set_message(cancelled ? "cancelled" : std::string(Sv(status.message())));
    return false;
  }

  StageExecutor& executor_;
  const v1::Task& task_;
  const TaskContext& context_;
  ExecutionObserver& observer_;
  const std::stop_token& stop_;
  RequiredBlobs blobs_;
  // Bottom first: the root of the next step.
  std::vector<Digest> layers_;
  // The task needs them to its end, also between two of its steps.
  std::vector<std::shared_ptr<const void>> holds_;
  Manner manner_;
  v1::TaskResult result_;
  // In result_.
  size_t fetch_bytes_ = 0;
};

StageExecutor::StageExecutor(Snapshotter& snapshotter, Sandbox& sandbox, BlobStore& blobs, Clock& clock,
                             ExecutorOptions options)
    : snapshotter_(snapshotter),
      sandbox_(sandbox),
      blobs_(blobs),
      clock_(clock),
      options_(std::move(options)) {}

v1::TaskResult StageExecutor::Execute(const v1::Task& task, const TaskContext& context,
                                      ExecutionObserver& observer, const std::stop_token& stop) {
  return Execution(*this, task, context, observer, stop).Run();
}

}  // namespace crossmill::worker
