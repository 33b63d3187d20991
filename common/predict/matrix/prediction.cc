// A command's words, an image's files and an index' pages put together.
#include "common/predict/matrix/prediction.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/locks/lock_file.h"
#include "common/predict/matrix/install_python.h"
#include "common/predict/resolver/build_requirements.h"

namespace crossmill::predict {
namespace {

std::string_view ToolName(Install::Tool tool) {
  static constexpr std::array<std::string_view, 5> kNames = {"pip", "uv pip", "uv sync", "poetry", "pdm"};
  return kNames[static_cast<size_t>(tool)];
}

std::string_view ReasonName(python::ReasonKind kind) {
  static constexpr std::array<std::string_view, 20> kNames = {"no-wheel",
                                                              "no-wheel-for-architecture",
                                                              "no-wheel-for-system",
                                                              "newer-glibc",
                                                              "newer-musl",
                                                              "only-musllinux",
                                                              "no-musllinux",
                                                              "no-wheel-for-python",
                                                              "only-free-threaded",
                                                              "not-free-threaded",
                                                              "yanked",
                                                              "requires-python",
                                                              "too-new",
                                                              "upload-time-unknown",
                                                              "hash-not-allowed",
                                                              "wheels-not-allowed",
                                                              "sources-not-allowed",
                                                              "no-source",
                                                              "no-files",
                                                              "no-version"};
  const auto index = static_cast<size_t>(kind);
  return index < kNames.size() ? kNames[index] : "";
}

void AddChoice(const python::Choice& choice, v1::PredictedPackage& message) {
  for (const python::Reason& reason : choice.reasons) {
    v1::PredictedReason* one = message.add_reasons();
    one->set_kind(std::string(ReasonName(reason.kind)));
    one->set_evidence(ValidUtf8(reason.evidence));
    one->set_sentence(ValidUtf8(reason.sentence));
  }
  for (const std::string& sentence : choice.help.sentences) message.add_help(ValidUtf8(sentence));
}

v1::Outcome DirectOutcome(const ResolvedPackage& package) {
  if (package.editable) return v1::OUTCOME_EDITABLE;
  const std::string_view location = package.location;
  const size_t scheme = location.find("://");
  if (scheme == location.npos || location.starts_with("file:")) return v1::OUTCOME_LOCAL;
  if (location.substr(0, scheme).find('+') != location.npos) return v1::OUTCOME_VCS;
  return package.direct_wheel ? v1::OUTCOME_WHEEL : v1::OUTCOME_SOURCE;
}

void DescribePython(const FoundPython& python, const python::PythonEnvironment& environment,
                    v1::PredictedPython& message) {
  message.set_path(ValidUtf8(python.path));
  message.set_real_path(ValidUtf8(python.real_path));
  message.set_version(ValidUtf8(python.version));
  message.set_abi(python::AbiName(environment.tags()));
  message.set_machine(environment.tags().machine);
  if (python.libc.has_value()) {
    message.set_libc(fmt::format("{} {}.{}",
                                 python.libc->libc.kind == python::Libc::Kind::kMusl ? "musl" : "glibc",
                                 python.libc->libc.major, python.libc->libc.minor));
  }
  message.set_virtual_environment(python.virtual_environment);
}

// One prediction on its way; a failure is told in the message.
class InstallPrediction {
 public:
  InstallPrediction(const Install& install, const PredictionContext& context)
      : install_(install), context_(context) {}

  absl::StatusOr<v1::PredictedInstall> Run() {
    message_.set_source(ValidUtf8(install_.source));
    message_.set_tool(std::string(ToolName(install_.tool)));
    message_.set_conditional(install_.conditional);
    for (const std::string& note : install_.notes) message_.add_notes(ValidUtf8(note));
    const absl::Status status = Predict();
    if (!status.ok() && status.code() != absl::StatusCode::kInvalidArgument &&
        status.code() != absl::StatusCode::kNotFound &&
        status.code() != absl::StatusCode::kFailedPrecondition &&
        status.code() != absl::StatusCode::kResourceExhausted)
      return status;
    if (!status.ok()) {
      message_.add_failure(ValidUtf8(Sv(status.message())));
      message_.set_unknown(!fails_);
    }
    return std::move(message_);
  }

 private:
  absl::Status Predict() {
    const InstallRules& rules = install_.rules;
    if (!rules.python_version.empty() || !rules.platforms.empty() || !rules.abis.empty() ||
        !rules.implementation.empty())
      return absl::InvalidArgumentError("what is installed for another Python than the image's is not said");
    RETURN_IF_ERROR(ReadExcludeNewer());
    if (!rules.resolution.empty() && rules.resolution != "highest")
      return absl::InvalidArgumentError("uv's lowest versions are not looked for");
    const bool project = install_.tool != Install::Tool::kPip && install_.tool != Install::Tool::kUvPip;
    CollectedRequirements collected;
    if (!project) {
      ASSIGN_OR_RETURN(collected, CollectRequirements(install_, context_.read));
    }
    ASSIGN_OR_RETURN(const FoundPython python, PythonOfInstall(install_, context_.created, *context_.image));
    RETURN_IF_ERROR(CheckManaged(python));
    const InstalledPackage* pip = python.installed.Find("pip");
    const bool linux_first =
        install_.tool == Install::Tool::kPip && PrefersLinuxWheels(pip == nullptr ? "" : pip->version);
    ASSIGN_OR_RETURN(const python::PythonEnvironment environment,
                     EnvironmentOf(python, linux_first, context_.kernel_machine));
    DescribePython(python, environment, *message_.mutable_python());
    for (const std::string& note : python.notes) message_.add_notes(ValidUtf8(note));
    return project ? Select(environment) : Solve(collected, python, environment);
  }

  // --uploaded-prior-to, --exclude-newer: a moment. A date alone means one of its two ends, and a duration
  // one that changes: neither is guessed.
  absl::Status ReadExcludeNewer() {
    const std::string& given = install_.rules.exclude_newer;
    if (given.empty()) return absl::OkStatus();
    absl::Time time;
    if (!absl::ParseTime(absl::RFC3339_full, given, &time, nullptr)) {
      return absl::InvalidArgumentError(
          fmt::format("an index as of '{}' is not looked at: that is no time with its zone, as "
                      "2026-01-31T00:00:00Z",
                      Printable(std::string_view(given).substr(0, 100))));
    }
    exclude_newer_ = time;
    return absl::OkStatus();
  }

  LockSelection SelectionOf() const {
    LockSelection selection;
    selection.extras = install_.extras;
    selection.all_extras = install_.all_extras;
    selection.groups = install_.groups;
    selection.all_groups = install_.all_groups;
    selection.only_groups = install_.only_groups;
    selection.without_groups = install_.without_groups;
    selection.without_dev = install_.without_dev;
    selection.without_project = install_.without_project;
    return selection;
  }

  // What a project's lock has for this environment.
  absl::Status Select(const python::PythonEnvironment& environment) {
    const LockFormat format = install_.tool == Install::Tool::kUvSync   ? LockFormat::kUv
                              : install_.tool == Install::Tool::kPoetry ? LockFormat::kPoetry
                                                                        : LockFormat::kPdm;
    const std::string name = format == LockFormat::kUv       ? "uv.lock"
                             : format == LockFormat::kPoetry ? "poetry.lock"
                                                             : "pdm.lock";
    if (install_.folder.empty()) return absl::InvalidArgumentError("the folder of the project is not known");
    const auto text = context_.read(PathIn(install_.folder, name));
    if (!text.ok()) return Annotate(text.status(), name);
    const auto lock = ReadLockFile(format, *text);
    if (!lock.ok()) return Annotate(lock.status(), name);
    LockSelection selection = SelectionOf();
    if (const auto project = context_.read(PathIn(install_.folder, "pyproject.toml")); project.ok()) {
      ASSIGN_OR_RETURN(selection.default_groups, DefaultGroups(format, *project));
    }
    auto packages = SelectLocked(*lock, selection, install_.rules.format, environment);
    if (!packages.ok()) return Annotate(packages.status(), name);
    Resolution resolution;
    resolution.packages = *std::move(packages);
    resolution.solved = true;
    ResolveRules rules;
    rules.format = install_.rules.format;
    ASSIGN_OR_RETURN(ProjectSource * source, context_.source(install_.rules));
    return Tell(resolution, rules, environment, *source);
  }

  // PEP 668.
  absl::Status CheckManaged(const FoundPython& python) {
    const bool elsewhere = !install_.target.empty() || !install_.prefix.empty() || !install_.root.empty() ||
                           install_.action == Install::Action::kWheel ||
                           install_.action == Install::Action::kDownload;
    if (!python.externally_managed || install_.rules.break_system_packages || elsewhere)
      return absl::OkStatus();
    // pip knows it from 23.0 on.
    const InstalledPackage* pip = python.installed.Find("pip");
    const auto version = python::Version::Parse(pip == nullptr ? "" : pip->version);
    if (install_.tool == Install::Tool::kPip && version.ok() && *version < *python::Version::Parse("23.0"))
      return absl::OkStatus();
    fails_ = true;
    return absl::FailedPreconditionError(fmt::format(
        "externally-managed-environment: the distribution keeps {} to itself; install into a virtual "
        "environment, or add --break-system-packages",
        Printable(python.path)));
  }

  ResolveRules RulesFor(const CollectedRequirements& collected, const FoundPython& python) const {
    const InstallRules& given = collected.rules;
    ResolveRules rules;
    rules.constraints = collected.constraints;
    rules.format = given.format;
    rules.prefer_binary = given.prefer_binary;
    if (given.pre) rules.prereleases = true;
    rules.ignore_requires_python = given.ignore_requires_python;
    rules.exclude_newer = exclude_newer_;
    rules.no_dependencies = given.no_dependencies || (install_.tool == Install::Tool::kUvPip &&
                                                      install_.action == Install::Action::kSync);
    rules.require_hashes = given.require_hashes;
    rules.force_reinstall = given.force_reinstall;
    rules.upgrade = given.upgrade;
    const bool sees_nothing = given.ignore_installed || !install_.target.empty() ||
                              install_.action == Install::Action::kWheel ||
                              install_.action == Install::Action::kDownload;
    if (sees_nothing) return rules;
    const RootPaths root(*context_.image);
    for (const InstalledPackage& package : python.installed.packages)
      rules.present.push_back({package.name, package.version, ReadInstalledMetadata(root, package)});
    return rules;
  }

  absl::Status Solve(const CollectedRequirements& collected, const FoundPython& python,
                     const python::PythonEnvironment& environment) {
    ResolveRules rules = RulesFor(collected, python);
    ASSIGN_OR_RETURN(ProjectSource * source, context_.source(collected.rules));
    ASSIGN_OR_RETURN(const Resolution resolution,
                     Resolve(collected.requirements, rules, environment, *source));
    rules.constraints = collected.build_constraints;
    return Tell(resolution, rules, environment, *source);
  }

  // `rules` are those for what builds need.
  absl::Status Tell(const Resolution& resolution, const ResolveRules& rules,
                    const python::PythonEnvironment& environment, ProjectSource& source) {
    message_.set_solved(resolution.solved);
    for (const std::string& note : resolution.notes) message_.add_notes(ValidUtf8(note));
    for (const std::string& line : resolution.failure) message_.add_failure(ValidUtf8(line));
    for (const ResolvedPackage& package : resolution.packages)
      *message_.add_packages() = PackageMessage(package);
    if (!resolution.failed_project.empty()) {
      v1::PredictedPackage* failed = message_.add_packages();
      failed->set_name(ValidUtf8(resolution.failed_project));
      failed->set_outcome(v1::OUTCOME_FAILED);
      failed->set_scope("runtime");
      failed->set_certainty(v1::CERTAINTY_CERTAIN);
      AddChoice(resolution.failed_choice, *failed);
    }
    // Without isolation what is needed has to be there.
    if (!resolution.solved || install_.rules.no_build_isolation ||
        install_.action == Install::Action::kDownload)
      return absl::OkStatus();
    ASSIGN_OR_RETURN(const BuildScope builds, ResolveBuilds(resolution, rules, environment, source));
    for (const BuildPackage& build : builds.packages) {
      v1::PredictedPackage* message = message_.add_packages();
      *message = PackageMessage(build.package);
      message->set_scope("build-dep");
      message->set_needed_by(ValidUtf8(build.needed_by));
    }
    for (const std::string& note : builds.notes) message_.add_notes(ValidUtf8(note));
    return absl::OkStatus();
  }

  const Install& install_;
  const PredictionContext& context_;
  v1::PredictedInstall message_;
  std::optional<absl::Time> exclude_newer_;
  // The reason is the installer's, not ours.
  bool fails_ = false;
};

// What counts more in a cell of several.
int Badness(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_FAILED:
      return 4;
    case v1::OUTCOME_UNSPECIFIED:
      return 0;
    case v1::OUTCOME_WHEEL:
      return 1;
    default:
      return 3;
  }
}

}  // namespace

absl::StatusOr<v1::PredictedInstall> PredictInstall(const Install& install,
                                                    const PredictionContext& context) {
  return InstallPrediction(install, context).Run();
}

v1::PredictedPackage PackageMessage(const ResolvedPackage& package) {
  v1::PredictedPackage message;
  message.set_name(ValidUtf8(package.name));
  message.set_version(ValidUtf8(package.version));
  for (const std::string& extra : package.extras) message.add_extras(ValidUtf8(extra));
  message.set_scope("runtime");
  message.set_location(ValidUtf8(package.location));
  message.set_present(package.kind == ResolvedPackage::Kind::kPresent);
  message.set_dependencies_unknown(package.dependencies_unknown);
  message.set_certainty(package.doubts.empty() ? v1::CERTAINTY_CERTAIN : v1::CERTAINTY_DOUBTFUL);
  for (const std::string& doubt : package.doubts) message.add_doubts(ValidUtf8(doubt));
  for (const Requirer& requirer : package.required_by) {
    v1::PredictedRequirer* one = message.add_required_by();
    one->set_name(ValidUtf8(requirer.name));
    one->set_text(ValidUtf8(requirer.text));
  }
  if (package.kind == ResolvedPackage::Kind::kDirect) {
    message.set_outcome(DirectOutcome(package));
  } else if (package.kind == ResolvedPackage::Kind::kIndex) {
    message.set_outcome(package.choice.kind == python::Choice::Kind::kWheel    ? v1::OUTCOME_WHEEL
                        : package.choice.kind == python::Choice::Kind::kSource ? v1::OUTCOME_SOURCE
                                                                               : v1::OUTCOME_FAILED);
    // A lock may have no file for this environment.
    if (package.choice.file != nullptr) {
      const python::IndexFile& file = package.page->Listed(*package.choice.file);
      message.set_file_name(ValidUtf8(file.file_name));
      message.set_size(file.size.value_or(0));
    }
    AddChoice(package.choice, message);
  }
  return message;
}

v1::PredictionMatrix MatrixOf(const v1::Prediction& prediction) {
  v1::PredictionMatrix matrix;
  // Runtime first.
  std::map<std::pair<bool, std::string>, std::vector<v1::PredictedRow::Cell>> rows;
  for (int column = 0; column < prediction.platforms_size(); ++column) {
    matrix.add_platforms(prediction.platforms(column).platform());
    for (const v1::PredictedStep& step : prediction.platforms(column).steps()) {
      if (!step.runs_on().empty()) continue;
      for (const v1::PredictedInstall& install : step.installs()) {
        for (const v1::PredictedPackage& package : install.packages()) {
          const std::string& name = package.name().empty() ? package.location() : package.name();
          auto& cells = rows[{package.scope() != "runtime", name}];
          cells.resize(prediction.platforms_size());
          v1::PredictedRow::Cell& cell = cells[column];
          const auto& versions = cell.versions();
          if (!package.version().empty() &&
              std::find(versions.begin(), versions.end(), package.version()) == versions.end())
            cell.add_versions(package.version());
          if (Badness(package.outcome()) > Badness(cell.outcome())) cell.set_outcome(package.outcome());
          cell.set_certainty(std::max(cell.certainty(), package.certainty()));
        }
      }
    }
  }
  for (auto& [key, cells] : rows) {
    v1::PredictedRow* row = matrix.add_rows();
    row->set_name(key.second);
    row->set_scope(key.first ? "build-dep" : "runtime");
    for (v1::PredictedRow::Cell& cell : cells) *row->add_cells() = std::move(cell);
  }
  return matrix;
}

}  // namespace crossmill::predict
