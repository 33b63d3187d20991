// What the exporters have in common while one of them runs.
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/buildkit/outputs/attestation_documents.h"
#include "coordinator/buildkit/outputs/exported_image.h"
#include "coordinator/buildkit/outputs/exporter_options.h"

namespace crossmill::coordinator::buildkit {

// All of it outlives the exporter's run.
struct ExportRun {
  const ExporterRequest& request;
  const ExporterOptions& options;
  const BuiltImage& image;
  const std::vector<PlatformStatements>& statements;
  const CallerIdentity& caller;
  // May be null.
  const std::shared_ptr<ClientSession>& session;
  const ExportServices& services;
  ProgressVertex& vertex;
  const std::stop_token& stop;
};

using ExporterResponse = std::map<std::string, std::string>;

// Names the image in the caller's project, and pushes it.
absl::StatusOr<ExporterResponse> ExportImage(const ExportRun& run);
// An OCI layout, or what docker loads: as a tar, or blob by blob.
absl::StatusOr<ExporterResponse> ExportArchive(const ExportRun& run);
// The root file systems: as a tar, or as a folder.
absl::StatusOr<ExporterResponse> ExportTree(const ExportRun& run);

// The client's end. FAILED_PRECONDITION: the exporter needs it, and there is none.
absl::StatusOr<ClientSession*> SessionOf(const ExportRun& run);

// Names as clients are told of them: "docker.io/team/app:1".
absl::StatusOr<std::vector<std::string>> FullNames(const std::vector<std::string>& names);

}  // namespace crossmill::coordinator::buildkit
