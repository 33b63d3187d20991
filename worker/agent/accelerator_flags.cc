#include "worker/agent/accelerator_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/worker_labels.h"
#include "worker/host/probes.h"

namespace crossmill::worker {
namespace {

void TellProcessors(const StepAccelerators& accelerators, v1::WorkerInfo* info) {
  for (v1::PlatformSupport& support : *info->mutable_platforms()) {
    if (!support.emulated()) continue;
    support.set_processor(accelerators.ProcessorOf(support.platform().architecture()));
    if (!support.processor().empty())
      LogInfo("emulated {} steps run on the processor {}", FormatPlatform(support.platform()),
              support.processor());
  }
}

}  // namespace

void AcceleratorFlags::Declare(CLI::App& app) {
  app.add_option(
      "--accelerators", sets,
      "Folder with sets of native programs for emulated steps, as scripts/make-accelerators makes them "
      "(default: none)");
  app.add_option(
         "--accelerate", use,
         "What of them is used: auto (tools with a passed calibration), off (none, and the emulator as "
         "it is registered), or trial (all, to calibrate them: for `run` only)")
      ->check(CLI::IsMember({"auto", "off", "trial"}))
      ->capture_default_str();
}

absl::Status AcceleratorFlags::ReadBefore(bool for_one_task) {
  if (use == "off") return absl::OkStatus();
  if (use == "trial" && !for_one_task) {
    return absl::InvalidArgumentError(
        "--accelerate=trial: a worker of a farm uses calibrated tools only; a trial is for `crossmill-worker "
        "run`");
  }
  // What is opened later is opened with another working folder.
  if (!sets.empty()) sets = std::filesystem::absolute(sets).string();
  formats = ReadProgramFormats(ProbeSources().binfmt);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StepAccelerators>> OpenAccelerators(const AcceleratorFlags& flags,
                                                                   const std::string& data,
                                                                   v1::WorkerInfo* info) {
  if (flags.use == "off") return nullptr;
  AcceleratorOptions options;
  options.sets = flags.sets;
  options.folder = data + "/accelerators";
  options.formats = flags.formats;
  options.trust = flags.use == "trial" ? AcceleratorTrust::kAll : AcceleratorTrust::kCalibrated;
  ASSIGN_OR_RETURN(std::unique_ptr<StepAccelerators> accelerators,
                   StepAccelerators::Create(std::move(options)));
  for (const std::string& line : accelerators->said()) LogWarning("{}", line);
  info->mutable_accelerators()->Assign(accelerators->offers().begin(), accelerators->offers().end());
  if (const std::string& why = accelerators->why_own_processor(); !why.empty())
    LogInfo("emulated steps run on the emulator's own processor: {}", why);
  TellProcessors(*accelerators, info);
  if (!accelerators->active()) return nullptr;
  const std::vector<v1::StepAcceleration> sets = accelerators->sets();
  for (const v1::StepAcceleration& set : sets) LogInfo("accelerators: {}", TellSet(set));
  // What the operator says of a set counts.
  for (const v1::StepAcceleration& set : sets) {
    const auto own = ParseWorkerLabel(fmt::format("accelerators/{}=yes", set.set()));
    if (!own.ok()) return Annotate(own.status(), "a set's label, of the name of its folder");
    const bool labelled =
        std::any_of(info->labels().begin(), info->labels().end(),
                    [&](const v1::WorkerLabel& label) { return label.key() == own->key(); });
    if (!labelled) *info->add_labels() = *own;
  }
  RETURN_IF_ERROR(Annotate(CheckWorkerLabels(*info), "labels, with one for each set"));
  return accelerators;
}

}  // namespace crossmill::worker
