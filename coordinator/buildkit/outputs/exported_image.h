// A build's image in the form that an exporter asks for.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/oci/image.h"
#include "coordinator/buildkit/outputs/attestation_documents.h"
#include "coordinator/buildkit/outputs/exporter_options.h"

namespace crossmill::coordinator::buildkit {

struct ExportedImage {
  // Of an index, or of the only manifest (which then has a platform).
  oci::Descriptor root;
  // Of the only manifest.
  std::optional<Digest> config;
};

// Puts documents, and layers in another compression, into the store. The same build and options give the same
// bytes. INVALID_ARGUMENT: annotations of an index that there is none of, or of a platform that was not
// built; attestations that there is no place for. CANCELLED after a stop.
absl::StatusOr<ExportedImage> MakeExportedImage(const BuiltImage& image, const ExporterOptions& options,
                                                const std::vector<PlatformStatements>& statements,
                                                const ExportServices& services, ProgressVertex& vertex,
                                                const std::stop_token& stop);

// What clients are told of it (ExporterResponse): digest, descriptor, the config's digest if it is no index.
std::map<std::string, std::string> ImageMetadata(const ExportedImage& image);

}  // namespace crossmill::coordinator::buildkit
