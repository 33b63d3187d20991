#include "common/base/opening/nameless_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/status.h"

namespace crossmill {
namespace {

std::string FolderOrDefault(const std::string& folder) {
  if (!folder.empty()) return folder;
  const char* variable = std::getenv("TMPDIR");
  return variable != nullptr && *variable != '\0' ? variable : "/var/tmp";
}

}  // namespace

absl::StatusOr<NamelessFile> NamelessFile::Create(const std::string& folder, Admit admit) {
  std::string place = FolderOrDefault(folder);
  UniqueFd file(open(place.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) {
    // Some file systems (overlay of old kernels, network ones) make no file without a name.
    std::string path = place + "/.crossmill-XXXXXX";
    file = UniqueFd(mkostemp(path.data(), O_CLOEXEC));
    if (!file.valid()) return ErrnoStatus(errno, "temporary file in " + place);
    unlink(path.c_str());
  }
  return NamelessFile(std::move(file), std::move(place), std::move(admit));
}

absl::Status NamelessFile::Append(std::string_view bytes) {
  if (admit_ && !bytes.empty()) RETURN_IF_ERROR(admit_(static_cast<int64_t>(bytes.size())));
  while (!bytes.empty()) {
    const ssize_t count = pwrite(file_.get(), bytes.data(), bytes.size(), size_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "write a temporary file in " + folder_);
    bytes.remove_prefix(static_cast<size_t>(count));
    size_ += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> NamelessFile::ReadAt(int64_t offset, char* buffer, size_t size) const {
  auto count = crossmill::ReadAt(file_.get(), offset, buffer, size);
  if (!count.ok()) return Annotate(count.status(), "temporary file in " + folder_);
  return count;
}

}  // namespace crossmill
