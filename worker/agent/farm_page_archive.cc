#include "worker/agent/farm_page_archive.h"

#include "common/rpc/status_proto.h"

namespace crossmill::worker {
namespace {

constexpr absl::Duration kPageLimit = absl::Seconds(10);

}  // namespace

absl::StatusOr<index::KeptPage> FarmPageArchive::Load(const std::string& url) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPageLimit));
  v1::LoadIndexPageRequest request;
  request.set_url(url);
  v1::KeptIndexPage kept;
  const absl::Status status = rpc::FromGrpc(stub_->Load(&context, request, &kept));
  if (!status.ok()) return status;
  index::KeptPage page;
  page.content_type = kept.content_type();
  page.body = std::move(*kept.mutable_body());
  page.url = kept.page_url();
  page.etag = kept.etag();
  page.last_modified = kept.last_modified();
  page.fresh_until = absl::FromUnixNanos(kept.fresh_until());
  return page;
}

absl::Status FarmPageArchive::Save(const std::string& url, const index::KeptPage& page) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPageLimit));
  v1::KeptIndexPage kept;
  kept.set_url(url);
  kept.set_content_type(page.content_type);
  kept.set_page_url(page.url);
  kept.set_etag(page.etag);
  kept.set_last_modified(page.last_modified);
  kept.set_fresh_until(absl::ToUnixNanos(page.fresh_until));
  kept.set_body(page.body);
  v1::SaveIndexPageResponse response;
  return rpc::FromGrpc(stub_->Save(&context, kept, &response));
}

}  // namespace crossmill::worker
