// What pip and uv say on the console of a RUN step: a pure parser from lines with times to observations.
// The grammar is that of pip 20 to 26 and uv 0.4 to 0.9, output to a pipe (not a terminal), also behind a
// prefix that a filter put before every line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "common/packages/console_lines.h"
#include "common/packages/package_failures.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::packages {

// Where the console says a package came from.
enum class PackageOrigin {
  kUnknown,
  kWheel,         // a wheel was downloaded, or taken from the download cache
  kFolderWheel,   // a wheel from a local folder
  kSource,        // a source distribution that was downloaded
  kFolderSource,  // one from a local folder
  kCachedBuild,   // a wheel that was compiled earlier, from the installer's cache or a local folder
  kVcs,
  kLocal,  // a folder
  kEditable,
};

// The name of what failed without one.
inline constexpr std::string_view kUnnamed = "(unnamed)";

// One package in one run of an installer.
struct PackageObservation {
  // Normalised (PEP 503).
  std::string name;
  // Empty when the console never said it.
  std::string version;
  PackageOrigin origin = PackageOrigin::kUnknown;
  // Downloaded or built file; the built wheel when both.
  std::string file_name;
  // The environment that the installer named; usually empty.
  std::string environment;
  // Installed in an isolated build environment, not in the image.
  bool build_dependency = false;
  // A wheel was made, or setup.py install ran.
  bool built = false;
  // uv named it as installed: uv says of everything that it builds that it does.
  bool by_uv = false;
  // Named as installed, or saved by `pip wheel`.
  bool arrived = false;
  // Of `arrived`: when the console said so, Unix time in nanoseconds.
  int64_t arrived_ns = 0;
  // Of `arrived`: only saved, not installed.
  bool only_saved = false;
  bool failed = false;
  // Since when it was being built (the chunk's time in nanoseconds), if that had not ended when the console
  // did.
  std::optional<int64_t> building_since_ns;
  // Seconds that making the wheel took (without its build dependencies), < 0: unknown.
  double build_seconds = -1;
  // Seconds from the first mention until the next package's turn, < 0: unknown.
  double fetch_seconds = -1;
  // Of the built wheel; empty and 0 when the console did not say them.
  std::string built_sha256;
  int64_t built_size = 0;
  // Only of `failed`, in a run of uv or of pip.
  bool failed_by_uv = false;
  PackageFailure failure;
};

// Fed line by line while a step runs. Time is linear in the lines; memory is bounded whatever is printed:
// packages beyond the 20,000th that was installed are not noted.
class PackageConsole {
 public:
  // Failures are read by these rules.
  explicit PackageConsole(
      std::shared_ptr<const failures::FailureRules> rules = failures::FailureRules::BuiltIn());
  ~PackageConsole();
  PackageConsole(PackageConsole&&) noexcept;
  PackageConsole& operator=(PackageConsole&&) noexcept;

  void Add(const v1::LogChunk& chunk);
  void Add(const ConsoleLine& line);
  // In order of first mention. A package collected twice in one step (two runs of pip) is there twice.
  // Nothing may be added afterwards.
  std::vector<PackageObservation> Finish();

 private:
  class Parser;
  ConsoleLineReader lines_;
  std::unique_ptr<Parser> parser_;
};

std::vector<PackageObservation> ParsePackageConsole(absl::Span<const ConsoleLine> lines);

// "Foo.Bar_baz" -> "foo-bar-baz".
std::string NormalisePackageName(std::string_view name);
// True for what PEP 508 allows as a name, up to 200 characters.
bool IsPackageName(std::string_view name);
// Versions that PEP 440 calls equal become equal texts: "v2024.08.30" and "2024.8.30", "1.0-alpha.1" and
// "1a1", "1.0" and "1.0.0".
std::string CanonicalVersion(std::string_view version);

// Parts of a wheel's or source distribution's file name; empty name when it is neither.
struct PackageFile {
  std::string name;  // normalised
  std::string version;
  std::string tag;  // "cp311-cp311-linux_x86_64"; empty for a source distribution
  bool wheel = false;
};
PackageFile ParsePackageFile(std::string_view file_name);

// True if a platform of the tag is plain linux_ARCH: compiled on a machine, never published on PyPI that way.
bool IsLocallyCompiledTag(std::string_view tag);

}  // namespace crossmill::packages
