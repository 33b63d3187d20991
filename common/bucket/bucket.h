// A bucket of an object store, as the farm uses one: the interface, so that what stands on it is tested
// without a server. Keys are below the prefix of the bucket's address.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/digest.h"
#include "common/bucket/bucket_address.h"
#include "common/bucket/credentials.h"
#include "common/http/http_client.h"

namespace crossmill::bucket {

struct ObjectInfo {
  std::string key;
  int64_t size = 0;
};

// What is left of an upload in parts that nobody finished; it takes room, and is in no listing of objects.
struct UnfinishedUpload {
  std::string key;
  std::string id;
  absl::Time begun;
};

using PageSink = std::function<absl::Status(const std::vector<ObjectInfo>& page)>;
using BytesSink = std::function<absl::Status(std::string_view bytes)>;

// Thread safe. Every method may fail with
//   UNAVAILABLE          the server was not reached, or did not do it, after all attempts
//   PERMISSION_DENIED    the credentials are wrong or may not do this
//   FAILED_PRECONDITION  what an operator has to set right: no such bucket, another region, no credentials
//   CANCELLED            `stop`
// No message has a key or a signature in it.
class Bucket {
 public:
  virtual ~Bucket() = default;
  // For people.
  virtual std::string name() const = 0;

  // Reads the source to its end, more than once where something fails. Nothing becomes the object but bytes
  // of that digest: DATA_LOSS when the source has others. An object of that key is replaced.
  virtual absl::Status Put(const std::string& key, const Digest& digest, const http::BodySource& source,
                           const std::stop_token& stop) = 0;
  // A few bytes where there is no such object. ALREADY_EXISTS where there is one, at servers that can say so;
  // others replace it.
  virtual absl::Status PutNew(const std::string& key, std::string_view bytes,
                              const std::stop_token& stop) = 0;
  // `length` bytes from `offset` on of an object of `size` bytes, each once and in order, also when the
  // connection breaks on the way. NOT_FOUND; DATA_LOSS: it has another size. Whether they are the right bytes
  // the caller finds out.
  virtual absl::Status Get(const std::string& key, int64_t size, int64_t offset, int64_t length,
                           const BytesSink& sink, const std::stop_token& stop) = 0;
  // A small object, whole. RESOURCE_EXHAUSTED beyond `limit`.
  virtual absl::StatusOr<std::string> GetSmall(const std::string& key, size_t limit,
                                               const std::stop_token& stop) = 0;
  // Its size; NOT_FOUND.
  virtual absl::StatusOr<int64_t> Head(const std::string& key, const std::stop_token& stop) = 0;
  // Also if there is none.
  virtual absl::Status Delete(const std::string& key, const std::stop_token& stop) = 0;
  // All objects whose keys begin so, in pages.
  virtual absl::Status List(const std::string& prefix, const PageSink& sink, const std::stop_token& stop) = 0;
  virtual absl::StatusOr<std::vector<UnfinishedUpload>> ListUnfinished(const std::string& prefix,
                                                                       const std::stop_token& stop) = 0;
  virtual absl::Status Abort(const UnfinishedUpload& upload, const std::stop_token& stop) = 0;
  // A URL by which anybody can read this object, and nothing else, until `life` is over. Asks no server.
  virtual absl::StatusOr<std::string> PresignGet(const std::string& key, absl::Duration life) = 0;
};

struct S3Options {
  BucketAddress address;
  CredentialSource credentials;
  // Requests that fail for a reason that passes are made again, with pauses that double, drawn at random
  // below that (so that a farm of clients does not come back at once).
  int attempts = 6;
  absl::Duration first_pause = absl::Milliseconds(200);
  absl::Duration longest_pause = absl::Seconds(20);
  // Larger objects go up in parts, of this size or what makes at most 9,000 of them.
  int64_t part_bytes = int64_t{32} << 20;
  // A transfer below that rate for so long is given up.
  int64_t floor_rate = 1024;
  absl::Duration idle_limit = absl::Seconds(30);
  std::function<absl::Time()> now = [] { return absl::Now(); };
  // False: `stop` came first. Of the real world unless a test says otherwise.
  std::function<bool(absl::Duration, const std::stop_token&)> pause;
};

// The client for it follows no redirects: credentials and bytes go to the endpoint's host and nowhere else.
std::unique_ptr<http::HttpClient> MakeBucketHttpClient();
std::unique_ptr<Bucket> MakeS3Bucket(http::HttpClient& client, S3Options options);

}  // namespace crossmill::bucket
