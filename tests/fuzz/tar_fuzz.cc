// Any bytes: the tar reader ends, within bounds, with entries in the form that TarEntry promises.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/layer/tar_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using crossmill::layer::TarReader;
  TarReader reader(crossmill::layer::SourceOf({reinterpret_cast<const char*>(data), size}));
  char buffer[700];
  bool read_content = false;
  while (true) {
    auto entry = reader.Next();
    if (!entry.ok() || !entry->has_value()) break;
    if (!crossmill::layer::CheckPath((*entry)->path).ok() || (*entry)->mode > 07777 || (*entry)->size < 0)
      std::abort();
    // Every second entry is skipped instead of read.
    read_content = !read_content;
    while (read_content) {
      auto count = reader.ReadData(buffer, sizeof(buffer));
      if (!count.ok() || *count == 0) break;
    }
  }
  return 0;
}
