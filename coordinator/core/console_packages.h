// What pip and uv say on the console of a RUN step: a pure parser from lines with times to observations.
// The grammar is that of pip 20 to 26 and uv 0.4 to 0.9, output to a pipe (not a terminal).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::core {

struct ConsoleLine {
  // Unix time in nanoseconds, when the line was complete.
  int64_t time_ns = 0;
  // Without line end and terminal control sequences; valid UTF-8.
  std::string text;
};

// The console of one step as lines. Streams are put together apart from each other (a line of stderr
// never breaks one of stdout); what a carriage return overwrote is left out; lines beyond 16 KiB are cut.
std::vector<ConsoleLine> SplitConsole(absl::Span<const v1::LogChunk> chunks);

// Where the console says a package came from.
enum class PackageOrigin {
  kUnknown,
  kWheel,        // a wheel was downloaded, or taken from the download cache or a local folder
  kSource,       // a source distribution
  kCachedBuild,  // a wheel that was compiled earlier, from the installer's cache or a local folder
  kVcs,
  kLocal,  // a folder
  kEditable,
};

// One package in one run of an installer.
struct PackageObservation {
  // Normalised (PEP 503).
  std::string name;
  // Empty when the console never said it.
  std::string version;
  PackageOrigin origin = PackageOrigin::kUnknown;
  // Downloaded or built file; the built wheel when both.
  std::string file_name;
  // Installed in an isolated build environment, not in the image.
  bool build_dependency = false;
  // A wheel was made, or setup.py install ran.
  bool built = false;
  // setup.py install: leaves no dist-info.
  bool legacy_install = false;
  // Named as installed, or saved by `pip wheel` or `pip download`.
  bool arrived = false;
  // Of `arrived`: only saved, not installed.
  bool only_saved = false;
  bool failed = false;
  // Seconds that making the wheel took (without its build dependencies), < 0: unknown.
  double build_seconds = -1;
  // Seconds from the first mention until the next package's turn, < 0: unknown.
  double fetch_seconds = -1;
  // Of the built wheel; empty and 0 when the console did not say them.
  std::string built_sha256;
  int64_t built_size = 0;
  // What was printed about the failure, oldest first; at most 400 lines.
  std::vector<std::string> failure_lines;
};

// In order of first mention. A package collected twice in one step (two runs of pip) is there twice.
std::vector<PackageObservation> ParsePackageConsole(absl::Span<const ConsoleLine> lines);

// "Foo.Bar_baz" -> "foo-bar-baz".
std::string NormalisePackageName(std::string_view name);

// Parts of a wheel's or source distribution's file name; empty name when it is neither.
struct PackageFile {
  std::string name;  // normalised
  std::string version;
  std::string tag;  // "cp311-cp311-linux_x86_64"; empty for a source distribution
  bool wheel = false;
};
PackageFile ParsePackageFile(std::string_view file_name);

// True if a platform of the tag is plain linux_ARCH: compiled on a machine, never published that way.
bool IsLocallyCompiledTag(std::string_view tag);

}  // namespace crossmill::core
