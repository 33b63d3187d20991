// Reads a context folder into a Merkle tree of REAPI Directory messages.
//
// Rules (docs/formats.md, "context"): names are bytes; lists are sorted; files and directories carry
// unix_mode; mtimes (whole seconds) only with keep_times; symbolic links are kept as they are;
// sockets, pipes and devices are left out with a note. Ignored paths are left out, and ignored
// folders are entered only when an exception may lie below. Files of the context that are one file (hard
// links) carry the property `hardlink` with the same value.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/pattern/ignore_rules.h"

namespace crossmill::context {

struct ContextFile {
  Digest digest;
  // Below the context folder.
  std::string path;
};

struct ScannedContext {
  Digest root;
  // Directory messages, the root included; equal ones may occur more than once.
  std::vector<std::pair<Digest, std::string>> folders;
  std::vector<ContextFile> files;
  // Sum over files.
  int64_t bytes = 0;
  // Files that had to be read because the hash cache did not know them.
  int64_t hashed_files = 0;
  // Things a person should know, one sentence each; of many, the first and how many more there are.
  std::vector<std::string> notes;
};

struct ScanOptions {
  // Absolute.
  std::string folder;
  // Not owned; null: nothing is ignored.
  const pattern::IgnoreRules* ignore = nullptr;
  bool keep_times = false;
  // Empty: no hash cache.
  std::string cache_path;
  // 0: as many as there are processors.
  int threads = 0;
  // CANCELLED soon after it stops.
  std::stop_token stop;
};

// NOT_FOUND or FAILED_PRECONDITION when the folder is none; PERMISSION_DENIED names what cannot be
// read; ABORTED names a file that keeps changing. A hash cache that cannot be written is a note.
absl::StatusOr<ScannedContext> ScanContext(const ScanOptions& options, Clock& clock);

}  // namespace crossmill::context
