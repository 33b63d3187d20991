#include "coordinator/forecast/recorded_pages.h"

#include <string_view>
#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLongestText = 4096;

bool IsWebAddress(std::string_view url) {
  return url.size() <= kLongestText && (url.starts_with("http://") || url.starts_with("https://"));
}

}  // namespace

absl::StatusOr<index::KeptPage> RecordedPages::Load(const std::string& url) {
  ASSIGN_OR_RETURN(storage::IndexPageRow row, records_.Find(url));
  index::KeptPage page;
  ASSIGN_OR_RETURN(page.body, blobs_.Get(row.body));
  page.content_type = std::move(row.content_type);
  page.url = std::move(row.page_url);
  page.etag = std::move(row.etag);
  page.last_modified = std::move(row.last_modified);
  page.fresh_until = absl::FromUnixNanos(row.fresh_until);
  return page;
}

absl::Status RecordedPages::Save(const std::string& url, const index::KeptPage& page) {
  if (!IsWebAddress(url) || !IsWebAddress(page.url)) {
    return absl::InvalidArgumentError("the address of an index page begins with http:// or https://");
  }
  for (const std::string* text : {&page.content_type, &page.etag, &page.last_modified}) {
    if (text->size() > kLongestText) {
      return absl::InvalidArgumentError(fmt::format("a header of an index page has {} bytes", text->size()));
    }
  }
  storage::IndexPageRow row;
  row.url = url;
  row.content_type = page.content_type;
  row.page_url = page.url;
  row.etag = page.etag;
  row.last_modified = page.last_modified;
  row.fresh_until = absl::ToUnixNanos(page.fresh_until);
  row.saved_at = UnixNanos(clock_.Now());
  ASSIGN_OR_RETURN(row.body, blobs_.PutBytes(page.body));
  return records_.Put(row);
}

}  // namespace crossmill::coordinator
