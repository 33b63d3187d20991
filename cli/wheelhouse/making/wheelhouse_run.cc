#include "cli/wheelhouse/making/wheelhouse_run.h"

#include <algorithm>
#include <map>
#include <utility>

#include "cli/show/text.h"
#include "cli/wheelhouse/recipes.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/python/wheel_name.h"

namespace crossmill::cli {
namespace {

using Outcome = PackageRecord::Outcome;
using Way = PlannedPackage::Way;

void Fail(const absl::Status& status, PackageRecord* package) {
  if (absl::IsCancelled(status)) {
    package->outcome = Outcome::kNotTried;
    package->message = "the run was stopped";
    return;
  }
  package->outcome = Outcome::kFailed;
  package->message = Sv(status.message());
  package->infrastructure = !absl::IsInvalidArgument(status) && !absl::IsNotFound(status);
}

// A build that did not succeed, in one sentence.
std::string WhyItFailed(const v1::BuildView& view) {
  for (const v1::CellView& cell : view.cells()) {
    if (!cell.message().empty()) return cell.message();
  }
  if (!view.message().empty()) return view.message();
  for (const v1::StageView& stage : view.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (!step.failure().empty()) return step.failure();
    }
  }
  return "its build failed";
}

// The package's own row; of a failure that of what failed, which may be something that its build needs.
const v1::PackageOutcome* FindOutcome(const FinishedBuild& build, const std::string& name) {
  const v1::PackageOutcome* failed = nullptr;
  for (const v1::PackageRow& row : build.packages) {
    const v1::PackageOutcome& outcome = row.package();
    if (outcome.name() == name && outcome.scope() != "build-dep") return &outcome;
    if (outcome.outcome() == v1::OUTCOME_FAILED) failed = &outcome;
  }
  return failed;
}

const v1::StepView* FindCompileStep(const v1::BuildView& view) {
  for (const v1::StageView& stage : view.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (step.instruction() == "RUN") return &step;
    }
  }
  return nullptr;
}

PackageRecord RecordOf(const PlannedPackage& planned) {
  PackageRecord record;
  record.name = planned.name;
  record.version = planned.version;
  record.way = planned.way;
  record.reasons = planned.reasons;
  if (planned.way == Way::kNone) {
    record.outcome = Outcome::kFailed;
    record.failure_class = "nothing fits";
    record.message = planned.reasons.empty() ? "no file of it fits" : planned.reasons.front();
    if (!planned.help.empty()) record.remedy = planned.help.front();
  }
  return record;
}

}  // namespace

std::vector<TargetRecord> WheelhouseRun::Run() {
  records_.clear();
  records_.resize(options_.targets.size());
  for (size_t i = 0; i < records_.size(); ++i) {
    records_[i].target = options_.targets[i];
    jobs_.Add([this, i] { Resolve(i); });
  }
  jobs_.Run(options_.parallel);
  for (TargetRecord& record : records_) Conclude(&record);
  return std::move(records_);
}

void WheelhouseRun::Resolve(size_t target) {
  TargetRecord& record = records_[target];
  if (farm_.stopped()) {
    record.plan.failure.emplace_back("the run was stopped");
    return;
  }
  progress_.Note(fmt::format("{}: resolving", record.target.Label()));
  const auto forecast = farm_.Predict(record.target.platform, ResolveRecipe(record.target, options_.wanted));
  if (!forecast.ok()) {
    record.plan.failure.emplace_back(Sv(forecast.status().message()));
    return;
  }
  record.plan = PlanTarget(record.target, *forecast);
  if (!record.plan.failure.empty()) {
    progress_.Note(fmt::format("{}: unsolved", record.target.Label()));
    return;
  }
  for (const PlannedPackage& planned : record.plan.packages) record.packages.push_back(RecordOf(planned));
  AddJobs(target);
}

void WheelhouseRun::AddJobs(size_t target) {
  const TargetRecord& record = records_[target];
  std::vector<size_t> fetched;
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < record.plan.packages.size(); ++i) {
    places[record.plan.packages[i].name] = i;
    if (record.plan.packages[i].way == Way::kFetch) fetched.push_back(i);
  }
  const std::vector<const PlannedPackage*> order = BuildOrder(record.plan);
  progress_.Note(fmt::format("{}: {} wheels to fetch, {} sources to compile", record.target.Label(),
                             fetched.size(), order.size()));
  if (!fetched.empty()) jobs_.Add([this, target, fetched] { Fetch(target, fetched); });
  std::map<std::string, int> numbers;
  for (const PlannedPackage* package : order) {
    // Those it waits for are compiled, or not: it is tried in any case, and pip then compiles them once more.
    std::vector<int> after;
    for (const std::string& name : package->needs) {
      if (const auto found = numbers.find(name); found != numbers.end()) after.push_back(found->second);
    }
    const size_t place = places[package->name];
    numbers[package->name] = jobs_.Add([this, target, place] { Compile(target, place); }, after);
  }
}

void WheelhouseRun::Fetch(size_t target, const std::vector<size_t>& packages) {
  TargetRecord& record = records_[target];
  std::vector<const PlannedPackage*> planned;
  for (const size_t place : packages) planned.push_back(&record.plan.packages[place]);
  const std::string folder =
      fmt::format("{}/{}-fetch-{}-{}", options_.scratch, target, packages.front(), packages.size());
  int64_t number = 0;
  const auto build = farm_.Build(record.target.platform, FetchRecipe(record.target, options_.wanted, planned),
                                 [&](int64_t id) { number = id; });
  const bool succeeded = build.ok() && build->view.status() == v1::BUILD_STATUS_SUCCEEDED;
  if (build.ok() && build->view.status() == v1::BUILD_STATUS_FAILED && packages.size() > 1) {
    // One of them stops the others of this command: each gets its own.
    for (const size_t place : packages) jobs_.Add([this, target, place] { Fetch(target, {place}); });
    return;
  }
  const auto image =
      succeeded ? TakeImage(*build, folder) : absl::StatusOr<ImageWheels>(absl::UnknownError(""));
  if (build.ok()) NoteBase(*build, &record);
  for (const size_t place : packages) {
    PackageRecord& package = record.packages[place];
    package.build = number;
    absl::Status status = !build.ok() ? build.status() : image.status();
    if (build.ok() && !succeeded) {
      status = build->view.status() == v1::BUILD_STATUS_FAILED
                   ? absl::InvalidArgumentError(WhyItFailed(build->view))
                   : absl::UnavailableError(WhyItFailed(build->view));
    }
    if (status.ok()) status = TakeFiles(*image, folder, &package);
    if (!status.ok()) {
      Fail(status, &package);
    } else {
      package.outcome = Outcome::kWheel;
      const std::string& predicted = record.plan.packages[place].file_name;
      if (!predicted.empty() && predicted != package.files.front().name)
        package.notes.push_back(
            fmt::format("{} came, {} was predicted", package.files.front().name, predicted));
    }
    Say(record, package);
  }
}

void WheelhouseRun::Compile(size_t target, size_t place) {
  TargetRecord& record = records_[target];
  PackageRecord& package = record.packages[place];
  const PlannedPackage& planned = record.plan.packages[place];
  const auto build = farm_.Build(
      record.target.platform, CompileRecipe(record.target, options_.wanted, planned, options_.abi3_check),
      [&](int64_t id) {
        package.build = id;
        progress_.Note(fmt::format("{}: {} {} is compiled by build {}", record.target.Label(), package.name,
                                   package.version, id));
      });
  if (!build.ok()) {
    Fail(build.status(), &package);
    return;
  }
  NoteBase(*build, &record);
  const v1::PackageOutcome* outcome = FindOutcome(*build, package.name);
  if (build->view.status() == v1::BUILD_STATUS_SUCCEEDED) {
    const std::string folder = fmt::format("{}/{}-compile-{}", options_.scratch, target, place);
    const auto image = TakeImage(*build, folder);
    const absl::Status status = image.ok() ? TakeFiles(*image, folder, &package) : image.status();
    if (status.ok()) {
      package.statements = image->statements;
      TakeCompiled(*build, &package);
    } else {
      Fail(status, &package);
    }
  } else {
    package.outcome = Outcome::kFailed;
    package.message = WhyItFailed(build->view);
    package.infrastructure = build->view.status() != v1::BUILD_STATUS_FAILED;
    if (outcome != nullptr && outcome->outcome() == v1::OUTCOME_FAILED) {
      package.failure_class = outcome->failure_class();
      package.failure_line = outcome->failure_line();
      package.remedy = outcome->remedy();
      package.seconds = outcome->seconds();
      package.emulated = outcome->emulated();
      if (outcome->name() != package.name)
        package.message = fmt::format("{}, which its build needs, failed", outcome->name());
    }
  }
  Say(record, package);
}

void WheelhouseRun::TakeCompiled(const FinishedBuild& build, PackageRecord* package) {
  const v1::StepView* step = FindCompileStep(build.view);
  const v1::PackageOutcome* outcome = FindOutcome(build, package->name);
  const bool executed = step != nullptr && step->status() == v1::STEP_STATUS_EXECUTED;
  package->outcome = executed ? Outcome::kSource : Outcome::kSourceKept;
  if (step != nullptr) {
    package->seconds = step->seconds();
    package->emulated = step->emulated();
  }
  // To pip a wheel of the farm is one like others, so what it prints does not tell: the bytes do.
  const std::string& compiled = package->statements.compiled_sha256;
  if (const auto wheel = compiled.empty() ? std::nullopt : farm_.KeptWheel(package->name, compiled)) {
    package->compiled_in = wheel->build();
    package->seconds = wheel->seconds();
    package->emulated = wheel->emulated();
    // The farm compiles ahead of a step by a build that is younger than the step's; an older one was there
    // before.
    if (package->compiled_in < build.view.id()) package->outcome = Outcome::kSourceKept;
    return;
  }
  if (outcome == nullptr) return;
  if (outcome->outcome() == v1::OUTCOME_WHEEL) {
    package->outcome = Outcome::kWheel;
    package->seconds = -1;
    package->notes.emplace_back("came as a wheel of the index, a source was predicted");
  } else if (outcome->seconds() >= 0) {
    package->seconds = outcome->seconds();
  }
}

absl::StatusOr<ImageWheels> WheelhouseRun::TakeImage(const FinishedBuild& build, const std::string& folder) {
  RETURN_IF_ERROR(MakeFolders(folder));
  if (build.view.cells_size() != 1) return absl::UnavailableError("its build has no image");
  return TakeWheels(farm_.blobs(), FromProto(build.view.cells(0).image_manifest()), folder);
}

absl::Status WheelhouseRun::TakeFiles(const ImageWheels& found, const std::string& folder,
                                      PackageRecord* package) {
  const auto version = python::Version::Parse(package->version);
  if (!version.ok()) return version.status();
  for (const WheelFile& file : found.files) {
    const auto name = python::WheelName::Parse(file.name);
    if (name.ok() && name->project == package->name && name->version == *version)
      package->files.push_back(file);
  }
  package->files_folder = folder;
  if (package->files.size() == 1) return absl::OkStatus();
  const bool none = package->files.empty();
  package->files.clear();
  return absl::InvalidArgumentError(fmt::format(
      "its build left {} wheel of {} {}", none ? "no" : "more than one", package->name, package->version));
}

void WheelhouseRun::NoteBase(const FinishedBuild& build, TargetRecord* record) {
  MutexLock lock(bases_mutex_);
  for (const v1::PinnedImage& base : build.view.bases()) {
    record->base_digest = base.manifest_digest();
    record->base_stand_in = base.stand_in();
  }
}

void WheelhouseRun::Say(const TargetRecord& record, const PackageRecord& package) {
  std::string text = fmt::format("{}: {} {}: {}", record.target.Label(), package.name, package.version,
                                 OutcomeWord(package.outcome));
  if (package.way == Way::kCompile && package.seconds >= 0) text += " " + FormatSeconds(package.seconds);
  if (!package.message.empty()) text += ": " + Printable(package.message);
  progress_.Note(text);
}

}  // namespace crossmill::cli
