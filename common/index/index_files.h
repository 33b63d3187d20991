// Files of package indexes: each fetched from outside once, checked against the digest that its page names,
// and kept in the farm's blob store.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/http/http_client.h"
#include "common/index/index_address.h"
#include "common/wheels/index_document.h"

namespace crossmill::index {

// Who gets a file. An error ends the transfer and is returned as it is.
class FileSink {
 public:
  virtual ~FileSink() = default;
  // Once, before any byte: how many will come, if known. Not called when nothing will come.
  virtual absl::Status Begin(std::optional<int64_t> size) = 0;
  virtual absl::Status Write(std::string_view bytes) = 0;
};

// What getting a file took.
struct FileFetch {
  // As people may see it.
  std::string url;
  // False: nothing was asked outside.
  bool outside = false;
  // Of the answer; 0: none came.
  int status = 0;
  int64_t bytes = 0;
  // Of what came, whole, as hex; empty if it did not come whole.
  std::string sha256;
  absl::Time started;
  absl::Duration took;
};

struct FileQuestion {
  // Not owned.
  const IndexAddress* address = nullptr;
  const python::IndexFile* file = nullptr;
  // Of a file that the blob store has: only from this byte on, up to `end` (exclusive; nullopt: all).
  int64_t begin = 0;
  std::optional<int64_t> end;
  bool offline = false;
  std::stop_token stop;
};

// Thread safe. What it uses must outlive it.
class IndexFiles {
 public:
  IndexFiles(http::HttpClient& client, BlobStore& blobs, Clock& clock)
      : client_(client), blobs_(blobs), clock_(clock) {}

  // Gives the file to the sink. A file of which the page names a SHA-256 is taken from the blob store if it
  // is there; whoever wants one that somebody else fetches just now waits for it, for a while. What comes
  // from outside is compared with that digest: small files before the sink sees a byte, of large ones the
  // last bytes are held back until then, so a wrong file is never given whole. Other digests are the client's
  // to compare. DATA_LOSS: it has another digest or size; NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE as from
  // IndexPages. `fetch` may be null.
  absl::Status Get(const FileQuestion& question, FileSink& sink, FileFetch* fetch);

  // Has the whole file in the store, so that Get can begin anywhere. The digest is empty() for a file of
  // which no SHA-256 is named.
  absl::StatusOr<Digest> Ensure(const FileQuestion& question, FileFetch* fetch);

  // Whether the store has the file.
  bool Has(const Digest& digest) { return blobs_.Has(digest); }

  // A file's metadata (PEP 658), compared with its digests. At most 8 MiB.
  absl::StatusOr<std::string> Metadata(const FileQuestion& question, FileFetch* fetch);

 private:
  // Waits while somebody else fetches the URL; false: they take too long, and nobody waits for us.
  bool BeginFetching(const std::string& url, const std::stop_token& stop);
  void EndFetching(const std::string& url);
  // The blob of a SHA-256, if the store has it.
  std::optional<Digest> Stored(const python::IndexFile& file);
  void Learn(const Digest& digest);
  absl::Status FromStore(const Digest& digest, const FileQuestion& question, FileSink& sink);
  absl::Status FromOutside(const FileQuestion& question, FileSink& sink, FileFetch& fetch);

  http::HttpClient& client_;
  BlobStore& blobs_;
  Clock& clock_;
  Mutex mutex_;
  CondVar fetched_;
  // URLs that somebody fetches.
  std::unordered_set<std::string> fetching_ ABSL_GUARDED_BY(mutex_);
  // Sizes of files by SHA-256: pages before PEP 700 do not say them.
  std::unordered_map<std::string, int64_t> sizes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::index
