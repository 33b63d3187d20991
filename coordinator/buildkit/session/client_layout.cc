#include "coordinator/buildkit/session/client_layout.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/oci/image.h"
#include "containerd/services/content/v1/content_service.grpc.pb.h"
#include "coordinator/buildkit/session/client_call.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace content = ::containerd::services::content::v1;

constexpr auto kInfoPatience = std::chrono::seconds(60);
constexpr int kDeepestIndex = 4;
// Indexes and manifests.
constexpr int64_t kMostDocumentBytes = 16 << 20;
constexpr char kStoreName[] = "buildkit-attachable-store-id";

class LayoutFetch {
 public:
  LayoutFetch(ClientSession& session, const LayoutRequest& request, BlobStore& blobs, std::stop_token stop)
      : session_(session),
        request_(request),
        blobs_(blobs),
        stop_(std::move(stop)),
        stub_(content::Content::NewStub(session.channel())) {}

  absl::StatusOr<Digest> Run() {
    ASSIGN_OR_RETURN(Digest root, Find(request_.digest));
    RETURN_IF_ERROR(Document(root, 0));
    ASSIGN_OR_RETURN(const std::vector<Digest> missing, blobs_.FindMissing(wanted_));
    for (const Digest& blob : missing) RETURN_IF_ERROR(Fetch(blob));
    return root;
  }

 private:
  std::string What(std::string_view digest) const {
    return fmt::format("{} of the client's layout {}", Printable(digest), Printable(request_.store));
  }

  // What a digest alone is, with its size.
  absl::StatusOr<Digest> Find(const std::string& digest) {
    Digest found;
    ASSIGN_OR_RETURN(found.hash, HashOfOci(digest));
    ClientCall call(session_, kInfoPatience, stop_);
    RETURN_IF_ERROR(call.AddMetadata(kStoreName, request_.store, "layout"));
    content::InfoRequest info;
    info.set_digest(digest);
    content::InfoResponse answer;
    RETURN_IF_ERROR(call.StatusOf(stub_->Info(&call.context(), info, &answer), What(digest)));
    found.size = answer.info().size();
    return found;
  }

  absl::Status Document(const Digest& digest, int depth) {
    if (digest.size < 0 || digest.size > kMostDocumentBytes)
      return absl::InvalidArgumentError(
          fmt::format("{} is too large for an index or manifest", What(digest.Oci())));
    if (!blobs_.Has(digest)) RETURN_IF_ERROR(Fetch(digest));
    ASSIGN_OR_RETURN(const std::string document, blobs_.Get(digest));
    const auto type = oci::DocumentType(document);
    if (!type.ok()) return Annotate(type.status(), What(digest.Oci()));
    if (oci::IsManifestType(*type)) {
      ASSIGN_OR_RETURN(const oci::ImageManifest manifest, oci::ParseImageManifest(document));
      wanted_.push_back(manifest.config.digest);
      for (const oci::Descriptor& layer : manifest.layers) wanted_.push_back(layer.digest);
      return absl::OkStatus();
    }
    if (depth >= kDeepestIndex) return absl::InvalidArgumentError("image index: nested too deeply");
    ASSIGN_OR_RETURN(const oci::ImageIndex index, oci::ParseImageIndex(document));
    std::vector<oci::Descriptor> chosen = index.manifests;
    if (!request_.platforms.empty() && depth == 0) {
      chosen.clear();
      for (const v1::Platform& platform : request_.platforms) {
        auto descriptor = oci::SelectPlatform(index, platform);
        if (!descriptor.ok()) return Annotate(descriptor.status(), What(digest.Oci()));
        chosen.push_back(*std::move(descriptor));
      }
    }
    for (const oci::Descriptor& descriptor : chosen) RETURN_IF_ERROR(Document(descriptor.digest, depth + 1));
    return absl::OkStatus();
  }

  absl::Status Fetch(const Digest& digest) {
    if (digest.size < 0 || digest.size > request_.most_bytes - fetched_) {
      return absl::ResourceExhaustedError(fmt::format("the client's layout {} has more than {} bytes",
                                                      Printable(request_.store), request_.most_bytes));
    }
    fetched_ += digest.size;
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, blobs_.Create(digest));
    ClientCall call(session_, std::chrono::milliseconds(0), stop_);
    RETURN_IF_ERROR(call.AddMetadata(kStoreName, request_.store, "layout"));
    content::ReadContentRequest read;
    read.set_digest(digest.Oci());
    const auto stream = stub_->Read(&call.context(), read);
    content::ReadContentResponse piece;
    int64_t size = 0;
    absl::Status written;
    while (written.ok() && stream->Read(&piece)) {
      size += static_cast<int64_t>(piece.data().size());
      written = size > digest.size
                    ? absl::InvalidArgumentError(fmt::format("{} has more than the {} bytes it should",
                                                             What(digest.Oci()), digest.size))
                    : writer->Write(piece.data());
    }
    if (!written.ok()) call.context().TryCancel();
    const grpc::Status ended = stream->Finish();
    RETURN_IF_ERROR(written);
    RETURN_IF_ERROR(call.StatusOf(ended, What(digest.Oci())));
    return Annotate(writer->Commit().status(), What(digest.Oci()));
  }

  ClientSession& session_;
  const LayoutRequest& request_;
  BlobStore& blobs_;
  const std::stop_token stop_;
  const std::unique_ptr<content::Content::Stub> stub_;
  std::vector<Digest> wanted_;
  int64_t fetched_ = 0;
};

}  // namespace

absl::StatusOr<Digest> FetchClientLayout(ClientSession& session, const LayoutRequest& request,
                                         BlobStore& blobs, std::stop_token stop) {
  if (!session.Serves("/containerd.services.content.v1.Content/Read")) {
    return absl::FailedPreconditionError(
        "the client's session offers no layouts of images (containerd.services.content.v1.Content)");
  }
  return LayoutFetch(session, request, blobs, std::move(stop)).Run();
}

}  // namespace crossmill::coordinator::buildkit
