#include "worker/layers/pyc_times.h"

#include <gtest/gtest.h>

namespace crossmill::worker {
namespace {

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes += static_cast<char>(value);
  return bytes;
}

std::string Number(uint32_t value) {
  return Bytes({static_cast<int>(value & 0xff), static_cast<int>(value >> 8 & 0xff),
                static_cast<int>(value >> 16 & 0xff), static_cast<int>(value >> 24)});
}

std::string Magic(uint32_t number) {
  return Bytes({static_cast<int>(number & 0xff), static_cast<int>(number >> 8), '\r', '\n'});
}

TEST(PycTimesTest, HeadersOfEachTimeOfPython) {
  // 3.11, 3.7, PyPy 3.9: flags, time, size.
  for (const uint32_t magic : {3495u, 3394u, 336u}) {
    EXPECT_EQ(ReadPycHeader(Magic(magic) + Number(0) + Number(0x81020304) + Number(77) + "code"),
              (PycHeader{8, 0x81020304, 77}))
        << magic;
  }
  // 3.6 and 3.3: time, size.
  for (const uint32_t magic : {3379u, 3230u}) {
    EXPECT_EQ(ReadPycHeader(Magic(magic) + Number(5) + Number(77) + "code"), (PycHeader{4, 5, 77})) << magic;
  }
  // 3.2 and 2.7: time.
  for (const uint32_t magic : {3180u, 62211u}) {
    EXPECT_EQ(ReadPycHeader(Magic(magic) + Number(5) + "code"), (PycHeader{4, 5, std::nullopt})) << magic;
  }
}

TEST(PycTimesTest, WhatIsCheckedByAHashHasNoTime) {
  for (const uint32_t flags : {1u, 3u, 4u}) {
    EXPECT_EQ(ReadPycHeader(Magic(3495) + Number(flags) + Number(5) + Number(77)), std::nullopt) << flags;
  }
}

TEST(PycTimesTest, WhatIsTooShortOrNoCompiledFileHasNone) {
  EXPECT_EQ(ReadPycHeader(""), std::nullopt);
  EXPECT_EQ(ReadPycHeader(Magic(3495)), std::nullopt);
  EXPECT_EQ(ReadPycHeader(Magic(3495) + Number(0) + Number(5) + "abc"), std::nullopt);
  EXPECT_EQ(ReadPycHeader(Magic(3379) + Number(5) + "abc"), std::nullopt);
  EXPECT_EQ(ReadPycHeader("print('a .pyc by name')"), std::nullopt);
}

TEST(PycTimesTest, SourcesAreFoundByName) {
  const struct {
    const char* compiled;
    const char* source;
  } kCases[] = {
      {"a/__pycache__/m.cpython-311.pyc", "a/m.py"},
      {"__pycache__/m.cpython-311.pyc", "m.py"},
      {"a/__pycache__/m.cpython-311.opt-2.pyc", "a/m.py"},
      {"a/__pycache__/a.b.cpython-311.pyc", "a/a.b.py"},
      {"a/__pycache__/a.b.pypy39.opt-1.pyc", "a/a.b.py"},
      {"a/m.pyc", "a/m.py"},
      {"m.pyo", "m.py"},
      {"my__pycache__/m.pyc", "my__pycache__/m.py"},
  };
  for (const auto& test : kCases) EXPECT_EQ(SourceOfPyc(test.compiled), test.source) << test.compiled;
  for (const char* other :
       {"a/m.py", "a/__pycache__/m.pyc", "a/.pyc", "pyc", "a/m.pyc.1", "a/__pycache__/.cpython-311.pyc"}) {
    EXPECT_EQ(SourceOfPyc(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace crossmill::worker
