// Where the contents of files are in a layer's tar: what the manifest says of it is enough, because one tree
// has exactly one canonical tar.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/layer/layer_manifest.h"

namespace crossmill::layer {

struct ContentPlace {
  // In the tar, in bytes.
  int64_t offset = 0;
  int64_t size = 0;
  // 64 hex digits.
  std::string sha256;
};

// Of one layer. Immutable, so thread safe.
class ContentPlaces {
 public:
  explicit ContentPlaces(const LayerManifest& manifest);
  // nullopt: the layer has no such file. A hard link has its target's content.
  std::optional<ContentPlace> Find(std::string_view path) const;
  // Of the whole tar.
  int64_t tar_bytes() const { return tar_bytes_; }

 private:
  std::map<std::string, ContentPlace, std::less<>> places_;
  int64_t tar_bytes_ = 0;
};

}  // namespace crossmill::layer
