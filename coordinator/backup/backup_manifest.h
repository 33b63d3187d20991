// What a backup says of itself: its manifest, its list of blobs and its list of files, as text and back.
// Pure. docs/formats.md, "Backups".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/digest.h"

namespace crossmill::backup {

// Of the folder as a whole. Another number is another layout: a program refuses what it does not know.
inline constexpr int kFormat = 1;

// A file of the data folder: its bytes are a blob of the backup.
struct KeptFile {
  // Below the data folder: "logs/07/7.log", "tokens".
  std::string path;
  Digest bytes;
  // Of the file when it was read, Unix time in nanoseconds: the same and the same size are the same bytes.
  int64_t modified = 0;
  int mode = 0600;
};

// A blob of the store.
struct KeptBlob {
  Digest digest;
  // Of the file that lists its parts, where it is kept in parts; else empty.
  Digest parts_file;
};

struct BackupManifest {
  int format = kFormat;
  std::string farm;
  std::string program;
  int64_t schema = 0;
  // Unix time in nanoseconds: when the record was as it is here.
  int64_t taken_at = 0;
  Digest record;
  Digest blob_list, file_list;
  int64_t blobs = 0, blob_bytes = 0;
  int64_t files = 0, file_bytes = 0;
  // Of what the record refers to, this was not in the store: caches, which are made again.
  int64_t gone_blobs = 0;
  // Likewise, but there with other bytes than their digest's.
  int64_t damaged_blobs = 0;
  // The bucket behind the disk, if there is one: "s3://farm/prefix". Blobs that are only there and were not
  // copied, and the index of the bucket that the backup has for them; empty: all were copied.
  std::string bucket;
  int64_t bucket_blobs = 0, bucket_bytes = 0;
  Digest bucket_index;
  // Files that were removed while they were to be read.
  int64_t gone_files = 0;
};

std::string WriteManifest(const BackupManifest& manifest);
// FAILED_PRECONDITION: another format, with both numbers; DATA_LOSS: no manifest.
absl::StatusOr<BackupManifest> ParseManifest(std::string_view text);

std::string WriteBlobList(const std::vector<KeptBlob>& blobs);
absl::StatusOr<std::vector<KeptBlob>> ParseBlobList(std::string_view text);
std::string WriteFileList(const std::vector<KeptFile>& files);
absl::StatusOr<std::vector<KeptFile>> ParseFileList(std::string_view text);

// A complete backup in a folder of backups.
struct Moment {
  std::string name;
  // Of its manifest, in hex.
  std::string manifest_hash;
};
// The pointer file: newest first.
std::string WritePointer(const std::vector<Moment>& moments);
absl::StatusOr<std::vector<Moment>> ParsePointer(std::string_view text);

}  // namespace crossmill::backup
