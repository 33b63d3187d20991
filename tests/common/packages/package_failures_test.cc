#include "common/packages/package_failures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/failures/remedy.h"

namespace crossmill::packages {
namespace {

// In a root of which nothing is known.
std::string RemedyOf(const PackageFailure& failure) {
  const v1::RootFacts root;
  const v1::Run run;
  const auto& providers = failures::FailureRules::BuiltIn()->providers();
  return failures::MakeRemedy(failure.need, providers, {.root = root, .run = run}).sentence;
}

TEST(PackageFailureTest, TheMostSpecificLineGivesTheClass) {
  const struct {
    std::vector<std::string> lines;
    const char* failure_class;
    const char* remedy;
  } kCases[] = {
      {{"error: command 'gcc' failed: No such file or directory"}, "no-compiler", "build-essential"},
      {{"[Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'"}, "no-compiler", "build-essential"},
      {{"a.c:1:10: fatal error: Python.h: No such file or directory",
        "error: command 'gcc' failed with exit code 1"},
       "python-header",
       "python3-dev"},
      {{"src/a.c:3:10: fatal error: openssl/ssl.h: No such file or directory"},
       "header",
       "libssl-dev (apk add openssl-dev)"},
      {{"a.c:3:10: fatal error: lber.h: No such file or directory"}, "header", "libldap2-dev libsasl2-dev"},
      {{"a.c:3:10: fatal error: 'ffi.h' file not found"}, "header", "libffi-dev"},
      {{"a.c:3:10: fatal error: never/heard.h: No such file or directory"}, "header", "never/heard.h"},
      {{"/usr/bin/ld: cannot find -lpq: No such file or directory"}, "linker", "libpq-dev"},
      {{"/usr/bin/ld: cannot find -lfoo"}, "linker", "libfoo"},
      {{"Error: pg_config executable not found."}, "config-tool", "libpq-dev"},
      {{"/bin/sh: 1: pkg-config: not found", "Exception: Can not find valid pkg-config name."},
       "pkg-config",
       "libmysqlclient"},
      {{"error: can't find Rust compiler"}, "rust", "cargo (apk add cargo), or rustup"},
      {{"a.c:1:10: fatal error: longintrepr.h: No such file or directory"},
       "python-too-new",
       "newer release"},
      {{"ModuleNotFoundError: No module named 'distutils'"}, "python-too-new", "newer release"},
      {{"ModuleNotFoundError: No module named 'numpy'"}, "undeclared-dependency", "--no-build-isolation"},
      {{"ModuleNotFoundError: No module named 'pkg_resources'"}, "setuptools-too-new", "setuptools<82"},
      {{"pip._vendor.pyproject_hooks._impl.BackendUnavailable: Cannot import 'x'"},
       "build-backend",
       "backend"},
      {{"error: invalid command 'bdist_wheel'"}, "build-backend", "wheel"},
      {{"AttributeError: cython_sources"}, "cython-too-new", "cython<3"},
      {{"AttributeError: 'build_ext' object has no attribute 'cython_sources'"},
       "cython-too-new",
       "cython<3"},
      {{"The headers or library files could not be found for jpeg,"}, "header", "libjpeg-dev"},
      {{"Error: Please make sure the libxml2 and libxslt development packages are installed."},
       "header",
       "libxml2-dev libxslt1-dev"},
      {{"ConfigurationError: Could not run curl-config: [Errno 2] No such file or directory: 'curl-config'"},
       "config-tool",
       "libcurl4-openssl-dev"},
      {{"/bin/sh: 1: gdal-config: not found"}, "config-tool", "libgdal-dev"},
      {{"error in suds-jurko setup command: use_2to3 is invalid."}, "setuptools-too-new", "setuptools<58"},
      {{"You need to install gcc to build this module"}, "no-compiler", "build-essential"},
      {{"psutil could not be installed from sources because gcc is not installed. Try running:"},
       "no-compiler",
       "build-essential"},
      {{"You need to install libcap development headers to build this module"}, "header", "libcap-dev"},
      {{"prctl.c:1:10: fatal error: sys/capability.h: No such file or directory"}, "header", "libcap-dev"},
      {{"error: command 'swig' failed: No such file or directory"}, "build-tool", "swig"},
      {{"CMake is not installed on your system!"}, "build-tool", "cmake"},
      {{"../meson.build:31:12: ERROR: Dependency \"cairo\" not found, tried pkgconfig"},
       "pkg-config",
       "libcairo2-dev"},
      {{"Package libffi was not found in the pkg-config search path."}, "pkg-config", "libffi-dev"},
      {{"g++: error trying to exec 'cc1plus': execvp: No such file or directory"},
       "no-compiler",
       "build-essential"},
      {{"error: [Errno 28] No space left on device"}, "disk-full", "full"},
      {{"ERROR: Package 'x' requires a different Python: 3.11.2 not in '<3.11'"},
       "requires-python",
       "supports"},
      {{"ERROR: Hashes are required in --require-hashes mode, but they are missing"}, "hash-missing", "hash"},
      {{"ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies."},
       "conflict",
       "loosen"},
      {{"gcc: fatal error: Killed signal terminated program cc1plus"}, "out-of-memory", "fewer jobs"},
      {{"ERROR: No matching distribution found for x",
        "ERROR: Could not find a version that satisfies the requirement x (from versions: none)"},
       "no-distribution",
       "no such package"},
      {{"error: externally-managed-environment"}, "externally-managed", "virtual environment"},
  };
  for (const auto& test : kCases) {
    const auto failure = ClassifyPackageFailure(test.lines);
    EXPECT_EQ(failure.failure_class, test.failure_class) << test.lines[0];
    EXPECT_THAT(RemedyOf(failure), testing::HasSubstr(test.remedy)) << test.lines[0];
  }
  EXPECT_EQ(ClassifyPackageFailure(std::vector<std::string>{"all is well", ""}).failure_class, "unknown");
}

TEST(PackageFailureTest, PipsOwnWordsAreNeverQuoted) {
  const auto failure = ClassifyPackageFailure(std::vector<std::string>{
      "  error: subprocess-exited-with-error", "  × python setup.py egg_info did not run successfully.",
      "  │ exit code: 1", "  ╰─> [3 lines of output]",
      "      Traceback (most recent call last):", "        File \"<string>\", line 2, in <module>",
      "      ValueError: the moon is not full", "      For more see the manual", "      [end of output]",
      "  note: This error originates from a subprocess, and is likely not a problem with pip.",
      "error: metadata-generation-failed", "× Encountered error while generating package metadata.",
      "╰─> See above for output.", "note: This is an issue with the package mentioned above, not pip.",
      "hint: See above for details."});
  EXPECT_EQ(failure.failure_class, "unknown");
  EXPECT_EQ(failure.line, "ValueError: the moon is not full");
  const auto compiler = ClassifyPackageFailure(
      std::vector<std::string>{"a.c:1:5: error: expected ';' before '}' token", "   1 | int", "     |    ^",
                               "1 error generated.", "error: command '/usr/bin/gcc' failed with exit code 1",
                               "ERROR: Failed building wheel for x", "Failed to build x"});
  EXPECT_EQ(compiler.failure_class, "build");
  EXPECT_EQ(compiler.line, "a.c:1:5: error: expected ';' before '}' token");
}

TEST(PackageFailureTest, OfEqualClassesTheLastLineCounts) {
  const auto failure = ClassifyPackageFailure(
      std::vector<std::string>{"a.c:1:1: fatal error: one.h: No such file or directory",
                               "a.c:1:1: fatal error: two.h: No such file or directory"});
  EXPECT_EQ(failure.line, "a.c:1:1: fatal error: two.h: No such file or directory");
}

}  // namespace
}  // namespace crossmill::packages
