#include "common/layer/compression.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/common/layer/command.h"
#include "tests/common/layer/sample_tree.h"

namespace crossmill::layer {
namespace {

std::string Sample(size_t size) {
  std::string text;
  uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1664525 + 1013904223;
    text.append(state >> 28, 'x');
    text.push_back(static_cast<char>(state >> 16));
  }
  text.resize(size);
  return text;
}

// Gives `piece` bytes at a time.
Source Trickle(std::string_view bytes, size_t piece) {
  return [bytes, piece](char* buffer, size_t size) mutable -> absl::StatusOr<size_t> {
    const size_t count = bytes.copy(buffer, std::min(size, piece));
    bytes.remove_prefix(count);
    return count;
  };
}

absl::StatusOr<std::string> ReadOut(const Source& source) {
  std::string out;
  std::string buffer(4096, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source(buffer.data(), buffer.size()));
    if (count == 0) return out;
    out.append(buffer, 0, count);
  }
}

std::string Gzip(std::string_view text, int threads = 1) {
  std::string out;
  EXPECT_OK(GzipMembers(SourceOf(text), AppendTo(&out), kGzipLevel, threads));
  return out;
}

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

TEST(CompressionTest, EveryFormIsDecompressed) {
  const std::string text = Sample(100'000);
  const std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {text, text},
      {"", ""},
      {"x", "x"},
      {Gzip(text), text},
      {Gzip(text) + Gzip("more"), text + "more"},
      {Gzip(""), ""},
      {Gzip("") + Gzip("after an empty member"), "after an empty member"},
      {Gzip(text) + std::string(512, '\0'), text},
      {Zstd(text), text},
      {Zstd(text) + Zstd("more"), text + "more"},
      {skippable + Zstd(text), text},
      {Zstd(""), ""},
  };
  for (const auto& [compressed, expected] : cases) {
    for (const size_t piece : {size_t{1}, size_t{1000}, size_t{1} << 20}) {
      auto out = ReadOut(Decompressed(Trickle(compressed, piece)));
      ASSERT_OK(out);
      EXPECT_EQ(*out, expected);
    }
  }
}

TEST(CompressionTest, DamageAndTruncationAreReported) {
  const std::string text = Sample(100'000);
  for (const std::string& whole : {Gzip(text), Zstd(text)}) {
    for (const size_t size : {size_t{5}, size_t{30}, whole.size() / 2, whole.size() - 1}) {
      EXPECT_EQ(ReadOut(Decompressed(Trickle(whole.substr(0, size), 700))).status().code(),
                absl::StatusCode::kInvalidArgument)
          << size;
    }
  }
  std::string damaged = Gzip(text);
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);  // In the CRC.
  EXPECT_EQ(ReadOut(Decompressed(SourceOf(damaged))).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadOut(Decompressed(SourceOf(Gzip("a") + "garbage"))).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(CompressionTest, ErrorsOfTheSourceComeBack) {
  auto out = ReadOut(Decompressed([](char*, size_t) { return absl::DataLossError("lies"); }));
  EXPECT_EQ(out.status().code(), absl::StatusCode::kDataLoss);
}

TEST(CompressionTest, GzipHasAFixedHeaderAndDoesNotDependOnThreads) {
  const std::string text = Sample(2 * kGzipMemberBytes + 12345);
  const std::string one = Gzip(text);
  EXPECT_EQ(one.substr(0, 10), std::string("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10));
  EXPECT_EQ(DigestOf(Gzip(text, 3)), DigestOf(one));
  EXPECT_EQ(DigestOf(Gzip(text, 2)), DigestOf(one));
  EXPECT_EQ(DigestOf(*ReadOut(Decompressed(SourceOf(one)))), DigestOf(text));
  // A full member is not followed by an empty one.
  const std::string full = text.substr(0, kGzipMemberBytes);
  EXPECT_EQ(DigestOf(Gzip(full, 2)), DigestOf(Gzip(full, 1)));
  EXPECT_EQ(DigestOf(Gzip(full) + Gzip(text.substr(kGzipMemberBytes))), DigestOf(one));
}

TEST(CompressionTest, MembersThatDoNotShrinkAreStoredAndOthersAreNot) {
  std::string noise(kGzipMemberBytes, '\0');
  std::mt19937_64 random(5);
  for (size_t i = 0; i < noise.size(); i += 8) {
    const uint64_t value = random();
    std::memcpy(noise.data() + i, &value, 8);
  }
  const std::string stored = Gzip(noise);
  EXPECT_GT(stored.size(), noise.size()) << "no byte was saved, whatever the level";
  EXPECT_LT(stored.size(), noise.size() + noise.size() / 1000);
  EXPECT_EQ(DigestOf(*ReadOut(Decompressed(SourceOf(stored)))), DigestOf(noise));
  // A tenth of text among it is worth the search.
  std::string mixed = noise;
  const std::string text = Sample(mixed.size() / 10);
  for (size_t i = 0; i + 4096 <= text.size(); i += 4096) mixed.replace(i * 10, 4096, text, i, 4096);
  EXPECT_LT(Gzip(mixed).size(), mixed.size() - mixed.size() / 30);
  const std::string both = Gzip(noise + Sample(kGzipMemberBytes), 2);
  EXPECT_EQ(both.substr(0, stored.size()), stored) << "each member is judged by itself";
  EXPECT_LT(both.size(), noise.size() + kGzipMemberBytes / 2);
}

TEST(CompressionTest, GzipProgramAcceptsOurs) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string text = Sample(kGzipMemberBytes + 1);
  ASSERT_OK(WriteFileAtomic(folder->Path("t.gz"), Gzip(text)));
  auto result = RunCommand({"gzip", "-d", folder->Path("t.gz")});
  ASSERT_OK(result);
  EXPECT_EQ(result->exit_code, 0) << result->stderr_text;
  EXPECT_EQ(DigestOf(*ReadFile(folder->Path("t"))), DigestOf(text));
}

TEST(CompressionTest, NameSaysWhatDecidesTheBytes) {
  EXPECT_TRUE(CompressorName().starts_with("libdeflate 1.")) << CompressorName();
  EXPECT_NE(CompressorName(6), CompressorName(9));
}

std::string ZstdOf(const std::string& text, int threads = 1, int level = kZstdLevel) {
  std::string out;
  EXPECT_OK(ZstdFrames(SourceOf(text), AppendTo(&out), level, threads));
  return out;
}

TEST(CompressionTest, ZstdDoesNotDependOnThreadsAndComesBack) {
  const std::string text = Sample(2 * kZstdFrameBytes + 12345);
  const std::string one = ZstdOf(text);
  EXPECT_EQ(DetectCompression(one), Compression::kZstd);
  EXPECT_EQ(DigestOf(ZstdOf(text, 3)), DigestOf(one));
  EXPECT_EQ(DigestOf(*ReadOut(Decompressed(SourceOf(one)))), DigestOf(text));
  EXPECT_NE(DigestOf(ZstdOf(text, 1, 9)), DigestOf(one));
  const std::string empty = ZstdOf("");
  EXPECT_FALSE(empty.empty());
  EXPECT_EQ(*ReadOut(Decompressed(SourceOf(empty))), "");
  // Frames stand alone.
  const std::string full = text.substr(0, kZstdFrameBytes);
  EXPECT_EQ(DigestOf(ZstdOf(full) + ZstdOf(text.substr(kZstdFrameBytes))), DigestOf(one));
}

TEST(CompressionTest, ZstdProgramAcceptsOurs) {
  if (RunCommand({"which", "zstd"})->exit_code != 0) GTEST_SKIP() << "zstd is not installed";
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string text = Sample(kZstdFrameBytes + 1);
  ASSERT_OK(WriteFileAtomic(folder->Path("t.zst"), ZstdOf(text)));
  auto result = RunCommand({"zstd", "-q", "-d", folder->Path("t.zst")});
  ASSERT_OK(result);
  EXPECT_EQ(result->exit_code, 0) << result->stderr_text;
  EXPECT_EQ(DigestOf(*ReadFile(folder->Path("t"))), DigestOf(text));
}

TEST(CompressionTest, ZstdLevelsAreChecked) {
  std::string out;
  EXPECT_FALSE(ZstdFrames(SourceOf("x"), AppendTo(&out), 23, 1).ok());
  EXPECT_TRUE(ZstdCompressorName().starts_with("libzstd 1.")) << ZstdCompressorName();
}

}  // namespace
}  // namespace crossmill::layer
