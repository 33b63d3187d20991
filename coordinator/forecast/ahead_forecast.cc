#include "coordinator/forecast/ahead_forecast.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/layer/layer_manifest.h"
#include "common/package_archive/package_texts.h"
#include "common/predict/image/root_paths.h"
#include "common/python/version.h"
#include "common/wheels/project_files.h"
#include "common/words/normalize_rules.h"
#include "common/words/platform.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/forecast/plan_forecast.h"
#include "coordinator/wheels/toolchain.h"
#include "coordinator/wheels/wheel_command.h"

namespace crossmill::coordinator {
namespace {

// A step that waits for wheels must not wait longer for an index than that.
constexpr auto kPatience = std::chrono::seconds(60);

// The step alone, in its root.
v1::BuildPlan PlanOfStep(const AheadQuestion& question) {
  v1::BuildPlan plan;
  v1::PinnedImage& root = *plan.add_bases();
  *root.mutable_platform() = question.platform;
  for (const v1::Layer& layer : question.root) *root.add_layers() = layer;
  v1::StagePlan& stage = *plan.add_stages();
  *stage.mutable_platform() = question.platform;
  stage.set_base_image(0);
  v1::Step& step = *stage.add_steps();
  step.set_number(2);
  *step.mutable_run() = question.run;
  *plan.add_cells()->mutable_platform() = question.platform;
  return plan;
}

bool AsksElsewhere(const predict::InstallRules& rules) {
  return rules.index_url.has_value() || !rules.extra_index_urls.empty() || !rules.find_links.empty() ||
         rules.no_index;
}

bool IsUv(const predict::Install& install) {
  return install.tool == predict::Install::Tool::kUvPip || install.tool == predict::Install::Tool::kUvSync;
}

// uv takes settings from the pyproject.toml of the folder where it runs, or of one above it.
std::string BuildOptionOfProject(std::string folder, predict::RootFiles& root) {
  constexpr size_t kMostBytes = size_t{1} << 20;
  const predict::RootPaths paths(root);
  while (folder.starts_with('/')) {
    const auto text = paths.ReadWhole(predict::PathIn(folder, "pyproject.toml"), kMostBytes);
    if (text.ok()) {
      if (std::string option = BuildOptionIn(*text); !option.empty()) return option;
    } else if (!absl::IsNotFound(text.status())) {
      return "a pyproject.toml that is not read";
    }
    if (folder == "/") break;
    folder = predict::FolderOf(folder);
  }
  return "";
}

// The interpreter as the step's root has it: one that the step itself is about to make is its base's.
std::string InterpreterOf(const v1::PredictedPython& python,
                          const std::vector<predict::CreatedEnvironment>& created) {
  for (const predict::CreatedEnvironment& environment : created) {
    if (!python.path().starts_with(environment.path + "/")) continue;
    return environment.python.empty() ? "python3" : environment.python;
  }
  return python.path();
}

}  // namespace

// One question.
class AheadForecast::Answering {
 public:
  Answering(AheadForecast& farm, const AheadQuestion& question, const std::stop_token& stop)
      : farm_(farm), question_(question), stop_(stop) {
    for (const storage::FarmWheelRow& row : question.compiled) known_.insert(row.wheel.source_sha256());
  }

  absl::StatusOr<AheadAnswer> Run() {
    predict::InstallCommands commands;
    PlanForecastRules rules;
    rules.stop = stop_;
    std::string option;
    rules.on_run = [&](const v1::Run& run, predict::RootFiles& root) {
      commands = predict::ReadInstallCommands(run);
      option = BuildVariableIn({run.env().begin(), run.env().end()});
      for (const predict::Install& install : commands.installs) {
        if (option.empty() && IsUv(install)) option = BuildOptionOfProject(install.folder, root);
      }
    };
    rules.on_text = [&](std::string_view text) {
      if (option.empty()) option = BuildOptionIn(text);
      // The installer would not take a wheel.
      if (option.empty() && text.find("--no-binary") != std::string_view::npos) option = "--no-binary";
    };
    for (const storage::FarmWheelRow& row : question_.compiled) {
      ASSIGN_OR_RETURN(rules.compiled[row.wheel.source_sha256()], MetadataOf(row.wheel));
    }
    PlanForecast forecast({{farm_.cache_, farm_.layers_, farm_.blobs_}, farm_.indexes_}, std::move(rules));
    const v1::BuildPlan plan = PlanOfStep(question_);
    ASSIGN_OR_RETURN(const v1::PlatformPrediction prediction, forecast.Predict(plan, plan.cells(0)));
    if (!option.empty()) return Nothing(fmt::format("{} changes how sources are compiled", option));
    for (const v1::PredictedStep& step : prediction.steps()) {
      if (!step.doubts().empty()) return Nothing(step.doubts(0));
      for (const v1::PredictedInstall& install : step.installs()) {
        RETURN_IF_ERROR(AddInstall(install, commands));
      }
    }
    return std::move(answer_);
  }

 private:
  AheadAnswer Nothing(std::string why) {
    AheadAnswer nothing;
    nothing.note = "nothing is compiled ahead: " + std::move(why);
    return nothing;
  }

  absl::Status AddInstall(const v1::PredictedInstall& install, const predict::InstallCommands& commands) {
    const auto command =
        std::find_if(commands.installs.begin(), commands.installs.end(),
                     [&](const predict::Install& read) { return read.source == install.source(); });
    if (command == commands.installs.end() || install.conditional() || !install.solved())
      return absl::OkStatus();
    if (AsksElsewhere(command->rules) || command->rules.no_build_isolation ||
        !BuildOptionIn(install.source()).empty()) {
      return absl::OkStatus();
    }
    for (const v1::PredictedPackage& package : install.packages()) {
      if (stop_.stop_requested()) return absl::CancelledError("the build has ended");
      if (package.scope() != "runtime" || package.outcome() != v1::OUTCOME_SOURCE ||
          !package.location().empty() || !command->rules.format.AllowsWheels(package.name())) {
        continue;
      }
      RETURN_IF_ERROR(AddSource(package, install, *command, commands.environments));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> MetadataOf(const v1::FarmWheel& wheel) {
    const Digest digest = FromProto(wheel.file());
    return package_archive::WheelMetadata(
        [&](int64_t offset, int64_t size) -> absl::StatusOr<std::string> {
          ASSIGN_OR_RETURN(const auto reader, farm_.blobs_.Open(digest, offset));
          std::string bytes(static_cast<size_t>(size), '\0');
          for (size_t at = 0; at < bytes.size();) {
            ASSIGN_OR_RETURN(const size_t count, reader->Read(bytes.data() + at, bytes.size() - at));
            if (count == 0) return absl::OutOfRangeError(fmt::format("{} is cut short", wheel.file_name()));
            at += count;
          }
          return bytes;
        },
        digest.size);
  }

  // The page that lists the file, and the file; null: none of the farm's indexes has it under a SHA-256.
  struct Listed {
    std::shared_ptr<const python::IndexDocument> page;
    const python::IndexFile* file = nullptr;
    const index::IndexAddress* address = nullptr;
  };
  absl::StatusOr<Listed> Find(const std::string& project, const std::string& file_name) {
    for (const auto& index : farm_.indexes_.configured()) {
      index::PageQuestion asked;
      asked.project = project;
      asked.offline = question_.run.offline();
      asked.stop = stop_;
      const auto page = index->Get(asked, nullptr);
      if (absl::IsNotFound(page.status())) continue;
      RETURN_IF_ERROR(page.status());
      for (const python::IndexFile& file : (*page)->files) {
        if (file.file_name == file_name && !Sha256Of(file).empty())
          return Listed{*page, &file, &index->address()};
      }
    }
    return Listed();
  }

  absl::Status AddSource(const v1::PredictedPackage& package, const v1::PredictedInstall& install,
                         const predict::Install& command,
                         const std::vector<predict::CreatedEnvironment>& created) {
    ASSIGN_OR_RETURN(const Listed listed, Find(package.name(), package.file_name()));
    if (listed.file == nullptr || !known_.insert(Sha256Of(*listed.file)).second) return absl::OkStatus();
    index::FileQuestion asked;
    asked.address = listed.address;
    asked.file = listed.file;
    asked.offline = question_.run.offline();
    asked.stop = stop_;
    ASSIGN_OR_RETURN(const Digest source, farm_.indexes_.files().Ensure(asked, nullptr));
    if (source.empty()) return absl::OkStatus();
    WheelCommand compile;
    compile.install = &question_.run;
    compile.python = InterpreterOf(install.python(), created);
    if (IsUv(command)) compile.uv = command.program;
    compile.source_file = package.file_name();
    compile.source = source;
    ASSIGN_OR_RETURN(const std::string toolchain, Toolchain(command));
    v1::WheelCompilation compilation;
    compilation.set_project(package.name());
    compilation.set_version(package.version());
    compilation.set_source_file(package.file_name());
    ToProto(source, compilation.mutable_source());
    *compilation.mutable_run() = CompileRun(compile);
    compilation.set_key(core::InProject(question_.project, KeyOf(compilation, install.python(), toolchain)));
    answer_.ask_again = answer_.ask_again || package.dependencies_unknown();
    if (question_.use_kept) {
      ASSIGN_OR_RETURN(auto kept, Kept(compilation.key(), package, install));
      if (kept.has_value()) {
        answer_.kept.push_back(*std::move(kept));
        return absl::OkStatus();
      }
    }
    answer_.missing.push_back(std::move(compilation));
    return absl::OkStatus();
  }

  // All that may influence the wheel but its build dependencies, which are known only once it is compiled.
  std::string KeyOf(const v1::WheelCompilation& compilation, const v1::PredictedPython& python,
                    const std::string& toolchain) const {
    const v1::Run& run = compilation.run();
    std::string text = fmt::format("crossmill-farm-wheel 1\nsource {}\nplatform {}\npython {} {} {}\n",
                                   compilation.source().hash(), FormatPlatform(question_.platform),
                                   python.path(), python.version(), python.abi());
    text += fmt::format("toolchain {}\nuser {}\n", toolchain, run.user());
    if (question_.source_date_epoch) text += fmt::format("epoch {}\n", *question_.source_date_epoch);
    // What it is compiled with and what of it is left (--normalize).
    if (run.normalize_size() > 0) text += fmt::format("normalize {}\n", kNormalizeVersion);
    for (const std::string& rule : run.normalize()) text += fmt::format("normalize {}\n", rule);
    for (const std::string& word : run.argv()) text += fmt::format("argument {} {}\n", word.size(), word);
    std::vector<std::string> environment(run.env().begin(), run.env().end());
    std::sort(environment.begin(), environment.end());
    for (const std::string& variable : environment)
      text += fmt::format("variable {} {}\n", variable.size(), variable);
    return Sha256Hex(text);
  }

  absl::StatusOr<std::string> Toolchain(const predict::Install& command) {
    if (!manifests_.has_value()) {
      manifests_.emplace();
      for (const v1::Layer& layer : question_.root) {
        if (!layer.has_manifest()) continue;
        ASSIGN_OR_RETURN(const std::string text, farm_.blobs_.Get(FromProto(layer.manifest())));
        ASSIGN_OR_RETURN((*manifests_)[layer.tar().hash()], layer::LayerManifest::Parse(text));
      }
    }
    std::vector<ToolchainLayer> layers;
    for (const v1::Layer& layer : question_.root) {
      layers.push_back(
          {FromProto(layer.tar()), layer.has_manifest() ? &manifests_->at(layer.tar().hash()) : nullptr});
    }
    ToolchainScope scope;
    scope.folder = command.folder;
    for (const predict::InstallFile& file : command.files) {
      if (file.content.has_value() || file.path.empty()) continue;
      scope.files.push_back(predict::PathIn(command.folder.empty() ? "/" : command.folder, file.path));
    }
    scope.environment.assign(question_.run.env().begin(), question_.run.env().end());
    // pip compiles sources without a pyproject.toml among what is installed, where it can (before 25.3).
    scope.isolated = IsUv(command);
    return ToolchainDigest(layers, scope);
  }

  // A wheel under the key that was built with what would be taken to build it today.
  absl::StatusOr<std::optional<storage::FarmWheelRow>> Kept(const std::string& key,
                                                            const v1::PredictedPackage& package,
                                                            const v1::PredictedInstall& install) {
    ASSIGN_OR_RETURN(std::vector<storage::FarmWheelRow> rows, farm_.wheels_.WithKey(key));
    for (storage::FarmWheelRow& row : rows) {
      if (question_.forbid_emulation && row.wheel.emulated()) continue;
      if (!farm_.blobs_.Has(FromProto(row.wheel.file()))) continue;
      ASSIGN_OR_RETURN(const bool current, IsCurrent(row.build_dependencies, package, install));
      if (current) return std::optional(std::move(row));
    }
    return std::optional<storage::FarmWheelRow>();
  }

  absl::StatusOr<bool> IsCurrent(const v1::BuildDependencies& recorded, const v1::PredictedPackage& package,
                                 const v1::PredictedInstall& install) {
    const std::string needed_by = fmt::format("{} {}", package.name(), package.version());
    std::map<std::string, std::string> wanted;
    for (const v1::PredictedPackage& other : install.packages()) {
      if (other.scope() == "build-dep" && other.needed_by() == needed_by)
        wanted[other.name()] = other.file_name();
    }
    for (const v1::BuildDependency& file : recorded.files()) {
      const auto found = wanted.find(file.name());
      ASSIGN_OR_RETURN(const Listed listed, Find(file.name(), file.file_name()));
      if (listed.file == nullptr || Sha256Of(*listed.file) != file.sha256()) return false;
      if (found == wanted.end()) {
        // Its backend asked for it while it ran (setuptools for wheel): whatever is the newest.
        if (!IsNewest(*listed.page, file)) return false;
        continue;
      }
      if (found->second != file.file_name()) return false;
      wanted.erase(found);
    }
    return wanted.empty();
  }

  bool IsNewest(const python::IndexDocument& page, const v1::BuildDependency& file) const {
    const python::ProjectFiles files(page, file.name());
    std::optional<python::Version> own;
    for (const python::ListedFile& listed : files.files()) {
      if (files.Listed(listed).file_name == file.file_name()) own = listed.version;
    }
    if (!own.has_value()) return false;
    return std::none_of(files.files().begin(), files.files().end(), [&](const python::ListedFile& listed) {
      const python::IndexFile& other = files.Listed(listed);
      if (question_.run.has_exclude_newer() &&
          (!other.uploaded.has_value() ||
           *other.uploaded >= absl::FromUnixSeconds(question_.run.exclude_newer()))) {
        return false;
      }
      return !listed.version.IsPrerelease() && !other.yanked.has_value() && listed.version > *own;
    });
  }

  AheadForecast& farm_;
  const AheadQuestion& question_;
  const std::stop_token& stop_;
  AheadAnswer answer_;
  // SHA-256 of archives that were dealt with.
  std::set<std::string> known_;
  // By the hash of the layer's tar.
  std::optional<std::map<std::string, layer::LayerManifest>> manifests_;
};

std::vector<std::string> AheadForecast::IndexUrls() const {
  std::vector<std::string> urls;
  for (const auto& index : indexes_.configured()) urls.push_back(index->address().url);
  return urls;
}

absl::StatusOr<AheadAnswer> AheadForecast::Ask(const AheadQuestion& question, const std::stop_token& stop) {
  const StopAfter late(kPatience);
  const StopOfEither either(stop, late.token());
  const std::stop_token until = either.token();
  auto answer = Answering(*this, question, until).Run();
  if (!answer.ok() && late.token().stop_requested()) {
    return absl::DeadlineExceededError(
        fmt::format("the package indexes did not tell in {} s what has to be compiled", kPatience.count()));
  }
  return answer;
}

}  // namespace crossmill::coordinator
