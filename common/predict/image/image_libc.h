// The C library of an image, as its own files name it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/predict/image/root_paths.h"
#include "common/python/tags.h"

namespace crossmill::predict {

struct FoundLibc {
  python::Libc libc;
  // "2.36", "1.2.4", and the file that says it.
  std::string version;
  std::string path;
};

// Of a program with this loader (PT_INTERP) and architecture: glibc by the banner in libc.so.6, musl by the
// version in its loader, else in apk's records. NOT_FOUND names what was looked for.
absl::StatusOr<FoundLibc> FindLibc(const RootPaths& root, std::string_view loader, std::string_view machine);

}  // namespace crossmill::predict
