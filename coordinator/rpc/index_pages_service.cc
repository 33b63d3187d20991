#include "coordinator/rpc/index_pages_service.h"

#include "common/base/status.h"
#include "common/rpc/status_proto.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLongestText = 4096;

bool IsWebAddress(std::string_view url) {
  return url.size() <= kLongestText && (url.starts_with("http://") || url.starts_with("https://"));
}

}  // namespace

absl::Status IndexPagesService::LoadPage(const std::string& url, v1::KeptIndexPage* page) {
  ASSIGN_OR_RETURN(const storage::IndexPageRow row, records_.Find(url));
  ASSIGN_OR_RETURN(*page->mutable_body(), blobs_.Get(row.body));
  page->set_url(row.url);
  page->set_content_type(row.content_type);
  page->set_page_url(row.page_url);
  page->set_etag(row.etag);
  page->set_last_modified(row.last_modified);
  page->set_fresh_until(row.fresh_until);
  return absl::OkStatus();
}

absl::Status IndexPagesService::SavePage(const v1::KeptIndexPage& page) {
  if (!IsWebAddress(page.url()) || !IsWebAddress(page.page_url())) {
    return absl::InvalidArgumentError("the address of an index page begins with http:// or https://");
  }
  for (const std::string* text : {&page.content_type(), &page.etag(), &page.last_modified()}) {
    if (text->size() > kLongestText) {
      return absl::InvalidArgumentError(fmt::format("a header of an index page has {} bytes", text->size()));
    }
  }
  storage::IndexPageRow row;
  row.url = page.url();
  row.content_type = page.content_type();
  row.page_url = page.page_url();
  row.etag = page.etag();
  row.last_modified = page.last_modified();
  row.fresh_until = page.fresh_until();
  row.saved_at = UnixNanos(clock_.Now());
  ASSIGN_OR_RETURN(row.body, blobs_.PutBytes(page.body()));
  return records_.Put(row);
}

grpc::Status IndexPagesService::Load(grpc::ServerContext* context, const v1::LoadIndexPageRequest* request,
                                     v1::KeptIndexPage* response) {
  const absl::Status allowed = authenticator_.RequireRole(*context, Role::kWorker);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(LoadPage(request->url(), response));
}

grpc::Status IndexPagesService::Save(grpc::ServerContext* context, const v1::KeptIndexPage* request,
                                     v1::SaveIndexPageResponse*) {
  const absl::Status allowed = authenticator_.RequireRole(*context, Role::kWorker);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(SavePage(*request));
}

}  // namespace crossmill::coordinator
