#include "common/bucket/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::bucket {
namespace {

constexpr int64_t kLongestFile = 64 << 10;

std::string_view WithoutSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

absl::StatusOr<Credentials> Complete(Credentials credentials) {
  if (credentials.key_id.empty()) return absl::InvalidArgumentError("there is no aws_access_key_id");
  if (credentials.secret.empty()) return absl::InvalidArgumentError("there is no aws_secret_access_key");
  // They become headers: a control character would end one and begin another.
  for (const std::string* value : {&credentials.key_id, &credentials.secret, &credentials.token}) {
    if (std::any_of(value->begin(), value->end(), [](unsigned char c) { return c <= ' ' || c >= 127; }))
      return absl::InvalidArgumentError("a key or token has characters that none has");
  }
  return credentials;
}

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

absl::StatusOr<Credentials> ParseCredentials(std::string_view text) {
  Credentials found;
  // Other profiles may be in the same file.
  bool ours = true;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = WithoutSpace(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      ours = line == "[default]";
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos)
      return absl::InvalidArgumentError(fmt::format("line {}: expected NAME = VALUE", number));
    if (!ours) continue;
    const std::string_view name = WithoutSpace(line.substr(0, equals));
    const std::string_view value = WithoutSpace(line.substr(equals + 1));
    if (name == "aws_access_key_id") found.key_id = value;
    if (name == "aws_secret_access_key") found.secret = value;
    if (name == "aws_session_token") found.token = value;
  }
  return Complete(std::move(found));
}

CredentialSource CredentialsOfFile(std::string path) {
  return [path = std::move(path)]() -> absl::StatusOr<Credentials> {
    ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_RDONLY));
    struct stat info {};
    if (fstat(file.get(), &info) != 0) return ErrnoStatus(errno, path);
    if ((info.st_mode & S_IROTH) != 0) {
      return absl::FailedPreconditionError(
          fmt::format("{} can be read by every user of this machine: chmod 600 {}", path, path));
    }
    ASSIGN_OR_RETURN(const std::string text, ReadAll(file.get(), kLongestFile));
    auto credentials = ParseCredentials(text);
    return credentials.ok() ? credentials : Annotate(credentials.status(), path);
  };
}

CredentialSource CredentialsOfEnvironment() {
  return []() -> absl::StatusOr<Credentials> {
    Credentials found{FromEnvironment("AWS_ACCESS_KEY_ID"), FromEnvironment("AWS_SECRET_ACCESS_KEY"),
                      FromEnvironment("AWS_SESSION_TOKEN")};
    if (found.key_id.empty() || found.secret.empty()) {
      return absl::FailedPreconditionError(
          "no credentials for the bucket: name a file with --bucket-credentials, or set AWS_ACCESS_KEY_ID "
          "and "
          "AWS_SECRET_ACCESS_KEY");
    }
    return Complete(std::move(found));
  };
}

}  // namespace crossmill::bucket
