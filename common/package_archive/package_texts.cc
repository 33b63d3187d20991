#include "common/package_archive/package_texts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/layer/archive_stream.h"

namespace crossmill::package_archive {
namespace {

constexpr int64_t kMostText = int64_t{8} << 20;
constexpr int64_t kMostUnpacked = int64_t{256} << 20;

// NAME in the archive's folder, which has one level.
std::optional<std::string>* PlaceOf(std::string_view path, SourceTexts& texts) {
  const size_t slash = path.find('/');
  if (slash == path.npos || slash == 0) return nullptr;
  const std::string_view name = path.substr(slash + 1);
  if (name == "PKG-INFO") return &texts.pkg_info;
  if (name == "pyproject.toml") return &texts.pyproject;
  return nullptr;
}

}  // namespace

absl::StatusOr<std::string> WheelMetadata(const ReadAt& read, int64_t archive_size) {
  ASSIGN_OR_RETURN(const std::vector<ZipMember> members, ListZip(read, archive_size));
  const ZipMember* found = nullptr;
  for (const ZipMember& member : members) {
    const size_t slash = member.name.find('/');
    if (slash == member.name.npos || std::string_view(member.name).substr(slash) != "/METADATA" ||
        !std::string_view(member.name).substr(0, slash).ends_with(".dist-info"))
      continue;
    if (found != nullptr) return absl::NotFoundError("the wheel has several dist-info folders");
    found = &member;
  }
  if (found == nullptr) return absl::NotFoundError("the wheel has no dist-info/METADATA");
  return ReadZipMember(read, archive_size, *found, kMostText);
}

absl::StatusOr<SourceTexts> ReadSourceTar(layer::Source archive) {
  SourceTexts texts;
  layer::Source unpacked = [inner = layer::AnyDecompressed(std::move(archive)), left = kMostUnpacked](
                               char* buffer, size_t size) mutable -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t count, inner(buffer, size));
    left -= static_cast<int64_t>(count);
    if (left < 0)
      return absl::ResourceExhaustedError(fmt::format("a source of more than {} bytes", kMostUnpacked));
    return count;
  };
  layer::TarReader reader(std::move(unpacked), layer::TarNames::kForgiving);
  while (!texts.pkg_info.has_value() || !texts.pyproject.has_value()) {
    ASSIGN_OR_RETURN(const std::optional<layer::TarEntry> entry, reader.Next());
    if (!entry.has_value()) break;
    std::optional<std::string>* place =
        entry->type == layer::EntryType::kFile ? PlaceOf(entry->path, texts) : nullptr;
    if (place == nullptr) continue;
    if (entry->size > kMostText)
      return absl::ResourceExhaustedError(fmt::format("{} has {} bytes", entry->path, entry->size));
    std::string text(static_cast<size_t>(entry->size), '\0');
    for (size_t at = 0; at < text.size();) {
      ASSIGN_OR_RETURN(const size_t count, reader.ReadData(text.data() + at, text.size() - at));
      if (count == 0) return absl::InvalidArgumentError("the source's archive ends too early");
      at += count;
    }
    *place = std::move(text);
  }
  return texts;
}

absl::StatusOr<SourceTexts> ReadSourceZip(const ReadAt& read, int64_t archive_size) {
  ASSIGN_OR_RETURN(const std::vector<ZipMember> members, ListZip(read, archive_size));
  SourceTexts texts;
  for (const ZipMember& member : members) {
    std::optional<std::string>* place = PlaceOf(member.name, texts);
    if (place == nullptr) continue;
    ASSIGN_OR_RETURN(*place, ReadZipMember(read, archive_size, member, kMostText));
  }
  return texts;
}

}  // namespace crossmill::package_archive
