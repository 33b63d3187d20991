// What the attributes of an exporter mean: read, and refused by name where the farm does not do it. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/layer/compression.h"
#include "coordinator/buildkit/outputs/exporters.h"
#include "coordinator/images/layer_compressor.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator::buildkit {

enum class ExporterKind { kImage, kOci, kDocker, kLocal, kTar };

// Form of an image: attributes that image, oci and docker have in common.
struct ImageForm {
  bool oci_types = true;
  // Form of the manifests of attestations: an artifact that has the image as its subject, or what looks like
  // an image.
  bool oci_artifact = true;
  // Nothing: layers as the farm has them.
  std::optional<LayerCompression> compression;
  // Also of layers that the base brought.
  bool every_layer = false;
  // As `--annotation` writes them (common/oci/annotations.h).
  std::vector<v1::BuildArgument> annotations;
};

struct ExporterOptions {
  ExporterKind kind = ExporterKind::kImage;
  // As the client wrote them; "*" is left out.
  std::vector<std::string> names;
  ImageForm form;
  // Attestations that only an image's index can hold are taken, too.
  bool inline_attestations = false;
  // Seconds; clients may say what the build's clamp time is.
  std::optional<int64_t> epoch;

  // Image.
  bool push = false;
  bool by_digest = false;
  bool store = true;
  // Asked for what is the farm's to decide.
  bool insecure = false;
  // "PREFIX@sha256:..." becomes a name, too, or the only one if there is no other.
  std::string dangling_prefix;
  bool dangling_only = false;

  // Oci and docker: one tar, else blobs.
  bool tar = true;

  // Local and tar.
  std::optional<bool> split;
  bool remove_others = false;
  std::string attestation_prefix;
};

// INVALID_ARGUMENT for what means nothing or contradicts itself, UNIMPLEMENTED for what BuildKit does and the
// farm does not; both name exporter and attribute, and say what to do.
absl::StatusOr<ExporterOptions> ReadExporter(const ExporterRequest& request, size_t platforms);

// As buildx calls it, for messages: "type=oci".
std::string ExporterName(ExporterKind kind);

// What a client asks to be stated about the image.
struct AttestationOptions {
  bool provenance = false;
  // With build arguments and flags.
  bool full_provenance = false;
  // Only where an index of images holds it.
  bool provenance_inline_only = false;
  bool sbom = false;
  bool sbom_inline_only = false;

  bool any() const { return provenance || sbom; }
};

// Of "attest:provenance" and "attest:sbom" (BuiltImage::attestations). Errors as ReadExporter.
absl::StatusOr<AttestationOptions> ReadAttestations(const std::map<std::string, std::string>& asked);

}  // namespace crossmill::coordinator::buildkit
