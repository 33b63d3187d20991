// The root file system of a build's image, for clients that read single files of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/opening/nameless_file.h"
#include "common/oci/flatten.h"
#include "coordinator/buildkit/outputs/exporters.h"

namespace crossmill::coordinator::buildkit {

// Immutable. Contents are in a file without a name, entries in memory. Paths follow links as in a container,
// and none leads out of the root. Errors: NOT_FOUND in words that clients know ("no such file"),
// INVALID_ARGUMENT for what is not of the kind that was asked for.
class ResultTree {
 public:
  // Reads all of the image's layers. RESOURCE_EXHAUSTED: the disk has no room for them, or the tree has more
  // than a million paths.
  static absl::StatusOr<std::shared_ptr<const ResultTree>> Read(const Digest& manifest,
                                                                const ExportServices& services);

  // Of what the path leads to.
  absl::StatusOr<layer::TarEntry> Stat(const std::string& path) const;
  // `length` 0: to the end. RESOURCE_EXHAUSTED: more than `most` bytes.
  absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t offset, int64_t length,
                                       int64_t most) const;
  // In a folder, by name; links are told as such. Their paths are their names.
  absl::StatusOr<std::vector<layer::TarEntry>> List(const std::string& path) const;

 private:
  explicit ResultTree(NamelessFile contents) : contents_(std::move(contents)), files_(contents_) {}
  // Where the path leads, without links.
  absl::StatusOr<std::string> Resolve(const std::string& path) const;

  NamelessFile contents_;
  oci::Flattener files_;
  std::map<std::string, layer::TarEntry, layer::PathLess> entries_;
};

}  // namespace crossmill::coordinator::buildkit
