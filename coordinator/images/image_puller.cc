#include "coordinator/images/image_puller.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kReportEvery = 1 << 20;

// Passes bytes on and reports how far they are.
class ReportingWriter final : public BlobWriter {
 public:
  ReportingWriter(BlobWriter& target, const oci::Descriptor& blob, const PullProgress& progress)
      : target_(target), progress_(progress), step_{blob.digest.Oci(), 0, blob.digest.size} {}

  absl::Status Write(std::string_view bytes) override {
    step_.done_bytes += static_cast<int64_t>(bytes.size());
    if (step_.done_bytes - reported_ >= kReportEvery || step_.done_bytes == step_.total_bytes) {
      reported_ = step_.done_bytes;
      if (progress_) RETURN_IF_ERROR(progress_(step_));
    }
    return target_.Write(bytes);
  }
  absl::StatusOr<Digest> Commit() override { return target_.Commit(); }

 private:
  BlobWriter& target_;
  const PullProgress& progress_;
  PullStep step_;
  int64_t reported_ = 0;
};

oci::Reference ByDigest(const oci::Reference& reference, const Digest& digest) {
  oci::Reference exact = reference;
  exact.digest = digest.Oci();
  return exact;
}

// The manifests to fetch: for each wanted platform its own, else every image in the index.
absl::StatusOr<std::vector<oci::Descriptor>> Choose(const oci::ImageIndex& index,
                                                    absl::Span<const v1::Platform> platforms) {
  std::vector<oci::Descriptor> chosen;
  if (platforms.empty()) {
    for (const oci::Descriptor& descriptor : index.manifests) {
      if (oci::IsImageDescriptor(descriptor)) chosen.push_back(descriptor);
    }
  }
  for (const v1::Platform& platform : platforms) {
    auto descriptor = oci::SelectPlatform(index, platform);
    if (!descriptor.ok()) {
      absl::Status status = descriptor.status();
      status.SetPayload(kMissingPlatform, absl::Cord());
      return status;
    }
    chosen.push_back(*std::move(descriptor));
  }
  return chosen;
}

}  // namespace

absl::Status ImagePuller::PullBlob(const oci::Reference& reference, const oci::Descriptor& blob,
                                   const PullProgress& progress) {
  ASSIGN_OR_RETURN(const auto missing, blobs_.FindMissing(absl::MakeConstSpan(&blob.digest, 1)));
  if (missing.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, blobs_.Create(blob.digest));
  ReportingWriter reporting(*writer, blob, progress);
  RETURN_IF_ERROR(source_.GetBlob(reference, blob.digest, reporting));
  return Annotate(writer->Commit().status(), reference.ToString());
}

absl::Status ImagePuller::PullManifest(const oci::Reference& reference, const std::string& document,
                                       const PullProgress& progress) {
  ASSIGN_OR_RETURN(const oci::ImageManifest manifest, oci::ParseImageManifest(document));
  RETURN_IF_ERROR(PullBlob(reference, manifest.config, progress));
  for (const oci::Descriptor& layer : manifest.layers) RETURN_IF_ERROR(PullBlob(reference, layer, progress));
  return blobs_.PutBytes(document).status();
}

absl::StatusOr<Digest> ImagePuller::Pull(const oci::Reference& reference,
                                         absl::Span<const v1::Platform> platforms,
                                         const PullProgress& progress) {
  ASSIGN_OR_RETURN(const ImageDocument root, source_.GetDocument(reference));
  ASSIGN_OR_RETURN(const std::string type, oci::DocumentType(root.bytes));
  if (oci::IsManifestType(type)) {
    RETURN_IF_ERROR(PullManifest(reference, root.bytes, progress));
    return DigestOf(root.bytes);
  }
  ASSIGN_OR_RETURN(const oci::ImageIndex index, oci::ParseImageIndex(root.bytes));
  ASSIGN_OR_RETURN(const std::vector<oci::Descriptor> chosen, Choose(index, platforms));
  for (const oci::Descriptor& descriptor : chosen) {
    ASSIGN_OR_RETURN(const ImageDocument manifest,
                     source_.GetDocument(ByDigest(reference, descriptor.digest)));
    if (DigestOf(manifest.bytes) != descriptor.digest) {
      return absl::DataLossError(fmt::format("{}: the registry's manifest for {} has digest {}",
                                             reference.ToString(), ToString(descriptor.digest),
                                             ToString(DigestOf(manifest.bytes))));
    }
    RETURN_IF_ERROR(PullManifest(reference, manifest.bytes, progress));
  }
  // Last: an index in the store has at least the manifests that were asked for.
  return blobs_.PutBytes(root.bytes);
}

}  // namespace crossmill::coordinator
