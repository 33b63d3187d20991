// The files of an image as they lie in its layers, without running anything: what is asked of them to find
// its Pythons.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::predict {

// Paths are absolute, from the image's root, without "." and "..", and no folder in them is a link: links are
// read, never followed (RootPaths follows them). Implementations come from manifests and blobs, or a table in
// tests.
class RootFiles {
 public:
  enum class Kind { kFile, kFolder, kLink, kOther };

  struct Entry {
    std::string name;
    Kind kind = Kind::kFile;
  };

  struct Listing {
    std::vector<Entry> entries;
    // There are more than were asked for.
    bool cut = false;
  };

  virtual ~RootFiles() = default;

  // What is at a path. NOT_FOUND if nothing is.
  virtual absl::StatusOr<Kind> Look(std::string_view path) = 0;
  // At most `limit` entries of a folder, in any order. NOT_FOUND if there is none.
  virtual absl::StatusOr<Listing> List(std::string_view path, size_t limit) = 0;
  // At most `limit` bytes of a file from `offset` on; fewer only at its end. NOT_FOUND if it is no file.
  virtual absl::StatusOr<std::string> Read(std::string_view path, uint64_t offset, size_t limit) = 0;
  // Where a link points, as it is. NOT_FOUND if it is none.
  virtual absl::StatusOr<std::string> ReadLink(std::string_view path) = 0;
};

}  // namespace crossmill::predict
