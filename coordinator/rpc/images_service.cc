#include "coordinator/rpc/images_service.h"

#include <stop_token>

#include "common/rpc/blob_names.h"
#include "common/rpc/status_proto.h"

namespace crossmill::coordinator {
namespace {

using rpc::ToGrpc;

v1::ImageView ViewOf(const ImageRecord& record) {
  v1::ImageView view;
  view.set_name(FamiliarName(record.name));
  view.set_digest(record.root.Oci());
  for (const v1::Platform& platform : record.platforms) *view.add_platforms() = platform;
  view.set_created_at(record.created_at);
  view.set_stand_in(record.stand_in);
  view.set_size_bytes(record.size_bytes);
  view.set_origin(record.origin);
  return view;
}

}  // namespace

grpc::Status ImagesService::ImportImage(grpc::ServerContext* context, const v1::ImportImageRequest* request,
                                        v1::ImageView* response) {
  if (auto status = authenticator_.RequireRole(*context, Role::kClient); !status.ok()) return ToGrpc(status);
  const Digest root = FromProto(request->root());
  if (auto status = rpc::CheckDigest(root); !status.ok()) return ToGrpc(status);
  const auto record = images_.Import(request->name(), root, request->stand_in());
  if (!record.ok()) return ToGrpc(record.status());
  *response = ViewOf(*record);
  return grpc::Status::OK;
}

grpc::Status ImagesService::ListImages(grpc::ServerContext* context, const v1::ListImagesRequest*,
                                       v1::ListImagesResponse* response) {
  if (auto status = authenticator_.RequireRole(*context, Role::kClient); !status.ok()) return ToGrpc(status);
  const auto records = images_.List();
  if (!records.ok()) return ToGrpc(records.status());
  for (const ImageRecord& record : *records) *response->add_images() = ViewOf(record);
  return grpc::Status::OK;
}

grpc::Status ImagesService::PullImage(grpc::ServerContext* context, const v1::PullImageRequest* request,
                                      grpc::ServerWriter<v1::PullProgress>* writer) {
  if (auto status = authenticator_.RequireRole(*context, Role::kClient); !status.ok()) return ToGrpc(status);
  std::stop_source stop;
  oci::PullOptions options;
  options.platforms.assign(request->platforms().begin(), request->platforms().end());
  options.stop = stop.get_token();
  options.on_progress = [&](const Digest& blob, int64_t done) {
    v1::PullProgress message;
    message.set_digest(blob.Oci());
    message.set_done_bytes(done);
    message.set_total_bytes(blob.size);
    if (!writer->Write(message)) stop.request_stop();
  };
  const auto record = images_.Pull(request->reference(), options);
  if (!record.ok()) return ToGrpc(record.status());
  v1::PullProgress last;
  *last.mutable_image() = ViewOf(*record);
  writer->Write(last);
  return grpc::Status::OK;
}

grpc::Status ImagesService::GetImage(grpc::ServerContext* context, const v1::GetImageRequest* request,
                                     v1::GetImageResponse* response) {
  if (auto status = authenticator_.RequireRole(*context, Role::kClient); !status.ok()) return ToGrpc(status);
  const auto record = images_.Get(request->name());
  if (!record.ok()) return ToGrpc(record.status());
  *response->mutable_image() = ViewOf(*record);
  ToProto(record->root, response->mutable_root());
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
