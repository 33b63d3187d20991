// The exporters `oci` and `docker`: a layout of the image to the client (ExportArchive in export_run.h).
#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/oci/image_walk.h"
#include "common/oci/layout.h"
#include "coordinator/buildkit/outputs/client_files.h"
#include "coordinator/buildkit/outputs/export_run.h"
#include "coordinator/images/image_store.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr char kCreated[] = "org.opencontainers.image.created";
constexpr char kSending[] = "sending tarball";

absl::Status SendTar(const ExportRun& run, ClientSession& session, const ExportedImage& exported,
                     const std::vector<std::string>& names, const ExporterResponse& response) {
  run.vertex.Status(kSending, 0, 0, false);
  ASSIGN_OR_RETURN(const std::unique_ptr<ClientArchive> archive,
                   ClientArchive::Open(session, run.request.index, response, run.stop));
  const layer::Sink sink = [&](std::string_view bytes) { return archive->Write(bytes); };
  const Digest& root = exported.root.digest;
  const absl::Status written =
      run.options.kind == ExporterKind::kDocker
          ? oci::WriteLayoutForDocker(run.services.blobs, root, names, sink, exported.root.annotations)
          : oci::WriteLayout(run.services.blobs, root, names, sink, exported.root.annotations);
  if (!written.ok() && !absl::IsAlreadyExists(written)) return written;
  RETURN_IF_ERROR(archive->Finish());
  run.vertex.Status(kSending, 0, 0, true);
  return absl::OkStatus();
}

// The client writes the layout around them: contents first, then documents before which come those they name.
absl::Status SendBlobs(const ExportRun& run, ClientSession& session, const Digest& root) {
  ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(run.services.blobs, root));
  std::vector<Digest> order;
  for (const oci::Descriptor& each : blobs.contents) order.push_back(each.digest);
  for (auto it = blobs.documents.rbegin(); it != blobs.documents.rend(); ++it) order.push_back(it->digest);
  int64_t sent = 0;
  for (const Digest& blob : order) {
    RETURN_IF_ERROR(WriteClientBlob(session, run.services.blobs, blob, run.stop));
    sent += blob.size;
    run.vertex.Status("sending blobs", sent, blobs.total_bytes, &blob == &order.back());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ExporterResponse> ExportArchive(const ExportRun& run) {
  ASSIGN_OR_RETURN(ClientSession * session, SessionOf(run));
  ASSIGN_OR_RETURN(ExportedImage exported, MakeExportedImage(run.image, run.options, run.statements,
                                                             run.services, run.vertex, run.stop));
  if (run.options.kind == ExporterKind::kDocker && !exported.config) {
    return absl::InvalidArgumentError(
        "type=docker: the image is an index, which docker's archive cannot hold: leave multi-platform out, "
        "or "
        "take -o type=oci");
  }
  // The farm keeps the image, too, as that of every build; its names are the archive's.
  RETURN_IF_ERROR(
      run.services.images.NameBuilt({}, exported.root.digest, run.image.build, AuthorOf(run.caller.roles)));
  exported.root.annotations.emplace(kCreated, oci::FormatTime(run.image.epoch));
  ExporterResponse response = ImageMetadata(exported);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, FullNames(run.options.names));
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ",") + name;
  if (!joined.empty()) response["image.name"] = joined;
  RETURN_IF_ERROR(run.options.tar ? SendTar(run, *session, exported, names, response)
                                  : SendBlobs(run, *session, exported.root.digest));
  return response;
}

}  // namespace crossmill::coordinator::buildkit
