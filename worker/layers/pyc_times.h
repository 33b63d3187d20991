// Compiled Python files that stay valid in a layer. Python compiles a module again, at each start, when the
// time of its source is not the one in the compiled file's header; a layer gives files other times than they
// had on disk. docs/formats.md, "Layers".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "worker/layers/layer_diff.h"

namespace crossmill::worker {

// What the header says of the source; the time is four bytes, little endian, at `time_offset`.
struct PycHeader {
  size_t time_offset = 0;
  uint32_t source_time = 0;
  // Of the source, modulo 2^32; headers before Python 3.3 have none.
  std::optional<uint32_t> source_size;

  bool operator==(const PycHeader&) const = default;
};

// Longest header: so many bytes are enough to read it.
constexpr size_t kPycHeaderBytes = 16;

// nullopt: no compiled file, or one that is checked by a hash or not at all.
std::optional<PycHeader> ReadPycHeader(std::string_view bytes);

// "a/__pycache__/m.cpython-311.opt-1.pyc" and "a/m.pyc" to "a/m.py"; nullopt for other names.
std::optional<std::string> SourceOfPyc(std::string_view path);

// Of each compiled file that is part of the layer and whose header names the time and size that its source
// has in `upper`, the time is made the one that the source will have: in `upper`, before it becomes the
// layer. All others, also those without a source beside them, stay as they are.
absl::Status RefreshPycs(const std::string& upper, UpperDiff* diff);

}  // namespace crossmill::worker
