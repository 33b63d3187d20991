#include "common/registry/referrers.h"

#include <algorithm>
#include <utility>

#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::registry {
namespace {

// An artifact has no config: OCI's empty descriptor stands in its place.
constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json";
constexpr std::string_view kEmptyContent = "{}";
// An index with more than these is somebody's mistake, or attack.
constexpr size_t kMostReferrers = 10'000;

Json DescriptorJson(std::string_view media_type, const Digest& digest) {
  Json json;
  json["mediaType"] = media_type;
  json["digest"] = digest.Oci();
  json["size"] = digest.size;
  return json;
}

void AddAnnotations(const std::map<std::string, std::string>& annotations, Json* json) {
  if (annotations.empty()) return;
  (*json)["annotations"] = Json::object();
  for (const auto& [name, value] : annotations) (*json)["annotations"][name] = value;
}

absl::StatusOr<Json> ParseIndex(std::string_view bytes) {
  if (bytes.empty()) {
    Json json;
    json["schemaVersion"] = 2;
    json["mediaType"] = oci::media_type::kOciIndex;
    json["manifests"] = Json::array();
    return json;
  }
  ASSIGN_OR_RETURN(Json json, ParseJson(bytes));
  if (!json.is_object() || !json.contains("manifests") || !json["manifests"].is_array() ||
      json["manifests"].size() >= kMostReferrers) {
    return absl::InvalidArgumentError(
        "what the tag of its referrers names is no index that could be added to");
  }
  return json;
}

absl::Status PutFile(RegistryClient& registry, const PushTarget& target, BlobStore& store,
                     std::string_view content, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Digest digest, store.PutBytes(content));
  TransferHooks hooks;
  hooks.stop = stop;
  return registry.PutBlob(target, digest, store, "", hooks).status();
}

absl::Status AddToTag(RegistryClient& registry, const oci::Reference& repository, const Artifact& artifact,
                      const Digest& manifest, const std::stop_token& stop) {
  PushTarget target;
  target.reference = repository;
  target.reference.digest.clear();
  target.reference.tag = ReferrersTag(artifact.subject.digest);
  const auto there = registry.GetOwnManifest(target.reference, stop);
  if (!there.ok() && !absl::IsNotFound(there.status())) return there.status();
  const std::string before = there.ok() ? there->bytes : std::string();
  auto index = WithReferrer(before, artifact, manifest);
  if (!index.ok()) return Annotate(index.status(), target.reference.ToString());
  if (*index == before) return absl::OkStatus();
  RegistryManifest changed;
  changed.media_type = oci::media_type::kOciIndex;
  changed.digest = DigestOf(*index);
  changed.bytes = *std::move(index);
  return registry.PutManifest(target, changed, false, stop);
}

}  // namespace

std::string WriteArtifactManifest(const Artifact& artifact) {
  Json json;
  json["schemaVersion"] = 2;
  json["mediaType"] = oci::media_type::kOciManifest;
  json["artifactType"] = artifact.artifact_type;
  json["config"] = DescriptorJson(kEmptyType, DigestOf(kEmptyContent));
  json["layers"] = Json::array();
  for (const ArtifactFile& file : artifact.files) {
    Json layer = DescriptorJson(file.media_type, DigestOf(file.content));
    AddAnnotations(file.annotations, &layer);
    json["layers"].push_back(std::move(layer));
  }
  json["subject"] = DescriptorJson(artifact.subject.media_type, artifact.subject.digest);
  AddAnnotations(artifact.annotations, &json);
  return WriteJson(json);
}

absl::StatusOr<std::string> WithReferrer(std::string_view index, const Artifact& artifact,
                                         const Digest& manifest) {
  ASSIGN_OR_RETURN(Json json, ParseIndex(index));
  for (const Json& each : json["manifests"]) {
    if (each.is_object() && each.contains("digest") && each["digest"] == manifest.Oci())
      return std::string(index);
  }
  Json descriptor = DescriptorJson(oci::media_type::kOciManifest, manifest);
  descriptor["artifactType"] = artifact.artifact_type;
  AddAnnotations(artifact.annotations, &descriptor);
  json["manifests"].push_back(std::move(descriptor));
  return WriteJson(json);
}

std::string ReferrersTag(const Digest& subject) { return "sha256-" + subject.hash; }

absl::StatusOr<Digest> PutArtifact(RegistryClient& registry, const oci::Reference& repository,
                                   BlobStore& store, const Artifact& artifact, const std::stop_token& stop) {
  PushTarget target;
  target.reference = repository;
  RETURN_IF_ERROR(PutFile(registry, target, store, kEmptyContent, stop));
  for (const ArtifactFile& file : artifact.files)
    RETURN_IF_ERROR(PutFile(registry, target, store, file.content, stop));
  RegistryManifest manifest;
  manifest.media_type = oci::media_type::kOciManifest;
  manifest.bytes = WriteArtifactManifest(artifact);
  manifest.digest = DigestOf(manifest.bytes);
  bool noted = false;
  RETURN_IF_ERROR(registry.PutManifest(target, manifest, true, stop, &noted));
  if (!noted) RETURN_IF_ERROR(AddToTag(registry, repository, artifact, manifest.digest, stop));
  return manifest.digest;
}

}  // namespace crossmill::registry
