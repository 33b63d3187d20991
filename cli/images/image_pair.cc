#include "cli/images/image_pair.h"

#include <algorithm>
#include <memory>
#include <stop_token>
#include <utility>

#include "cli/images/flat_image.h"
#include "cli/show/causes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_build.h"
#include "common/base/status.h"
#include "common/compare/step_comparison.h"
#include "common/layer/manifest_diff.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

class FlatContents final : public compare::StepContents {
 public:
  FlatContents(const FlatImage& first, const FlatImage& second) : first_(first), second_(second) {}
  absl::StatusOr<std::unique_ptr<compare::Content>> OpenFirst(const std::string& path) override {
    return first_.Open(path);
  }
  absl::StatusOr<std::unique_ptr<compare::Content>> OpenSecond(const std::string& path) override {
    return second_.Open(path);
  }

 private:
  const FlatImage& first_;
  const FlatImage& second_;
};

absl::Status CompareFiles(BlobStore& blobs, const Digest& first, const Digest& second, size_t paths,
                          v1::StepComparison* files) {
  ASSIGN_OR_RETURN(const std::unique_ptr<FlatImage> ours, FlatImage::Read(blobs, first));
  ASSIGN_OR_RETURN(const std::unique_ptr<FlatImage> theirs, FlatImage::Read(blobs, second));
  uint32_t total = 0;
  std::vector<v1::PathDifference> differences =
      layer::DiffManifests(ours->manifest(), theirs->manifest(), SIZE_MAX, &total);
  files->set_agrees(total == 0);
  files->set_differences_total(total);
  FlatContents contents(*ours, *theirs);
  // Of whoever made the images nothing is known here: causes are those that show in the bytes.
  compare::ComparedExecutions sides;
  sides.first.worker = "the first image";
  sides.second.worker = "the second image";
  compare::StepExplanation explanation = compare::ExplainStep(
      differences, sides, contents, compare::KnownFiles::Embedded(), {}, std::stop_token());
  for (v1::CauseGroup& group : explanation.causes) *files->add_causes() = std::move(group);
  files->set_causes_problem(std::move(explanation.problem));
  differences.resize(std::min(differences.size(), paths));
  for (v1::PathDifference& difference : differences) *files->add_differences() = std::move(difference);
  return absl::OkStatus();
}

std::vector<LayerPair> PairLayers(const InspectedPlatform& first, const InspectedPlatform& second) {
  const size_t count = std::max(first.manifest.layers.size(), second.manifest.layers.size());
  std::vector<LayerPair> layers(count);
  for (size_t i = 0; i < count; ++i) {
    const auto fill = [i](const InspectedPlatform& image, std::string* diff_id, std::string* blob) {
      if (i < image.parsed_config.diff_ids.size()) *diff_id = image.parsed_config.diff_ids[i];
      if (i < image.manifest.layers.size()) *blob = image.manifest.layers[i].digest.Oci();
    };
    fill(first, &layers[i].first_diff_id, &layers[i].first_blob);
    fill(second, &layers[i].second_diff_id, &layers[i].second_blob);
  }
  return layers;
}

Json Annotations(const std::map<std::string, std::string>& annotations) {
  Json json = Json::object();
  for (const auto& [name, value] : annotations) json[name] = value;
  return json;
}

void AddDocument(const std::string& type, const std::map<std::string, std::string>& annotations,
                 const std::string& other_type, const std::map<std::string, std::string>& other_annotations,
                 const std::string& name, std::vector<FieldChange>* fields) {
  for (FieldChange& change :
       CompareDocuments({{"media_type", type}, {"annotations", Annotations(annotations)}},
                        {{"media_type", other_type}, {"annotations", Annotations(other_annotations)}}, name))
    fields->push_back(std::move(change));
}

absl::Status ComparePlatform(BlobStore& blobs, const InspectedPlatform& first,
                             const InspectedPlatform& second, size_t paths, PlatformImagePair* pair) {
  pair->first_manifest = first.manifest_digest.Oci();
  pair->second_manifest = second.manifest_digest.Oci();
  pair->first_config = first.manifest.config.digest.Oci();
  pair->second_config = second.manifest.config.digest.Oci();
  pair->layers = PairLayers(first, second);
  if (pair->first_manifest == pair->second_manifest) return absl::OkStatus();
  pair->fields = CompareConfigs(first.config, second.config);
  AddDocument(first.manifest.media_type, first.manifest.annotations, second.manifest.media_type,
              second.manifest.annotations, "manifest", &pair->fields);
  // Equal diffIDs are what the configs say. Blobs that are equal are the same layers whatever is said; others
  // are unpacked, and must have the diffIDs of their config.
  const auto blobs_of = [](const InspectedPlatform& image) {
    std::vector<std::string> hashes;
    for (const oci::Descriptor& layer : image.manifest.layers) hashes.push_back(layer.digest.hash);
    return hashes;
  };
  if (first.parsed_config.diff_ids == second.parsed_config.diff_ids && blobs_of(first) == blobs_of(second))
    return absl::OkStatus();
  const absl::Status compared =
      CompareFiles(blobs, first.manifest_digest, second.manifest_digest, paths, &pair->files);
  pair->files_compared = compared.ok();
  // Its blobs may be gone, or one of the images is damaged: the documents are told all the same.
  if (!compared.ok()) pair->files_problem = std::string(Sv(compared.message()));
  return absl::OkStatus();
}

const InspectedPlatform* Find(const InspectedImage& image, const v1::Platform& platform) {
  const auto found =
      std::find_if(image.platforms.begin(), image.platforms.end(),
                   [&](const InspectedPlatform& each) { return SamePlatform(each.platform, platform); });
  return found == image.platforms.end() ? nullptr : &*found;
}

// As the configs say; what blobs that differ hold is looked at with the file systems.
bool SameLayers(const PlatformImagePair& pair) {
  return std::all_of(pair.layers.begin(), pair.layers.end(),
                     [](const LayerPair& layer) { return layer.first_diff_id == layer.second_diff_id; });
}

std::string ShortDigest(const std::string& digest) { return digest.empty() ? "-" : digest.substr(0, 19); }

std::string FieldText(const Json& value) {
  if (value.is_null()) return "-";
  return Printable(value.is_string() ? value.get<std::string>() : WriteJson(value));
}

std::string RenderFields(const std::vector<FieldChange>& fields, const TextOptions& options, int indent) {
  std::string text;
  const std::string blanks(static_cast<size_t>(indent), ' ');
  for (const FieldChange& change : fields) {
    text += blanks + Paint(Printable(change.field), Ink::kYellow, options.colour) + "\n";
    text += fmt::format("{0}  first  {1}\n{0}  second {2}\n", blanks, FieldText(change.first),
                        FieldText(change.second));
  }
  return text;
}

std::string RenderLayers(const PlatformImagePair& pair, const TextOptions& options) {
  size_t equal = 0;
  bool packed_otherwise = false;
  Table table({{"", Table::Align::kRight}, {"FIRST"}, {"SECOND"}});
  for (size_t i = 0; i < pair.layers.size(); ++i) {
    const LayerPair& layer = pair.layers[i];
    if (layer.first_diff_id == layer.second_diff_id) {
      ++equal;
      packed_otherwise = packed_otherwise || layer.first_blob != layer.second_blob;
    } else {
      table.Add(
          {{std::to_string(i + 1)}, {ShortDigest(layer.first_diff_id)}, {ShortDigest(layer.second_diff_id)}});
    }
  }
  std::string text =
      fmt::format("  layers: {} of {} equal{}\n", equal, pair.layers.size(),
                  !pair.files_problem.empty() ? " as the configs say, which could not be checked"
                  : packed_otherwise          ? ", some of them compressed otherwise"
                                              : "");
  if (!table.empty()) text += table.Render(options, 4);
  return text;
}

std::string RenderFiles(const PlatformImagePair& pair, const TextOptions& options, size_t paths) {
  if (!pair.files_problem.empty())
    return fmt::format("  file systems: not compared: {}\n", Printable(pair.files_problem));
  if (!pair.files_compared) return "  file systems: made of the same layers\n";
  if (pair.files.differences_total() == 0) return "  file systems: equal, whatever layers they are made of\n";
  const uint32_t total = pair.files.differences_total();
  return fmt::format("  file systems: {} {}\n", total, total == 1 ? "path differs" : "paths differ") +
         RenderCauses(pair.files, options, 4, SIZE_MAX, true) +
         RenderPaths(pair.files, options, 4, paths, "--paths N");
}

Json FieldsJson(const std::vector<FieldChange>& fields) {
  Json list = Json::array();
  for (const FieldChange& change : fields)
    list.push_back({{"field", change.field}, {"first", change.first}, {"second", change.second}});
  return list;
}

Json FilesJson(const PlatformImagePair& pair) {
  if (!pair.files_compared) return Json();
  const Json step = StepDocument(pair.files);
  Json files = Json::object();
  for (const char* name : {"differences", "differences_total", "causes", "causes_problem"})
    files[name] = step.at(name);
  return files;
}

Json PlatformJson(const PlatformImagePair& pair) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  Json layers = Json::array();
  for (const LayerPair& layer : pair.layers) {
    layers.push_back({{"first", text(layer.first_diff_id)},
                      {"second", text(layer.second_diff_id)},
                      {"equal", layer.first_diff_id == layer.second_diff_id},
                      {"first_blob", text(layer.first_blob)},
                      {"second_blob", text(layer.second_blob)}});
  }
  const bool both = pair.in_first && pair.in_second;
  return {{"platform", oci::PlatformText(pair.platform)},
          {"in_first", pair.in_first},
          {"in_second", pair.in_second},
          {"equal", both ? Json(pair.first_manifest == pair.second_manifest) : Json()},
          {"first_manifest", text(pair.first_manifest)},
          {"second_manifest", text(pair.second_manifest)},
          {"fields", FieldsJson(pair.fields)},
          {"layers", std::move(layers)},
          {"layers_equal", both && pair.files_problem.empty() ? Json(SameLayers(pair)) : Json()},
          {"files", FilesJson(pair)},
          {"files_problem", text(pair.files_problem)}};
}

std::string RenderPlatform(const PlatformImagePair& pair, const TextOptions& options, size_t paths) {
  std::string text = Paint(oci::PlatformText(pair.platform), Ink::kBold, options.colour) + "\n";
  if (!pair.in_first || !pair.in_second)
    return text + fmt::format("  only the {} image has it\n", pair.in_first ? "first" : "second");
  if (pair.first_manifest == pair.second_manifest)
    return text + fmt::format("  equal: both are {}\n", pair.first_manifest);
  text += fmt::format("  manifests: {}\n             {}\n", pair.first_manifest, pair.second_manifest);
  text += pair.fields.empty() ? "  config: equal, apart from its layers\n"
                              : "  config and manifest:\n" + RenderFields(pair.fields, options, 4);
  return text + RenderLayers(pair, options) + RenderFiles(pair, options, paths);
}

}  // namespace

absl::StatusOr<ImagePair> CompareImages(Session& session, const std::string& first, const std::string& second,
                                        const std::optional<v1::Platform>& platform, size_t paths) {
  ASSIGN_OR_RETURN(const InspectedImage ours, InspectImage(session, first, std::nullopt));
  ASSIGN_OR_RETURN(const InspectedImage theirs, InspectImage(session, second, std::nullopt));
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ImagePair pair;
  pair.first = ours.image;
  pair.second = theirs.image;
  if (ours.media_type == theirs.media_type)
    AddDocument(ours.media_type, ours.annotations, theirs.media_type, theirs.annotations, "index",
                &pair.fields);
  for (const InspectedImage* image : {&ours, &theirs}) {
    for (const InspectedPlatform& each : image->platforms) {
      if (platform && !SamePlatform(*platform, each.platform)) continue;
      const InspectedPlatform* here = Find(ours, each.platform);
      const InspectedPlatform* there = Find(theirs, each.platform);
      if (image == &theirs && here != nullptr) continue;
      PlatformImagePair& row = pair.platforms.emplace_back();
      row.platform = each.platform;
      row.in_first = here != nullptr;
      row.in_second = there != nullptr;
      if (here == nullptr || there == nullptr) continue;
      RETURN_IF_ERROR(session.Explain(ComparePlatform(*farm->blobs, *here, *there, paths, &row)));
    }
  }
  if (pair.platforms.empty()) {
    return absl::NotFoundError(fmt::format("neither {} nor {} has {}", first, second,
                                           platform ? oci::PlatformText(*platform) : "a platform"));
  }
  return pair;
}

std::string RenderImagePair(const ImagePair& pair, const TextOptions& options, size_t paths) {
  std::string text;
  for (const v1::ImageView* image : {&pair.first, &pair.second})
    text +=
        fmt::format("{} {} {}\n", image == &pair.first ? "first " : "second", image->name(), image->digest());
  if (pair.first.build_id() != 0 && pair.second.build_id() != 0) {
    text += Paint(fmt::format("of the builds that made them more is recorded: crossmill diff {} {}\n",
                              pair.first.build_id(), pair.second.build_id()),
                  Ink::kDim, options.colour);
  }
  text += RenderFields(pair.fields, options, 2);
  for (const PlatformImagePair& platform : pair.platforms) text += RenderPlatform(platform, options, paths);
  return text;
}

Json ImagePairJson(const ImagePair& pair) {
  Json platforms = Json::array();
  for (const PlatformImagePair& platform : pair.platforms) platforms.push_back(PlatformJson(platform));
  const auto image = [](const v1::ImageView& view) {
    return Json{{"name", view.name()},
                {"digest", view.digest()},
                {"build", view.build_id() == 0 ? Json() : Json(view.build_id())}};
  };
  return {{"first", image(pair.first)},
          {"second", image(pair.second)},
          {"equal", pair.first.digest() == pair.second.digest()},
          {"fields", FieldsJson(pair.fields)},
          {"platforms", std::move(platforms)}};
}

}  // namespace crossmill::cli
