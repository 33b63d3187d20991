// The library that a replica's RUN is executed with, so that its programs read another wall clock and get
// files in another order than those of the first execution. It is C (clock.c, readdir.c), for programs that
// are linked with glibc dynamically: what is linked statically, and what asks the kernel itself, does not see
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace crossmill::worker {

struct PreloadSettings {
  // How much later than it is the wall clock is shown, in seconds.
  int64_t clock_shift = 0;
  // Folders are read backwards.
  bool reverse_folders = false;
  // The root has no list of preloaded libraries of its own: readers of /etc do not see ours.
  bool hide_list = false;
};

// The library's bytes for an OCI architecture ("amd64", "arm64"), with these settings in it. nullopt: this
// worker has none for it.
std::optional<std::string> PreloadLibrary(std::string_view architecture, const PreloadSettings& settings);

// As they were built, before settings.
struct EmbeddedPreload {
  std::string_view architecture;
  std::string_view bytes;
};
absl::Span<const EmbeddedPreload> EmbeddedPreloads();

}  // namespace crossmill::worker
