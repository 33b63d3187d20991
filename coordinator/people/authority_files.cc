#include "coordinator/people/authority_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/wiping.h"
#include "common/certificates/certificate.h"
#include "common/certificates/request.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kLongestFile = 64 << 10;

bool Exists(const std::string& path) {
  struct stat found;
  return lstat(path.c_str(), &found) == 0;
}

// A key that others can read is nobody's.
absl::Status CheckPrivate(const std::string& path) {
  struct stat found;
  if (stat(path.c_str(), &found) != 0) return ErrnoStatus(errno, path);
  if ((found.st_mode & 0077) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} is a key that others can read: chmod 600 {}", path, path));
}

// Keys first: a certificate without its key would be of no use, and a key without one is made use of.
absl::Status MakeCoordinatorFiles(const AuthorityFiles& files, const certificates::Authority& authority,
                                  absl::Span<const std::string> names, absl::Time now) {
  if (Exists(files.coordinator)) return absl::OkStatus();
  ASSIGN_OR_RETURN(certificates::KeyAndRequest made, certificates::MakeKeyAndRequest());
  const auto issued = authority.IssueServer(made.request_pem, names, now);
  absl::Status status = issued.status();
  if (status.ok()) status = WriteFileAtomic(files.coordinator_key, made.key_pem, 0600);
  Wipe(&made.key_pem);
  RETURN_IF_ERROR(status);
  return WriteFileAtomic(files.coordinator, issued->pem + authority.certificate_pem(), 0644);
}

absl::Status MakeAuthorityFiles(const AuthorityFiles& files, absl::Time now) {
  if (Exists(files.authority)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const certificates::Authority made, certificates::Authority::Make(now));
  ASSIGN_OR_RETURN(std::string key, made.KeyPem());
  const absl::Status written = WriteFileAtomic(files.authority_key, key, 0600);
  Wipe(&key);
  RETURN_IF_ERROR(written);
  return WriteFileAtomic(files.authority, made.certificate_pem(), 0644);
}

}  // namespace

AuthorityFiles::AuthorityFiles(const std::string& data_folder)
    : folder(data_folder + "/authority"),
      authority(folder + "/authority.pem"),
      authority_key(folder + "/authority-key.pem"),
      coordinator(folder + "/coordinator.pem"),
      coordinator_key(folder + "/coordinator-key.pem"),
      address(folder + "/address") {}

absl::StatusOr<std::optional<certificates::Authority>> LoadAuthority(const std::string& data_folder) {
  const AuthorityFiles files(data_folder);
  if (!Exists(files.authority)) return std::nullopt;
  RETURN_IF_ERROR(CheckPrivate(files.authority_key));
  ASSIGN_OR_RETURN(const std::string certificate, ReadFile(files.authority, kLongestFile));
  ASSIGN_OR_RETURN(std::string key, ReadFile(files.authority_key, kLongestFile));
  auto authority = certificates::Authority::FromPem(certificate, key);
  Wipe(&key);
  if (authority.ok()) return *std::move(authority);
  return absl::FailedPreconditionError(fmt::format("{} and {}: {}; restore them from a backup",
                                                   files.authority, files.authority_key,
                                                   Sv(authority.status().message())));
}

absl::Status MakeAuthority(const std::string& data_folder, const std::string& address,
                           absl::Span<const std::string> names, absl::Time now) {
  const AuthorityFiles files(data_folder);
  const std::string before = AddressOfFarm(data_folder);
  if (!before.empty() && before != address)
    return absl::FailedPreconditionError(fmt::format(
        "{} is a farm at {} already, not at {}: nothing is replaced. For another address remove {}, {} and "
        "{} and do "
        "this again (workers that joined keep their certificates, and have to be told the new address); the "
        "authority stays",
        data_folder, before, address, files.address, files.coordinator, files.coordinator_key));
  RETURN_IF_ERROR(MakeFolders(files.folder, 0700));
  RETURN_IF_ERROR(MakeAuthorityFiles(files, now));
  ASSIGN_OR_RETURN(const std::optional<certificates::Authority> authority, LoadAuthority(data_folder));
  RETURN_IF_ERROR(MakeCoordinatorFiles(files, *authority, names, now));
  return WriteFileAtomic(files.address, address + "\n", 0644);
}

std::string AddressOfFarm(const std::string& data_folder) {
  const auto text = ReadFile(AuthorityFiles(data_folder).address, 4096);
  return text.ok() ? std::string(Trim(*text)) : "";
}

}  // namespace crossmill::coordinator
