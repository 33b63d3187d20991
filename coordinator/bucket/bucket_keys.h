// What a blob is called in the bucket.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/digest.h"

namespace crossmill::coordinator {

// The key of a blob in the bucket, and back; an empty digest for keys that are none of ours.
std::string KeyOf(const std::string& hash);
Digest DigestOfKey(const std::string& key, int64_t size);

}  // namespace crossmill::coordinator
