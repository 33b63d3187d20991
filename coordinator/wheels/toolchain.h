// What of a root file system can influence the compilation of a source archive, as one digest. Pure.
//
// A wheel may be used again where this digest is the same, so everything counts that is not known to be left
// alone by compilers and installers: the base image as a whole, and of the layers above it all files but
//   - those below the step's working folder, and files that the command names as requirements: the
//     application, which changes with every commit. Hidden files there count (.cargo, .pydistutils.cfg), but
//     for .git; so does all of a folder that is the system's, or a home;
//   - temporary files, logs, package lists and installers' caches;
//   - compiled Python (.pyc), which follows from its source;
//   - installed packages (site-packages, dist-packages) where every build is isolated from them: only those
//     that build, and what Python itself loads (*.pth), count.
// Whatever a variable of the environment names (CFLAGS=-I/app/include) counts in any case.
// Times never count, modes and owners do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "common/base/digest.h"
#include "common/layer/layer_manifest.h"

namespace crossmill::coordinator {

// Bottom first.
struct ToolchainLayer {
  Digest tar;
  // Null: of a base as its publisher made it; it counts as a whole. Not owned.
  const layer::LayerManifest* manifest = nullptr;
};

struct ToolchainScope {
  // Absolute; "/" has nothing that is left out.
  std::string folder;
  // Absolute paths of files that are left out.
  std::vector<std::string> files;
  // NAME=value.
  std::vector<std::string> environment;
  // Installed packages are not seen by builds.
  bool isolated = false;
};

// 64 hex digits.
std::string ToolchainDigest(absl::Span<const ToolchainLayer> layers, const ToolchainScope& scope);

}  // namespace crossmill::coordinator
