#include "coordinator/rpc/images_service.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/resource_names.h"
#include "common/rpc/status_proto.h"
#include "coordinator/evidence/evidence_artifacts.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/stop_when_cancelled.h"

namespace crossmill::coordinator {
namespace {

constexpr int kUsualImages = 200;
constexpr int kMostImages = 1000;

using rpc::ToGrpc;

// "build 12": 12.
int64_t BuildOf(std::string_view origin) {
  constexpr std::string_view kBuild = "build ";
  int64_t id = 0;
  if (!origin.starts_with(kBuild)) return 0;
  origin.remove_prefix(kBuild.size());
  std::from_chars(origin.data(), origin.data() + origin.size(), id);
  return id;
}

v1::ImageView ViewOf(const ImageRecord& record) {
  v1::ImageView view;
  view.set_name(FamiliarName(record.name));
  view.set_digest(record.root.Oci());
  for (const v1::Platform& platform : record.platforms) *view.add_platforms() = platform;
  view.set_created_at(record.created_at);
  view.set_stand_in(record.stand_in);
  view.set_size_bytes(record.size_bytes);
  view.set_origin(record.origin);
  view.set_build_id(BuildOf(record.origin));
  view.set_owner(record.owner.value_or(""));
  return view;
}

ClientCredentials CredentialsOf(const google::protobuf::RepeatedPtrField<v1::RegistryCredentials>& given) {
  ClientCredentials credentials;
  for (const v1::RegistryCredentials& one : given) {
    credentials.emplace_back(one.registry(),
                             registry::Credentials{one.username(), one.password(), one.identity_token()});
  }
  return credentials;
}

// Progress for people: not every piece of every blob.
class Pace {
 public:
  // True for the first and last news of a blob, and for others now and then.
  bool Due(const Digest& blob, int64_t done) {
    int64_t& told = told_[blob.hash];
    if (done < blob.size && told > 0 && done - told < kStep) return false;
    told = done;
    return true;
  }

 private:
  static constexpr int64_t kStep = 4 << 20;
  std::map<std::string, int64_t> told_;
};

}  // namespace

grpc::Status ImagesService::ImportImage(grpc::ServerContext* context, const v1::ImportImageRequest* request,
                                        v1::ImageView* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return ToGrpc(roles.status());
  const Digest root = FromProto(request->root());
  if (auto status = rpc::CheckDigest(root); !status.ok()) return ToGrpc(status);
  const auto record = images_.Import(request->name(), root, request->stand_in(), AuthorOf(*roles));
  if (!record.ok()) return ToGrpc(record.status());
  *response = ViewOf(*record);
  return grpc::Status::OK;
}

grpc::Status ImagesService::ListImages(grpc::ServerContext* context, const v1::ListImagesRequest* request,
                                       v1::ListImagesResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_READ); !status.ok()) return ToGrpc(status);
  if (request->page_size() < 0) return ToGrpc(absl::InvalidArgumentError("page_size is negative"));
  const int size = request->page_size() == 0 ? kUsualImages : std::min(request->page_size(), kMostImages);
  // One more says whether there is another page.
  const auto records = images_.List(request->page_token(), size + 1);
  if (!records.ok()) return ToGrpc(records.status());
  for (const ImageRecord& record : *records) {
    if (response->images_size() == size) {
      response->set_next_page_token((*records)[static_cast<size_t>(size) - 1].name);
      break;
    }
    *response->add_images() = ViewOf(record);
  }
  return grpc::Status::OK;
}

grpc::Status ImagesService::PullImage(grpc::ServerContext* context, const v1::PullImageRequest* request,
                                      grpc::ServerWriter<v1::PullProgress>* writer) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return ToGrpc(roles.status());
  StopWhenCancelled stop(context);
  Pace pace;
  registry::PullOptions options;
  options.platforms.assign(request->platforms().begin(), request->platforms().end());
  options.stop = stop.token();
  options.on_progress = [&](const Digest& blob, int64_t done) {
    if (!pace.Due(blob, done)) return;
    v1::PullProgress message;
    message.set_digest(blob.Oci());
    message.set_done_bytes(done);
    message.set_total_bytes(blob.size);
    if (!writer->Write(message)) stop.Stop();
  };
  const auto record =
      images_.Pull(request->reference(), options, CredentialsOf(request->credentials()), AuthorOf(*roles));
  if (!record.ok()) return ToGrpc(record.status());
  v1::PullProgress last;
  *last.mutable_image() = ViewOf(*record);
  writer->Write(last);
  return grpc::Status::OK;
}

absl::StatusOr<std::vector<EvidencePiece>> ImagesService::EvidenceOf(const core::Scope& scope,
                                                                     const std::string& name) {
  if (evidence_ == nullptr) return absl::FailedPreconditionError("this coordinator makes no evidence");
  ASSIGN_OR_RETURN(const ImageRecord image, images_.Get(name));
  const int64_t build = BuildOf(image.origin);
  if (build == 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} was not built by this farm (it is from: {}), which can say nothing about it", name,
                    image.origin));
  }
  return evidence_->Collect(scope, build);
}

grpc::Status ImagesService::PushImage(grpc::ServerContext* context, const v1::PushImageRequest* request,
                                      grpc::ServerWriter<v1::PushProgress>* writer) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return ToGrpc(roles.status());
  const std::string& target = request->reference().empty() ? request->name() : request->reference();
  if (auto status = CheckMayPush(*roles, target); !status.ok()) return ToGrpc(status);
  StopWhenCancelled stop(context);
  Pace pace;
  registry::PushOptions options;
  options.platforms.assign(request->platforms().begin(), request->platforms().end());
  options.stop = stop.token();
  options.on_progress = [&](const Digest& blob, int64_t done, bool existed) {
    if (!pace.Due(blob, done)) return;
    v1::PushProgress message;
    message.set_digest(blob.Oci());
    message.set_done_bytes(done);
    message.set_total_bytes(blob.size);
    message.set_existed(existed);
    if (!writer->Write(message)) stop.Stop();
  };
  const ClientCredentials credentials = CredentialsOf(request->credentials());
  // First: an image without evidence is not pushed where evidence was asked for.
  absl::StatusOr<std::vector<EvidencePiece>> pieces;
  if (request->attest()) pieces = EvidenceOf(ScopeOf(*roles), request->name());
  if (request->attest() && !pieces.ok()) return ToGrpc(pieces.status());
  const auto pushed = images_.Push(request->name(), request->reference(), options, credentials);
  if (!pushed.ok()) return ToGrpc(pushed.status());
  v1::PushProgress last;
  last.set_pushed_digest(pushed->Oci());
  if (request->attest()) {
    const auto put = images_.PushArtifacts(
        request->name(), request->reference(), *pushed,
        [&](const std::vector<oci::Descriptor>& documents) { return EvidenceArtifacts(*pieces, documents); },
        stop.token(), credentials);
    if (!put.ok()) return ToGrpc(Annotate(put.status(), "the image is pushed, but not all of its evidence"));
    for (const Digest& digest : *put) last.add_attestation_digests(digest.Oci());
  }
  writer->Write(last);
  return grpc::Status::OK;
}

grpc::Status ImagesService::RemoveImage(grpc::ServerContext* context, const v1::RemoveImageRequest* request,
                                        v1::RemoveImageResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return ToGrpc(roles.status());
  const std::vector<std::string> names(request->names().begin(), request->names().end());
  const auto removed = images_.Remove(names, AuthorOf(*roles));
  if (!removed.ok()) return ToGrpc(removed.status());
  for (const ImageRecord& record : *removed) *response->add_removed() = ViewOf(record);
  return grpc::Status::OK;
}

grpc::Status ImagesService::GetImage(grpc::ServerContext* context, const v1::GetImageRequest* request,
                                     v1::GetImageResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_READ); !status.ok()) return ToGrpc(status);
  const auto record = images_.Get(request->name());
  if (!record.ok()) return ToGrpc(record.status());
  *response->mutable_image() = ViewOf(*record);
  ToProto(record->root, response->mutable_root());
  const auto unpacked = images_.Unpacked(*record);
  if (!unpacked.ok()) return ToGrpc(unpacked.status());
  for (const v1::PinnedImage& image : *unpacked) {
    v1::UnpackedImage* view = response->add_unpacked();
    view->set_manifest_digest(image.manifest_digest());
    for (const v1::Layer& layer : image.layers()) *view->add_layers() = layer.tar();
  }
  return grpc::Status::OK;
}

grpc::Status ImagesService::ReadStatements(grpc::ServerContext* context,
                                           const v1::ReadStatementsRequest* request,
                                           v1::ReadStatementsResponse* response) {
  if (auto status = authenticator_.Require(*context, v1::ACCESS_SUBMIT); !status.ok()) return ToGrpc(status);
  StopWhenCancelled stop(context);
  auto found = images_.ReadStatements(request->reference(), {request->predicate(), stop.token()},
                                      CredentialsOf(request->credentials()));
  if (!found.ok()) return ToGrpc(found.status());
  response->set_digest(found->root.Oci());
  for (registry::AttachedStatement& each : found->statements) {
    v1::AttachedStatement* statement = response->add_statements();
    statement->set_subject(std::move(each.subject));
    statement->set_media_type(std::move(each.media_type));
    statement->set_document(std::move(each.document));
    statement->set_in_index(each.in_index);
  }
  for (std::string& each : found->left_out) response->add_left_out(std::move(each));
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
