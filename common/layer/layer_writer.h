// Writes a layer: its canonical tar and its manifest in one pass.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/layer/canonical_tar.h"
#include "common/layer/layer_manifest.h"
#include "common/layer/tar_reader.h"

namespace crossmill::layer {

// Not thread safe. The caller adds entries and whiteouts in the order of their paths in the tar (TarPath,
// PathLess): the removal of "a/b" sorts as "a/.wh.b". After an error the writer is dead.
class LayerWriter {
 public:
  // Whiteouts get `whiteout_time` (the layer's clamp value; seconds) as mtime, mode 0, owner 0:0, size 0.
  LayerWriter(Sink tar, int64_t whiteout_time);
  // Into a blob, which must outlive the writer; the caller commits it.
  LayerWriter(BlobWriter& tar, int64_t whiteout_time);

  // `content` is read to its end for files with size > 0 and may be null otherwise.
  // INVALID_ARGUMENT as CanonicalTarWriter::Add and CheckFollows; FAILED_PRECONDITION if the content
  // has not the size of the entry (the file changed while it was read).
  absl::Status Add(const TarEntry& entry, const Source& content);
  // A regular file whose content is that of `fd`; of a writer with a blob only. `known` is the content's
  // digest where the caller has made sure of it: it is not read to be hashed then, and if the blob's store
  // has it, not at all. Large files are read by the store: nobody may write to them until the blob is
  // committed.
  absl::Status AddFile(const TarEntry& entry, int fd, const Digest& known = {});
  // The layer removes `path` of the layers below. Opaque markers are never written.
  absl::Status AddWhiteout(std::string_view path);
  // Ends the tar.
  absl::StatusOr<LayerManifest> Finish();

 private:
  // Appends the entry to tar and manifest.
  absl::Status Begin(const TarEntry& entry);
  absl::StatusOr<std::string> CopyContent(const TarEntry& entry, const Source& content);
  absl::StatusOr<std::string> HashContent(const TarEntry& entry, const Source& content);
  // Its hash; the pieces go to `sink`.
  absl::StatusOr<std::string> ReadContent(const TarEntry& entry, const Source& content, const Sink& sink);
  // Into the tar only.
  absl::Status WriteLarge(int fd, const Digest& known);

  CanonicalTarWriter tar_;
  int64_t whiteout_time_;
  LayerManifest manifest_;
  std::string buffer_;
};

}  // namespace crossmill::layer
