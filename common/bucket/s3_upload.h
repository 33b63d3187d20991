// Large objects in parts: each part's bytes are hashed before it goes, and the whole before it becomes an
// object. One part's reading is all that is in memory.
#pragma once

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "common/bucket/s3_calls.h"

namespace crossmill::bucket {

// `key` whole. What fails is aborted, so that no part is left behind; where that fails too, or the program is
// killed, ListUnfinished tells.
absl::Status PutInParts(S3Calls& calls, const std::string& key, const Digest& digest,
                        const http::BodySource& source, const std::stop_token& stop);

}  // namespace crossmill::bucket
