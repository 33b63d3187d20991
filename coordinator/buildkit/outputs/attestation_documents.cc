#include "coordinator/buildkit/outputs/attestation_documents.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/attest/provenance_statement.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/oci/reference.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr char kArtifactType[] = "application/vnd.docker.attestation.manifest.v1+json";
constexpr char kEmptyType[] = "application/vnd.oci.empty.v1+json";
constexpr char kStatementMediaType[] = "application/vnd.in-toto+json";
constexpr char kPredicateAnnotation[] = "in-toto.io/predicate-type";
constexpr char kReferenceType[] = "vnd.docker.reference.type";
constexpr char kReferenceDigest[] = "vnd.docker.reference.digest";
// The empty JSON object, and what it is in base64.
constexpr std::string_view kEmptyObject = "{}";
constexpr char kEmptyObjectData[] = "e30=";

Json Described(std::string_view media_type, const Digest& digest) {
  Json json = Json::object();
  json["mediaType"] = media_type;
  json["digest"] = digest.Oci();
  json["size"] = digest.size;
  return json;
}

// What clients that know no artifacts take for an image's config.
std::string ConfigLikeAnImage(const std::vector<Digest>& layers) {
  Json config = Json::object();
  config["architecture"] = "unknown";
  config["os"] = "unknown";
  config["config"] = Json::object();
  config["rootfs"]["type"] = "layers";
  config["rootfs"]["diff_ids"] = Json::array();
  for (const Digest& layer : layers) config["rootfs"]["diff_ids"].push_back(layer.Oci());
  return WriteJson(config);
}

}  // namespace

absl::StatusOr<std::vector<PlatformStatements>> StatementsFor(const BuiltImage& image,
                                                              const AttestationOptions& asked,
                                                              const ExporterOptions& exporter,
                                                              const Roles& caller, BuildEvidence* evidence) {
  const bool provenance = asked.provenance && (exporter.inline_attestations || !asked.provenance_inline_only);
  const bool sbom = asked.sbom && (exporter.inline_attestations || !asked.sbom_inline_only);
  std::vector<PlatformStatements> all;
  if (!provenance && !sbom) return all;
  if (evidence == nullptr) {
    return absl::FailedPreconditionError(
        "this farm states nothing about its images: build with --provenance=false --sbom=false");
  }
  ASSIGN_OR_RETURN(std::vector<ImageStatements> known, evidence->Statements(ScopeOf(caller), image.build));
  for (ImageStatements& each : known) {
    PlatformStatements& platform = all.emplace_back();
    platform.manifest = each.manifest;
    if (sbom) platform.statements.push_back(std::move(each.spdx));
    if (provenance) {
      platform.statements.push_back(asked.full_provenance
                                        ? std::move(each.provenance)
                                        : attest::MinimalProvenance(std::move(each.provenance)));
    }
  }
  return all;
}

std::string ImageUrl(const std::string& name, const v1::Platform& platform) {
  const std::string suffix = "?platform=" + EncodePercent(oci::PlatformText(platform));
  const auto reference = oci::ParseReference(name);
  if (!reference.ok()) return "pkg:docker/" + EncodePercent(name, "/:") + suffix;
  std::string url = "pkg:docker/" + EncodePercent(reference->FamiliarName(), "/:");
  if (!reference->tag.empty()) url += "@" + EncodePercent(reference->tag);
  if (reference->digest.empty()) return url + suffix;
  return url + "?digest=" + EncodePercent(reference->digest, ":") + "&" + suffix.substr(1);
}

attest::Statement WithSubjects(attest::Statement statement, const std::vector<std::string>& names,
                               const v1::Platform& platform, const Digest& manifest) {
  statement.subjects.clear();
  for (const std::string& name : names)
    statement.subjects.push_back({ImageUrl(name, platform), manifest.hash});
  if (names.empty()) statement.subjects.push_back({oci::PlatformText(platform), manifest.hash});
  return statement;
}

absl::StatusOr<oci::Descriptor> PutAttestationManifest(BlobStore& blobs, const oci::Descriptor& image,
                                                       const std::vector<attest::Statement>& statements,
                                                       bool oci_artifact) {
  std::vector<Digest> layers;
  Json list = Json::array();
  for (const attest::Statement& statement : statements) {
    ASSIGN_OR_RETURN(const Digest digest, blobs.PutBytes(attest::WriteStatement(statement)));
    layers.push_back(digest);
    Json& layer = list.emplace_back(Described(kStatementMediaType, digest));
    layer["annotations"][kPredicateAnnotation] = statement.predicate_type;
  }
  Json manifest = Json::object();
  manifest["schemaVersion"] = 2;
  manifest["mediaType"] = oci::media_type::kOciManifest;
  if (oci_artifact) {
    manifest["artifactType"] = kArtifactType;
    ASSIGN_OR_RETURN(const Digest empty, blobs.PutBytes(kEmptyObject));
    manifest["config"] = Described(kEmptyType, empty);
    manifest["config"]["data"] = kEmptyObjectData;
  } else {
    ASSIGN_OR_RETURN(const Digest config, blobs.PutBytes(ConfigLikeAnImage(layers)));
    manifest["config"] = Described(oci::media_type::kOciConfig, config);
  }
  manifest["layers"] = std::move(list);
  if (oci_artifact) manifest["subject"] = Described(image.media_type, image.digest);
  oci::Descriptor descriptor;
  descriptor.media_type = std::string(oci::media_type::kOciManifest);
  ASSIGN_OR_RETURN(descriptor.digest, blobs.PutBytes(WriteJson(manifest)));
  v1::Platform& nowhere = descriptor.platform.emplace();
  nowhere.set_os("unknown");
  nowhere.set_architecture("unknown");
  descriptor.annotations[kReferenceType] = "attestation-manifest";
  descriptor.annotations[kReferenceDigest] = image.digest.Oci();
  return descriptor;
}

}  // namespace crossmill::coordinator::buildkit
