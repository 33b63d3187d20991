// Golden files that are compressed.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace crossmill::predict {

// A file below tests/golden, unpacked.
inline std::string GoldenGzip(const std::string& name) {
  const std::string path = std::string(CROSSMILL_GOLDEN_FOLDER) + "/" + name;
  gzFile file = gzopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  std::string text;
  if (file == nullptr) return text;
  std::string piece(size_t{1} << 16, '\0');
  int got = 0;
  while ((got = gzread(file, piece.data(), static_cast<unsigned>(piece.size()))) > 0)
    text.append(piece, 0, got);
  EXPECT_EQ(got, 0) << path;
  gzclose(file);
  return text;
}

}  // namespace crossmill::predict
