// A set of native programs that stand in for emulated ones: a folder made by scripts/make-accelerators
// (docs/accelerators.md), as its manifest.json describes it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"

namespace crossmill::worker {

// A file of an image's root, by place and content.
struct RootFile {
  std::string path;
  Digest digest;
};

// What an argument or a variable of a call, or a folder of the root, means for it; table_format.h has the
// kinds, and what `from` and `to` are of which. `to` of a replaced file is relative to the set's folder.
struct CallRule {
  uint32_t kind = 0;
  std::string text;
  std::string from;
  std::string to;
};

struct AcceleratedTool {
  // "gcc-12/cc1".
  std::string name;
  // Relative to the set's folder.
  std::string program;
  // The emulated program, and what it reads besides that makes a difference.
  RootFile stands_for;
  std::vector<RootFile> needs;
  std::vector<CallRule> rules;
  // Files of the set that it loads, directly or by others; none of a program that is all in one.
  std::vector<std::string> loads;
  // What this machine's processor has to have (native_processor.h).
  std::vector<std::string> processor;
};

struct SetFile {
  std::string path;
  Digest digest;
  bool executable = false;
};

struct AcceleratorSet {
  // "debian-bookworm-arm64": the folder's name.
  std::string name;
  // As in platforms: "arm64".
  std::string architecture;
  // Of the manifest, which has the digest of everything else.
  Digest digest;
  std::vector<SetFile> files;
  std::vector<AcceleratedTool> tools;
};

// Files of the set that are part of the tool besides its program: what it loads, and what it is given in
// another's place.
std::set<std::string> LoadedFiles(const AcceleratedTool& tool);

// What a calibration of the tool is worth for: the SHA-256 (hex) of the program, of what it stands for and
// needs, of its rules, of the files of the set that it loads, and of the processor that it has to run on.
// Other tools of the set make no difference. scripts/calibrate-accelerators computes the same.
std::string ToolIdentity(const AcceleratorSet& set, const AcceleratedTool& tool);

// Pure. INVALID_ARGUMENT says what of it is wrong.
absl::StatusOr<AcceleratorSet> ParseAcceleratorSet(std::string_view manifest);

// Copies the files of some of the set's tools from `source` into the folder `target`, which is emptied: what
// is used afterwards has been compared with the manifest and is nobody else's. DATA_LOSS names a file that
// differs.
absl::Status CopyAcceleratorSet(const AcceleratorSet& set, const std::vector<AcceleratedTool>& tools,
                                const std::string& source, const std::string& target);

}  // namespace crossmill::worker
