#include "coordinator/buildkit/policy/policy_choice.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/fetch/git_reference.h"
#include "common/oci/reference.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr std::string_view kImageScheme = "docker-image://";
constexpr std::string_view kGitScheme = "git://";
constexpr char kFullUrl[] = "git.fullurl";
constexpr char kGitChecksum[] = "git.checksum";
constexpr char kKeepGitDir[] = "git.keepgitdir";
constexpr char kFileChecksum[] = "http.checksum";

absl::Status NotApplied(const PolicySource& from, const std::string& what) {
  return absl::UnimplementedError(
      fmt::format("source policy: {} {}: convert it to a source of the same kind, "
                  "or deny it",
                  Printable(from.identifier), what));
}

// The answer, if all that it changes can be applied: the identifier's scheme stays, and attributes other than
// `applied` do.
absl::StatusOr<PolicySource> Ask(const SourcePolicy& policy, const PolicySource& source,
                                 const std::vector<std::string_view>& schemes,
                                 const std::vector<std::string_view>& applied) {
  ASSIGN_OR_RETURN(PolicySource answer, policy.Evaluate(source));
  const bool same_kind = answer.identifier == source.identifier ||
                         std::any_of(schemes.begin(), schemes.end(), [&](std::string_view scheme) {
                           return answer.identifier.starts_with(scheme);
                         });
  if (!same_kind)
    return NotApplied(
        source, fmt::format("would become {}, which is not applied here", Printable(answer.identifier)));
  for (const auto& [key, value] : answer.attributes) {
    const auto before = source.attributes.find(key);
    if (before != source.attributes.end() && before->second == value) continue;
    if (std::find(applied.begin(), applied.end(), key) != applied.end()) continue;
    return NotApplied(source, fmt::format("would get the attribute {}={}, which is not applied here",
                                          Printable(key), Printable(value)));
  }
  return answer;
}

std::string AttributeOf(const PolicySource& source, const char* key) {
  const auto found = source.attributes.find(key);
  return found == source.attributes.end() ? "" : found->second;
}

// "HOST/PATH" of a repository, as it stands in an identifier: "https://me@host:8443/a/b.git" and
// "git@host:a/b.git" alike.
std::string PlaceOf(std::string_view remote) {
  const size_t scheme = remote.find("://");
  std::string_view rest = scheme == std::string_view::npos ? remote : remote.substr(scheme + 3);
  const size_t path = rest.find_first_of(scheme == std::string_view::npos ? ":" : "/");
  std::string_view host = rest.substr(0, path);
  if (const size_t user = host.rfind('@'); user != std::string_view::npos) host.remove_prefix(user + 1);
  std::string_view below = path == std::string_view::npos ? "" : rest.substr(path + 1);
  while (below.starts_with("/")) below.remove_prefix(1);
  return fmt::format("{}/{}", host, below);
}

// Whether both are one repository, as BuildKit compares them.
bool SamePlace(std::string_view left, std::string_view right) {
  const auto split = [](std::string_view place) {
    const size_t slash = place.find('/');
    std::string_view path = slash == std::string_view::npos ? "" : place.substr(slash);
    if (path.ends_with(".git")) path.remove_suffix(4);
    return std::pair(absl::AsciiStrToLower(Av(place.substr(0, slash))), std::string(path));
  };
  return split(left) == split(right);
}

PolicySource SourceOfRepository(const fetch::GitReference& git, const ChosenRepository& repository,
                                const std::string& checksum) {
  PolicySource source{.identifier = std::string(kGitScheme) + PlaceOf(git.remote)};
  if (!git.ref.empty() || !git.folder.empty()) source.identifier += "#" + git.ref;
  if (!git.folder.empty()) source.identifier += ":" + git.folder;
  source.attributes = {{kFullUrl, git.remote},
                       {"git.authtokensecret", "GIT_AUTH_TOKEN"},
                       {"git.authheadersecret", "GIT_AUTH_HEADER"}};
  if (repository.keep_git_dir || git.keep_git_dir.value_or(false)) source.attributes[kKeepGitDir] = "true";
  if (!checksum.empty()) source.attributes[kGitChecksum] = checksum;
  if (!git.submodules.value_or(true)) source.attributes["git.skipsubmodules"] = "true";
  if (git.commit_times) source.attributes["git.mtime"] = "commit";
  if (fetch::IsSshUrl(git.remote)) source.attributes["git.mountsshsock"] = "default";
  source.unknown = {"git.knownsshhosts", "git.advice", "git.fetchbycommit"};
  return source;
}

// The URL of the repository at `remote`, with what else `git` says.
std::string UrlOf(const std::string& remote, std::string_view ref, std::string_view folder,
                  const fetch::GitReference& git) {
  std::string url = remote;
  if (git.submodules || git.commit_times) {
    std::vector<std::string> query;
    if (git.submodules) query.push_back(fmt::format("submodules={}", *git.submodules));
    if (git.commit_times) query.emplace_back("mtime=commit");
    if (!ref.empty()) query.push_back("ref=" + EncodePercent(ref));
    if (!folder.empty()) query.push_back("subdir=" + EncodePercent(folder));
    return url + "?" + absl::StrJoin(query, "&");
  }
  if (!ref.empty() || !folder.empty()) url += fmt::format("#{}", ref);
  if (!folder.empty()) url += fmt::format(":{}", folder);
  return url;
}

}  // namespace

absl::StatusOr<std::string> ChooseImage(const SourcePolicy& policy, const std::string& reference,
                                        std::string_view digest, bool pull) {
  if (policy.empty() || reference == "scratch") return reference;
  ASSIGN_OR_RETURN(oci::Reference parsed, oci::ParseReference(reference));
  if (parsed.digest.empty()) parsed.digest = digest;
  PolicySource source{.identifier = std::string(kImageScheme) + parsed.ToString()};
  if (pull) source.attributes["image.resolvemode"] = "pull";
  source.unknown = {"image."};
  ASSIGN_OR_RETURN(const PolicySource answer, Ask(policy, source, {kImageScheme}, {}));
  if (answer.identifier == source.identifier) return reference;
  ASSIGN_OR_RETURN(const oci::Reference chosen,
                   oci::ParseReference(answer.identifier.substr(kImageScheme.size())));
  return chosen.ToString();
}

absl::StatusOr<ChosenFile> ChooseFile(const SourcePolicy& policy, ChosenFile file, std::string_view name) {
  if (policy.empty()) return file;
  PolicySource source{.identifier = file.url, .attributes = {{"http.filename", std::string(name)}}};
  if (!file.checksum.empty()) source.attributes[kFileChecksum] = file.checksum;
  ASSIGN_OR_RETURN(const PolicySource answer, Ask(policy, source, {"https://", "http://"}, {kFileChecksum}));
  return ChosenFile{answer.identifier, AttributeOf(answer, kFileChecksum)};
}

absl::StatusOr<ChosenRepository> ChooseRepository(const SourcePolicy& policy, ChosenRepository repository) {
  if (policy.empty()) return repository;
  ASSIGN_OR_RETURN(const fetch::GitReference git,
                   fetch::ParseGitReference(repository.url, fetch::GitShorthand::kAllow));
  const std::string checksum = repository.checksum.empty() ? git.checksum : repository.checksum;
  const PolicySource source = SourceOfRepository(git, repository, checksum);
  ASSIGN_OR_RETURN(const PolicySource answer,
                   Ask(policy, source, {kGitScheme}, {kFullUrl, kGitChecksum, kKeepGitDir}));
  if (answer.identifier == source.identifier && answer.attributes == source.attributes) return repository;
  const std::string_view place = std::string_view(answer.identifier).substr(kGitScheme.size());
  const size_t hash = place.find('#');
  const std::string_view fragment = hash == std::string_view::npos ? "" : place.substr(hash + 1);
  const size_t colon = fragment.find(':');
  std::string remote = AttributeOf(answer, kFullUrl);
  remote.resize(std::min(remote.size(), remote.find('#')));
  if (!SamePlace(place.substr(0, hash), PlaceOf(remote))) {
    return absl::InvalidArgumentError(fmt::format(
        "source policy: {} would become {}, but git.fullurl is {}: convert both to the same repository",
        Printable(source.identifier), Printable(answer.identifier),
        Printable(fetch::WithoutCredentials(remote))));
  }
  ChosenRepository chosen;
  chosen.url = UrlOf(remote, fragment.substr(0, colon),
                     colon == std::string_view::npos ? "" : fragment.substr(colon + 1), git);
  chosen.checksum = AttributeOf(answer, kGitChecksum);
  chosen.keep_git_dir = AttributeOf(answer, kKeepGitDir) == "true";
  RETURN_IF_ERROR(fetch::ParseGitReference(chosen.url).status());
  return chosen;
}

absl::Status CheckSource(const SourcePolicy& policy, const std::string& identifier) {
  if (policy.empty()) return absl::OkStatus();
  PolicySource source{.identifier = identifier};
  source.unknown = {"local.", "oci."};
  ASSIGN_OR_RETURN(const PolicySource answer, Ask(policy, source, {}, {}));
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator::buildkit
