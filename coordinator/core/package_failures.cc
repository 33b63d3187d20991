#include "coordinator/core/package_failures.h"

#include <array>
#include <string_view>

#include "common/base/status.h"

namespace crossmill::core {
namespace {

// A rule matches a line that has every one of its pieces, in order. Rules stand from general to specific:
// of two that match, the later one counts.
struct Rule {
  std::string_view failure_class;
  std::array<std::string_view, 2> pieces;
  std::string_view remedy;
};

constexpr Rule kRules[] = {
    {"build", {"error: command '", "failed with exit"}, "see the lines above it in the log"},
    {"build", {"Failed building wheel for", ""}, "see the lines above it in the log"},
    {"undeclared-dependency",
     {"ModuleNotFoundError: No module named", ""},
     "the package does not declare a build dependency: install it first and use --no-build-isolation"},
    {"network",
     {"Failed to establish a new connection", ""},
     "the index was not reachable: try again, or see --network"},
    {"network", {"Temporary failure in name resolution", ""}, "no name could be resolved: see --network"},
    {"network", {"ReadTimeoutError", ""}, "the index did not answer in time: try again"},
    {"network", {"Failed to connect to", ""}, "a server was not reachable: try again, or see --network"},
    {"time-limit", {"step timeout of", "reached"}, "raise --step-timeout, or use a native worker or a wheel"},
    {"no-compiler",
     {"error: command '", "failed: No such file"},
     "apt-get install build-essential (apk add build-base)"},
    {"no-compiler",
     {"error: command '", "failed: Permission denied"},
     "apt-get install build-essential (apk add build-base)"},
    {"no-compiler",
     {"No such file or directory: '", "cc'"},
     "apt-get install build-essential (apk add build-base)"},
    {"no-compiler",
     {"unable to execute '", "No such file"},
     "apt-get install build-essential (apk add build-base)"},
    {"no-compiler", {"Unknown compiler(s)", ""}, "apt-get install build-essential (apk add build-base)"},
    {"linker", {"cannot find -l", ""}, ""},
    {"header", {"fatal error: ", ": No such file or directory"}, ""},
    {"header", {"fatal error: ", "file not found"}, ""},
    {"python-header", {"fatal error: Python.h", ""}, "apt-get install python3-dev (apk add python3-dev)"},
    {"config-tool",
     {"pg_config executable not found", ""},
     "apt-get install libpq-dev (apk add libpq-dev), or use psycopg2-binary"},
    {"config-tool",
     {"mysql_config", "not found"},
     "apt-get install default-libmysqlclient-dev (apk add mariadb-dev)"},
    {"pkg-config", {"pkg-config: not found", ""}, "apt-get install pkg-config (apk add pkgconf)"},
    {"pkg-config",
     {"Can not find valid pkg-config name", ""},
     "apt-get install pkg-config default-libmysqlclient-dev (apk add pkgconf mariadb-dev)"},
    {"pkg-config", {"Did not find pkg-config", ""}, "apt-get install pkg-config (apk add pkgconf)"},
    {"rust",
     {"an't find Rust compiler", ""},
     "apt-get install rustc cargo (apk add rust cargo), or rustup for a newer one"},
    {"rust",
     {"an not find Rust compiler", ""},
     "apt-get install rustc cargo (apk add rust cargo), or rustup for a newer one"},
    {"rust",
     {"Cargo, the Rust package manager, is not installed", ""},
     "apt-get install rustc cargo (apk add rust cargo), or rustup for a newer one"},
    {"python-too-new", {"longintrepr.h", ""}, "use a newer release of the package, or an older Python"},
    {"python-too-new",
     {"No module named 'distutils'", ""},
     "use a newer release of the package, or an older Python"},
    {"python-too-new",
     {"No module named 'imp'", ""},
     "use a newer release of the package, or an older Python"},
    {"build-backend",
     {"Cannot import ", "build backend"},
     "the package's [build-system] requires lacks its backend"},
    {"build-backend", {"BackendUnavailable", ""}, "the package's [build-system] requires lacks its backend"},
    {"build-backend", {"invalid command 'bdist_wheel'", ""}, "pip install wheel first, or use a newer pip"},
    {"setuptools-too-new",
     {"No module named 'pkg_resources'", ""},
     "constrain the build: setuptools<82 (PIP_BUILD_CONSTRAINT)"},
    {"cython-too-new",
     {"AttributeError: cython_sources", ""},
     "constrain the build: cython<3 (PIP_BUILD_CONSTRAINT)"},
    {"out-of-memory",
     {"Killed signal terminated program", ""},
     "compile with fewer jobs, or on a worker with more memory"},
    {"out-of-memory",
     {"virtual memory exhausted", ""},
     "compile with fewer jobs, or on a worker with more memory"},
    {"externally-managed",
     {"externally-managed-environment", ""},
     "use a virtual environment, or --break-system-packages"},
    {"no-distribution", {"No matching distribution found for", ""}, "check name and version"},
    {"no-distribution",
     {"Could not find a version that satisfies", "(from versions: none)"},
     "the index has no such package, or none for this Python and platform"},
    {"requires-python",
     {"require a different python version", ""},
     "pin a release that supports this Python"},
    {"requires-python", {"requires a different Python", ""}, "pin a release that supports this Python"},
    {"hash-mismatch",
     {"DO NOT MATCH THE HASHES", ""},
     "the file is not the one that was pinned: look why before updating the hash"},
};

// Packages that bring a header or a library, by the beginning of its name.
struct Provider {
  std::string_view name;
  std::string_view apt;
  std::string_view apk;
};

constexpr Provider kHeaders[] = {
    {"openssl/", "libssl-dev", "openssl-dev"},
    {"ffi.h", "libffi-dev", "libffi-dev"},
    {"lber.h", "libldap2-dev libsasl2-dev", "openldap-dev"},
    {"ldap.h", "libldap2-dev libsasl2-dev", "openldap-dev"},
    {"sasl", "libsasl2-dev", "cyrus-sasl-dev"},
    {"libpq-fe.h", "libpq-dev", "libpq-dev"},
    {"libxml/", "libxml2-dev libxslt1-dev", "libxml2-dev libxslt-dev"},
    {"libxslt/", "libxslt1-dev", "libxslt-dev"},
    {"zlib.h", "zlib1g-dev", "zlib-dev"},
    {"jpeglib.h", "libjpeg-dev", "libjpeg-turbo-dev"},
    {"mysql.h", "default-libmysqlclient-dev", "mariadb-dev"},
    {"sql.h", "unixodbc-dev", "unixodbc-dev"},
    {"yaml.h", "libyaml-dev", "yaml-dev"},
    {"sodium.h", "libsodium-dev", "libsodium-dev"},
    {"gmp.h", "libgmp-dev", "gmp-dev"},
    {"curl/", "libcurl4-openssl-dev", "curl-dev"},
    {"sqlite3.h", "libsqlite3-dev", "sqlite-dev"},
    {"bzlib.h", "libbz2-dev", "bzip2-dev"},
    {"lzma.h", "liblzma-dev", "xz-dev"},
    {"krb5", "libkrb5-dev", "krb5-dev"},
    {"gssapi", "libkrb5-dev", "krb5-dev"},
    {"linux/", "linux-libc-dev", "linux-headers"},
    // A C library's own header: no compiler package without it is complete.
    {"std", "build-essential", "build-base"},
};

constexpr Provider kLibraries[] = {
    {"ssl", "libssl-dev", "openssl-dev"},     {"crypto", "libssl-dev", "openssl-dev"},
    {"ffi", "libffi-dev", "libffi-dev"},      {"pq", "libpq-dev", "libpq-dev"},
    {"xml2", "libxml2-dev", "libxml2-dev"},   {"xslt", "libxslt1-dev", "libxslt-dev"},
    {"z", "zlib1g-dev", "zlib-dev"},          {"ldap", "libldap2-dev", "openldap-dev"},
    {"python", "python3-dev", "python3-dev"},
};

bool Matches(const Rule& rule, std::string_view line) {
  const size_t first = line.find(rule.pieces[0]);
  return first != line.npos && line.find(rule.pieces[1], first + rule.pieces[0].size()) != line.npos;
}

template <size_t N>
std::string Install(const Provider (&providers)[N], std::string_view name, bool exact) {
  for (const Provider& provider : providers) {
    if (exact ? name == provider.name : name.starts_with(provider.name)) {
      return fmt::format("apt-get install {} (apk add {})", provider.apt, provider.apk);
    }
  }
  return {};
}

std::string Remedy(const Rule& rule, std::string_view line) {
  if (!rule.remedy.empty()) return std::string(rule.remedy);
  std::string_view rest = line.substr(line.find(rule.pieces[0]) + rule.pieces[0].size());
  if (rule.failure_class == "linker") {
    const std::string_view name = rest.substr(0, rest.find_first_of(" :"));
    const std::string known = Install(kLibraries, name, /*exact=*/true);
    return known.empty()
               ? fmt::format("install the package with lib{}.so, on Debian usually lib{}-dev", name, name)
               : known;
  }
  if (rest.starts_with("'")) rest.remove_prefix(1);  // clang quotes the name
  const std::string_view name = rest.substr(0, rest.find_first_of(":' "));
  const std::string known = Install(kHeaders, name, /*exact=*/false);
  return known.empty() ? fmt::format("install the development package that has {}", name) : known;
}

}  // namespace

std::optional<PackageFailure> ClassifyPackageFailure(absl::Span<const std::string> lines) {
  const Rule* best = nullptr;
  const std::string* best_line = nullptr;
  for (const std::string& line : lines) {
    for (const Rule& rule : kRules) {
      // Later in the table is more specific; the same rule again is a later line.
      if ((best == nullptr || &rule >= best) && Matches(rule, line)) {
        best = &rule;
        best_line = &line;
      }
    }
  }
  if (best == nullptr) return std::nullopt;
  return PackageFailure{std::string(best->failure_class), *best_line, Remedy(*best, *best_line)};
}

}  // namespace crossmill::core
