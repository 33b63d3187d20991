#include "cli/wheelhouse/making/wheel_image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "cli/wheelhouse/recipes.h"
#include "common/base/file_digest.h"
#include "common/base/files.h"
#include "common/base/opening/nameless_file.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/oci/flatten.h"
#include "common/package_archive/package_texts.h"
#include "common/predict/resolver/core_metadata.h"
#include "common/python/package_name.h"
#include "common/python/wheel_name.h"

namespace crossmill::cli {
namespace {

constexpr size_t kMostWheels = 10'000;

absl::Status WriteContent(const layer::Source& content, const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  std::string buffer(size_t{256} << 10, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, content(buffer.data(), buffer.size()));
    if (count == 0) return absl::OkStatus();
    RETURN_IF_ERROR(Annotate(WriteAll(file.get(), std::string_view(buffer).substr(0, count)), path));
  }
}

absl::StatusOr<std::string> FirstBytes(const layer::Source& content, size_t limit) {
  std::string bytes(limit, '\0');
  size_t filled = 0;
  while (filled < limit) {
    ASSIGN_OR_RETURN(const size_t count, content(bytes.data() + filled, limit - filled));
    if (count == 0) break;
    filled += count;
  }
  bytes.resize(filled);
  return bytes;
}

// The metadata must be that of the name: installers go by both.
absl::Status CheckMetadata(const predict::CoreMetadata& metadata, const python::WheelName& name) {
  const auto version = python::Version::Parse(metadata.version);
  if (python::NormaliseName(metadata.name) == name.project && version.ok() && *version == name.version)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("its metadata is that of {} {}", Printable(metadata.name), Printable(metadata.version)));
}

}  // namespace

absl::StatusOr<WheelFile> ReadWheelFile(const std::string& path, const std::string& name) {
  ASSIGN_OR_RETURN(const python::WheelName parsed, python::WheelName::Parse(name));
  // Neither a link nor a pipe that nobody writes to.
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return ErrnoStatus(errno, path);
  if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError(fmt::format("{} is no file", path));
  WheelFile file;
  file.name = name;
  file.size = status.st_size;
  ASSIGN_OR_RETURN(const Digest digest, DigestOfFile(fd.get(), status.st_size));
  file.sha256 = digest.hash;
  const auto read = [&](int64_t offset, int64_t size) -> absl::StatusOr<std::string> {
    std::string bytes(static_cast<size_t>(size), '\0');
    ASSIGN_OR_RETURN(const size_t count, ReadAt(fd.get(), offset, bytes.data(), bytes.size()));
    if (count != bytes.size()) return FileBecameShorter();
    return bytes;
  };
  auto text = package_archive::WheelMetadata(read, status.st_size);
  if (!text.ok()) return Annotate(text.status(), name);
  const auto metadata = predict::ReadCoreMetadata(*text);
  if (!metadata.ok()) return Annotate(metadata.status(), name);
  RETURN_IF_ERROR(Annotate(CheckMetadata(*metadata, parsed), name));
  file.requires_python = metadata->requires_python_text;
  file.requirements = metadata->requirements;
  return file;
}

absl::StatusOr<ImageWheels> TakeWheels(BlobStore& blobs, const Digest& manifest, const std::string& folder) {
  ASSIGN_OR_RETURN(NamelessFile contents, NamelessFile::Create(folder));
  oci::Flattener flattener(contents);
  RETURN_IF_ERROR(oci::AddImageLayers(blobs, manifest, flattener));
  ImageWheels found;
  RETURN_IF_ERROR(
      flattener.Visit([&](const layer::TarEntry& entry, const layer::Source& content) -> absl::Status {
        if (entry.type != layer::EntryType::kFile || entry.path.find('/') != std::string::npos)
          return absl::OkStatus();
        if (entry.path == kStatementsFile) {
          if (entry.size == 0) return absl::OkStatus();
          ASSIGN_OR_RETURN(const std::string text, FirstBytes(content, 4096));
          found.statements = ReadStatements(text);
          return absl::OkStatus();
        }
        if (entry.size == 0 || !python::WheelName::Parse(entry.path).ok()) return absl::OkStatus();
        if (found.files.size() >= kMostWheels)
          return absl::InvalidArgumentError(fmt::format("more than {} wheels", kMostWheels));
        const std::string path = fmt::format("{}/{}", folder, entry.path);
        RETURN_IF_ERROR(WriteContent(content, path));
        ASSIGN_OR_RETURN(WheelFile file, ReadWheelFile(path, entry.path));
        found.files.push_back(std::move(file));
        return absl::OkStatus();
      }));
  return found;
}

}  // namespace crossmill::cli
