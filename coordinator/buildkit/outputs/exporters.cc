#include "coordinator/buildkit/outputs/exporters.h"

#include <utility>

#include "common/base/status.h"
#include "common/oci/reference.h"
#include "coordinator/buildkit/outputs/export_run.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator::buildkit {
namespace {

// As BuildKit names the vertices.
std::string_view VertexName(ExporterKind kind) {
  switch (kind) {
    case ExporterKind::kImage:
      return "exporting to image";
    case ExporterKind::kOci:
      return "exporting to oci image format";
    case ExporterKind::kDocker:
      return "exporting to docker image format";
    case ExporterKind::kLocal:
      return "exporting to client directory";
    case ExporterKind::kTar:
      break;
  }
  return "exporting to client tarball";
}

absl::Status CheckEpoch(const ExporterOptions& options, const BuiltImage& image) {
  if (!options.epoch || *options.epoch == image.epoch) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: source-date-epoch={}: the build's is {}: give it to the build, with --build-arg "
                  "SOURCE_DATE_EPOCH={}",
                  ExporterName(options.kind), *options.epoch, image.epoch, *options.epoch));
}

// Statements that docker's archive has no place for, and that an image of Docker's media types has none for.
absl::StatusOr<std::vector<PlatformStatements>> StatementsOf(const ExporterOptions& options,
                                                             const BuiltImage& image,
                                                             const CallerIdentity& caller,
                                                             const ExportServices& services,
                                                             ProgressVertex& vertex) {
  std::vector<PlatformStatements> none;
  ASSIGN_OR_RETURN(AttestationOptions asked, ReadAttestations(image.attestations));
  if (!asked.any()) return none;
  if (options.kind == ExporterKind::kDocker) {
    if (!asked.provenance_inline_only || asked.sbom)
      vertex.Log(2, "attestations are left out: type=docker has no place for them\n");
    return none;
  }
  const bool image_like = options.kind == ExporterKind::kImage || options.kind == ExporterKind::kOci;
  // What nobody asked for by name gives way.
  if (image_like && !options.form.oci_types && asked.provenance_inline_only) asked.provenance = false;
  return StatementsFor(image, asked, options, caller.roles, services.evidence);
}

absl::StatusOr<ExporterResponse> Run(const ExportRun& run) {
  switch (run.options.kind) {
    case ExporterKind::kImage:
      return ExportImage(run);
    case ExporterKind::kOci:
    case ExporterKind::kDocker:
      return ExportArchive(run);
    case ExporterKind::kLocal:
    case ExporterKind::kTar:
      break;
  }
  return ExportTree(run);
}

}  // namespace

absl::StatusOr<ClientSession*> SessionOf(const ExportRun& run) {
  if (run.session != nullptr) return run.session.get();
  return absl::FailedPreconditionError(
      fmt::format("{}: the client has no session to send it over", ExporterName(run.options.kind)));
}

absl::StatusOr<std::vector<std::string>> FullNames(const std::vector<std::string>& names) {
  std::vector<std::string> full;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(name));
    full.push_back(reference.ToString());
  }
  return full;
}

absl::Status CheckExporters(const std::vector<ExporterRequest>& requests, size_t platforms,
                            const Roles& caller) {
  // Of one build; clients send one or two.
  constexpr size_t kMostExporters = 32;
  if (requests.size() > kMostExporters) {
    return absl::InvalidArgumentError(
        fmt::format("{} outputs of one build: there may be {}", requests.size(), kMostExporters));
  }
  for (const ExporterRequest& request : requests) {
    ASSIGN_OR_RETURN(const ExporterOptions options, ReadExporter(request, platforms));
    if (!options.push) continue;
    for (const std::string& name : options.names) {
      const absl::Status allowed = CheckMayPush(caller, name);
      if (!allowed.ok()) return Annotate(allowed, fmt::format("failed to push {}", name));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAttestations(const std::map<std::string, std::string>& asked) {
  return ReadAttestations(asked).status();
}

absl::StatusOr<std::map<std::string, std::string>> RunExporter(const ExporterRequest& request,
                                                               const BuiltImage& image,
                                                               const CallerIdentity& caller,
                                                               const std::shared_ptr<ClientSession>& session,
                                                               ExportServices services, ProgressBoard& board,
                                                               std::stop_token stop) {
  ASSIGN_OR_RETURN(const ExporterOptions options, ReadExporter(request, image.platforms.size()));
  const std::shared_ptr<ProgressVertex> vertex = board.Begin(VertexName(options.kind));
  const auto run = [&]() -> absl::StatusOr<ExporterResponse> {
    RETURN_IF_ERROR(CheckEpoch(options, image));
    ASSIGN_OR_RETURN(const std::vector<PlatformStatements> statements,
                     StatementsOf(options, image, caller, services, *vertex));
    return Run({request, options, image, statements, caller, session, services, *vertex, stop});
  };
  auto response = run();
  if (!response.ok()) {
    // Clients show a vertex that ends so as cancelled, not as failed.
    vertex->Fail(stop.stop_requested() ? "context canceled" : Sv(response.status().message()));
    return response;
  }
  vertex->End();
  return response;
}

}  // namespace crossmill::coordinator::buildkit
