// Tar archives as people make them: recognised, decompressed, extracted into a folder.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/layer/tar_reader.h"

namespace crossmill::fetch {

// Enough bytes of a file's beginning for IsArchive.
inline constexpr size_t kArchiveHead = 512;

// By the first bytes: gzip, bzip2, xz, zstd (whatever is in them) or a tar's header, as docker tells an
// archive from a Dockerfile.
bool IsArchive(std::string_view beginning);

struct ExtractOptions {
  std::stop_token stop;
  // Things a person should know, one sentence each: devices and pipes that were left out; of many, the first
  // and how many more there are.
  std::vector<std::string>* notes = nullptr;
  // The folder gets mode and time of the archive's entry for it ("./"), if there is one.
  bool keep_root = false;
  // What no tar of a folder holds is INVALID_ARGUMENT: devices, and names that begin with a slash. Pipes,
  // which a folder may have by chance, are still left out.
  bool refuse_foreign = false;
  // RESOURCE_EXHAUSTED beyond it, with the entry that was too much; 0: no limit. Bytes are those of
  // its files, files are all entries, and the folders
  // that are made because no entry names them.
  int64_t most_bytes = 0;
  int64_t most_files = 0;
};

// Extracts a tar (compressed or not) into a folder that is empty. Modes (setuid too), mtimes and hard links
// are kept, owners and xattrs are not. Nothing is written outside of the folder: INVALID_ARGUMENT for an
// entry with ".." or below a symbolic link, for a path or target longer than 4095 bytes, and for bytes that
// are no tar. CANCELLED when told to stop.
absl::Status ExtractArchive(layer::Source archive, const std::string& folder, const ExtractOptions& options);

}  // namespace crossmill::fetch
