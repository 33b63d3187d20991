// Images out of a layout that a BuildKit client has on its disk (containerd.services.content.v1), for
// contexts of the kind oci-layout://.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "coordinator/buildkit/session/client_session.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator::buildkit {

struct LayoutRequest {
  // As the metadata of Content names it: "oci:NAME".
  std::string store;
  // "sha256:...", of an index or a manifest.
  std::string digest;
  // Which of an index. Empty: all.
  std::vector<v1::Platform> platforms;
  // Of all that is fetched.
  int64_t most_bytes = int64_t{64} << 30;
};

// Puts the documents, configs and layers into the store, each compared with its digest; what the store has is
// not fetched. Returns the root. NOT_FOUND: the layout lacks a blob, or has not the platform;
// INVALID_ARGUMENT: a document is none, or the bytes have another digest; RESOURCE_EXHAUSTED: the limit.
absl::StatusOr<Digest> FetchClientLayout(ClientSession& session, const LayoutRequest& request,
                                         BlobStore& blobs, std::stop_token stop);

}  // namespace crossmill::coordinator::buildkit
