// The bytes inside a compressed archive as people make them, whatever compressed it. Layers of images have
// their own, stricter reader in compression.h.
#pragma once

#include "common/layer/tar_reader.h"

namespace crossmill::layer {

// The stream without its compression: gzip, bzip2, xz, zstd or none, told apart by content; one, so that what
// is compressed twice comes out compressed. INVALID_ARGUMENT for a damaged one; errors of `compressed` come
// back as they are.
Source AnyDecompressed(Source compressed);

}  // namespace crossmill::layer
