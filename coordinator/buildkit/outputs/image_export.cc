// The exporter `image`: names in the farm, pushes to registries (ExportImage in export_run.h).
#include <map>
#include <utility>

#include "common/base/status.h"
#include "common/oci/image_walk.h"
#include "common/oci/reference.h"
#include "coordinator/buildkit/outputs/export_run.h"
#include "coordinator/buildkit/session/client_credentials.h"
#include "coordinator/images/image_store.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr char kPushing[] = "pushing layers";

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

// Sums over the blobs of a push.
class PushProgress {
 public:
  PushProgress(ProgressVertex& vertex, int64_t total) : vertex_(vertex), total_(total) {}

  void On(const Digest& blob, int64_t done) {
    int64_t& known = blobs_[blob.hash];
    sum_ += done - known;
    known = done;
    // Displays are drawn anew ten times a second; a push of many layers tells much more.
    if (sum_ - told_ < kStep && sum_ < total_) return;
    told_ = sum_;
    vertex_.Status(kPushing, sum_, total_, false);
  }
  void End() { vertex_.Status(kPushing, sum_, total_, true); }

 private:
  static constexpr int64_t kStep = 4 << 20;
  ProgressVertex& vertex_;
  const int64_t total_;
  std::map<std::string, int64_t> blobs_;
  int64_t sum_ = 0;
  int64_t told_ = 0;
};

// "PREFIX@sha256:..." cannot be a name of the farm's, which finds every image by its digest anyway.
std::vector<std::string> ToldNames(const ExporterOptions& options, const Digest& root) {
  std::vector<std::string> names = options.names;
  if (!options.dangling_prefix.empty() && (!options.dangling_only || names.empty()))
    names.push_back(fmt::format("{}@{}", options.dangling_prefix, root.Oci()));
  return names;
}

// Images that are only pushed need no name in the farm, and one that is another's there is no reason not to
// push what a registry lets its owner push.
absl::Status NameImage(const ExportRun& run, const Digest& root) {
  const core::Author author = AuthorOf(run.caller.roles);
  // By its digest it is the project's in any case: that is how it is found for the push.
  RETURN_IF_ERROR(run.services.images.NameBuilt({}, root, run.image.build, author));
  if (!run.options.store || run.options.by_digest || run.options.names.empty()) return absl::OkStatus();
  const absl::Status named = run.services.images.NameBuilt(run.options.names, root, run.image.build, author);
  if (named.ok()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, FullNames(run.options.names));
    for (const std::string& name : names) run.vertex.Status("naming to " + name, 0, 0, true);
    return absl::OkStatus();
  }
  if (!run.options.push || !absl::IsPermissionDenied(named)) return named;
  run.vertex.Log(
      2, fmt::format("the farm's own store keeps the image without its names: {}\n", Sv(named.message())));
  return absl::OkStatus();
}

absl::Status PushTo(const ExportRun& run, const std::string& name, const Digest& root) {
  RETURN_IF_ERROR(CheckMayPush(run.caller.roles, name));
  ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(name));
  const ClientCredentials credentials = CredentialsOfClient(run.session, reference.registry);
  ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(run.services.blobs, root));
  int64_t total = 0;
  for (const oci::Descriptor& each : blobs.contents) total += each.digest.size;
  PushProgress progress(run.vertex, total);
  run.vertex.Status(kPushing, 0, total, false);
  registry::PushOptions options;
  options.by_digest = run.options.by_digest;
  options.stop = run.stop;
  options.on_progress = [&](const Digest& blob, int64_t done, bool) { progress.On(blob, done); };
  RETURN_IF_ERROR(run.services.images
                      .Push(root.Oci(), reference.ToString(), options, credentials, ScopeOf(run.caller.roles))
                      .status());
  progress.End();
  run.vertex.Status(fmt::format("pushing manifest for {}@{}", reference.ToString(), root.Oci()), 0, 0, true);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ExporterResponse> ExportImage(const ExportRun& run) {
  ASSIGN_OR_RETURN(const ExportedImage exported, MakeExportedImage(run.image, run.options, run.statements,
                                                                   run.services, run.vertex, run.stop));
  const Digest& root = exported.root.digest;
  RETURN_IF_ERROR(NameImage(run, root));
  if (run.options.insecure) {
    run.vertex.Log(2,
                   "registry.insecure has no effect: how this farm speaks with a registry its operator says "
                   "(docs/operations.md)\n");
  }
  if (run.options.push) {
    for (const std::string& name : run.options.names) {
      const absl::Status pushed = PushTo(run, name, root);
      if (!pushed.ok()) return Annotate(pushed, fmt::format("failed to push {}", name));
    }
  }
  ExporterResponse response = ImageMetadata(exported);
  const std::vector<std::string> names = ToldNames(run.options, root);
  if (!names.empty()) response["image.name"] = Joined(names);
  return response;
}

}  // namespace crossmill::coordinator::buildkit
