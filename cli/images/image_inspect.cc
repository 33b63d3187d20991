#include "cli/images/image_inspect.h"

#include <algorithm>
#include <utility>

#include "cli/show/json_output.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

absl::StatusOr<InspectedPlatform> ReadPlatform(BlobStore& blobs, const Digest& digest,
                                               const v1::GetImageResponse& response) {
  InspectedPlatform inspected;
  inspected.manifest_digest = digest;
  ASSIGN_OR_RETURN(const std::string bytes, blobs.Get(digest));
  ASSIGN_OR_RETURN(inspected.manifest, oci::ParseImageManifest(bytes));
  ASSIGN_OR_RETURN(const std::string config, blobs.Get(inspected.manifest.config.digest));
  ASSIGN_OR_RETURN(inspected.parsed_config, oci::ParseImageConfig(config));
  ASSIGN_OR_RETURN(inspected.config, ParseJson(config));
  // As people name it: arm64, whether its config says v8 or nothing.
  const auto platform = ParsePlatform(oci::PlatformText(inspected.parsed_config.platform));
  inspected.platform = platform.ok() ? *platform : inspected.parsed_config.platform;
  for (const v1::UnpackedImage& unpacked : response.unpacked()) {
    if (unpacked.manifest_digest() != digest.Oci()) continue;
    for (const auto& layer : unpacked.layers()) inspected.layer_bytes.push_back(layer.size_bytes());
  }
  if (inspected.layer_bytes.size() != inspected.manifest.layers.size()) inspected.layer_bytes.clear();
  return inspected;
}

Json AnnotationsJson(const std::map<std::string, std::string>& annotations) {
  Json json = Json::object();
  for (const auto& [name, value] : annotations) json[name] = value;
  return json;
}

Json LayersJson(const InspectedPlatform& image) {
  Json layers = Json::array();
  for (size_t i = 0; i < image.manifest.layers.size(); ++i) {
    const oci::Descriptor& layer = image.manifest.layers[i];
    Json json = {{"digest", layer.digest.Oci()},
                 {"media_type", layer.media_type},
                 {"size_bytes", layer.digest.size},
                 {"diff_id", nullptr},
                 {"uncompressed_bytes", nullptr}};
    if (i < image.parsed_config.diff_ids.size()) json["diff_id"] = image.parsed_config.diff_ids[i];
    if (!image.layer_bytes.empty()) json["uncompressed_bytes"] = image.layer_bytes[i];
    layers.push_back(std::move(json));
  }
  return layers;
}

// The exec form as JSON, the way Dockerfiles write it.
std::string ListText(const Json& config, const char* name) {
  const auto it = config.find(name);
  return it != config.end() && it->is_array() && !it->empty() ? WriteJson(*it) : "";
}

std::string KeysText(const Json& config, const char* name) {
  std::string text;
  const auto it = config.find(name);
  if (it == config.end() || !it->is_object()) return text;
  for (const auto& [key, value] : it->items()) text += (text.empty() ? "" : ", ") + key;
  return text;
}

void AddLine(std::string* text, std::string_view name, std::string_view value) {
  if (!value.empty()) *text += fmt::format("    {:<12} {}\n", name, Printable(value));
}

std::string RenderPlatform(const InspectedPlatform& image, const TextOptions& options) {
  int64_t compressed = image.manifest.config.digest.size;
  for (const oci::Descriptor& layer : image.manifest.layers) compressed += layer.digest.size;
  std::string text =
      fmt::format("\n  {} {}\n", Paint(oci::PlatformText(image.platform), Ink::kBold, options.colour),
                  image.manifest_digest.Oci());
  AddLine(&text, "type", image.manifest.media_type);
  AddLine(&text, "created", TextMember(image.config, "created"));
  AddLine(&text, "size",
          fmt::format("{} in {} layers", FormatBytes(compressed), image.manifest.layers.size()));
  Json config = Json::object();
  if (const auto it = image.config.find("config"); it != image.config.end() && it->is_object()) config = *it;
  AddLine(&text, "user", TextMember(config, "User"));
  AddLine(&text, "workdir", TextMember(config, "WorkingDir"));
  AddLine(&text, "entrypoint", ListText(config, "Entrypoint"));
  AddLine(&text, "cmd", ListText(config, "Cmd"));
  AddLine(&text, "ports", KeysText(config, "ExposedPorts"));
  AddLine(&text, "volumes", KeysText(config, "Volumes"));
  AddLine(&text, "stop signal", TextMember(config, "StopSignal"));
  if (const auto it = config.find("Healthcheck"); it != config.end() && it->is_object()) {
    AddLine(&text, "healthcheck", ListText(*it, "Test"));
  }
  if (const auto it = config.find("Env"); it != config.end() && it->is_array()) {
    for (const Json& value : *it) {
      if (value.is_string()) AddLine(&text, "env", value.get<std::string>());
    }
  }
  if (const auto it = config.find("Labels"); it != config.end() && it->is_object()) {
    for (const auto& [name, value] : it->items()) {
      AddLine(&text, "label", name + "=" + (value.is_string() ? value.get<std::string>() : ""));
    }
  }
  for (const auto& [name, value] : image.manifest.annotations)
    AddLine(&text, "annotation", name + "=" + value);
  for (size_t i = 0; i < image.manifest.layers.size(); ++i) {
    const oci::Descriptor& layer = image.manifest.layers[i];
    AddLine(&text, "layer",
            fmt::format("{} {}{}", layer.digest.Oci(), FormatBytes(layer.digest.size),
                        layer.media_type.ends_with("zstd") ? " zstd" : ""));
  }
  return text;
}

bool HasLayer(const Json& entry) {
  const auto it = entry.find("empty_layer");
  return it == entry.end() || !it->is_boolean() || !it->get<bool>();
}

// Seconds of the build's steps, by diffID.
std::map<std::string, const v1::StepView*> StepsByLayer(const v1::BuildView& build) {
  std::map<std::string, const v1::StepView*> steps;
  for (const v1::StageView& stage : build.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (step.layer().tar().hash().empty()) continue;
      steps.emplace("sha256:" + step.layer().tar().hash(), &step);
    }
  }
  return steps;
}

// "apt-logs (3 files), machine-id (1 file)".
std::string NormalizationsText(const HistoryRow& row) {
  std::string text;
  for (const v1::Normalization& one : row.normalizations)
    text += (text.empty() ? "" : ", ") + NormalizationText(one);
  return text;
}

// Layers of the image's base: those of the largest of the build's bases that the image begins with.
size_t BaseLayers(const InspectedPlatform& image, const v1::BuildView& build) {
  size_t most = 0;
  for (const v1::PinnedImage& base : build.bases()) {
    const size_t count = static_cast<size_t>(base.layers_size());
    if (count <= most || count > image.parsed_config.diff_ids.size()) continue;
    bool same = true;
    for (size_t i = 0; i < count && same; ++i) {
      same = "sha256:" + base.layers(static_cast<int>(i)).tar().hash() == image.parsed_config.diff_ids[i];
    }
    if (same) most = count;
  }
  return most;
}

}  // namespace

absl::StatusOr<InspectedImage> InspectImage(Session& session, const std::string& name,
                                            const std::optional<v1::Platform>& platform) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetImageRequest request;
  request.set_name(name);
  ASSIGN_OR_RETURN(const v1::GetImageResponse response,
                   session.Call(*farm->images, &v1::Images::StubInterface::GetImage, request));
  InspectedImage inspected;
  inspected.image = response.image();
  const Digest root = FromProto(response.root());
  BlobStore& blobs = *farm->blobs;
  ASSIGN_OR_RETURN(const std::string bytes, blobs.Get(root));
  ASSIGN_OR_RETURN(inspected.media_type, oci::DocumentType(bytes));
  oci::ImageIndex index;
  if (oci::IsIndexType(inspected.media_type)) {
    ASSIGN_OR_RETURN(index, oci::ParseImageIndex(bytes));
    inspected.annotations = index.annotations;
  } else {
    ASSIGN_OR_RETURN(InspectedPlatform only, ReadPlatform(blobs, root, response));
    oci::Descriptor& descriptor = index.manifests.emplace_back();
    descriptor.digest = root;
    descriptor.platform = only.platform;
  }
  if (platform.has_value()) {
    ASSIGN_OR_RETURN(const oci::Descriptor chosen, oci::SelectPlatform(index, *platform));
    index.manifests = {chosen};
  }
  for (const oci::Descriptor& descriptor : index.manifests) {
    if (!oci::IsImageDescriptor(descriptor) || !blobs.Has(descriptor.digest)) continue;
    ASSIGN_OR_RETURN(InspectedPlatform one, ReadPlatform(blobs, descriptor.digest, response));
    inspected.platforms.push_back(std::move(one));
  }
  if (inspected.platforms.empty()) {
    return absl::NotFoundError(fmt::format("image {}: the farm's store has no such platform of it", name));
  }
  return inspected;
}

Json InspectJson(const InspectedImage& image) {
  Json json = ImageJson(image.image);
  json["media_type"] = image.media_type;
  json["annotations"] = AnnotationsJson(image.annotations);
  Json& manifests = json["manifests"] = Json::array();
  for (const InspectedPlatform& one : image.platforms) {
    manifests.push_back({{"platform", oci::PlatformText(one.platform)},
                         {"digest", one.manifest_digest.Oci()},
                         {"media_type", one.manifest.media_type},
                         {"annotations", AnnotationsJson(one.manifest.annotations)},
                         {"config_digest", one.manifest.config.digest.Oci()},
                         {"config", one.config},
                         {"layers", LayersJson(one)}});
  }
  return json;
}

std::string RenderInspect(const InspectedImage& image, const TextOptions& options) {
  std::string text =
      fmt::format("{} {}\n", Paint(image.image.name(), Ink::kBold, options.colour), image.image.digest());
  text += fmt::format("  {}, {}{}\n", image.media_type, image.image.origin(),
                      image.image.stand_in() ? ", stand-in" : "");
  for (const auto& [name, value] : image.annotations) {
    text += fmt::format("  annotation {}={}\n", Printable(name), Printable(value));
  }
  for (const InspectedPlatform& one : image.platforms) text += RenderPlatform(one, options);
  return text;
}

std::vector<HistoryRow> HistoryOf(const InspectedPlatform& image, const v1::BuildView* build) {
  std::vector<HistoryRow> rows;
  std::map<std::string, const v1::StepView*> steps;
  size_t base_layers = 0;
  if (build != nullptr) {
    steps = StepsByLayer(*build);
    base_layers = BaseLayers(image, *build);
  }
  const auto history = image.config.find("history");
  size_t layer = 0;
  const auto layers = image.parsed_config.diff_ids.size();
  if (history != image.config.end() && history->is_array()) {
    for (const Json& entry : *history) {
      if (!entry.is_object()) continue;
      HistoryRow& row = rows.emplace_back();
      row.created_by = TextMember(entry, "created_by");
      row.comment = TextMember(entry, "comment");
      row.created = TextMember(entry, "created");
      // Entries without a layer below the base's last layer are the base's too.
      row.base = layer < base_layers;
      if (!HasLayer(entry) || layer >= layers) continue;
      row.diff_id = image.parsed_config.diff_ids[layer];
      row.compressed = image.layer_bytes.empty();
      if (!row.compressed)
        row.bytes = image.layer_bytes[layer];
      else if (layer < image.manifest.layers.size())
        row.bytes = image.manifest.layers[layer].digest.size;
      const auto known = steps.find(row.diff_id);
      if (known != steps.end() && !row.base) {
        row.seconds = known->second->seconds();
        const auto& normalizations = known->second->normalizations();
        row.normalizations.assign(normalizations.begin(), normalizations.end());
      }
      ++layer;
    }
  }
  // The base's last entries may have no layer (CMD): they are the base's as far as its own history goes.
  if (build != nullptr) {
    for (const v1::PinnedImage& base : build->bases()) {
      if (static_cast<size_t>(base.layers_size()) != base_layers || base_layers == 0) continue;
      const auto config = ParseJson(base.config());
      if (!config.ok() || !config->is_object()) continue;
      const auto own = config->find("history");
      if (own == config->end() || !own->is_array() || own->size() > rows.size()) continue;
      bool same = true;
      for (size_t i = 0; i < own->size() && same; ++i)
        same = TextMember((*own)[i], "created_by") == rows[i].created_by;
      for (size_t i = 0; same && i < own->size(); ++i) rows[i].base = true;
    }
  }
  std::reverse(rows.begin(), rows.end());
  return rows;
}

Json HistoryJson(const std::vector<HistoryRow>& rows) {
  Json list = Json::array();
  for (const HistoryRow& row : rows) {
    Json json = {{"created_by", row.created_by},
                 {"created", nullptr},
                 {"comment", row.comment},
                 {"size_bytes", row.bytes},
                 {"compressed", row.compressed},
                 {"diff_id", nullptr},
                 {"seconds", nullptr},
                 {"base", row.base},
                 {"normalizations", Json::array()}};
    for (const v1::Normalization& one : row.normalizations)
      json["normalizations"].push_back(NormalizationJson(one));
    if (!row.created.empty()) json["created"] = row.created;
    if (!row.diff_id.empty()) json["diff_id"] = row.diff_id;
    if (row.seconds.has_value()) json["seconds"] = *row.seconds;
    list.push_back(std::move(json));
  }
  return list;
}

std::string RenderHistory(const std::vector<HistoryRow>& rows, int64_t now, bool full,
                          const TextOptions& options) {
  using Align = Table::Align;
  Table table({{"CREATED"}, {"CREATED BY"}, {"SIZE", Align::kRight}, {"TIME", Align::kRight}, {""}},
              full ? -1 : 1);
  bool compressed = false;
  for (const HistoryRow& row : rows) {
    std::string created = "-";
    if (const auto seconds = oci::ParseTime(row.created)) created = FormatAge(*seconds * 1'000'000'000, now);
    const std::string by = row.created_by.empty() ? row.comment : row.created_by;
    const bool approximate = row.compressed && !row.diff_id.empty();
    compressed = compressed || approximate;
    table.Add({{created},
               {Printable(by), row.base ? Ink::kDim : Ink::kPlain},
               {FormatBytes(row.bytes) + (approximate ? "*" : "")},
               {row.seconds.has_value() ? FormatSeconds(*row.seconds) : "-"},
               {row.base                     ? "base"
                : row.normalizations.empty() ? ""
                                             : "normalized",
                Ink::kDim}});
  }
  std::string text = table.Render(options);
  Table normalized({{""}, {""}}, full ? -1 : 0);
  bool any = false;
  for (const HistoryRow& row : rows) {
    if (row.normalizations.empty()) continue;
    normalized.Add({{Printable(row.created_by)}, {NormalizationsText(row)}});
    any = true;
  }
  if (any)
    text += "normalized, as the farm's record says and the image does not:\n" + normalized.Render(options, 2);
  if (compressed) text += "* compressed: no build has unpacked this image yet\n";
  return text;
}

}  // namespace crossmill::cli
