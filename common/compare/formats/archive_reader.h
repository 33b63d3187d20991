// libarchive, for those comparers that read with it. Internal to common/compare.
#pragma once

#include <archive.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/compare/formats/differences.h"

namespace crossmill::compare {

struct FreeArchive {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using ArchiveReader = std::unique_ptr<archive, FreeArchive>;

// INVALID_ARGUMENT, in libarchive's words.
absl::Status Damaged(archive* reader);
// What is left of the present entry. RESOURCE_EXHAUSTED: it is more than is compared.
absl::StatusOr<std::string> ReadData(archive* reader, Differences* differences);

}  // namespace crossmill::compare
