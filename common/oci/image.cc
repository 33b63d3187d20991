#include "common/oci/image.h"

#include <algorithm>

#include "absl/time/time.h"
#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::oci {
namespace {

// Far more than registries accept, and little enough for memory.
constexpr size_t kMaxEntries = 10'000;

absl::Status WrongMember(std::string_view member, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("image document: '{}' {}", member, what));
}

std::map<std::string, std::string> Annotations(const Json& object) {
  std::map<std::string, std::string> annotations;
  const auto it = object.find("annotations");
  if (it == object.end() || !it->is_object()) return annotations;
  for (const auto& [name, value] : it->items()) {
    if (value.is_string()) annotations[name] = value.get<std::string>();
  }
  return annotations;
}

v1::Platform ParsePlatform(const Json& object) {
  v1::Platform platform;
  platform.set_os(TextMember(object, "os"));
  platform.set_architecture(TextMember(object, "architecture"));
  platform.set_variant(TextMember(object, "variant"));
  return platform;
}

absl::StatusOr<Descriptor> ParseDescriptor(const Json& value, std::string_view member) {
  if (!value.is_object()) return WrongMember(member, "is not a descriptor");
  Descriptor descriptor;
  descriptor.media_type = TextMember(value, "mediaType");
  auto hash = HashOfOci(TextMember(value, "digest"));
  if (!hash.ok())
    return WrongMember(member, fmt::format("has a bad digest: {}", Sv(hash.status().message())));
  const auto size = value.find("size");
  if (size == value.end() || !size->is_number_integer() || size->get<int64_t>() < 0) {
    return WrongMember(member, "has no size");
  }
  descriptor.digest = Digest{*std::move(hash), size->get<int64_t>()};
  if (const auto it = value.find("platform"); it != value.end() && it->is_object()) {
    descriptor.platform = ParsePlatform(*it);
  }
  descriptor.annotations = Annotations(value);
  return descriptor;
}

absl::StatusOr<std::vector<Descriptor>> ParseDescriptors(const Json& document, const char* member) {
  const auto it = document.find(member);
  if (it == document.end() || !it->is_array()) return WrongMember(member, "is not a list");
  if (it->size() > kMaxEntries) return WrongMember(member, fmt::format("has over {} entries", kMaxEntries));
  std::vector<Descriptor> descriptors;
  for (const Json& value : *it) {
    ASSIGN_OR_RETURN(Descriptor descriptor, ParseDescriptor(value, member));
    descriptors.push_back(std::move(descriptor));
  }
  return descriptors;
}

absl::StatusOr<Json> ParseObject(std::string_view document) {
  ASSIGN_OR_RETURN(Json json, ParseJson(document));
  if (!json.is_object()) return absl::InvalidArgumentError("image document: not a JSON object");
  return json;
}

Json AnnotationsJson(const std::map<std::string, std::string>& annotations) {
  Json object = Json::object();
  for (const auto& [name, value] : annotations) object[name] = value;
  return object;
}

Json DescriptorJson(const Descriptor& descriptor) {
  Json object = Json::object();
  object["mediaType"] = descriptor.media_type;
  object["digest"] = descriptor.digest.Oci();
  object["size"] = descriptor.digest.size;
  if (descriptor.platform.has_value()) {
    Json& platform = object["platform"] = Json::object();
    platform["architecture"] = descriptor.platform->architecture();
    platform["os"] = descriptor.platform->os();
    if (!descriptor.platform->variant().empty()) platform["variant"] = descriptor.platform->variant();
  }
  if (!descriptor.annotations.empty()) object["annotations"] = AnnotationsJson(descriptor.annotations);
  return object;
}

Json DescriptorsJson(const std::vector<Descriptor>& descriptors) {
  Json list = Json::array();
  for (const Descriptor& descriptor : descriptors) list.push_back(DescriptorJson(descriptor));
  return list;
}

// The one spelling of each platform.
v1::Platform Canonical(v1::Platform platform) {
  if (platform.architecture() == "x86_64") platform.set_architecture("amd64");
  if (platform.architecture() == "aarch64") platform.set_architecture("arm64");
  if (platform.architecture() == "arm64" && platform.variant() == "v8") platform.clear_variant();
  if (platform.architecture() == "amd64" && platform.variant() == "v1") platform.clear_variant();
  if (platform.architecture() == "arm" && platform.variant().empty()) platform.set_variant("v7");
  return platform;
}

}  // namespace

bool IsIndexType(std::string_view type) {
  return type == media_type::kOciIndex || type == media_type::kDockerIndex;
}
bool IsManifestType(std::string_view type) {
  return type == media_type::kOciManifest || type == media_type::kDockerManifest;
}

absl::StatusOr<std::string> DocumentType(std::string_view document) {
  ASSIGN_OR_RETURN(const Json json, ParseObject(document));
  const auto version = json.find("schemaVersion");
  if (version != json.end() && version->is_number_integer() && version->get<int64_t>() == 1) {
    return absl::InvalidArgumentError(
        "image manifest: Docker schema 1 is not supported; push the image again with a current tool");
  }
  const std::string stated = TextMember(json, "mediaType");
  const bool index = json.contains("manifests");
  const bool manifest = json.contains("config") && json.contains("layers");
  // The two shapes must not be mixed: another reader might take the other one.
  if (index && json.contains("layers")) {
    return absl::InvalidArgumentError("image document: is both an index and a manifest");
  }
  if (index && (stated.empty() || IsIndexType(stated))) {
    return stated.empty() ? std::string(media_type::kOciIndex) : stated;
  }
  if (manifest && (stated.empty() || IsManifestType(stated))) {
    return stated.empty() ? std::string(media_type::kOciManifest) : stated;
  }
  return absl::InvalidArgumentError(
      fmt::format("image document: neither an image manifest nor an index (media type '{}')", stated));
}

absl::StatusOr<ImageManifest> ParseImageManifest(std::string_view document) {
  ImageManifest manifest;
  ASSIGN_OR_RETURN(manifest.media_type, DocumentType(document));
  if (!IsManifestType(manifest.media_type)) {
    return absl::InvalidArgumentError("image document: an index, not a manifest");
  }
  ASSIGN_OR_RETURN(const Json json, ParseObject(document));
  ASSIGN_OR_RETURN(manifest.config, ParseDescriptor(json.at("config"), "config"));
  ASSIGN_OR_RETURN(manifest.layers, ParseDescriptors(json, "layers"));
  manifest.annotations = Annotations(json);
  return manifest;
}

absl::StatusOr<ImageIndex> ParseImageIndex(std::string_view document) {
  ImageIndex index;
  ASSIGN_OR_RETURN(index.media_type, DocumentType(document));
  if (!IsIndexType(index.media_type))
    return absl::InvalidArgumentError("image document: a manifest, not an index");
  ASSIGN_OR_RETURN(const Json json, ParseObject(document));
  ASSIGN_OR_RETURN(index.manifests, ParseDescriptors(json, "manifests"));
  index.annotations = Annotations(json);
  return index;
}

std::string WriteImageManifest(const ImageManifest& manifest) {
  Json json = Json::object();
  json["schemaVersion"] = 2;
  json["mediaType"] = manifest.media_type;
  json["config"] = DescriptorJson(manifest.config);
  json["layers"] = DescriptorsJson(manifest.layers);
  if (!manifest.annotations.empty()) json["annotations"] = AnnotationsJson(manifest.annotations);
  return WriteJson(json);
}

std::string WriteDescriptor(const Descriptor& descriptor) { return WriteJson(DescriptorJson(descriptor)); }

std::string WriteImageIndex(const ImageIndex& index) {
  Json json = Json::object();
  json["schemaVersion"] = 2;
  json["mediaType"] = index.media_type;
  json["manifests"] = DescriptorsJson(index.manifests);
  if (!index.annotations.empty()) json["annotations"] = AnnotationsJson(index.annotations);
  return WriteJson(json);
}

std::string PlatformText(const v1::Platform& platform) {
  std::string text = fmt::format("{}/{}", platform.os(), platform.architecture());
  if (!platform.variant().empty()) text += "/" + platform.variant();
  return text;
}

bool IsImageDescriptor(const Descriptor& descriptor) {
  if (descriptor.annotations.contains("vnd.docker.reference.type")) return false;
  return !descriptor.platform.has_value() || descriptor.platform->architecture() != "unknown";
}

absl::StatusOr<Descriptor> SelectPlatform(const ImageIndex& index, const v1::Platform& platform) {
  const std::string wanted = PlatformText(Canonical(platform));
  std::string offered;
  for (const Descriptor& descriptor : index.manifests) {
    if (!descriptor.platform.has_value() || !IsImageDescriptor(descriptor)) continue;
    if (PlatformText(Canonical(*descriptor.platform)) == wanted) return descriptor;
    offered += (offered.empty() ? "" : ", ") + PlatformText(*descriptor.platform);
  }
  absl::Status missing = absl::NotFoundError(fmt::format(
      "the image has no platform {}; it has {}", PlatformText(platform), offered.empty() ? "none" : offered));
  missing.SetPayload(kMissingPlatform, absl::Cord());
  return missing;
}

absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view document) {
  ASSIGN_OR_RETURN(const Json json, ParseObject(document));
  ImageConfig config;
  config.platform = ParsePlatform(json);
  if (config.platform.os().empty() || config.platform.architecture().empty()) {
    return WrongMember("architecture", "or 'os' is missing from the image config");
  }
  config.created = ParseTime(TextMember(json, "created"));
  const auto rootfs = json.find("rootfs");
  if (rootfs == json.end() || !rootfs->is_object())
    return WrongMember("rootfs", "is missing from the image config");
  const auto ids = rootfs->find("diff_ids");
  // Docker writes null for an image without layers.
  if (ids == rootfs->end() || ids->is_null()) return config;
  if (!ids->is_array() || ids->size() > kMaxEntries) return WrongMember("rootfs.diff_ids", "is not a list");
  for (const Json& id : *ids) {
    if (!id.is_string()) return WrongMember("rootfs.diff_ids", "holds something else than digests");
    RETURN_IF_ERROR(HashOfOci(id.get<std::string>()).status());
    config.diff_ids.push_back(id.get<std::string>());
  }
  return config;
}

std::string FormatTime(int64_t seconds) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
}

std::optional<int64_t> ParseTime(std::string_view text) {
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, Av(text), &time, nullptr)) return std::nullopt;
  return absl::ToUnixSeconds(time);
}

}  // namespace crossmill::oci
