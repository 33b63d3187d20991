// What real installers printed about failures (tests/golden/failures, made by tests/support/failure_logs.py):
// each log's class, and the remedy in a root of Debian and of Alpine.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "common/failures/remedy.h"
#include "common/packages/console_packages.h"

namespace crossmill::failures {
namespace {

struct LogCase {
  std::string folder;
  std::string failure_class;
  // All lines, with " | " between them; empty: none.
  std::string debian;
  std::string alpine;
};

void PrintTo(const LogCase& test, std::ostream* out) { *out << test.folder; }

constexpr char kApt[] = "RUN apt-get update && apt-get install -y --no-install-recommends ";
constexpr char kApk[] = "RUN apk add --no-cache ";
constexpr char kSetuptools[] =
    "RUN echo 'setuptools<82' > /tmp/build-constraints.txt | ENV PIP_CONSTRAINT=/tmp/build-constraints.txt "
    "PIP_BUILD_CONSTRAINT=/tmp/build-constraints.txt";
constexpr char kCython[] =
    "RUN echo 'cython<3' > /tmp/build-constraints.txt | ENV PIP_CONSTRAINT=/tmp/build-constraints.txt "
    "PIP_BUILD_CONSTRAINT=/tmp/build-constraints.txt";

std::string Apt(const std::string& packages) { return kApt + packages; }
std::string Apk(const std::string& packages) { return kApk + packages; }

std::vector<LogCase> Cases() {
  return {
      {"no-compiler", "no-compiler", Apt("build-essential python3-dev"), Apk("build-base python3-dev")},
      {"no-compiler-meson", "no-compiler", Apt("build-essential python3-dev"), Apk("build-base python3-dev")},
      {"python-header", "python-header", Apt("python3-dev"), Apk("python3-dev")},
      {"header-openssl", "header", Apt("libssl-dev"), Apk("openssl-dev")},
      {"header-libpq", "header", Apt("libpq-dev"), Apk("postgresql-dev")},
      {"header-ldap", "header", Apt("libldap2-dev libsasl2-dev"), Apk("openldap-dev")},
      {"header-unknown", "header", "", ""},
      {"linker", "linker", Apt("libsnappy-dev"), Apk("snappy-dev")},
      {"config-tool", "config-tool", Apt("libpq-dev build-essential python3-dev"),
       Apk("postgresql-dev build-base python3-dev")},
      {"config-tool-curl", "config-tool", Apt("libcurl4-openssl-dev build-essential python3-dev"),
       Apk("curl-dev build-base python3-dev")},
      {"pkg-config", "pkg-config", Apt("pkg-config default-libmysqlclient-dev build-essential python3-dev"),
       Apk("pkgconf mariadb-dev build-base python3-dev")},
      {"pkg-config-library", "pkg-config", Apt("libcairo2-dev pkg-config build-essential python3-dev"),
       Apk("cairo-dev pkgconf build-base python3-dev")},
      {"rust-maturin", "rust", Apt("cargo build-essential python3-dev"), Apk("cargo build-base python3-dev")},
      // Debian 12 has Rust 1.63, Alpine 3.20 has 1.78, and it asks for 1.65.
      {"rust-setuptools", "rust", "", Apk("cargo build-base python3-dev")},
      {"python-too-new", "python-too-new", "", ""},
      {"python-too-new-distutils", "python-too-new", "", ""},
      {"build-backend", "build-backend", "", ""},
      {"setuptools-too-new", "setuptools-too-new", kSetuptools, kSetuptools},
      {"cython-too-new", "cython-too-new", kCython, kCython},
      {"undeclared-dependency", "undeclared-dependency", "", ""},
      {"out-of-memory", "out-of-memory", "", ""},
      {"network", "network", "", ""},
      {"network-silent", "network", "", ""},
      {"no-distribution", "no-distribution", "", ""},
      {"no-distribution-version", "no-distribution", "", ""},
      {"no-distribution-wheel", "no-distribution", "", ""},
      {"requires-python", "requires-python", "", ""},
      {"hash-mismatch", "hash-mismatch", "", ""},
      {"hash-missing", "hash-missing", "", ""},
      {"externally-managed", "externally-managed", "ENV PIP_BREAK_SYSTEM_PACKAGES=1",
       "ENV PIP_BREAK_SYSTEM_PACKAGES=1"},
      {"build-tool-cmake", "build-tool", Apt("cmake build-essential python3-dev"),
       Apk("cmake build-base python3-dev")},
      {"build-tool-swig", "build-tool", Apt("swig"), Apk("swig")},
      {"build-tool-make", "build-tool", Apt("make"), Apk("make")},
      {"build-tool-git", "build-tool", Apt("git ca-certificates"), Apk("git")},
      {"no-fortran", "no-fortran", Apt("gfortran"), Apk("gfortran")},
      {"blas", "blas", Apt("libopenblas-dev pkg-config gfortran"), Apk("openblas-dev pkgconf gfortran")},
      {"numpy-too-new", "numpy-too-new", "", ""},
      {"disk-full", "disk-full", "", ""},
  };
}

std::string ReadLog(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A root with the distribution's Python and nothing else that a build needs.
v1::RootFacts BareRoot(const std::string& distribution, const std::string& release,
                       const std::string& manager) {
  v1::RootFacts root;
  root.set_distribution(distribution);
  root.set_release(release);
  root.add_paths(manager);
  root.add_paths("/usr/bin/python3");
  return root;
}

std::string Lines(const packages::PackageObservation& seen, const v1::RootFacts& root, bool by_uv) {
  const v1::Run run;
  const Situation situation{root, run, by_uv, seen.failure.python_prefix, seen.failure.python_version};
  const Remedy remedy = MakeRemedy(seen.failure.need, FailureRules::BuiltIn()->providers(), situation);
  EXPECT_FALSE(remedy.sentence.empty());
  std::string lines;
  for (const std::string& line : remedy.lines) lines += (lines.empty() ? "" : " | ") + line;
  return lines;
}

// uv has settings of its own for the same.
std::string ForUv(std::string lines) {
  constexpr char kPip[] = "PIP_CONSTRAINT=/tmp/build-constraints.txt PIP_BUILD_CONSTRAINT";
  if (const size_t at = lines.find(kPip); at != lines.npos)
    lines.replace(at, sizeof(kPip) - 1, "UV_BUILD_CONSTRAINT");
  if (const size_t at = lines.find("PIP_BREAK"); at != lines.npos) lines.replace(at, 3, "UV");
  return lines;
}

class FailureLogsTest : public testing::TestWithParam<LogCase> {};

TEST_P(FailureLogsTest, HaveTheirClassAndRemedy) {
  const LogCase& test = GetParam();
  const std::filesystem::path folder =
      std::filesystem::path(CROSSMILL_GOLDEN_FOLDER) / "failures" / test.folder;
  int logs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().filename().string());
    ++logs;
    packages::PackageConsole console;
    v1::LogChunk chunk;
    chunk.set_data(ReadLog(entry.path()));
    console.Add(chunk);
    std::vector<packages::PackageObservation> failed;
    for (packages::PackageObservation& seen : console.Finish()) {
      if (seen.failed) failed.push_back(std::move(seen));
    }
    ASSERT_EQ(failed.size(), 1u);
    const bool by_uv = entry.path().filename() == "uv.log";
    // uv says of a backend only that its module is not there.
    const bool is_module = by_uv && test.failure_class == "build-backend";
    EXPECT_EQ(failed[0].failure.failure_class, is_module ? "undeclared-dependency" : test.failure_class)
        << failed[0].failure.line;
    // uv that cannot write its cache has said nothing yet by which it is known.
    EXPECT_EQ(failed[0].failed_by_uv, by_uv && test.failure_class != "disk-full");
    EXPECT_EQ(Lines(failed[0], BareRoot("debian", "12", "/usr/bin/apt-get"), by_uv),
              by_uv ? ForUv(test.debian) : test.debian);
    EXPECT_EQ(Lines(failed[0], BareRoot("alpine", "3.20.3", "/sbin/apk"), by_uv),
              by_uv ? ForUv(test.alpine) : test.alpine);
  }
  EXPECT_GE(logs, 1);
}

INSTANTIATE_TEST_SUITE_P(Golden, FailureLogsTest, testing::ValuesIn(Cases()), [](const auto& test) {
  std::string name = test.param.folder;
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
});

}  // namespace
}  // namespace crossmill::failures
