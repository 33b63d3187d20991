#include "coordinator/backup/backup_manifest.h"

#include <algorithm>
#include <charconv>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::backup {
namespace {

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(fmt::format("{} of the backup is damaged", what));
}

Json DigestJson(const Digest& digest) { return {{"sha256", digest.hash}, {"bytes", digest.size}}; }

bool ReadNumber(const Json& object, const char* name, int64_t* number) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return false;
  *number = found->get<int64_t>();
  return *number >= 0;
}

bool ReadText(const Json& object, const char* name, std::string* text) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return false;
  *text = found->get<std::string>();
  return true;
}

bool ReadDigest(const Json& object, const char* name, Digest* digest) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() && ReadText(*found, "sha256", &digest->hash) &&
         ReadNumber(*found, "bytes", &digest->size) && IsSha256Hex(digest->hash);
}

bool ReadNumberWord(std::string_view word, int64_t* number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *number);
  return error == std::errc() && end == word.data() + word.size() && *number >= 0;
}

// The next word of a line, which it loses.
std::string_view TakeWord(std::string_view* line) {
  const size_t blank = std::min(line->find(' '), line->size());
  const std::string_view word = line->substr(0, blank);
  line->remove_prefix(std::min(line->size(), blank + 1));
  return word;
}

bool TakeDigest(std::string_view* line, Digest* digest) {
  digest->hash = TakeWord(line);
  return IsSha256Hex(digest->hash) && ReadNumberWord(TakeWord(line), &digest->size);
}

// Each line of a text that ends with one; false of `take`, or a line without an end, is false.
template <typename Take>
bool ForEachLine(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == text.npos || !take(text.substr(0, end))) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

// A path that stays below the folder it is meant for.
bool IsPathBelow(std::string_view path) {
  if (path.empty() || path.front() == '/') return false;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, slash);
    if (name.empty() || name == "." || name == "..") return false;
    if (slash + 1 == path.size()) return false;
    path.remove_prefix(std::min(path.size(), slash + 1));
  }
  return true;
}

// Not there in a backup of a farm without a bucket.
bool ReadBucket(const Json& json, BackupManifest* manifest) {
  if (!json.contains("bucket")) return true;
  return ReadText(json, "bucket", &manifest->bucket) &&
         ReadNumber(json, "bucket_blobs", &manifest->bucket_blobs) &&
         ReadNumber(json, "bucket_bytes", &manifest->bucket_bytes) &&
         (!json.contains("bucket_index") || ReadDigest(json, "bucket_index", &manifest->bucket_index));
}

bool ReadManifestBody(const Json& json, BackupManifest* manifest) {
  std::string taken;
  if (!ReadText(json, "farm", &manifest->farm) || !ReadText(json, "program", &manifest->program) ||
      !ReadNumber(json, "schema", &manifest->schema) || !ReadText(json, "taken_at", &taken) ||
      !ReadDigest(json, "record", &manifest->record) ||
      !ReadDigest(json, "blob_list", &manifest->blob_list) ||
      !ReadDigest(json, "file_list", &manifest->file_list))
    return false;
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, taken, &time, &error)) return false;
  manifest->taken_at = UnixNanos(time);
  return ReadNumber(json, "blobs", &manifest->blobs) &&
         ReadNumber(json, "blob_bytes", &manifest->blob_bytes) &&
         ReadNumber(json, "files", &manifest->files) &&
         ReadNumber(json, "file_bytes", &manifest->file_bytes) &&
         ReadNumber(json, "gone_blobs", &manifest->gone_blobs) &&
         ReadNumber(json, "damaged_blobs", &manifest->damaged_blobs) &&
         ReadNumber(json, "gone_files", &manifest->gone_files) && ReadBucket(json, manifest);
}

}  // namespace

std::string WriteManifest(const BackupManifest& manifest) {
  const absl::Time taken = absl::FromUnixNanos(manifest.taken_at);
  Json json = {{"format", manifest.format},
               {"farm", manifest.farm},
               {"program", manifest.program},
               {"schema", manifest.schema},
               {"taken_at", absl::FormatTime(absl::RFC3339_full, taken, absl::UTCTimeZone())},
               {"record", DigestJson(manifest.record)},
               {"blob_list", DigestJson(manifest.blob_list)},
               {"file_list", DigestJson(manifest.file_list)},
               {"blobs", manifest.blobs},
               {"blob_bytes", manifest.blob_bytes},
               {"files", manifest.files},
               {"file_bytes", manifest.file_bytes},
               {"gone_blobs", manifest.gone_blobs},
               {"damaged_blobs", manifest.damaged_blobs},
               {"gone_files", manifest.gone_files}};
  if (!manifest.bucket.empty()) {
    json["bucket"] = manifest.bucket;
    json["bucket_blobs"] = manifest.bucket_blobs;
    json["bucket_bytes"] = manifest.bucket_bytes;
  }
  if (!manifest.bucket_index.empty()) json["bucket_index"] = DigestJson(manifest.bucket_index);
  return WriteJsonPretty(json) + "\n";
}

absl::StatusOr<BackupManifest> ParseManifest(std::string_view text) {
  const auto json = ParseJson(text);
  int64_t format = 0;
  if (!json.ok() || !json->is_object() || !ReadNumber(*json, "format", &format))
    return Damaged("the manifest");
  if (format != kFormat) {
    return absl::FailedPreconditionError(fmt::format(
        "the backup has format {}, this Crossmill ({}) knows format {}: use the Crossmill that wrote it",
        format, CROSSMILL_VERSION, kFormat));
  }
  BackupManifest manifest;
  if (!ReadManifestBody(*json, &manifest)) return Damaged("the manifest");
  return manifest;
}

std::string WriteBlobList(const std::vector<KeptBlob>& blobs) {
  std::string text;
  for (const KeptBlob& blob : blobs) {
    text += fmt::format("{} {}", blob.digest.hash, blob.digest.size);
    if (!blob.parts_file.empty()) text += fmt::format(" {} {}", blob.parts_file.hash, blob.parts_file.size);
    text += '\n';
  }
  return text;
}

absl::StatusOr<std::vector<KeptBlob>> ParseBlobList(std::string_view text) {
  std::vector<KeptBlob> blobs;
  const bool good = ForEachLine(text, [&](std::string_view line) {
    KeptBlob& blob = blobs.emplace_back();
    return TakeDigest(&line, &blob.digest) && (line.empty() || TakeDigest(&line, &blob.parts_file)) &&
           line.empty();
  });
  if (!good) return Damaged("the list of blobs");
  return blobs;
}

std::string WriteFileList(const std::vector<KeptFile>& files) {
  std::string text;
  for (const KeptFile& file : files)
    text += fmt::format("{} {} {} {} {}\n", file.bytes.hash, file.bytes.size, file.modified, file.mode,
                        file.path);
  return text;
}

absl::StatusOr<std::vector<KeptFile>> ParseFileList(std::string_view text) {
  std::vector<KeptFile> files;
  const bool good = ForEachLine(text, [&](std::string_view line) {
    KeptFile& file = files.emplace_back();
    int64_t mode = 0;
    if (!TakeDigest(&line, &file.bytes) || !ReadNumberWord(TakeWord(&line), &file.modified) ||
        !ReadNumberWord(TakeWord(&line), &mode) || mode > 0777 || !IsPathBelow(line))
      return false;
    file.mode = static_cast<int>(mode);
    file.path = line;
    return true;
  });
  if (!good) return Damaged("the list of files");
  return files;
}

std::string WritePointer(const std::vector<Moment>& moments) {
  std::string text;
  for (const Moment& moment : moments) text += fmt::format("{} {}\n", moment.name, moment.manifest_hash);
  return text;
}

absl::StatusOr<std::vector<Moment>> ParsePointer(std::string_view text) {
  std::vector<Moment> moments;
  const bool good = ForEachLine(text, [&](std::string_view line) {
    Moment& moment = moments.emplace_back();
    moment.name = TakeWord(&line);
    moment.manifest_hash = line;
    return IsPathBelow(moment.name) && moment.name.find('/') == std::string::npos &&
           IsSha256Hex(moment.manifest_hash);
  });
  if (!good || moments.empty()) return Damaged("the file \"current\"");
  return moments;
}

}  // namespace crossmill::backup
