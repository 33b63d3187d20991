// crossmill diff: what differs between the executions of a verified build, and why.

#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/commands/diff_page.h"
#include "cli/commands/diff_pair.h"
#include "cli/commands/report.h"
#include "cli/session/json_flag.h"
#include "cli/show/causes.h"
#include "cli/show/differences.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "common/base/files.h"
#include "common/compare/path_glob.h"
#include "common/compare/witness_comparison.h"
#include "common/layer/layer_manifest.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

constexpr size_t kFilesInDepth = 20;

struct DiffFlags {
  std::string build;
  // With it, two builds or images are compared (DiffPair).
  std::string other;
  std::string platform;
  std::string stage;
  // 0: all.
  uint32_t step = 0;
  // Glob in which * also stands for slashes; empty: no file in depth.
  std::string path;
  std::string page;
  size_t paths = 1000;
};

bool IsWanted(const v1::StepComparison& step, const DiffFlags& flags) {
  return (flags.stage.empty() || step.stage_name() == flags.stage) &&
         (flags.step == 0 || step.step_number() == flags.step);
}

// The first execution whose layer is not the first's; nullptr: there is none.
const v1::Witness* OtherWitness(const v1::StepComparison& step) {
  for (const v1::Witness& witness : step.witnesses()) {
    if (witness.has_layer() && witness.layer().tar().hash() != step.witnesses(0).layer().tar().hash())
      return &witness;
  }
  return nullptr;
}

absl::Status ExplainFiles(BlobStore& blobs, const v1::StepComparison& step, const v1::Platform& platform,
                          const std::string& glob, std::vector<ExplainedFile>* files) {
  const v1::Witness* other = OtherWitness(step);
  if (other == nullptr || !step.witnesses(0).has_layer()) return absl::OkStatus();
  const auto manifest_of = [&](const v1::Witness& witness) -> absl::StatusOr<layer::LayerManifest> {
    ASSIGN_OR_RETURN(const std::string bytes, blobs.Get(FromProto(witness.layer().manifest())));
    return layer::LayerManifest::Parse(bytes);
  };
  ASSIGN_OR_RETURN(const layer::LayerManifest ours, manifest_of(step.witnesses(0)));
  ASSIGN_OR_RETURN(const layer::LayerManifest theirs, manifest_of(*other));
  for (const v1::PathDifference& difference : step.differences()) {
    if (difference.kind() != v1::PathDifference::KIND_CONTENT ||
        !compare::MatchesPathGlob(glob, difference.path()))
      continue;
    if (files->size() >= kFilesInDepth) break;
    auto file = compare::ExplainPath(difference.path(), {&step.witnesses(0), &ours}, {other, &theirs}, blobs,
                                     compare::KnownFiles::Embedded(), {}, {});
    // It differs in a third execution only.
    if (absl::IsNotFound(file.status())) continue;
    RETURN_IF_ERROR(file.status());
    files->push_back({platform, step.stage_name(), step.step_number(), *std::move(file)});
  }
  return absl::OkStatus();
}

std::string RenderFiles(const std::vector<ExplainedFile>& files, const TextOptions& options) {
  std::string text;
  for (const ExplainedFile& each : files) text += RenderFileDifference(each.file, options, 2);
  return text;
}

Json FilesJson(const std::vector<ExplainedFile>& files) {
  Json list = Json::array();
  for (const ExplainedFile& each : files) {
    Json json = {{"platform", FormatPlatform(each.platform)},
                 {"stage_name", each.stage_name},
                 {"step", each.step_number}};
    json.update(FileDifferenceJson(each.file));
    list.push_back(std::move(json));
  }
  return list;
}

// Leaves the steps that were asked for, with all their paths.
absl::Status Complete(Session& session, BlobStore& blobs, const DiffFlags& flags,
                      v1::CellComparison* comparison) {
  v1::CellComparison wanted = *comparison;
  wanted.clear_steps();
  for (v1::StepComparison& step : *comparison->mutable_steps()) {
    if (!IsWanted(step, flags)) continue;
    if (!step.agrees()) RETURN_IF_ERROR(session.Explain(CompleteDifferences(blobs, flags.paths, &step)));
    *wanted.add_steps() = std::move(step);
  }
  *comparison = std::move(wanted);
  return absl::OkStatus();
}

absl::StatusOr<int> Diff(Session& session, const DiffFlags& flags) {
  if (!flags.other.empty()) return DiffPair(session, {flags.build, flags.other, flags.platform, flags.paths});
  ASSIGN_OR_RETURN(const std::string platform, NormalisedPlatform(flags.platform));
  ASSIGN_OR_RETURN(v1::BuildView view, GetBuild(session, flags.build));
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  std::string text;
  std::vector<v1::CellComparison> comparisons;
  std::vector<ExplainedFile> files;
  bool any_step = false;
  for (v1::CellView& cell : *view.mutable_cells()) {
    if (!platform.empty() && FormatPlatform(cell.platform()) != platform) continue;
    RETURN_IF_ERROR(Complete(session, *farm->blobs, flags, cell.mutable_comparison()));
    *cell.mutable_comparison()->mutable_platform() = cell.platform();
    comparisons.push_back(cell.comparison());
    any_step = any_step || cell.comparison().steps_size() > 0;
    const std::string verdict = RenderVerdict(view, cell, session.OutText(), flags.paths);
    text += PlatformLabel(cell) + "\n" +
            (verdict.empty() ? "  unverified: submit it with --verify 2\n" : verdict);
    for (const v1::StepComparison& step : cell.comparison().steps()) {
      if (flags.path.empty() || step.agrees()) continue;
      RETURN_IF_ERROR(session.Explain(ExplainFiles(*farm->blobs, step, cell.platform(), flags.path, &files)));
    }
  }
  if (!any_step && (!flags.stage.empty() || flags.step != 0)) {
    return absl::NotFoundError(
        "no step of the build that was compared is of that stage and number: crossmill show names them");
  }
  if (!flags.page.empty())
    RETURN_IF_ERROR(WriteFileAtomic(flags.page, RenderDiffPage(view, comparisons, files)));
  if (session.json) {
    Json json = DiffJson(view, comparisons);
    if (!flags.path.empty()) json["files"] = FilesJson(files);
    RETURN_IF_ERROR(session.PrintJson(json));
  } else if (flags.page.empty()) {
    RETURN_IF_ERROR(session.Print(flags.path.empty() ? text : RenderFiles(files, session.OutText())));
    if (!flags.path.empty() && files.empty()) session.Tell("no file that matches differs in content\n");
  }
  return kExitOk;
}

}  // namespace

void AddDiffCommand(CLI::App& app, Session& session) {
  CLI::App* diff = app.add_subcommand(
      "diff", "Print what differs between the executions of a verified build, two builds or two images");
  auto flags = std::make_shared<DiffFlags>();
  diff->add_option("build", flags->build, "Number of the build, or an image [the latest build]")
      ->type_name("BUILD");
  CLI::Option* other =
      diff->add_option("other", flags->other, "Another build or image to compare it with: name or sha256:...")
          ->type_name("OTHER");
  diff->add_option("--platform", flags->platform, "Only this platform")->type_name("OS/ARCH");
  diff->add_option("--stage", flags->stage, "Only this stage")->type_name("NAME")->excludes(other);
  diff->add_option("--step", flags->step, "Only the step with this number in its stage")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->excludes(other);
  diff->add_option("--path", flags->path,
                   "The files that match in depth, with the bytes of both sides: '*.so'")
      ->type_name("GLOB")
      ->excludes(other);
  diff->add_option("--html", flags->page, "Write a page to this file instead")
      ->type_name("FILE")
      ->excludes(other);
  diff->add_option("--paths", flags->paths, "At most so many paths per step, or of an image")
      ->type_name("N")
      ->capture_default_str();
  AddJsonFlag(*diff, session);
  diff->callback(
      [&session, flags] { session.command = [&session, flags] { return Diff(session, *flags); }; });
}

}  // namespace crossmill::cli
