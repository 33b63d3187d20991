// Any archive, unpacked: nothing is outside of its folder, and what is in it is no more than the limits say.
// Sums of tar headers are made right first, where the input's first byte says so, since a guess never is.
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/fetch/archive.h"

namespace {

using namespace crossmill;  // NOLINT(google-build-using-namespace): one room

constexpr int64_t kMostBytes = 1 << 16;
constexpr int64_t kMostFiles = 40;
constexpr size_t kBlock = 512;

void Expect(bool holds) {
  if (!holds) std::abort();
}

std::string WithSums(std::string tar) {
  for (size_t at = 0; at + kBlock <= tar.size(); at += kBlock) {
    if (tar[at] == '\0') continue;
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < kBlock; ++i) {
      if (i < 148 || i >= 156) sum += static_cast<unsigned char>(tar[at + i]);
    }
    char text[9];
    std::snprintf(text, sizeof(text), "%06o", sum);
    tar.replace(at + 148, 8, std::string(text) + std::string("\0 ", 2));
  }
  return tar;
}

int64_t bytes_found = 0;
int64_t files_found = 0;

int Count(const char*, const struct stat* info, int, struct FTW*) {
  ++files_found;
  if (S_ISREG(info->st_mode)) bytes_found += info->st_size / static_cast<int64_t>(info->st_nlink);
  Expect(!S_ISCHR(info->st_mode) && !S_ISBLK(info->st_mode) && !S_ISFIFO(info->st_mode));
  return 0;
}

// Beside the folder that is unpacked into, where ".." and links lead.
class Neighbour {
 public:
  explicit Neighbour(const TemporaryFolder& folder) : folder_(folder) {
    Expect(WriteFileAtomic(folder_.Path("neighbour"), "untouched").ok());
    Expect(MakeFolders(folder_.Path("out")).ok());
  }
  void Check() const {
    Expect(ReadFile(folder_.Path("neighbour")).value_or("") == "untouched");
    struct stat info {};
    Expect(stat(folder_.Path("neighbour").c_str(), &info) == 0 && info.st_nlink == 1);
    int names = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      const std::string name = entry.path().filename();
      names += name == "out" || name == "neighbour" ? 1 : 100;
    }
    Expect(names == 2);
  }

 private:
  const TemporaryFolder& folder_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string archive(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) archive = WithSums(std::move(archive));
  auto folder = TemporaryFolder::Create();
  Expect(folder.ok());
  const Neighbour neighbour(*folder);
  fetch::ExtractOptions options;
  std::vector<std::string> notes;
  options.notes = &notes;
  options.refuse_foreign = data[0] % 4 < 2;
  options.keep_root = data[0] % 8 < 4;
  options.most_bytes = kMostBytes;
  options.most_files = kMostFiles;
  (void)fetch::ExtractArchive(layer::SourceOf(archive), folder->Path("out"), options);
  neighbour.Check();
  bytes_found = files_found = 0;
  Expect(nftw(folder->Path("out").c_str(), Count, 16, FTW_PHYS) == 0);
  // With the folder itself.
  Expect(files_found <= kMostFiles + 1 && bytes_found <= kMostBytes);
  return 0;
}
