// Pages of one package index, fetched and kept as its Cache-Control and ETag allow.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/keyed_lock.h"
#include "common/base/mutex.h"
#include "common/http/http_client.h"
#include "common/index/index_address.h"
#include "common/wheels/index_document.h"

namespace crossmill::index {

// A page as it came.
struct KeptPage {
  std::string content_type;
  std::string body;
  // Where redirects led: relative addresses begin there.
  std::string url;
  std::string etag;
  std::string last_modified;
  // Good without asking until then.
  absl::Time fresh_until;
};

// Keeps pages beyond this process. Thread safe.
class PageArchive {
 public:
  virtual ~PageArchive() = default;
  // NOT_FOUND: there is none.
  virtual absl::StatusOr<KeptPage> Load(const std::string& url) = 0;
  virtual absl::Status Save(const std::string& url, const KeptPage& page) = 0;
};

// What asking for a page took.
struct PageFetch {
  std::string url;
  // False: nothing was asked outside.
  bool outside = false;
  // Of the answer; 0: none came.
  int status = 0;
  int64_t bytes = 0;
  absl::Time started;
  absl::Duration took;
};

struct IndexPagesOptions {
  python::IndexLimits limits;
  // Bytes of pages (as they came) that are kept in memory.
  size_t memory = size_t{128} << 20;
  // Not owned; may be null.
  PageArchive* archive = nullptr;
};

struct PageQuestion {
  std::string project;
  // Nothing is asked of the index: what is kept is good, however old.
  bool offline = false;
  std::stop_token stop;
};

// Thread safe. Equal questions at the same time ask the index once. `client` and `clock` must outlive it.
class IndexPages {
 public:
  IndexPages(IndexAddress address, http::HttpClient& client, Clock& clock, IndexPagesOptions options = {});

  const IndexAddress& address() const { return address_; }

  // NOT_FOUND: the index has no such project, or offline and not kept. UNAVAILABLE: the index or the way to
  // it; PERMISSION_DENIED; FAILED_PRECONDITION: what it sent is no index page; RESOURCE_EXHAUSTED: it is
  // larger than the limits. Messages name the page's address. `fetch` may be null.
  absl::StatusOr<std::shared_ptr<const python::IndexDocument>> Get(const PageQuestion& question,
                                                                   PageFetch* fetch);

 private:
  struct Entry {
    std::string url;
    KeptPage page;
    std::shared_ptr<const python::IndexDocument> document;
  };

  std::optional<Entry> Find(const std::string& url);
  void Keep(Entry entry);
  absl::StatusOr<std::shared_ptr<const python::IndexDocument>> Ask(const PageQuestion& question,
                                                                   std::optional<Entry> known,
                                                                   const std::string& url, PageFetch* fetch);
  absl::StatusOr<Entry> Read(const std::string& url, KeptPage page) const;

  const IndexAddress address_;
  http::HttpClient& client_;
  Clock& clock_;
  const IndexPagesOptions options_;
  KeyedLock asking_;
  Mutex mutex_;
  // The latest first.
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::list<Entry>::iterator> by_url_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::index
