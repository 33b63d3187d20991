// Zip archives for tests, as wheels are: stored or deflated members.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace crossmill {

inline void AppendLittle(std::string& bytes, uint64_t number, int size) {
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
}

inline std::string DeflatedRaw(const std::string& content) {
  std::string packed(content.size() + 100, '\0');
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// Name and content of each member.
inline std::string ZipOf(const std::vector<std::pair<std::string, std::string>>& members,
                         bool deflated = true, const std::string& comment = "") {
  std::string archive;
  std::string directory;
  for (const auto& [name, content] : members) {
    const std::string packed = deflated ? DeflatedRaw(content) : content;
    const uLong crc =
        crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
    const size_t offset = archive.size();
    std::string common;
    AppendLittle(common, 20, 2);
    AppendLittle(common, 0, 2);
    AppendLittle(common, deflated ? 8 : 0, 2);
    AppendLittle(common, 0, 4);
    AppendLittle(common, crc, 4);
    AppendLittle(common, packed.size(), 4);
    AppendLittle(common, content.size(), 4);
    AppendLittle(common, name.size(), 2);
    AppendLittle(common, 0, 2);
    archive += "PK\3\4" + common + name + packed;
    directory += "PK\1\2";
    AppendLittle(directory, 20, 2);
    directory += common;
    AppendLittle(directory, 0, 2);
    AppendLittle(directory, 0, 2);
    AppendLittle(directory, 0, 2);
    AppendLittle(directory, 0, 4);
    AppendLittle(directory, offset, 4);
    directory += name;
  }
  const size_t begin = archive.size();
  archive += directory + "PK\5\6";
  AppendLittle(archive, 0, 4);
  AppendLittle(archive, members.size(), 2);
  AppendLittle(archive, members.size(), 2);
  AppendLittle(archive, directory.size(), 4);
  AppendLittle(archive, begin, 4);
  AppendLittle(archive, comment.size(), 2);
  return archive + comment;
}

}  // namespace crossmill
