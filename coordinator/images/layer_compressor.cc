#include "coordinator/images/layer_compressor.h"

#include <memory>
#include <string>

#include "common/base/status.h"
#include "common/layer/blob_copy.h"

namespace crossmill::coordinator {
namespace {

int LevelOf(const LayerCompression& compression) {
  const bool zstd = compression.kind == layer::Compression::kZstd;
  return compression.level.value_or(zstd ? layer::kZstdLevel : layer::kGzipLevel);
}

// As the record names it.
std::string NameOf(const LayerCompression& compression) {
  return compression.kind == layer::Compression::kZstd ? layer::ZstdCompressorName(LevelOf(compression))
                                                       : layer::CompressorName(LevelOf(compression));
}

}  // namespace

std::string_view LayerMediaType(layer::Compression compression, bool oci) {
  switch (compression) {
    case layer::Compression::kGzip:
      return oci ? oci::media_type::kOciLayerGzip : oci::media_type::kDockerLayerGzip;
    case layer::Compression::kZstd:
      return oci ? oci::media_type::kOciLayerZstd : oci::media_type::kDockerLayerZstd;
    case layer::Compression::kNone:
      break;
  }
  return oci ? oci::media_type::kOciLayer : oci::media_type::kDockerLayer;
}

absl::StatusOr<oci::Descriptor> LayerCompressor::Compressed(const Digest& tar,
                                                            const LayerCompression& compression,
                                                            const std::stop_token& stop) {
  oci::Descriptor descriptor;
  descriptor.media_type = std::string(LayerMediaType(compression.kind, true));
  if (compression.kind == layer::Compression::kNone) {
    if (!blobs_.Has(tar)) return absl::NotFoundError(fmt::format("layer {} is not in the store", tar.Oci()));
    descriptor.digest = tar;
    return descriptor;
  }
  const int level = LevelOf(compression);
  const std::string compressor = NameOf(compression);
  const KeyedLock::Hold hold(compressions_, tar.hash);
  ASSIGN_OR_RETURN(const std::optional<Digest> known, records_.FindCompressedLayer(tar, compressor));
  if (known.has_value() && blobs_.Has(*known)) {
    descriptor.digest = *known;
    return descriptor;
  }
  ASSIGN_OR_RETURN(const layer::Source blob, layer::BlobSource(blobs_, tar));
  const layer::Source source = [&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    if (stop.stop_requested()) return absl::CancelledError("cancelled");
    return blob(buffer, size);
  };
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, blobs_.Create(Digest()));
  const layer::Sink sink = [&](std::string_view bytes) { return writer->Write(bytes); };
  RETURN_IF_ERROR(compression.kind == layer::Compression::kZstd
                      ? layer::ZstdFrames(source, sink, level, threads_)
                      : layer::GzipMembers(source, sink, level, threads_));
  ASSIGN_OR_RETURN(descriptor.digest, writer->Commit());
  RETURN_IF_ERROR(records_.PutCompressedLayer({tar, compressor, descriptor.digest}));
  return descriptor;
}

absl::StatusOr<bool> LayerCompressor::Made(const Digest& tar, const LayerCompression& compression,
                                           const Digest& blob) {
  if (compression.kind == layer::Compression::kNone) return false;
  ASSIGN_OR_RETURN(const std::optional<Digest> known, records_.FindCompressedLayer(tar, NameOf(compression)));
  return known.has_value() && *known == blob;
}

}  // namespace crossmill::coordinator
