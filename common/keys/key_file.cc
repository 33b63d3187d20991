#include "common/keys/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/wiping.h"

namespace crossmill::keys {
namespace {

absl::StatusOr<SigningKey> Load(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_RDONLY | O_NOFOLLOW));
  struct stat state {};
  if (fstat(file.get(), &state) != 0) return ErrnoStatus(errno, path);
  if (!S_ISREG(state.st_mode) || state.st_uid != geteuid() || (state.st_mode & 0077) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} is a signing key, and has to be a file of this user's that nobody else may read: "
                    "chown it, and chmod 600 {}",
                    path, path));
  }
  ASSIGN_OR_RETURN(std::string pem, ReadAll(file.get(), static_cast<int64_t>(kMostPemBytes)));
  auto key = SigningKey::FromPem(pem);
  Wipe(&pem);
  return key.ok() ? key : Annotate(key.status(), path);
}

// Written whole under another name and then linked, which fails where a file is: what is there is never half
// a key, and never replaced.
absl::Status Make(const std::string& path) {
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::Generate());
  ASSIGN_OR_RETURN(std::string pem, key.Pem());
  std::string partial = path + ".XXXXXX";
  const UniqueFd file(mkostemp(partial.data(), O_CLOEXEC));  // mode 0600
  absl::Status written = file.valid() ? WriteAll(file.get(), pem) : ErrnoStatus(errno, path);
  Wipe(&pem);
  if (!file.valid()) return written;
  if (written.ok() && fsync(file.get()) != 0) written = ErrnoStatus(errno, partial);
  const bool linked = written.ok() && link(partial.c_str(), path.c_str()) == 0;
  const int error = errno;
  unlink(partial.c_str());
  RETURN_IF_ERROR(written);
  if (!linked && error != EEXIST) return ErrnoStatus(error, path);
  const size_t slash = path.rfind('/');
  RETURN_IF_ERROR(SyncFolder(slash == std::string::npos ? "." : path.substr(0, slash)));
  if (linked) LogInfo("signing key made file={} id={}", path, key.public_key().id());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SigningKey> LoadOrMakeKey(const std::string& path) {
  auto key = Load(path);
  if (!absl::IsNotFound(key.status())) return key;
  RETURN_IF_ERROR(Make(path));
  return Load(path);
}

}  // namespace crossmill::keys
