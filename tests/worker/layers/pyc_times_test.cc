#include "worker/layers/pyc_times.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "tests/support/status_matchers.h"
#include "worker/tree/file_metadata.h"

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

// ---- in a layer ----

constexpr int64_t kLayerClamp = 1'600'000'000;
constexpr int64_t kNow = kLayerClamp + 1000;

// A file compiled by CPython 3.11 from a source of that time and size.
std::string Compiled(int64_t source_time, uint32_t source_size, uint32_t flags = 0) {
  return Magic(3495) + Number(flags) + Number(static_cast<uint32_t>(source_time)) + Number(source_size) +
         "code";
}

// An upper directory, made into a layer on one below.
class LayerOfModules : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: layers set owners";
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    for (const std::string& path : {Upper("__pycache__"), Lower("")}) ASSERT_OK(MakeFolders(path));
  }
  std::string Upper(const std::string& path) const { return folder_->Path("upper/" + path); }
  std::string Lower(const std::string& path) const { return folder_->Path("lower/" + path); }
  static std::string Cached(const std::string& name) { return "__pycache__/" + name + ".cpython-311.pyc"; }

  void WriteSource(const std::string& file, int64_t time) {
    ASSERT_OK(WriteFileAtomic(file, "x = 1\n"));
    ASSERT_OK(SetMtime(file, time));
  }
  void WriteModule(const std::string& name, int64_t time, const std::string& compiled) {
    WriteSource(Upper(name + ".py"), time);
    ASSERT_OK(WriteFileAtomic(Upper(Cached(name)), compiled, 0444));
    ASSERT_OK(SetMtime(Upper(Cached(name)), kNow));
  }
  void Commit(bool keep_times = false) {
    auto diff = DiffUpper(folder_->Path("upper"), {folder_->Path("lower")},
                          {.clamp_time = kLayerClamp, .keep_times = keep_times});
    ASSERT_OK(diff);
    ASSERT_OK(RefreshPycs(folder_->Path("upper"), &*diff));
    auto written = WriteLayer(*diff, folder_->Path("upper"), kLayerClamp, {}, *blobs_);
    ASSERT_OK(written);
    tar_ = *blobs_->Get(written->tar);
    ASSERT_OK(PruneUpper(*diff, folder_->Path("upper")));
  }
  // In the layer as on disk.
  std::string Bytes(const std::string& path) {
    const std::string on_disk = ReadFile(Upper(path)).value_or("unreadable");
    EXPECT_NE(tar_.find(on_disk), std::string::npos) << path << " in the layer is another";
    const auto found = InspectFile(Upper(path), path);
    EXPECT_TRUE(found.ok() && *found && (*found)->entry.mtime <= kNow && (*found)->fraction == 0) << path;
    return on_disk;
  }

  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  std::string tar_;
};

TEST_F(LayerOfModules, CompiledFilesAreAsValidAsTheyWere) {
  WriteModule("valid", kNow, Compiled(kNow, 6));
  WriteModule("older", kLayerClamp - 7, Compiled(kLayerClamp - 7, 6));
  WriteModule("stale", kNow, Compiled(kNow - 1, 6));
  WriteModule("resized", kNow, Compiled(kNow, 7));
  WriteModule("hashed", kNow, Compiled(kNow, 6, 1));
  ASSERT_OK(WriteFileAtomic(Upper(Cached("alone")), Compiled(kNow, 6)));
  ASSERT_OK(WriteFileAtomic(Upper("valid.pyc"), Compiled(kNow, 6)));
  Commit();
  EXPECT_EQ(Bytes(Cached("valid")), Compiled(kLayerClamp, 6));
  EXPECT_EQ(Bytes("valid.pyc"), Compiled(kLayerClamp, 6));
  EXPECT_EQ(Bytes(Cached("older")), Compiled(kLayerClamp - 7, 6));
  EXPECT_EQ(Bytes(Cached("stale")), Compiled(kNow - 1, 6));
  EXPECT_EQ(Bytes(Cached("resized")), Compiled(kNow, 7));
  EXPECT_EQ(Bytes(Cached("hashed")), Compiled(kNow, 6, 1));
  EXPECT_EQ(Bytes(Cached("alone")), Compiled(kNow, 6));
}

TEST_F(LayerOfModules, ASourceThatTheLayerDoesNotHoldHasTheTimeOfTheOneBelow) {
  // Touched, with the same layer time: only the compiled file is in the layer.
  WriteSource(Lower("m.py"), kLayerClamp);
  WriteModule("m", kNow, Compiled(kNow, 6));
  Commit();
  EXPECT_EQ(Bytes(Cached("m")), Compiled(kLayerClamp, 6));
  EXPECT_EQ(tar_.find("m.py"), std::string::npos);
}

TEST_F(LayerOfModules, TimesThatAreKeptStay) {
  WriteModule("m", kNow, Compiled(kNow, 6));
  Commit(true);
  EXPECT_EQ(Bytes(Cached("m")), Compiled(kNow, 6));
}

}  // namespace
}  // namespace crossmill::worker
