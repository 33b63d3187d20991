#include "coordinator/rpc/index_pages_service.h"

#include <utility>

#include "common/base/status.h"
#include "common/rpc/status_proto.h"

namespace crossmill::coordinator {
namespace {

index::KeptPage PageOf(const v1::KeptIndexPage& kept) {
  index::KeptPage page;
  page.content_type = kept.content_type();
  page.body = kept.body();
  page.url = kept.page_url();
  page.etag = kept.etag();
  page.last_modified = kept.last_modified();
  page.fresh_until = absl::FromUnixNanos(kept.fresh_until());
  return page;
}

}  // namespace

grpc::Status IndexPagesService::Load(grpc::ServerContext* context, const v1::LoadIndexPageRequest* request,
                                     v1::KeptIndexPage* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_WORKER);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  auto page = pages_.Load(request->url());
  if (!page.ok()) return rpc::ToGrpc(page.status());
  response->set_url(request->url());
  response->set_content_type(page->content_type);
  response->set_body(std::move(page->body));
  response->set_page_url(page->url);
  response->set_etag(page->etag);
  response->set_last_modified(page->last_modified);
  response->set_fresh_until(absl::ToUnixNanos(page->fresh_until));
  return grpc::Status::OK;
}

grpc::Status IndexPagesService::Save(grpc::ServerContext* context, const v1::KeptIndexPage* request,
                                     v1::SaveIndexPageResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_WORKER);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(pages_.Save(request->url(), PageOf(*request)));
}

}  // namespace crossmill::coordinator
