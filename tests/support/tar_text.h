// Tars as strangers make them, for tests: any order, any names, plain ustar headers without checks.
#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "common/layer/tar_entry.h"

namespace crossmill {

class TarText {
 public:
  TarText& Add(std::string_view path, layer::EntryType type = layer::EntryType::kFile,
               std::string_view content = "", unsigned uid = 0, unsigned gid = 0, unsigned mode = 0644) {
    return Append(path, type, content, "", uid, gid, type == layer::EntryType::kDirectory ? 0755 : mode);
  }
  TarText& AddLink(std::string_view path, layer::EntryType type, std::string_view target) {
    return Append(path, type, "", target, 0, 0, 0777);
  }
  std::string Finish() const { return bytes_ + std::string(1024, '\0'); }

 private:
  static char TypeFlag(layer::EntryType type) { return "0521346"[static_cast<int>(type)]; }

  TarText& Append(std::string_view path, layer::EntryType type, std::string_view content,
                  std::string_view link, unsigned uid, unsigned gid, unsigned mode) {
    char header[512] = {};
    path.copy(header, 100);
    std::snprintf(header + 100, 8, "%07o", mode);
    std::snprintf(header + 108, 8, "%07o", uid);
    std::snprintf(header + 116, 8, "%07o", gid);
    std::snprintf(header + 124, 12, "%011zo", content.size());
    std::snprintf(header + 136, 12, "%011o", 1'500'000'000U);
    header[156] = TypeFlag(type);
    link.copy(header + 157, 100);
    std::memcpy(header + 257,
                "ustar\0"
                "00",
                8);
    std::memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (const char byte : header) sum += static_cast<unsigned char>(byte);
    std::snprintf(header + 148, 8, "%06o", sum);
    bytes_.append(header, sizeof(header)).append(content);
    bytes_.append((512 - content.size() % 512) % 512, '\0');
    return *this;
  }

  std::string bytes_;
};

}  // namespace crossmill
