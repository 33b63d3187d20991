// What a BuildKit client asks to have of a finished build: pushed, or sent over its session.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "coordinator/buildkit/door/caller_identity.h"
#include "coordinator/buildkit/session/client_session.h"
#include "coordinator/buildkit/status/progress_board.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {
class BuildEvidence;
class ImageRecords;
class ImageStore;
class LayerCompressor;
}  // namespace crossmill::coordinator

namespace crossmill::coordinator::buildkit {

// As in SolveRequest.Exporters: its index in the list is its id on the session.
struct ExporterRequest {
  int index = 0;
  std::string type;
  std::map<std::string, std::string> attributes;
};

struct BuiltPlatform {
  v1::Platform platform;
  // Of the platform's image in the farm's blob store.
  Digest manifest;
};

struct BuiltImage {
  int64_t build = 0;
  // Index, or the only manifest. The farm's own image of the build.
  Digest root;
  // An index also of a single platform (multi-platform=true).
  bool always_index = false;
  std::vector<BuiltPlatform> platforms;
  // As attest:provenance and attest:sbom asked ("mode=min,inline-only=true"); by "provenance", "sbom". Those
  // that are switched off are not here.
  std::map<std::string, std::string> attestations;
  // The build's epoch, Unix seconds.
  int64_t epoch = 0;
};

// What exporters need of the farm.
struct ExportServices {
  BlobStore& blobs;
  ImageStore& images;
  ImageRecords& records;
  // ImageAssembler::compressor.
  LayerCompressor& layers;
  // Null: nothing is stated about images.
  BuildEvidence* evidence = nullptr;
  // Where contents of files wait, and who is asked before they take so many bytes more of that disk:
  // RESOURCE_EXHAUSTED, for people. Empty: NamelessFile's own folder, and nobody.
  std::string temporary_folder = {};
  std::function<absl::Status(int64_t bytes)> take_room = nullptr;
};

// Checks types and attributes before anything is built: INVALID_ARGUMENT or UNIMPLEMENTED names exporter and
// attribute, and what to do. PERMISSION_DENIED: the caller's token may not push where one of them pushes.
absl::Status CheckExporters(const std::vector<ExporterRequest>& requests, size_t platforms,
                            const Roles& caller);
// The same of what is asked to be stated (BuiltImage::attestations).
absl::Status CheckAttestations(const std::map<std::string, std::string>& asked);

// Runs one exporter to its end. The answer goes into Control.Solve's ExporterResponse. Errors of a push are
// the registry's words with what to do. `session` may be null where the exporter needs none; a push takes
// credentials over it.
absl::StatusOr<std::map<std::string, std::string>> RunExporter(const ExporterRequest& request,
                                                               const BuiltImage& image,
                                                               const CallerIdentity& caller,
                                                               const std::shared_ptr<ClientSession>& session,
                                                               ExportServices services, ProgressBoard& board,
                                                               std::stop_token stop);

}  // namespace crossmill::coordinator::buildkit
