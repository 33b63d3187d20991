// The Directory messages of a context (docs/formats.md, "context"): one way to write them, wherever the files
// come from, so that the same files have the same root.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/digest.h"
#include "common/context/hash_cache.h"

namespace crossmill::context {

RawSha256 RawOf(const std::string& hex);
std::string HexOf(const RawSha256& raw);

// What all kinds of entries say of themselves.
struct NodeFacts {
  std::string_view name;
  // Permissions, at most 07777.
  uint32_t mode = 0;
  int64_t mtime_nanos = 0;
  // Times are in the message.
  bool keep_times = false;
};

// Each list has to be sorted by name: entries are added in that order.
// `hard_link`: names the file that several entries are; empty: this one is no other.
void AddFile(const NodeFacts& facts, const RawSha256& hash, int64_t size, std::string_view hard_link,
             build::bazel::remote::execution::v2::Directory* folder);
void AddLink(const NodeFacts& facts, std::string_view target,
             build::bazel::remote::execution::v2::Directory* folder);
void AddFolder(std::string_view name, const Digest& digest,
               build::bazel::remote::execution::v2::Directory* folder);
// Of the folder itself; its name is its parent's to say.
void SetFolder(const NodeFacts& facts, build::bazel::remote::execution::v2::Directory* folder);

// The value of the property `hardlink`: of paths, which are bytes, a text; different ones stay different.
std::string EscapedPath(std::string_view path);

}  // namespace crossmill::context
