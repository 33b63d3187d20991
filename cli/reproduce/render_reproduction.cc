#include "cli/reproduce/render_reproduction.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cli/history/render_rebuild.h"
#include "cli/show/exit_codes.h"
#include "cli/show/render_build.h"
#include "common/base/status.h"
#include "common/oci/image.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

struct NamedLevel {
  ImageLevel level;
  const char* name;
};

constexpr std::array<NamedLevel, 5> kLevels = {{{ImageLevel::kManifest, "image"},
                                                {ImageLevel::kConfig, "config"},
                                                {ImageLevel::kBlobs, "blobs"},
                                                {ImageLevel::kLayers, "layers"},
                                                {ImageLevel::kFiles, "files"}}};

const char* NameOf(ImageLevel level) {
  for (const NamedLevel& each : kLevels) {
    if (each.level == level) return each.name;
  }
  return "none";
}

bool IsBoth(const PlatformImagePair& pair) { return pair.in_first && pair.in_second; }

bool SameManifest(const PlatformImagePair& pair) { return pair.first_manifest == pair.second_manifest; }

v1::LevelComparison DocumentLevel(const char* level, const std::string& first, const std::string& second) {
  v1::LevelComparison row;
  row.set_level(level);
  row.set_then(first);
  row.set_now(second);
  row.set_equal(!first.empty() && first == second);
  return row;
}

v1::LevelComparison LayerLevel(const char* level, const PlatformImagePair& pair,
                               std::string LayerPair::*first, std::string LayerPair::*second) {
  v1::LevelComparison row;
  row.set_level(level);
  row.set_layers(static_cast<uint32_t>(pair.layers.size()));
  uint32_t equal = 0;
  for (const LayerPair& layer : pair.layers) equal += layer.*first == layer.*second ? 1 : 0;
  row.set_equal_layers(equal);
  row.set_equal(equal == pair.layers.size());
  return row;
}

// Directories over which a runtime mounts its own while a step runs. Builders differ in whether one that the
// base does not have stays behind in the layer (moby/buildkit#3455); no container sees the difference. What
// lies in one is another path.
bool IsMountPoint(const v1::PathDifference& difference) {
  if (difference.kind() != v1::PathDifference::KIND_ONLY_FIRST &&
      difference.kind() != v1::PathDifference::KIND_ONLY_SECOND)
    return false;
  return difference.detail() == "directory" &&
         (difference.path() == "dev" || difference.path() == "proc" || difference.path() == "sys");
}

// What has nothing to do with how a container of the image is started.
bool IsOfRecord(const FieldChange& change) {
  for (const std::string_view prefix :
       {"created", "history", "config.Labels", "manifest", "author", "moby.", "rootfs"}) {
    if (change.field.starts_with(prefix)) return true;
  }
  return false;
}

v1::LevelComparison FilesLevel(const PlatformImagePair& pair) {
  v1::LevelComparison row;
  row.set_level("files");
  if (!pair.files_problem.empty()) {
    row.set_problem(pair.files_problem);
    return row;
  }
  const auto& differences = pair.files.differences();
  const bool all_told = static_cast<uint32_t>(differences.size()) == pair.files.differences_total();
  row.set_equal(all_told && std::all_of(pair.fields.begin(), pair.fields.end(), IsOfRecord) &&
                std::all_of(differences.begin(), differences.end(), [](const auto& each) {
                  return each.kind() == v1::PathDifference::KIND_TIME || IsMountPoint(each);
                }));
  return row;
}

// Where several hosts were asked for: what their executions say.
v1::RebuildComparison::Result HostsSay(const Reproduction& reproduction) {
  if (reproduction.hosts < 2) return v1::RebuildComparison::RESULT_EQUAL;
  switch (ExitCodeOf(reproduction.build, true)) {
    case kExitOk:
      return v1::RebuildComparison::RESULT_EQUAL;
    case kExitNotReproducible:
      return v1::RebuildComparison::RESULT_DIFFERENT;
    default:
      return v1::RebuildComparison::RESULT_UNKNOWN;
  }
}

// Those that were compared: the store may lack others of the image.
std::string Platforms(const ImagePair& pair) {
  std::string text;
  for (const PlatformImagePair& each : pair.platforms)
    text += (text.empty() ? "" : ", ") + oci::PlatformText(each.platform);
  return text;
}

std::string Sentence(const Reproduction& reproduction) {
  const char* level = NameOf(reproduction.required);
  const auto hosts = HostsSay(reproduction);
  if (reproduction.pair.platforms.empty()) {
    return fmt::format(
        "nothing can be said of it: build {}: {}", reproduction.build.id(),
        reproduction.build.message().empty() ? "it did not succeed" : reproduction.build.message());
  }
  if (hosts == v1::RebuildComparison::RESULT_DIFFERENT) return "its executions here do not give one image";
  switch (ResultOf(reproduction)) {
    case v1::RebuildComparison::RESULT_EQUAL:
      return fmt::format("made again on {}: equal at the level of {}{}", Platforms(reproduction.pair), level,
                         reproduction.named.empty() ? "" : ", with the build contexts that are named below");
    case v1::RebuildComparison::RESULT_DIFFERENT:
      return fmt::format("the recipe gives another image: not equal at the level of {}", level);
    default:
      if (hosts == v1::RebuildComparison::RESULT_UNKNOWN)
        return fmt::format("not known: {} hosts were asked for, and they give no verdict",
                           reproduction.hosts);
      return fmt::format(
          "not made again at the level of {}, which proves nothing against the image: see what is not known",
          level);
  }
}

std::string RenderPlatformLevels(const PlatformImagePair& pair, const TextOptions& options) {
  std::string text = Paint(oci::PlatformText(pair.platform), Ink::kBold, options.colour);
  if (!IsBoth(pair))
    return text + fmt::format("  only the {} image has it\n", pair.in_first ? "published" : "rebuilt");
  const ImageLevel strictest = StrictestEqual(pair);
  text +=
      strictest == ImageLevel::kNone
          ? std::string("  equal at no level\n")
          : fmt::format("  equal at the level of {}{}\n", NameOf(strictest),
                        strictest == ImageLevel::kFiles ? " (what the layers make together and how it is "
                                                          "started, apart from times and empty mount points)"
                                                        : "");
  v1::RebuildComparison comparison;
  for (v1::LevelComparison& level : LevelsOf(pair)) *comparison.add_levels() = std::move(level);
  return text + RenderLevels(comparison, {"published", "rebuilt"}, options);
}

Json RecipeJson(const Reproduction& reproduction) {
  const attest::ProvenanceRecipe& recipe = reproduction.recipe;
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  Json flags = Json::array();
  for (const auto& [name, value] : recipe.flags) flags.push_back(fmt::format("--{}={}", name, value));
  return {{"told_by", recipe.told_by},
          {"source", text(recipe.source)},
          {"commit", text(recipe.commit)},
          {"dockerfile", text(recipe.dockerfile)},
          {"target", text(recipe.target)},
          {"arguments", Json(recipe.arguments)},
          {"source_date_epoch", recipe.source_date_epoch ? Json(*recipe.source_date_epoch) : Json()},
          {"labels", Json(recipe.labels)},
          {"flags", std::move(flags)},
          {"pins", Json(reproduction.pins)},
          {"named_contexts", Json(reproduction.named)},
          {"overrides", Json(reproduction.overrides)},
          {"gaps", Json(recipe.gaps)}};
}

}  // namespace

absl::StatusOr<ImageLevel> ParseImageLevel(std::string_view text) {
  for (const NamedLevel& each : kLevels) {
    if (text == each.name) return each.level;
  }
  return absl::InvalidArgumentError(
      fmt::format("unknown level '{}'; expected image, config, blobs, layers or files", text));
}

std::vector<v1::LevelComparison> LevelsOf(const PlatformImagePair& pair) {
  std::vector<v1::LevelComparison> levels;
  levels.push_back(DocumentLevel("image", pair.first_manifest, pair.second_manifest));
  levels.push_back(DocumentLevel("config", pair.first_config, pair.second_config));
  levels.push_back(LayerLevel("blobs", pair, &LayerPair::first_blob, &LayerPair::second_blob));
  levels.push_back(LayerLevel("layers", pair, &LayerPair::first_diff_id, &LayerPair::second_diff_id));
  levels.push_back(FilesLevel(pair));
  // A config is worth what the layers below it are: where these could not be looked into, it says nothing.
  if (!pair.files_problem.empty()) {
    for (const size_t level : {1, 3}) levels[level].set_problem(pair.files_problem);
  }
  return levels;
}

bool IsEqualAt(const PlatformImagePair& pair, ImageLevel level) {
  if (!IsBoth(pair) || level == ImageLevel::kNone) return false;
  if (SameManifest(pair)) return true;
  const std::vector<v1::LevelComparison> levels = LevelsOf(pair);
  const v1::LevelComparison& row = levels[static_cast<size_t>(level)];
  return row.problem().empty() && row.equal();
}

ImageLevel StrictestEqual(const PlatformImagePair& pair) {
  for (const NamedLevel& each : kLevels) {
    if (IsEqualAt(pair, each.level)) return each.level;
  }
  return ImageLevel::kNone;
}

v1::RebuildComparison::Result ResultOf(const Reproduction& reproduction) {
  bool equal = !reproduction.pair.platforms.empty();
  bool compared = equal;
  for (const PlatformImagePair& pair : reproduction.pair.platforms) {
    equal = equal && IsEqualAt(pair, reproduction.required);
    compared = compared && IsBoth(pair) && (SameManifest(pair) || LevelsOf(pair).back().problem().empty());
  }
  const auto hosts = HostsSay(reproduction);
  if (equal || hosts == v1::RebuildComparison::RESULT_DIFFERENT) return hosts;
  return compared && reproduction.recipe.gaps.empty() ? v1::RebuildComparison::RESULT_DIFFERENT
                                                      : v1::RebuildComparison::RESULT_UNKNOWN;
}

std::string RenderReproduction(const Reproduction& reproduction, const TextOptions& options, size_t paths) {
  const attest::ProvenanceRecipe& recipe = reproduction.recipe;
  const auto result = ResultOf(reproduction);
  std::string text = Paint(fmt::format("{} {}", ResultGlyph(result), Sentence(reproduction)),
                           ResultInk(result), options.colour) +
                     "\n";
  Table table({{""}, {""}});
  const auto add = [&table](std::string name, const std::string& value) {
    if (!value.empty()) table.Add({{std::move(name), Ink::kDim}, {Printable(value)}});
  };
  add("published", fmt::format("{} {}", reproduction.pair.first.name(), reproduction.pair.first.digest()));
  if (!reproduction.pair.second.digest().empty())
    add("rebuilt", fmt::format("build {}: {}", reproduction.build.id(), reproduction.pair.second.digest()));
  add("told by", recipe.told_by);
  add("source",
      recipe.commit.empty() ? recipe.source : fmt::format("{} at {}", recipe.source, recipe.commit));
  add("Dockerfile", recipe.dockerfile);
  add("target", recipe.target);
  for (const auto& [name, value] : recipe.arguments) add("argument", name + "=" + value);
  for (const auto& [name, value] : recipe.labels) add("label", name + "=" + value);
  for (const auto& [name, value] : recipe.flags) add("flag", fmt::format("--{}={}", name, value));
  for (const std::string& named : reproduction.named) add("build context", named);
  for (const std::string& pin : reproduction.pins) add("base", pin.substr(pin.find('=') + 1));
  for (const std::string& each : reproduction.overrides) add("in place of it", each);
  for (const std::string& gap : recipe.gaps) add("not known", gap);
  text += table.Render(options, 2);
  for (const PlatformImagePair& pair : reproduction.pair.platforms)
    text += RenderPlatformLevels(pair, options);
  if (std::any_of(reproduction.pair.platforms.begin(), reproduction.pair.platforms.end(),
                  [](const PlatformImagePair& pair) { return IsBoth(pair) && !SameManifest(pair); })) {
    text += "\n" + RenderImagePair(reproduction.pair, options, paths);
  }
  if (reproduction.hosts > 1) {
    for (const v1::CellView& cell : reproduction.build.cells())
      text += RenderVerdict(reproduction.build, cell, options, paths);
  }
  return text;
}

Json ReproductionJson(const Reproduction& reproduction) {
  Json platforms = Json::array();
  for (const PlatformImagePair& pair : reproduction.pair.platforms) {
    v1::RebuildComparison comparison;
    if (IsBoth(pair)) {
      for (v1::LevelComparison& level : LevelsOf(pair)) *comparison.add_levels() = std::move(level);
    }
    platforms.push_back({{"platform", oci::PlatformText(pair.platform)},
                         {"strictest_equal", NameOf(StrictestEqual(pair))},
                         {"levels", LevelsJson(comparison, {"published", "rebuilt"})}});
  }
  const bool compared = !reproduction.pair.platforms.empty();
  return {{"result", RebuildWord(ResultOf(reproduction))},
          {"required", NameOf(reproduction.required)},
          {"published", reproduction.pair.first.digest()},
          {"rebuilt", compared ? Json(reproduction.pair.second.digest()) : Json()},
          {"message", compared ? Json() : Json(reproduction.build.message())},
          {"build", reproduction.build.id()},
          {"hosts", reproduction.hosts},
          {"verdict", reproduction.hosts > 1 ? Json(Word(OverallVerdict(reproduction.build))) : Json()},
          {"recipe", RecipeJson(reproduction)},
          {"platforms", std::move(platforms)},
          {"comparison", compared ? ImagePairJson(reproduction.pair) : Json()}};
}

int ReproductionExitCode(const Reproduction& reproduction) {
  if (IsFinished(reproduction.build.status()) && reproduction.build.status() != v1::BUILD_STATUS_SUCCEEDED)
    return ExitCodeOf(reproduction.build, false);
  switch (ResultOf(reproduction)) {
    case v1::RebuildComparison::RESULT_EQUAL:
      return kExitOk;
    case v1::RebuildComparison::RESULT_DIFFERENT:
      return kExitNotReproducible;
    default:
      return kExitInconclusive;
  }
}

}  // namespace crossmill::cli
