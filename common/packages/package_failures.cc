#include "common/packages/package_failures.h"

#include <array>
#include <string_view>

#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::packages {
namespace {

// Lines are quoted in tables and kept in the record.
constexpr size_t kLongestQuote = 500;

// Where a rule's remedy comes from when it has no fixed one.
enum class Look { kFixed, kHeader, kLibrary, kTool, kWords };

// A rule matches a line that has every one of its pieces, in order.
struct Rule {
  std::string_view failure_class;
  std::array<std::string_view, 2> pieces;
  std::string_view remedy;
  Look look = Look::kFixed;
};

constexpr std::string_view kInstallCompiler = "apt-get install build-essential (apk add build-base)";
constexpr std::string_view kInstallRust =
    "apt-get install rustc cargo (apk add rust cargo), or rustup for a newer one";
constexpr std::string_view kOlderPython = "use a newer release of the package, or an older Python";
constexpr std::string_view kTryAgain = "the index or a server was not reachable: try again, or see --network";
constexpr std::string_view kLessMemory = "compile with fewer jobs, or on a worker with more memory";
constexpr std::string_view kPin = "pin a release that supports this Python";

// Rules stand from general to specific: of two that match, the later one counts.
constexpr Rule kRules[] = {
    {"build", {"error: command '", "failed with exit"}, "see the lines above it in the log"},
    {"build", {"Failed building wheel for", ""}, "see the lines above it in the log"},
    {"undeclared-dependency",
     {"ModuleNotFoundError: No module named", ""},
     "the package does not declare a build dependency: install it first and use --no-build-isolation"},
    {"no-distribution", {"No matching distribution found for", ""}, "check name and version"},
    {"no-distribution", {"Because there is no version of ", ""}, "check name and version"},
    {"no-distribution", {"Because there are no versions of ", ""}, "check name and version"},
    {"no-distribution", {"Because only ", " available"}, "check name and version"},
    {"no-distribution",
     {"has no wheels with a matching", ""},
     "there is no wheel for this Python and platform, and building was forbidden"},
    {"no-distribution",
     {"has no usable wheels", ""},
     "there is no wheel for this Python and platform, and building was forbidden"},
    {"no-distribution",
     {"is not a supported wheel on this platform", ""},
     "the wheel was made for another Python or platform"},
    {"no-distribution", {"Could not find a version that satisfies", ""}, "check name and version"},
    {"no-distribution",
     {"Could not find a version that satisfies", "(from versions: none)"},
     "the index has no such package, or none for this Python and platform"},
    {"no-distribution",
     {"was not found in the package registry", ""},
     "the index has no such package, or none for this Python and platform"},
    {"network", {"Failed to establish a new connection", ""}, kTryAgain},
    {"network", {"Temporary failure in name resolution", ""}, "no name could be resolved: see --network"},
    {"network", {"Name or service not known", ""}, "no name could be resolved: see --network"},
    {"network", {"dns error", ""}, "no name could be resolved: see --network"},
    {"network", {"Could not resolve host", ""}, "no name could be resolved: see --network"},
    {"network", {"Network is unreachable", ""}, kTryAgain},
    {"network", {"ReadTimeoutError", ""}, "the index did not answer in time: try again"},
    {"network", {"Read timed out", ""}, "the index did not answer in time: try again"},
    {"network", {"Connection refused", ""}, kTryAgain},
    {"network", {"Connection reset by peer", ""}, kTryAgain},
    {"network", {"ConnectionResetError", ""}, kTryAgain},
    {"network", {"Connection aborted", ""}, kTryAgain},
    {"network", {"Remote end closed connection", ""}, kTryAgain},
    {"network", {"IncompleteRead", ""}, kTryAgain},
    {"network", {"connection broken", ""}, kTryAgain},
    {"network", {"Failed to connect to", ""}, kTryAgain},
    {"network", {"error sending request for url", ""}, kTryAgain},
    {"network", {"tcp connect error", ""}, kTryAgain},
    {"network", {"operation timed out", ""}, "the index did not answer in time: try again"},
    {"network", {"ProxyError", ""}, "the proxy was not reachable: see --network"},
    {"network", {"HTTP error 4", ""}, "the index refused the request: check its address and credentials"},
    {"network", {"HTTP error 5", ""}, "the index answered with an error: try again"},
    {"network",
     {"Error: ", "Credentials not correct"},
     "the index refused the request: check its address and credentials"},
    {"network",
     {"status code 4", " for url"},
     "the index refused the request: check its address and credentials"},
    {"network", {"HTTP status server error", ""}, "the index answered with an error: try again"},
    {"network",
     {"HTTP status client error", ""},
     "the index refused the request: check its address and credentials"},
    {"network", {"Could not fetch URL ", "connection error"}, kTryAgain},
    {"network",
     {"CERTIFICATE_VERIFY_FAILED", ""},
     "the server's certificate is not trusted in the image: add its authority's certificate before this "
     "step"},
    {"network",
     {"invalid peer certificate", ""},
     "the server's certificate is not trusted in the image: add its authority's certificate before this "
     "step"},
    {"build-tool", {"error: command '", "failed: No such file"}, "", Look::kTool},
    {"build-tool", {"CMake must be installed", ""}, "apt-get install cmake (apk add cmake)"},
    {"build-tool", {"CMake is not installed", ""}, "apt-get install cmake (apk add cmake)"},
    {"build-tool", {"Could not find CMake", ""}, "apt-get install cmake (apk add cmake)"},
    {"build-tool", {"No such file or directory: 'cmake'", ""}, "apt-get install cmake (apk add cmake)"},
    {"build-tool", {"Cannot find command 'git'", ""}, "apt-get install git (apk add git)"},
    {"build-tool", {"No such file or directory: 'git'", ""}, "apt-get install git (apk add git)"},
    {"build-tool", {"No such file or directory: 'swig'", ""}, "apt-get install swig (apk add swig)"},
    {"build-tool", {"No such file or directory: 'make'", ""}, "apt-get install make (apk add make)"},
    {"build-tool", {"make: not found", ""}, "apt-get install make (apk add make)"},
    {"build-tool", {"swig: not found", ""}, "apt-get install swig (apk add swig)"},
    {"build-tool",
     {"autoreconf: not found", ""},
     "apt-get install autoconf automake libtool (apk add the same)"},
    {"build-tool",
     {"Git operation failed", ""},
     "apt-get install git (apk add git), and check the repository"},
    {"no-compiler", {"error: command '", "cc' failed: No such file"}, kInstallCompiler},
    {"no-compiler", {"error: command '", "++' failed: No such file"}, kInstallCompiler},
    {"no-compiler", {"error: command '", "clang' failed: No such file"}, kInstallCompiler},
    {"no-compiler", {"error: command '", "failed: Permission denied"}, kInstallCompiler},
    {"no-compiler", {"No such file or directory: '", "cc'"}, kInstallCompiler},
    {"no-compiler", {"No such file or directory: '", "g++'"}, kInstallCompiler},
    {"no-compiler", {"unable to execute '", "No such file"}, kInstallCompiler},
    {"no-compiler", {"Unknown compiler(s)", ""}, kInstallCompiler},
    {"no-compiler", {"need to install gcc", ""}, kInstallCompiler},
    {"no-compiler", {"gcc is not installed", ""}, kInstallCompiler},
    {"no-compiler", {"no acceptable C compiler found", ""}, kInstallCompiler},
    {"no-compiler", {"No CMAKE_C", "_COMPILER could be found"}, kInstallCompiler},
    {"no-compiler", {"C compiler cannot create executables", ""}, kInstallCompiler},
    {"no-compiler", {"error trying to exec 'cc1plus'", ""}, kInstallCompiler},
    {"no-compiler", {"cannot execute 'cc1plus'", ""}, kInstallCompiler},
    {"no-compiler", {"cc: not found", ""}, kInstallCompiler},
    {"no-compiler", {"cc: command not found", ""}, kInstallCompiler},
    {"no-compiler", {"g++: not found", ""}, kInstallCompiler},
    {"no-compiler", {"g++: command not found", ""}, kInstallCompiler},
    {"no-compiler", {"linker `cc` not found", ""}, kInstallCompiler},
    {"no-compiler", {"Unsupported compiler -- at least", ""}, kInstallCompiler},
    {"no-compiler", {"o working compiler found", ""}, kInstallCompiler},
    {"no-compiler", {"ailed to find tool. Is `", "` installed"}, kInstallCompiler},
    {"linker", {"cannot find -l", ""}, "", Look::kLibrary},
    {"linker", {"cannot open shared object file", ""}, "install the package that has this library"},
    {"header", {"development headers", ""}, "", Look::kWords},
    {"header", {"development files", ""}, "", Look::kWords},
    {"header", {"development packages are installed", ""}, "", Look::kWords},
    {"header", {"development package", "nstall"}, "", Look::kWords},
    {"header", {"headers or library files could not be found for ", ""}, "", Look::kLibrary},
    {"header", {"ould not find", " header"}, "", Look::kWords},
    {"header", {"eader file", " not found"}, "", Look::kWords},
    {"header", {"fatal error: ", ": No such file or directory"}, "", Look::kHeader},
    {"header", {"fatal error: ", "file not found"}, "", Look::kHeader},
    {"python-header", {"fatal error: Python.h", ""}, "apt-get install python3-dev (apk add python3-dev)"},
    {"python-header",
     {"Could NOT find Python", "Development"},
     "apt-get install python3-dev (apk add python3-dev)"},
    {"python-header",
     {"Python dependency not found", ""},
     "apt-get install python3-dev (apk add python3-dev)"},
    {"config-tool", {"-config", "not found"}, "", Look::kWords},
    {"config-tool", {"-config", "could not be found"}, "", Look::kWords},
    {"config-tool", {"Could not run ", "-config"}, "", Look::kWords},
    {"config-tool", {"ould not find", "-config"}, "", Look::kWords},
    {"config-tool", {"annot find", "-config"}, "", Look::kWords},
    {"config-tool", {"No such file or directory: '", "-config'"}, "", Look::kWords},
    {"config-tool", {"No such file or directory: '", "_config'"}, "", Look::kWords},
    {"config-tool", {"Provide a path to gdal-config", ""}, "apt-get install libgdal-dev (apk add gdal-dev)"},
    {"config-tool",
     {"pg_config executable not found", ""},
     "apt-get install libpq-dev (apk add libpq-dev), or use psycopg2-binary"},
    {"config-tool", {"mysql_config", "not found"}, "", Look::kWords},
    {"pkg-config", {"pkg-config: not found", ""}, "apt-get install pkg-config (apk add pkgconf)"},
    {"pkg-config",
     {"No such file or directory: 'pkg-config'", ""},
     "apt-get install pkg-config (apk add pkgconf)"},
    {"pkg-config", {"pkg-config", "is required"}, "apt-get install pkg-config (apk add pkgconf)"},
    {"pkg-config", {"Package ", " was not found in the pkg-config search path"}, "", Look::kLibrary},
    {"pkg-config", {"No package '", "' found"}, "", Look::kLibrary},
    {"pkg-config", {"ependency \"", "\" not found"}, "", Look::kLibrary},
    {"pkg-config", {"Dependency ", " not found, tried pkgconfig"}, "", Look::kLibrary},
    {"pkg-config", {"Package '", "required by 'virtual:world', not found"}, "", Look::kLibrary},
    {"pkg-config", {"Did not find pkg-config", ""}, "apt-get install pkg-config (apk add pkgconf)"},
    {"pkg-config",
     {"Can not find valid pkg-config name", ""},
     "apt-get install pkg-config default-libmysqlclient-dev (apk add pkgconf mariadb-dev)"},
    {"rust", {"an't find Rust compiler", ""}, kInstallRust},
    {"rust", {"an not find Rust compiler", ""}, kInstallRust},
    {"rust", {"Cargo, the Rust package manager, is not installed", ""}, kInstallRust},
    {"rust", {"Do you have cargo in your PATH", ""}, kInstallRust},
    {"rust", {"Rust toolchain not found", ""}, kInstallRust},
    {"rust", {"No such file or directory: 'cargo'", ""}, kInstallRust},
    {"rust", {"No such file or directory: 'rustc'", ""}, kInstallRust},
    {"rust", {"rustc: not found", ""}, kInstallRust},
    {"rust", {"cargo: not found", ""}, kInstallRust},
    {"rust", {"package requires Rust ", ""}, "rustup for a newer Rust, or an older release of the package"},
    {"rust", {"it requires rustc ", ""}, "rustup for a newer Rust, or an older release of the package"},
    {"rust",
     {"lock file version ", " requires `-Znext"},
     "rustup for a newer Rust, or an older release of the package"},
    {"rust",
     {"feature `edition20", " is required"},
     "rustup for a newer Rust, or an older release of the package"},
    {"python-too-new", {"longintrepr.h", ""}, kOlderPython},
    {"python-too-new", {"too few arguments to function", "_PyLong_AsByteArray"}, kOlderPython},
    {"python-too-new", {"PyThreadState", "has no member named"}, kOlderPython},
    {"python-too-new", {"PyFrameObject", "has no member named"}, kOlderPython},
    {"python-too-new", {"PyTypeObject", "has no member named"}, kOlderPython},
    {"python-too-new", {"PyLongObject", "has no member named"}, kOlderPython},
    {"python-too-new", {"invalid use of incomplete typedef", "PyFrameObject"}, kOlderPython},
    {"python-too-new", {"is newer than PyO3's maximum supported version", ""}, kOlderPython},
    {"python-too-new", {"No module named 'distutils'", ""}, kOlderPython},
    {"python-too-new", {"No module named 'imp'", ""}, kOlderPython},
    {"python-too-new", {"No module named 'asyncore'", ""}, kOlderPython},
    {"python-too-new", {"No module named 'cgi'", ""}, kOlderPython},
    {"python-too-new", {"No module named 'pipes'", ""}, kOlderPython},
    {"python-too-new", {"No module named 'imghdr'", ""}, kOlderPython},
    {"python-too-new", {"No module named 'ConfigParser'", ""}, kOlderPython},
    {"python-too-new", {"No module named 'urllib2'", ""}, kOlderPython},
    {"python-too-new", {"No module named 'commands'", ""}, kOlderPython},
    {"python-too-new", {"No module named 'StringIO'", ""}, kOlderPython},
    {"python-too-new", {"Missing parentheses in call to 'print'", ""}, kOlderPython},
    {"python-too-new", {"module 'collections' has no attribute '", ""}, kOlderPython},
    {"python-too-new", {"cannot import name '", "from 'collections'"}, kOlderPython},
    {"python-too-new", {"module 'inspect' has no attribute 'getargspec'", ""}, kOlderPython},
    {"python-too-new", {"module 'pkgutil' has no attribute 'ImpImporter'", ""}, kOlderPython},
    {"python-too-new", {"'configparser' has no attribute '", ""}, kOlderPython},
    {"python-too-new", {"module 'importlib._bootstrap' has no attribute", ""}, kOlderPython},
    {"python-too-new", {"name 'execfile' is not defined", ""}, kOlderPython},
    {"python-too-new", {"name 'unicode' is not defined", ""}, kOlderPython},
    {"python-too-new", {"name 'file' is not defined", ""}, kOlderPython},
    {"build-backend",
     {"Cannot import ", "build backend"},
     "the package's [build-system] requires lacks its backend"},
    {"build-backend", {"BackendUnavailable", ""}, "the package's [build-system] requires lacks its backend"},
    {"build-backend", {"invalid command 'bdist_wheel'", ""}, "pip install wheel first, or use a newer pip"},
    {"setuptools-too-new",
     {"No module named 'pkg_resources'", ""},
     "constrain the build: setuptools<82 (PIP_BUILD_CONSTRAINT)"},
    {"setuptools-too-new",
     {"use_2to3 is invalid", ""},
     "the package is for Python 2: use a successor, or constrain the build: setuptools<58 (PIP_CONSTRAINT)"},
    {"setuptools-too-new",
     {"cannot import name 'Feature' from 'setuptools'", ""},
     "constrain the build: setuptools<46 (PIP_CONSTRAINT)"},
    {"setuptools-too-new",
     {"No module named 'setuptools.command.test'", ""},
     "constrain the build: setuptools<72 (PIP_BUILD_CONSTRAINT)"},
    {"setuptools-too-new",
     {"Invalid dash-separated", ""},
     "constrain the build: setuptools<78 (PIP_BUILD_CONSTRAINT)"},
    {"setuptools-too-new",
     {"canonicalize_version() got an unexpected keyword argument", ""},
     "install a newer packaging, or constrain the build: setuptools<71"},
    {"cython-too-new",
     {"Cython.Compiler.Errors.CompileError", ""},
     "constrain the build: cython<3 (PIP_BUILD_CONSTRAINT)"},
    {"cython-too-new", {"cython_sources", ""}, "constrain the build: cython<3 (PIP_BUILD_CONSTRAINT)"},
    {"deprecated-name", {"PyPI package is deprecated", ""}, "install the package that the message names"},
    {"out-of-memory", {"Killed signal terminated program", ""}, kLessMemory},
    {"out-of-memory", {"internal compiler error: Killed", ""}, kLessMemory},
    {"out-of-memory", {"virtual memory exhausted", ""}, kLessMemory},
    {"out-of-memory", {"Cannot allocate memory", ""}, kLessMemory},
    {"out-of-memory", {"error: command '", "failed with exit code -9"}, kLessMemory},
    {"out-of-memory", {"died with <Signals.SIGKILL", ""}, kLessMemory},
    {"disk-full", {"No space left on device", ""}, "the worker's disk, or a tmpfs of the step, is full"},
    {"externally-managed",
     {"externally-managed-environment", ""},
     "use a virtual environment, or --break-system-packages"},
    {"externally-managed",
     {"is externally managed", ""},
     "use a virtual environment, or --break-system-packages"},
    {"conflict", {"have conflicting dependencies", ""}, "loosen the requirements that the message names"},
    {"requires-python", {"requires a different Python", ""}, kPin},
    {"requires-python", {"does not satisfy Python", ""}, kPin},
    {"requires-python", {"Cannot install on Python version", ""}, kPin},
    {"hash-missing",
     {"Hashes are required in --require-hashes mode", ""},
     "give every requirement its hash (pip-compile --generate-hashes)"},
    {"hash-missing",
     {"must have their versions pinned", ""},
     "give every requirement its version and hash (pip-compile --generate-hashes)"},
    {"hash-mismatch",
     {"DO NOT MATCH THE HASHES", ""},
     "the file is not the one that was pinned: look why before updating the hash"},
    {"hash-mismatch",
     {"Hash mismatch for", ""},
     "the file is not the one that was pinned: look why before updating the hash"},
};

bool Matches(const Rule& rule, std::string_view line) {
  const size_t first = line.find(rule.pieces[0]);
  return first != line.npos && line.find(rule.pieces[1], first + rule.pieces[0].size()) != line.npos;
}

std::string Remedy(const Rule& rule, std::string_view line) {
  if (!rule.remedy.empty()) return std::string(rule.remedy);
  std::string_view rest = line.substr(line.find(rule.pieces[0]) + rule.pieces[0].size());
  while (rest.starts_with("'") || rest.starts_with("\"")) rest.remove_prefix(1);
  std::string_view name = rest.substr(0, rest.find_first_of(":'\", "));
  std::string known;
  switch (rule.look) {
    case Look::kFixed:
      return {};
    case Look::kHeader:
      known = ProviderOfHeader(name);
      return known.empty() ? fmt::format("install the development package that has {}", name) : known;
    case Look::kLibrary:
      known = ProviderOfLibrary(name);
      return known.empty() ? fmt::format("install the development package of {}, on Debian usually lib{}-dev",
                                         name, name.starts_with("lib") ? name.substr(3) : name)
                           : known;
    case Look::kTool:
      name = name.substr(name.rfind('/') + 1);
      known = ProviderOfTool(name);
      return known.empty() ? fmt::format("install the program {}", name) : known;
    case Look::kWords:
      known = ProviderNamedIn(line);
      return known.empty() ? "install the development package that the message names" : known;
  }
  return {};
}

// Takes off what pip and uv draw before a line: "│ ", "╰─> ", "├─▶ ", "× ".
std::string_view WithoutFrame(std::string_view line) {
  line = Trim(line);
  while (true) {
    bool taken = false;
    for (const std::string_view piece : {"│", "╰", "├", "─", "▶", "×", "> "}) {
      if (!line.starts_with(piece)) continue;
      line = Trim(line.substr(piece.size()));
      taken = true;
    }
    if (!taken) return line;
  }
}

// What installers say about a failure without a word of its reason.
constexpr std::string_view kNoise[] = {
    "note: ",
    "hint: ",
    "[notice]",
    "[end of output]",
    "[stdout]",
    "[stderr]",
    "exit code: ",
    "error: subprocess-exited-with-error",
    "error: metadata-generation-failed",
    "error: legacy-install-failure",
    "error: failed-wheel-build-for-install",
    "Encountered error while ",
    "See above for output",
    "Failed to build installable wheels",
    "Failed to build ",
    "ERROR: Failed building ",
    "ERROR: Failed to build ",
    "ERROR: Could not build wheels for ",
    "Running setup.py ",
    "Cleaning up",
    "Building wheel for ",
    "Building editable for ",
    "Getting requirements to build ",
    "Preparing metadata ",
    "Preparing editable metadata ",
    "Installing build dependencies",
    "WARNING: You are using pip version",
    "WARNING: Running pip as the 'root' user",
    "WARNING: Retrying ",
    "DEPRECATION: ",
    "The build backend returned an error",
    "Call to `",
    "ninja: build stopped",
    "make: *** ",
    "During handling of the above exception",
    "The above exception was the direct cause",
    "Traceback (most recent call last)",
    "File \"",
    "raise ",
    "return ",
};

bool IsNoise(std::string_view line) {
  if (line.find_first_not_of("^~-=*!.#_ ") == line.npos) return true;
  if (line.starts_with("[") && line.ends_with("lines of output]")) return true;
  if (line.find(" did not run successfully.") != line.npos) return true;
  // A program that ran another one: the other one's words stand above.
  if (line.find("returned non-zero exit status") != line.npos) return true;
  if (line.starts_with("error: command '") && line.find("failed with exit") != line.npos) return true;
  for (const std::string_view noise : kNoise) {
    if (line.starts_with(noise)) return true;
  }
  return false;
}

bool SpeaksOfError(std::string_view line) {
  // Sentences that only explain have none of these.
  for (const std::string_view word : {"rror:", "Error", "ERROR", "xception:", "fatal", "not found", "No such",
                                      "undefined ", "nsupported", "not installed", "is missing"}) {
    if (line.find(word) != line.npos) return true;
  }
  return false;
}

std::string Quote(std::string_view line) {
  if (line.size() <= kLongestQuote) return std::string(line);
  // Not in the middle of a character.
  size_t end = kLongestQuote;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return std::string(line.substr(0, end)) + "...";
}

// Whether pip ignored exactly the version that was asked for: "1.21.0 Requires-Python >=3.7,<3.11; 1.21.1
// ...".
bool WasIgnored(std::string_view ignored, std::string_view requirement) {
  const size_t equals = requirement.find("==");
  if (equals == requirement.npos) return false;
  std::string_view version = requirement.substr(equals + 2);
  version = version.substr(0, version.find_first_of(" ,;()"));
  const std::string wanted = fmt::format(" {} Requires-Python", version);
  return !version.empty() && ignored.find(wanted) != ignored.npos;
}

}  // namespace

void PackageFailureReader::Add(std::string_view line) {
  // "╰─> NAME": whose failure it is, at the end of pip's own words.
  const bool names_package = Trim(line).starts_with("╰─> ");
  line = WithoutFrame(line);
  if (line.empty()) return;
  if (TellsIgnoredReleases(line)) return;
  Match(line);
  if (names_package || IsNoise(line)) return;
  last_ = Quote(line);
  if (SpeaksOfError(line)) last_error_ = last_;
}

void PackageFailureReader::Match(std::string_view line) {
  // Nothing that long is a message; a line of 256 KiB need not be searched for a hundred pieces.
  line = line.substr(0, size_t{8} << 10);
  for (size_t i = 0; i < std::size(kRules); ++i) {
    if (!Matches(kRules[i], line)) continue;
    // The index answered in the end: a connection that was lost before is not the reason.
    const bool listed = kRules[i].failure_class == "no-distribution" &&
                        line.find("(from versions: ") != line.npos &&
                        line.find("(from versions: none)") == line.npos;
    if (listed && rule_ != kNone && kRules[rule_].failure_class == "network") rule_ = kNone;
    // Later in the table is more specific; the same rule again is a later line.
    if (rule_ == kNone || i >= rule_) {
      rule_ = i;
      rule_line_ = Quote(line);
    }
  }
}

void PackageFailureReader::SetUnmet(std::string_view requirement, std::string_view ignored,
                                    bool local_index) {
  const bool pinned = requirement.find("==") != requirement.npos;
  const bool none = requirement.find("(from versions: none)") != requirement.npos;
  no_index_ = no_index_ || (none && local_index);
  if (ignored.empty()) return;
  if (pinned ? WasIgnored(ignored, requirement) : none) ignored_line_ = Quote(WithoutFrame(ignored));
}

PackageFailure PackageFailureReader::Read() const {
  if (rule_ == kNone) {
    return {"unknown", last_error_.empty() ? last_ : last_error_, "see the lines above it in the log"};
  }
  const Rule& rule = kRules[rule_];
  if (rule.failure_class == "no-distribution" && !ignored_line_.empty()) {
    return {"requires-python", ignored_line_, std::string(kPin)};
  }
  if (rule.failure_class == "no-distribution" && no_index_)
    return {"network", rule_line_, std::string(kTryAgain)};
  if (rule.failure_class == "build") {
    // A tool's exit code says nothing; what it printed does.
    return {"build", last_error_.empty() ? rule_line_ : last_error_, std::string(rule.remedy)};
  }
  return {std::string(rule.failure_class), rule_line_, Remedy(rule, rule_line_)};
}

bool TellsIgnoredReleases(std::string_view line) {
  return line.find("require a different python version: ") != line.npos;
}

PackageFailure ClassifyPackageFailure(absl::Span<const std::string> lines) {
  PackageFailureReader reader;
  for (const std::string& line : lines) reader.Add(line);
  return reader.Read();
}

}  // namespace crossmill::packages
