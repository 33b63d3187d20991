// Pythons of images written down by hand.
#include "common/predict/image/image_python.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/common/predict/image/memory_root.h"
#include "tests/support/status_matchers.h"

namespace crossmill::predict {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

MemoryRoot Debian() {
  MemoryRoot root;
  root.Link("/bin", "usr/bin").Link("/lib", "usr/lib").Link("/lib64", "usr/lib64");
  root.Link("/usr/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
  root.File("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "loader");
  root.File("/usr/lib/x86_64-linux-gnu/libc.so.6", Glibc("2.36"));
  root.Link("/etc/os-release", "../usr/lib/os-release");
  root.File("/usr/lib/os-release",
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n"
            "VERSION_CODENAME=bookworm\nID=debian\n# HOME\n");
  return root;
}

// The distribution's own Python.
void AddDebianPython(MemoryRoot& root) {
  root.File("/usr/bin/python3.11", Elf({.texts = {"3.10.9", "1.2.13", "3.11.", "3.11.2.1", "3.11.2"}}));
  root.Link("/usr/bin/python3", "python3.11");
  root.File("/usr/lib/python3.11/os.py").File("/usr/lib/python3.11/EXTERNALLY-MANAGED");
  root.File("/usr/bin/pip", "#!/usr/bin/python3\nimport pip\n");
  root.Folder("/usr/lib/python3/dist-packages/pip-23.0.1.dist-info");
  root.File("/usr/lib/python3/dist-packages/wheel-0.38.4.egg-info");
  root.Folder("/usr/local/lib/python3.11/dist-packages/Foo_Bar-1.0.dist-info");
  root.Folder("/usr/local/lib/python3.11/dist-packages/notes");
}

// As python:3.13-slim has it, beside Debian's.
void AddOfficialPython(MemoryRoot& root) {
  root.File("/usr/local/bin/python3.13", Elf({}));
  root.Link("/usr/local/bin/python3", "python3.13").Link("/usr/local/bin/python", "python3");
  root.File("/usr/local/lib/libpython3.13.so.1.0", Elf({.texts = {"3.13.1"}}));
  root.File("/usr/local/lib/python3.13/os.py");
  root.File("/usr/local/bin/pip", "#!/usr/local/bin/python3.13\n");
  root.Folder("/usr/local/lib/python3.13/site-packages/pip-24.3.1.dist-info");
}

std::string Told(const FoundPython& python) {
  std::string libc = "no libc";
  if (python.libc.has_value())
    libc = fmt::format("{} {}", python.libc->libc.kind == python::Libc::Kind::kMusl ? "musl" : "glibc",
                       python.libc->version);
  return fmt::format("{} {}{} {} {} {}{}{}", python.path, python.version, python.free_threaded ? "t" : "",
                     python.program.machine, libc, python.prefix, python.virtual_environment ? " venv" : "",
                     python.externally_managed ? " managed" : "");
}

std::vector<std::string> AllTold(const ImagePythons& found) {
  std::vector<std::string> told;
  for (const FoundPython& python : found.pythons) told.push_back(Told(python));
  return told;
}

std::vector<std::string> Installed(const FoundPython& python) {
  std::vector<std::string> told;
  for (const InstalledPackage& package : python.installed.packages)
    told.push_back(package.name + " " + package.version);
  return told;
}

TEST(ImagePythonTest, DebiansOwnPython) {
  MemoryRoot root = Debian();
  AddDebianPython(root);
  const ImagePythons found = ImagePythonFinder(root).Find();
  EXPECT_THAT(AllTold(found), ElementsAre("/usr/bin/python3 3.11.2 x86_64 glibc 2.36 /usr managed"));
  EXPECT_THAT(Installed(found.pythons[0]), ElementsAre("foo-bar 1.0", "pip 23.0.1", "wheel 0.38.4"));
  EXPECT_EQ(found.distribution.name, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(found.distribution.codename, "bookworm");
  EXPECT_EQ(found.distribution.version, "12");
  EXPECT_EQ(found.distribution.PackageManager(), "apt");
  ASSERT_EQ(found.installers.size(), 1);
  EXPECT_EQ(found.installers[0].path, "/usr/bin/pip");
  EXPECT_EQ(found.installers[0].version, "23.0.1");
  EXPECT_THAT(found.notes, IsEmpty());
}

TEST(ImagePythonTest, TwoPythonsInTheOrderOfThePath) {
  MemoryRoot root = Debian();
  AddDebianPython(root);
  AddOfficialPython(root);
  const ImagePythons found = ImagePythonFinder(root).Find();
  EXPECT_THAT(AllTold(found), ElementsAre("/usr/local/bin/python3 3.13.1 x86_64 glibc 2.36 /usr/local",
                                          "/usr/bin/python3 3.11.2 x86_64 glibc 2.36 /usr managed"));
  EXPECT_THAT(Installed(found.pythons[0]), ElementsAre("pip 24.3.1"));
  EXPECT_EQ(found.installers[0].version, "24.3.1");
  const ImagePythons other = ImagePythonFinder(root, "/usr/bin:/usr/local/bin:relative:").Find();
  EXPECT_EQ(other.pythons[0].path, "/usr/bin/python3");
}

TEST(ImagePythonTest, AVirtualEnvironmentIsFoundByItsPath) {
  MemoryRoot root = Debian();
  AddDebianPython(root);
  AddOfficialPython(root);
  root.File("/opt/venv/pyvenv.cfg",
            "home = /usr/local/bin\ninclude-system-site-packages = false\nversion = 3.13.1\n");
  root.Link("/opt/venv/bin/python", "/usr/local/bin/python3.13").Link("/opt/venv/bin/python3", "python");
  root.File("/opt/venv/bin/pip", "#!/opt/venv/bin/python3\n");
  root.Folder("/opt/venv/lib/python3.13/site-packages/pip-25.0.dist-info");
  const ImagePythonFinder finder(root, "/opt/venv/bin:/usr/local/bin:/usr/bin");
  const ImagePythons found = finder.Find();
  EXPECT_THAT(AllTold(found), ElementsAre("/opt/venv/bin/python3 3.13.1 x86_64 glibc 2.36 /opt/venv venv",
                                          "/usr/local/bin/python3 3.13.1 x86_64 glibc 2.36 /usr/local",
                                          "/usr/bin/python3 3.11.2 x86_64 glibc 2.36 /usr managed"));
  EXPECT_THAT(Installed(found.pythons[0]), ElementsAre("pip 25.0"));
  for (const char* name : {"pip", "/opt/venv/bin/pip", "/opt/venv/bin/python", "python3"}) {
    const auto python = finder.Look(name);
    ASSERT_OK(python);
    EXPECT_EQ(python->prefix, "/opt/venv") << name;
  }
  // Debian's, with its packages in sight.
  root.File("/srv/v/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = True\n");
  root.Link("/srv/v/bin/python", "/usr/bin/python3");
  const auto seeing = finder.Look("/srv/v/bin/python");
  ASSERT_OK(seeing);
  EXPECT_FALSE(seeing->externally_managed);
  EXPECT_THAT(Installed(*seeing), ElementsAre("foo-bar 1.0", "pip 23.0.1", "wheel 0.38.4"));
}

TEST(ImagePythonTest, Alpine) {
  MemoryRoot root;
  root.File("/etc/os-release", "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n");
  root.File("/lib/ld-musl-aarch64.so.1",
            Elf({.machine = 183, .texts = {"127.0.0.1", "musl libc (aarch64)\nVersion %s\n", "1.2.5"}}));
  root.File("/usr/bin/python3.12", Elf({.machine = 183, .loader = "/lib/ld-musl-aarch64.so.1"}));
  root.Link("/usr/bin/python3", "python3.12");
  root.File("/usr/lib/libpython3.12.so.1.0", Elf({.machine = 183, .texts = {"3.12.7"}}));
  root.File("/usr/lib/python3.12/EXTERNALLY-MANAGED").File("/usr/lib/python3.12/os.py");
  const ImagePythons found = ImagePythonFinder(root).Find();
  EXPECT_THAT(AllTold(found), ElementsAre("/usr/bin/python3 3.12.7 aarch64 musl 1.2.5 /usr managed"));
  EXPECT_EQ(found.distribution.PackageManager(), "apk");
  const auto environment = EnvironmentOf(found.pythons[0]);
  ASSERT_OK(environment);
  EXPECT_EQ(environment->tags().libc.minor, 2);
  EXPECT_EQ(environment->Markers().at("python_full_version"), "3.12.7");
  EXPECT_EQ(environment->Markers().at("platform_machine"), "aarch64");
}

TEST(ImagePythonTest, MuslsVersionIsInApksRecordsToo) {
  MemoryRoot root;
  root.File("/lib/ld-musl-x86_64.so.1", Elf({.texts = {"1.2", "1.2.3.4", "11.2.3"}}));
  root.File("/lib/apk/db/installed", "P:musl-utils\nV:9.9.9-r0\n\nC:Q1\nP:musl\nV:1.1.24-r10\n\n");
  const RootPaths paths(root);
  const auto libc = FindLibc(paths, "/lib/ld-musl-x86_64.so.1", "x86_64");
  ASSERT_OK(libc);
  EXPECT_EQ(libc->version, "1.1.24");
  EXPECT_EQ(libc->libc.minor, 1);
  root.File("/lib/apk/db/installed", "P:busybox\nV:1.36.1-r2\n");
  EXPECT_THAT(std::string(FindLibc(paths, "/lib/ld-musl-x86_64.so.1", "x86_64").status().message()),
              HasSubstr("does not name its version"));
}

TEST(ImagePythonTest, GlibcWhereverItLies) {
  struct Place {
    const char* loader;
    const char* machine;
    const char* library;
  };
  static constexpr std::array<Place, 5> kPlaces = {
      {{"/lib/ld-linux-aarch64.so.1", "aarch64", "/lib/aarch64-linux-gnu/libc.so.6"},
       {"/lib64/ld-linux-x86-64.so.2", "x86_64", "/usr/lib64/libc.so.6"},
       {"/lib/ld-linux-armhf.so.3", "armv7l", "/lib/arm-linux-gnueabihf/libc.so.6"},
       {"/lib/ld-linux.so.2", "i686", "/usr/lib/i386-linux-gnu/libc.so.6"},
       {"/lib/ld64.so.1", "s390x", "/lib/s390x-linux-gnu/libc.so.6"}}};
  for (const Place& place : kPlaces) {
    MemoryRoot root;
    root.File(place.library, Glibc("2.41"));
    const auto libc = FindLibc(RootPaths(root), place.loader, place.machine);
    ASSERT_OK(libc);
    EXPECT_EQ(libc->libc.minor, 41);
  }
  // The banner may lie over the border of two pieces.
  for (const size_t before : {1048576 - 30, 1048576 - 75, 1048576 - 80, 1048576 - 200}) {
    MemoryRoot root;
    root.File("/lib/libc.so.6", std::string(before, '\2') + Glibc("2.17").substr(1004));
    const auto libc = FindLibc(RootPaths(root), "/lib/ld.so", "x86_64");
    ASSERT_OK(libc);
    EXPECT_EQ(libc->version, "2.17");
  }
  MemoryRoot root;
  root.File("/lib/libc.so.6", "GNU C Library without a version");
  EXPECT_EQ(FindLibc(RootPaths(root), "/lib/ld.so", "x86_64").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FindLibc(RootPaths(root), "", "x86_64").status().code(), absl::StatusCode::kNotFound);
}

TEST(ImagePythonTest, ProcessorsByTheirHeaders) {
  struct Known {
    ElfOf elf;
    const char* machine;
  };
  const std::vector<Known> known = {{{.machine = 62}, "x86_64"},
                                    {{.machine = 3, .bits32 = true}, "i686"},
                                    {{.machine = 183}, "aarch64"},
                                    {{.machine = 40, .bits32 = true, .flags = 0x05000400}, "armv7l"},
                                    {{.machine = 40, .bits32 = true, .flags = 0x05000200}, "armv6l"},
                                    {{.machine = 21}, "ppc64le"},
                                    {{.machine = 22, .big_endian = true}, "s390x"},
                                    {{.machine = 243}, "riscv64"},
                                    {{.machine = 62, .bits32 = true}, ""},
                                    {{.machine = 8}, ""}};
  for (const Known& one : known) {
    const auto header = ReadElfHeader(Elf(one.elf));
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->machine, one.machine);
    EXPECT_EQ(header->loader, one.elf.loader);
    EXPECT_EQ(header->bits32, one.elf.bits32);
  }
  EXPECT_FALSE(ReadElfHeader("#!/bin/sh\n").has_value());
  // A header may say anything.
  std::string elf = Elf({});
  for (size_t at = 4; at < elf.size(); ++at) {
    for (const char value : {'\0', '\1', '\x7f', '\xff'}) {
      std::string other = elf;
      other[at] = value;
      ReadElfHeader(other);
      ReadElfHeader(other.substr(0, at));
    }
  }
}

TEST(ImagePythonTest, A32BitPythonOn64Bits) {
  MemoryRoot root;
  root.File("/usr/bin/python3.11", Elf({.machine = 3, .bits32 = true, .loader = "/lib/ld-linux.so.2"}));
  root.File("/lib/libc.so.6", Glibc("2.36"));
  const auto python = ImagePythonFinder(root).Look("python3.11");
  ASSERT_OK(python);
  EXPECT_EQ(EnvironmentOf(*python)->tags().machine, "i686");
  const auto environment = EnvironmentOf(*python, true, "x86_64");
  ASSERT_OK(environment);
  EXPECT_EQ(environment->Markers().at("platform_machine"), "x86_64");
  EXPECT_THAT(python::PlatformTags(environment->tags()), Contains("manylinux2014_i686"));
  EXPECT_THAT(python->notes, Contains("No file says which 3.11.x /usr/bin/python3.11 is."));
}

TEST(ImagePythonTest, FreeThreadedAndWithoutNames) {
  MemoryRoot root = Debian();
  root.File("/usr/local/bin/python3.14t", Elf({.texts = {"3.14.0rc2+"}}));
  // A program that only its library names.
  root.File("/opt/py/bin/python", Elf({})).File("/opt/py/lib/python3.9/os.py");
  root.File("/opt/py/include/python3.9/patchlevel.h", "/* x */\n#define PY_VERSION      \t\"3.9.18\"\n");
  const ImagePythons found = ImagePythonFinder(root, "/usr/local/bin:/opt/py/bin").Find();
  EXPECT_THAT(AllTold(found),
              ElementsAre("/usr/local/bin/python3.14t 3.14.0rc2+t x86_64 glibc 2.36 /usr/local",
                          "/opt/py/bin/python 3.9.18 x86_64 glibc 2.36 /opt/py"));
  const auto environment = EnvironmentOf(found.pythons[0]);
  ASSERT_OK(environment);
  EXPECT_EQ(python::AbiName(environment->tags()), "cp314t");
}

TEST(ImagePythonTest, WhatIsNoPython) {
  MemoryRoot root = Debian();
  root.File("/usr/bin/python3", "#!/bin/sh\nexec pyenv\n").Link("/usr/bin/python", "/nowhere");
  root.File("/usr/bin/python3.10-config", "x").File("/usr/bin/pypy3.10", Elf({}));
  root.Link("/usr/bin/python3.9", "python3.8").Link("/usr/bin/python3.8", "python3.9");
  const ImagePythons found = ImagePythonFinder(root).Find();
  ASSERT_EQ(found.pythons.size(), 1);
  EXPECT_EQ(found.pythons[0].implementation, "pypy");
  EXPECT_EQ(EnvironmentOf(found.pythons[0]).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(found.notes, Contains(HasSubstr("/usr/bin/python3 is no program for Linux")));
  EXPECT_THAT(found.notes, Contains(HasSubstr("too many links")));
  EXPECT_EQ(ImagePythonFinder(root).Look("pip").status().code(), absl::StatusCode::kNotFound);
  root.File("/usr/bin/pip", "#!/opt/gone/bin/python\n");
  EXPECT_THAT(std::string(ImagePythonFinder(root).Look("pip").status().message()),
              HasSubstr("/usr/bin/pip runs with /opt/gone/bin/python, which the image does not have"));
}

TEST(ImagePythonTest, ScriptsNameTheirPythons) {
  MemoryRoot root = Debian();
  AddDebianPython(root);
  const RootPaths paths(root);
  const std::vector<std::pair<std::string, std::string>> scripts = {
      {"#!/usr/bin/python3 -E\n", "/usr/bin/python3"},
      {"#! /usr/bin/env python3\n", "/usr/bin/python3"},
      {"#!/usr/bin/env -S A=b python3.11 -I\n", "/usr/bin/python3.11"},
      {"#!/bin/sh\n'''exec' \"/a b/python\" \"$0\" \"$@\"\n' '''\n", "/a b/python"},
      {"#!/bin/sh\n'''exec' /ab/python \"$0\" \"$@\"\n", "/ab/python"},
      {"#!/bin/sh\necho\n", ""},
      {"#!", ""},
      {"", ""}};
  for (const auto& [text, python] : scripts) {
    root.File("/script", text);
    EXPECT_EQ(InterpreterOfScript(paths, kDefaultPath, "/script").value_or(""), python) << text;
  }
}

TEST(ImagePythonTest, LinksStayInTheImage) {
  MemoryRoot root;
  root.File("/a/b/file", "x")
      .Link("/a/up", "../../../../a/b")
      .Link("/a/loop", "loop2")
      .Link("/a/loop2", "loop");
  root.Link("/deep", "a/./up/../b/file");
  const RootPaths paths(root);
  EXPECT_EQ(*paths.Resolve("/a/up/file"), "/a/b/file");
  EXPECT_EQ(*paths.Resolve("/deep"), "/a/b/file");
  EXPECT_EQ(*paths.Resolve("/a/../../.."), "/");
  EXPECT_EQ(paths.Resolve("/a/loop").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(paths.Resolve("/a/no").status().code(), absl::StatusCode::kNotFound);
}

TEST(ImagePythonTest, OlderPipsPreferOtherWheels) {
  EXPECT_FALSE(PrefersLinuxWheels("23.0.1"));
  EXPECT_FALSE(PrefersLinuxWheels("26.2"));
  EXPECT_TRUE(PrefersLinuxWheels("26.3"));
  EXPECT_TRUE(PrefersLinuxWheels(""));
}

TEST(ImagePythonTest, FoldersOfAMillionFilesAreCut) {
  MemoryRoot root = Debian();
  AddDebianPython(root);
  for (int i = 0; i < 60'000; ++i) {
    root.File(fmt::format("/usr/lib/python3/dist-packages/a{}", i));
    root.File(fmt::format("/usr/bin/a{}", i));
  }
  const ImagePythons found = ImagePythonFinder(root).Find();
  EXPECT_THAT(found.notes, Contains(HasSubstr("/usr/bin has more than 50000 entries")));
}

}  // namespace
}  // namespace crossmill::predict
