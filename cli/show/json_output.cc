#include "cli/show/json_output.h"

#include "cli/show/acceleration/render_acceleration.h"
#include "cli/show/causes.h"
#include "cli/show/exit_codes.h"
#include "cli/show/package_json.h"
#include "cli/show/text.h"
#include "cli/use/step_use.h"
#include "common/base/status.h"
#include "common/words/acceleration.h"
#include "common/words/levels.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "common/words/worker_labels.h"

namespace crossmill::cli {
namespace {

Json TimeJson(int64_t nanos) { return nanos == 0 ? Json(nullptr) : Json(FormatRfc3339(nanos)); }

template <typename DigestMessage>
Json DigestJson(const DigestMessage& digest) {
  return digest.hash().empty() ? Json(nullptr) : Json("sha256:" + digest.hash());
}

double Seconds(int64_t from_nanos, int64_t to_nanos) {
  return static_cast<double>(to_nanos - from_nanos) / 1e9;
}

v1::Verdict VerdictOf(const v1::CellView& cell) {
  const v1::Verdict verdict = cell.comparison().verdict();
  return verdict == v1::VERDICT_UNSPECIFIED ? v1::VERDICT_UNVERIFIED : verdict;
}

Json RangeJson(const v1::SourceRange& range) {
  return {{"file", range.file()}, {"first_line", range.first_line()}, {"last_line", range.last_line()}};
}

Json DifferenceJson(const v1::PathDifference& difference) {
  return {{"path", difference.path()},
          {"kind", Word(difference.kind())},
          {"detail", TextOrNull(difference.detail())},
          {"first", DigestJson(difference.first())},
          {"second", DigestJson(difference.second())}};
}

Json StepComparisonJson(const v1::StepComparison& step) {
  Json witnesses = Json::array();
  for (const v1::Witness& witness : step.witnesses()) {
    Json circumstances = Json::array();
    for (const v1::Circumstance& each : witness.circumstances()) {
      circumstances.push_back({{"aspect", std::string(Word(each.aspect()))},
                               {"value", each.value()},
                               {"asked", each.asked()},
                               {"limit", TextOrNull(each.limit())}});
    }
    witnesses.push_back({{"worker", witness.worker()},
                         {"host_id", witness.host_id()},
                         {"host_name", witness.host_name()},
                         {"emulated", witness.emulated()},
                         {"layer_digest", DigestJson(witness.layer().tar())},
                         {"failure", TextOrNull(witness.failure())},
                         {"finished_at", TimeJson(witness.finished_at())},
                         {"execution", witness.execution()},
                         {"outvoted", witness.outvoted()},
                         {"circumstances", std::move(circumstances)}});
  }
  Json differences = Json::array();
  for (const v1::PathDifference& difference : step.differences())
    differences.push_back(DifferenceJson(difference));
  Json input_changes = Json::array();
  for (const v1::InputChange& change : step.input_changes()) input_changes.push_back(InputChangeJson(change));
  return {{"stage", step.stage()},
          {"stage_name", step.stage_name()},
          {"step", step.step_number()},
          {"text", step.text()},
          {"range", RangeJson(step.range())},
          {"agrees", step.agrees()},
          {"reaches_image", step.reaches_image()},
          {"witnesses", std::move(witnesses)},
          {"differences", std::move(differences)},
          {"differences_total", step.differences_total()},
          {"causes", CausesJson(step.causes())},
          {"causes_problem", TextOrNull(step.causes_problem())},
          {"input_changes", std::move(input_changes)}};
}

template <typename Aspects>
Json AspectsJson(const Aspects& aspects) {
  Json words = Json::array();
  for (const int aspect : aspects) words.push_back(std::string(Word(static_cast<v1::Aspect>(aspect))));
  return words;
}

Json ComparisonJson(const v1::CellComparison& comparison, bool with_steps) {
  Json json = {{"level", TextOrNull(comparison.level())},
               {"same_host", comparison.same_host()},
               {"hosts", comparison.hosts()},
               {"executions", comparison.executions()},
               {"image_digests", Json::array()},
               {"reason", TextOrNull(comparison.reason())},
               {"varied", AspectsJson(comparison.varied())},
               {"equal", AspectsJson(comparison.equal())},
               {"circumstances", TextOrNull(comparison.circumstances())}};
  for (const std::string& digest : comparison.image_digests())
    json["image_digests"].push_back(TextOrNull(digest));
  if (!with_steps) return json;
  json["steps"] = Json::array();
  for (const v1::StepComparison& step : comparison.steps()) json["steps"].push_back(StepComparisonJson(step));
  return json;
}

Json CellJson(const v1::CellView& cell, bool whole) {
  Json json = {{"platform", FormatPlatform(cell.platform())},
               {"status", Word(cell.status())},
               {"message", TextOrNull(cell.message())},
               {"emulated", cell.emulated()},
               {"seconds", cell.seconds()},
               {"image_digest", TextOrNull(cell.image_digest())},
               {"image_bytes", cell.image_bytes()},
               {"all_stages_bytes", cell.all_stages_bytes()},
               {"verdict", Word(VerdictOf(cell))},
               {"comparison", ComparisonJson(cell.comparison(), whole)}};
  if (!whole) return json;
  json["target_stage"] = cell.target_stage();
  json["stages"] = Json::array();
  for (const uint32_t stage : cell.stages()) json["stages"].push_back(stage);
  return json;
}

Json StepJson(const v1::StepView& step) {
  Json normalizations = Json::array();
  for (const v1::Normalization& one : step.normalizations()) normalizations.push_back(NormalizationJson(one));
  Json replicas = Json::array();
  for (const v1::ReplicaStep& replica : step.replicas()) {
    replicas.push_back({{"replica", replica.replica()},
                        {"status", Word(replica.status())},
                        {"worker", TextOrNull(replica.worker())},
                        {"layer_digest", DigestJson(replica.layer().tar())},
                        {"exit_code", replica.exit_code()},
                        {"failure", TextOrNull(replica.failure())},
                        {"seconds", replica.seconds()},
                        {"started_at", TimeJson(replica.started_at())},
                        {"finished_at", TimeJson(replica.finished_at())}});
  }
  return {{"number", step.number()},
          {"instruction", step.instruction()},
          {"text", step.text()},
          {"range", RangeJson(step.range())},
          {"status", Word(step.status())},
          {"seconds", step.seconds()},
          {"started_at", TimeJson(step.started_at())},
          {"finished_at", TimeJson(step.finished_at())},
          {"worker", TextOrNull(step.worker())},
          {"emulated", step.emulated()},
          {"distrusted", step.distrusted()},
          {"exit_code", step.exit_code()},
          {"failure", TextOrNull(step.failure())},
          {"layer_digest", DigestJson(step.layer().tar())},
          {"layer_bytes", step.layer().tar().size_bytes()},
          {"manifest_digest", DigestJson(step.layer().manifest())},
          {"content_bytes", step.content_bytes()},
          {"key", TextOrNull(step.key())},
          {"execution", step.execution() == 0 ? Json(nullptr) : Json(step.execution())},
          {"normalizations", std::move(normalizations)},
          {"use", StepUseJson(step)},
          {"bound", BoundReachedJson(step)},
          {"acceleration", AccelerationJson(step)},
          {"acceleration_check", AccelerationCheckJson(step)},
          {"replicas", std::move(replicas)}};
}

Json StageJson(const v1::StageView& stage) {
  Json steps = Json::array();
  for (const v1::StepView& step : stage.steps()) steps.push_back(StepJson(step));
  return {{"index", stage.index()},
          {"name", stage.name()},
          {"platform", FormatPlatform(stage.platform())},
          {"from", stage.from_text()},
          {"range", RangeJson(stage.from_range())},
          {"base", stage.base() < 0 ? Json(nullptr) : Json(stage.base())},
          {"size_bytes", stage.size_bytes()},
          {"message", TextOrNull(stage.message())},
          {"steps", std::move(steps)}};
}

template <typename Items, typename Function>
Json List(const Items& items, const Function& function) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(function(item));
  return list;
}

std::string PlatformText(const v1::Platform& platform) { return FormatPlatform(platform); }

// Null of a build that was submitted alone.
Json MatrixPlaceJson(const v1::BuildView& build) {
  if (!build.has_matrix()) return nullptr;
  Json arguments = Json::object();
  for (const v1::BuildArgument& argument : build.matrix().combination())
    arguments[argument.name()] = argument.value();
  return {{"id", build.matrix().matrix()},
          {"place", build.matrix().place()},
          {"arguments", std::move(arguments)}};
}

}  // namespace

Json BuildRowJson(const v1::BuildView& build) {
  const v1::BuildOptions& options = build.options();
  return {{"id", build.id()},
          {"status", Word(build.status())},
          {"message", TextOrNull(build.message())},
          {"created_at", TimeJson(build.created_at())},
          {"finished_at", TimeJson(build.finished_at())},
          {"seconds",
           build.finished_at() == 0 ? Json(nullptr) : Json(Seconds(build.created_at(), build.finished_at()))},
          {"dockerfile", build.dockerfile_name()},
          {"target", TextOrNull(build.target())},
          {"platforms", List(options.platforms(), PlatformText)},
          {"verify", options.verify()},
          {"tags", List(NamesSetBy(build), [](const std::string& tag) { return Json(tag); })},
          {"matrix", MatrixPlaceJson(build)},
          {"rebuild_of", build.has_rebuild() ? Json(build.rebuild().build()) : Json(nullptr)},
          {"verdict", Word(OverallVerdict(build))},
          {"index_digest", TextOrNull(build.index_digest())},
          {"cells", List(build.cells(), [](const v1::CellView& cell) { return CellJson(cell, false); })}};
}

Json BuildJson(const BuildReport& report) {
  const v1::BuildView& build = report.build;
  Json json = BuildRowJson(build);
  const v1::BuildOptions& options = build.options();
  json["options"] = {{"allow_same_host", options.allow_same_host()},
                     {"no_cache", options.no_cache()},
                     {"network", TextOrNull(std::string(Word(options.network())))},
                     {"source_date_epoch",
                      options.has_source_date_epoch() ? Json(options.source_date_epoch()) : Json(nullptr)},
                     {"keep_times", options.keep_times()},
                     {"timeout", options.timeout()},
                     {"step_timeout", options.step_timeout()},
                     {"step_bounds", StepBoundsJson(options.step_bounds())},
                     {"forbid_emulation", options.forbid_emulation()},
                     {"accelerate", AccelerationWord(options.accelerate())},
                     {"vary", options.has_vary() ? AspectsJson(options.vary().aspects()) : Json(nullptr)},
                     {"normalize", options.normalize()},
                     {"neutral", options.neutral()}};
  if (options.priority() != 0) json["options"]["priority"] = options.priority();
  if (!options.pool().empty()) json["options"]["pool"] = options.pool();
  if (!options.constraints().empty()) {
    json["options"]["constraints"] = List(options.constraints(), [](const v1::WorkerConstraint& constraint) {
      return Json(FormatConstraint(constraint));
    });
  }
  std::vector<std::string> levels;
  for (const v1::CellView& cell : build.cells()) levels.push_back(cell.comparison().level());
  json["level"] = TextOrNull(LevelOfBuild(levels));
  json["neutral"] = NeutralJson(build.neutral());
  json["planned_at"] = TimeJson(build.planned_at());
  json["epoch"] = build.epoch();
  json["warnings"] = List(build.warnings(), [](const std::string& text) { return Json(text); });
  if (!build.waits().empty())
    json["waits"] = List(build.waits(), [](const std::string& text) { return Json(text); });
  json["bases"] = List(build.bases(), [](const v1::PinnedImage& base) {
    return Json{{"reference", base.reference()},
                {"platform", FormatPlatform(base.platform())},
                {"manifest_digest", TextOrNull(base.manifest_digest())},
                {"stand_in", base.stand_in()}};
  });
  json["cells"] = List(build.cells(), [](const v1::CellView& cell) { return CellJson(cell, true); });
  json["stages"] = List(build.stages(), StageJson);
  json["packages"] = PackagesJson(report);
  json["package_changes"] = PackageChangesJson(report);
  json["earlier_builds"] = EarlierBuildsJson(report);
  json["fetches"] = List(report.fetches, FetchJson);
  json["fetch_hosts"] = List(report.fetch_hosts, FetchHostJson);
  return json;
}

Json PackageJson(const v1::PackageRow& row) {
  const v1::PackageOutcome& package = row.package();
  return {{"platform", FormatPlatform(row.platform())},
          {"stage", row.stage()},
          {"stage_name", row.stage_name()},
          {"step", row.step_number()},
          {"name", package.name()},
          {"version", package.version()},
          {"outcome", Word(package.outcome())},
          {"scope", package.scope()},
          {"tag", TextOrNull(package.tag())},
          {"file_name", TextOrNull(package.file_name())},
          {"seconds", package.seconds() < 0 ? Json(nullptr) : Json(package.seconds())},
          {"built_digest",
           package.built_sha256().empty() ? Json(nullptr) : Json("sha256:" + package.built_sha256())},
          {"built_bytes", package.built_size()},
          {"failure_class", TextOrNull(package.failure_class())},
          {"failure_line", TextOrNull(package.failure_line())},
          {"remedy", TextOrNull(package.remedy())},
          {"remedy_lines", List(package.remedy_lines(), [](const std::string& text) { return Json(text); })},
          {"before_file", TextOrNull(row.remedy_place().range().file())},
          {"before_line",
           row.remedy_place().has_range() ? Json(row.remedy_place().range().first_line()) : Json(nullptr)},
          {"before_text", TextOrNull(row.remedy_place().text())},
          {"witnesses", List(package.witnesses(), [](const std::string& text) { return Json(text); })},
          {"conflict", TextOrNull(package.conflict())},
          {"emulated", package.emulated()},
          {"environment", TextOrNull(package.environment())},
          {"installed", package.installed()},
          {"compiled_in_build",
           package.compiled_in_build() == 0 ? Json(nullptr) : Json(package.compiled_in_build())},
          {"compiled_by_execution",
           package.compiled_by_execution() == 0 ? Json(nullptr) : Json(package.compiled_by_execution())},
          {"execution", row.execution() == 0 ? Json(nullptr) : Json(row.execution())}};
}

Json FetchJson(const v1::FetchRow& row) {
  const v1::Fetch& fetch = row.fetch();
  return {{"platform", FormatPlatform(row.platform())},
          {"stage", row.stage()},
          {"stage_name", row.stage_name()},
          {"step", row.step_number()},
          {"kind", Word(fetch.kind())},
          {"method", TextOrNull(fetch.method())},
          {"scheme", TextOrNull(fetch.scheme())},
          {"host", TextOrNull(fetch.host())},
          {"port", fetch.port() == 0 ? Json(nullptr) : Json(fetch.port())},
          {"url", TextOrNull(fetch.url())},
          {"status", fetch.status() == 0 ? Json(nullptr) : Json(fetch.status())},
          {"bytes_up", fetch.bytes_up()},
          {"bytes_down", fetch.bytes_down()},
          {"digest", fetch.sha256().empty() ? Json(nullptr) : Json("sha256:" + fetch.sha256())},
          {"started_at", TimeJson(fetch.started_at())},
          {"seconds", fetch.seconds()},
          {"project", TextOrNull(fetch.project())},
          {"file_name", TextOrNull(fetch.file_name())},
          {"from_farm", fetch.from_farm()},
          {"refused_by", TextOrNull(fetch.refused_by())},
          {"error", TextOrNull(fetch.error())},
          {"execution", row.execution() == 0 ? Json(nullptr) : Json(row.execution())}};
}

Json FetchHostJson(const v1::FetchHostRow& row) {
  const v1::HostFetches& host = row.host();
  return {{"platform", FormatPlatform(row.platform())},
          {"stage", row.stage()},
          {"stage_name", row.stage_name()},
          {"step", row.step_number()},
          {"host", TextOrNull(host.host())},
          {"fetches", host.fetches()},
          {"refused", host.refused()},
          {"bytes_up", host.bytes_up()},
          {"bytes_down", host.bytes_down()},
          {"execution", row.execution() == 0 ? Json(nullptr) : Json(row.execution())}};
}

Json ComparisonDocument(const v1::CellComparison& comparison, bool steps) {
  return ComparisonJson(comparison, steps);
}

Json StepDocument(const v1::StepComparison& step) { return StepComparisonJson(step); }

Json DiffJson(const v1::BuildView& build, absl::Span<const v1::CellComparison> comparisons) {
  return {{"id", build.id()},
          {"verdict", Word(OverallVerdict(build))},
          {"cells", List(comparisons, [](const v1::CellComparison& comparison) {
             Json json = {
                 {"platform", FormatPlatform(comparison.platform())},
                 {"verdict", comparison.verdict() == v1::VERDICT_UNSPECIFIED ? Word(v1::VERDICT_UNVERIFIED)
                                                                             : Word(comparison.verdict())}};
             json.update(ComparisonJson(comparison, true));
             return json;
           })}};
}

Json LabelsJson(const v1::WorkerInfo& info) {
  Json labels = Json::object();
  for (const v1::WorkerLabel& label : info.labels()) labels[label.key()] = label.value();
  return labels;
}

Json WorkerJson(const v1::WorkerView& worker) {
  const v1::WorkerInfo& info = worker.info();
  return {{"name", info.name()},
          {"connected", worker.connected()},
          {"draining", worker.draining()},
          {"drained", worker.drained()},
          {"cordoned", worker.cordoned()},
          {"pool", info.pool().empty() ? Json() : Json(info.pool())},
          {"labels", LabelsJson(info)},
          {"unfit", worker.unfit().empty() ? Json() : Json(worker.unfit())},
          {"last_seen", TimeJson(worker.last_seen())},
          {"version", info.version()},
          {"host_id", info.host_id()},
          {"host_name", info.host_name()},
          {"kernel", info.kernel()},
          {"cpu_model", info.cpu_model()},
          {"cpus", info.cpus()},
          {"runtime", info.runtime()},
          {"file_system", info.file_system()},
          {"platforms", List(info.platforms(),
                             [](const v1::PlatformSupport& support) {
                               return Json{{"platform", FormatPlatform(support.platform())},
                                           {"emulated", support.emulated()},
                                           {"processor", TextOrNull(support.processor())}};
                             })},
          {"slots", info.slots()},
          {"slots_by_load", info.slots_by_load()},
          {"slots_used", worker.slots_used()},
          {"outvoted", worker.outvoted()},
          {"distrusted", worker.distrusted()},
          {"untrue_reports", worker.untrue_reports()},
          {"last_untrue_report", TextOrNull(worker.last_untrue_report())},
          {"bounds", EnforcementJson(info)},
          {"accelerators", OffersJson(info)},
          {"layers_budget", info.layers_budget()},
          {"caches_budget", info.caches_budget()},
          {"layers_bytes", worker.layers_bytes()},
          {"caches_bytes", worker.caches_bytes()},
          {"clock_ahead_seconds",
           worker.has_clock_ahead() ? Json(static_cast<double>(worker.clock_ahead()) / 1e9) : Json()},
          {"tasks", List(worker.tasks(), [](const std::string& task) { return Json(task); })}};
}

Json DistrustJson(const v1::DistrustWorkerResponse& response) {
  return {{"results", response.results()},
          {"exports", response.exports()},
          {"builds",
           List(response.builds(),
                [](const v1::ReachedBuild& build) {
                  return Json{{"id", build.id()},
                              {"status", Word(build.status())},
                              {"tags", List(build.tags(), [](const std::string& tag) { return Json(tag); })}};
                })},
          {"images", List(response.images(), [](const std::string& name) { return Json(name); })}};
}

Json ImageJson(const v1::ImageView& image) {
  return {{"name", image.name()},
          {"digest", TextOrNull(image.digest())},
          {"platforms", List(image.platforms(), PlatformText)},
          {"created_at", TimeJson(image.created_at())},
          {"stand_in", image.stand_in()},
          {"size_bytes", image.size_bytes()},
          {"origin", TextOrNull(image.origin())},
          {"build_id", image.build_id() == 0 ? Json() : Json(image.build_id())},
          {"owner", TextOrNull(image.owner())},
          {"project", TextOrNull(image.project())},
          {"shared", image.shared()}};
}

Json FarmWheelJson(const v1::FarmWheelView& view) {
  const v1::FarmWheel& wheel = view.wheel();
  return {{"id", view.id()},
          {"name", wheel.project()},
          {"version", wheel.version()},
          {"platform", view.platform()},
          {"file_name", wheel.file_name()},
          {"sha256", wheel.file().hash()},
          {"size_bytes", wheel.file().size_bytes()},
          {"source_file", view.source_file()},
          {"source_sha256", wheel.source_sha256()},
          {"build_id", wheel.build()},
          {"execution", wheel.execution()},
          {"seconds", wheel.seconds()},
          {"emulated", wheel.emulated()},
          {"compiled_at", TimeJson(view.compiled_at())},
          {"uses", view.uses()},
          {"used_at", view.used_at() == 0 ? Json() : TimeJson(view.used_at())},
          {"build_dependencies", List(view.build_dependencies().files(), [](const v1::BuildDependency& file) {
             return Json{{"name", file.name()}, {"file_name", file.file_name()}, {"sha256", file.sha256()}};
           })}};
}

Json BuildStageJson(const v1::StageView& stage) { return StageJson(stage); }

Json BuildStepJson(const v1::StepView& step) { return StepJson(step); }

Json NormalizationJson(const v1::Normalization& one) {
  Json package_files = Json::array();
  for (const std::string& path : one.package_files()) package_files.push_back(Printable(path));
  return {{"rule", one.rule()},
          {"files", one.files()},
          {"package_files", std::move(package_files)},
          {"variables", one.variables()}};
}

Json BuildCellJson(const v1::CellView& cell) { return CellJson(cell, true); }

Json MetadataJson(const v1::BuildView& build) {
  Json platforms = Json::object();
  for (const v1::CellView& cell : build.cells()) {
    platforms[FormatPlatform(cell.platform())] = {{"digest", TextOrNull(cell.image_digest())},
                                                  {"status", Word(cell.status())},
                                                  {"verdict", Word(VerdictOf(cell))},
                                                  {"same_host", cell.comparison().same_host()}};
  }
  return {{"build_id", build.id()},
          {"status", Word(build.status())},
          {"index_digest", TextOrNull(build.index_digest())},
          {"verdict", Word(OverallVerdict(build))},
          {"platforms", std::move(platforms)},
          {"tags", List(NamesSetBy(build), [](const std::string& tag) { return Json(tag); })}};
}

Json ErrorJson(const absl::Status& status) {
  return {{"error",
           {{"code", CodeWord(status.code())},
            {"message", Sv(status.message())},
            {"hint", TextOrNull(HintOf(status))}}}};
}

}  // namespace crossmill::cli
