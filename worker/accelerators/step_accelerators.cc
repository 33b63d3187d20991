#include "worker/accelerators/step_accelerators.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/words/acceleration.h"
#include "worker/accelerators/calibration_record.h"
#include "worker/accelerators/emulator_copy.h"
#include "worker/accelerators/native_processor.h"
#include "worker/accelerators/quick_processor.h"
#include "worker/accelerators/root_compilers.h"
#include "worker/accelerators/table_format.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostSets = 16;
constexpr int64_t kLargestManifest = 1 << 20;
constexpr int64_t kLargestRecord = 4 << 20;
constexpr int64_t kLargestEmulator = 200 << 20;
constexpr absl::Duration kEmulatorPatience = absl::Seconds(30);

// What the quick processor is one of.
constexpr std::string_view kProcessorArchitecture = "arm64";

// O and C come with how Debian registers emulators; without P the stub would not know the program's own
// argv[0].
constexpr std::string_view kNeededFlags = "POCF";

const ProgramFormat* EmulatorOf(const std::vector<ProgramFormat>& formats, const std::string& architecture) {
  const auto found = std::find_if(formats.begin(), formats.end(), [&](const ProgramFormat& format) {
    return format.architecture == architecture &&
           std::all_of(kNeededFlags.begin(), kNeededFlags.end(),
                       [&](char flag) { return format.flags.find(flag) != std::string::npos; });
  });
  return found == formats.end() ? nullptr : &*found;
}

// The folders below `folder` that have a manifest, sorted.
absl::StatusOr<std::vector<std::string>> SetNames(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (Exists(entry->path().string() + "/manifest.json")) names.push_back(entry->path().filename().string());
  }
  if (error) {
    return absl::InvalidArgumentError(fmt::format(
        "--accelerators: {}: {}; the worker's user has to be able to read it", folder, error.message()));
  }
  if (names.size() > kMostSets)
    return absl::InvalidArgumentError(
        fmt::format("--accelerators: more than {} sets in {}", kMostSets, folder));
  std::sort(names.begin(), names.end());
  return names;
}

// That the copy still is an emulator: executed by itself it finds no table, and does what the original does.
absl::Status TryEmulator(const std::string& original, const std::string& copy) {
  std::map<std::string, std::string> said;
  for (const std::string& program : {original, copy}) {
    ProcessOptions options;
    options.argv = {program, "--version"};
    options.time_limit = kEmulatorPatience;
    ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(options));
    said[program] = fmt::format("{}\n{}", result.exit_code, result.stdout_text);
  }
  if (said[original] == said[copy]) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("the copy of {} with the stub does not do what the original does", original));
}

void RefuseOnThisProcessor(const AcceleratorSet& set, std::vector<ToolVerdict>* verdicts) {
  for (size_t i = 0; i < set.tools.size(); ++i) {
    const std::string missing = MissingFeature(set.tools[i].processor);
    if (missing.empty() || !(*verdicts)[i].usable) continue;
    (*verdicts)[i] = {set.tools[i].name, false,
                      fmt::format("this machine's processor has no {}, without which it computes some "
                                  "constants otherwise",
                                  missing)};
  }
}

bool Covers(std::string_view target, std::string_view path) {
  while (target.ends_with('/')) target.remove_suffix(1);
  return path == target || (path.starts_with(target) && path[target.size()] == '/') ||
         (target.starts_with(path) && target[path.size()] == '/');
}

}  // namespace

std::string TellSet(const v1::StepAcceleration& set) {
  return fmt::format("{} {} ({})", set.set(), set.digest(), absl::StrJoin(set.tools(), ", "));
}

v1::StepAcceleration StepAccelerators::UsableSet::Record() const {
  v1::StepAcceleration record;
  record.set_set(name);
  record.set_digest(digest.Oci());
  for (const AcceleratedTool& tool : tools) record.add_tools(tool.name);
  return record;
}

absl::StatusOr<std::unique_ptr<StepAccelerators>> StepAccelerators::Create(AcceleratorOptions options) {
  std::unique_ptr<StepAccelerators> made(new StepAccelerators());
  std::vector<std::string> names;
  if (!options.sets.empty()) {
    ASSIGN_OR_RETURN(names, SetNames(options.sets));
    if (names.empty()) made->said_.push_back(fmt::format("there is no accelerator set in {}", options.sets));
  }
  for (const std::string& name : names) {
    v1::AcceleratorOffer& offer = made->offers_.emplace_back();
    offer.set_set(name);
    const absl::Status added = made->AddSet(options, name, &offer);
    if (added.ok()) continue;
    made->said_.push_back(fmt::format("accelerator set {}: {}", name, Sv(added.message())));
    offer.add_problems(std::string(Sv(added.message())));
  }
  if (const absl::Status quick = made->TryProcessor(options); !quick.ok())
    made->why_own_processor_ = Sv(quick.message());
  if (made->sets_.empty() && !made->quick_processor_) return made;
  const absl::Status replaced = made->ReplaceEmulators(options);
  if (absl::IsAborted(replaced)) return Annotate(replaced, "--accelerate=off starts the worker without it");
  if (!replaced.ok()) made->GiveUp(Sv(replaced.message()));
  return made;
}

void StepAccelerators::GiveUp(std::string_view reason) {
  if (quick_processor_) why_own_processor_ = reason;
  quick_processor_ = false;
  if (sets_.empty()) return;
  sets_.clear();
  said_.push_back(fmt::format("no accelerators: {}", reason));
  for (v1::AcceleratorOffer& offer : offers_) {
    offer.clear_tools();
    offer.add_problems(std::string(reason));
  }
}

absl::Status StepAccelerators::TryProcessor(const AcceleratorOptions& options) {
  const ProgramFormat* emulator = EmulatorOf(options.formats, std::string(kProcessorArchitecture));
  if (emulator == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(MakeFolders(options.folder));
  RETURN_IF_ERROR(TryQuickProcessor(emulator->interpreter, options.folder));
  quick_processor_ = true;
  return absl::OkStatus();
}

absl::Status StepAccelerators::AddSet(const AcceleratorOptions& options, const std::string& name,
                                      v1::AcceleratorOffer* offer) {
  const std::string source = fmt::format("{}/{}", options.sets, name);
  ASSIGN_OR_RETURN(const std::string manifest, ReadFile(source + "/manifest.json", kLargestManifest));
  ASSIGN_OR_RETURN(AcceleratorSet set, ParseAcceleratorSet(manifest));
  if (set.name != name)
    return absl::InvalidArgumentError(fmt::format("its manifest calls it {}: do not rename sets", set.name));
  offer->set_digest(set.digest.Oci());
  offer->set_architecture(set.architecture);
  const ProgramFormat* emulator = EmulatorOf(options.formats, set.architecture);
  if (emulator == nullptr) {
    return absl::FailedPreconditionError(
        fmt::format("no emulator of {} is registered with the flags POCF: install qemu-user-static, see "
                    "scripts/setup-host",
                    set.architecture));
  }
  std::vector<ToolVerdict> verdicts;
  if (options.trust == AcceleratorTrust::kAll) {
    verdicts = RefuseTools(set, "");
    for (ToolVerdict& verdict : verdicts) verdict.usable = true;
  } else if (const auto record = ReadFile(source + ".calibration.json", kLargestRecord); record.ok()) {
    ASSIGN_OR_RETURN(const std::string program, ReadFile(emulator->interpreter, kLargestEmulator));
    ASSIGN_OR_RETURN(verdicts, JudgeTools(set, DigestOf(program), *record));
  } else {
    verdicts = RefuseTools(set, "its calibration is not on record: scripts/calibrate-accelerators");
  }
  RefuseOnThisProcessor(set, &verdicts);
  UsableSet usable{
      set.name, set.architecture, fmt::format("{}/sets/{}", options.folder, name), set.digest, {}};
  for (size_t i = 0; i < set.tools.size(); ++i) {
    if (verdicts[i].usable) {
      usable.tools.push_back(set.tools[i]);
    } else {
      said_.push_back(fmt::format("{} of accelerator set {} is not used: {}", set.tools[i].name, name,
                                  verdicts[i].reason));
      offer->add_problems(fmt::format("{}: {}", set.tools[i].name, verdicts[i].reason));
    }
  }
  if (usable.tools.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(CopyAcceleratorSet(set, usable.tools, source, usable.folder));
  for (const AcceleratedTool& tool : usable.tools) offer->add_tools(tool.name);
  sets_.push_back(std::move(usable));
  return absl::OkStatus();
}

absl::Status StepAccelerators::ReplaceEmulators(const AcceleratorOptions& options) {
  std::vector<ProgramFormat> formats = options.formats;
  const std::string folder = options.folder + "/emulators";
  RETURN_IF_ERROR(RemoveTree(folder));
  RETURN_IF_ERROR(MakeFolders(folder));
  std::set<std::string> architectures;
  for (const UsableSet& set : sets_) architectures.insert(set.architecture);
  if (quick_processor_) architectures.emplace(kProcessorArchitecture);
  std::set<std::string> wanted;
  for (const std::string& each : architectures) {
    if (const ProgramFormat* emulator = EmulatorOf(options.formats, each)) wanted.insert(emulator->name);
  }
  for (ProgramFormat& format : formats) {
    if (!wanted.contains(format.name)) continue;
    ASSIGN_OR_RETURN(const std::string original, ReadFile(format.interpreter, kLargestEmulator));
    ASSIGN_OR_RETURN(const std::string copy, AddStub(original, EmbeddedStub()));
    // The same last name: emulators look at it.
    const std::string place =
        fmt::format("{}/{}", folder, format.interpreter.substr(format.interpreter.rfind('/') + 1));
    RETURN_IF_ERROR(WriteFileAtomic(place, copy, 0755));
    RETURN_IF_ERROR(TryEmulator(format.interpreter, place));
    format.interpreter = place;
  }
  ASSIGN_OR_RETURN(formats_, MountOwnFormats(formats, options.folder + "/formats"));
  return absl::OkStatus();
}

std::vector<v1::StepAcceleration> StepAccelerators::sets() const {
  std::vector<v1::StepAcceleration> told;
  for (const UsableSet& set : sets_) told.push_back(set.Record());
  return told;
}

std::string StepAccelerators::ProcessorOf(const std::string& architecture) const {
  return quick_processor_ && architecture == kProcessorArchitecture ? std::string(QuickProcessor()) : "";
}

absl::StatusOr<StepAccelerators::FoundSet> StepAccelerators::FindSet(const SetChoice& sets,
                                                                     const v1::Platform& platform,
                                                                     int root) const {
  const bool quick = !ProcessorOf(platform.architecture()).empty();
  FoundSet found;
  for (const UsableSet& set : sets_) {
    if (!sets.use || !IsSetFor(set.architecture, platform) || sets.off.contains(set.digest.Oci())) continue;
    ASSIGN_OR_RETURN(RootTable table, MakeRootTable(set.tools, quick, root, contents_.get()));
    if (found.set != nullptr && !table.FitsBetter(found.table)) continue;
    found = {&set, std::move(table)};
  }
  if (found.set == nullptr) {
    ASSIGN_OR_RETURN(found.table, MakeRootTable({}, quick, root, contents_.get()));
  }
  return found;
}

absl::StatusOr<AppliedAcceleration> StepAccelerators::Apply(const SetChoice& sets, SandboxRun* run) const {
  AppliedAcceleration applied;
  const bool taken = std::any_of(run->mounts.begin(), run->mounts.end(), [](const StepMount& mount) {
    return Covers(mount.target, CROSSMILL_ACCELERATORS_FOLDER) ||
           Covers(mount.target, CROSSMILL_ACCELERATORS_TABLE);
  });
  if (taken) return applied;
  ASSIGN_OR_RETURN(const UniqueFd root, OpenRoot(run->root));
  ASSIGN_OR_RETURN(const FoundSet found, FindSet(sets, run->platform, root.get()));
  applied.processor = ProcessorOf(run->platform.architecture());
  if (found.set != nullptr) {
    run->mounts.push_back({.source = found.set->folder,
                           .target = CROSSMILL_ACCELERATORS_FOLDER,
                           .folder = true,
                           .read_only = true});
    applied.set = found.set->Record();
    for (std::string& line : WithoutStandIn(root.get(), found.set->tools, found.table))
      applied.set->add_unmatched(std::move(line));
  }
  if (found.set != nullptr || !applied.processor.empty())
    run->files.push_back({found.table.bytes, CROSSMILL_ACCELERATORS_TABLE, "accelerators.table"});
  return applied;
}

}  // namespace crossmill::worker
