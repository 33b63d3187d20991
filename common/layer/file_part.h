// A part of a nameless file as a source of bytes.
#pragma once

#include <cstdint>

#include "common/base/opening/nameless_file.h"
#include "common/layer/tar_reader.h"

namespace crossmill::layer {

// As long as `file` lives. DATA_LOSS when the file has become shorter.
Source PartOf(const NamelessFile& file, int64_t offset, int64_t size);

}  // namespace crossmill::layer
