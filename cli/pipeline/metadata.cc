#include "cli/pipeline/metadata.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "cli/show/json_output.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

// As docker buildx names them, so that what reads its files reads ours.
void AddBuildxMembers(const v1::BuildView& build, Json* json) {
  if (!build.index_digest().empty()) (*json)["containerimage.digest"] = build.index_digest();
  if (const std::vector<std::string> names = NamesSetBy(build); !names.empty())
    (*json)["image.name"] = absl::StrJoin(names, ",");
}

Json BuildMetadata(const v1::BuildView& build) {
  Json json = MetadataJson(build);
  AddBuildxMembers(build, &json);
  return json;
}

}  // namespace

Json MetadataDocument(const PipelineRun& run) {
  if (run.matrix == 0 && run.builds.size() == 1) {
    Json json = BuildMetadata(run.builds.front().build);
    json["incomplete"] = TextOrNull(run.incomplete);
    return json;
  }
  Json json = {{run.matrix == 0 ? "build_id" : "matrix_id",
                run.first_build == 0 ? Json(nullptr) : Json(run.first_build)},
               {"status", RunWord(run)},
               {"verdict", Word(RunVerdict(run))},
               {"incomplete", TextOrNull(run.incomplete)}};
  if (run.matrix == 0) return json;
  Json combinations = Json::object();
  for (const BuildReport& report : run.builds) {
    Json build = BuildMetadata(report.build);
    Json arguments = Json::object();
    for (const v1::BuildArgument& argument : report.build.matrix().combination())
      arguments[argument.name()] = argument.value();
    build["arguments"] = std::move(arguments);
    combinations[FormatCombination(report.build.matrix())] = std::move(build);
  }
  json["combinations"] = std::move(combinations);
  return json;
}

}  // namespace crossmill::cli
