#include "common/fetch/git_checkout.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/base/text.h"

namespace crossmill::fetch {
namespace {

constexpr int64_t kGitMemory = int64_t{4} << 30;

std::string FirstLine(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// What git says about a repository that it cannot read: not found, no access, no connection. Which of them,
// only its words tell.
absl::Status Unreadable(const GitReference& reference, const absl::Status& status) {
  const std::string context = fmt::format("git repository {}", WithoutCredentials(reference.remote));
  if (!absl::IsInvalidArgument(status)) return Annotate(status, context);
  return absl::UnavailableError(fmt::format("{}: {}", context, Sv(status.message())));
}

absl::Status WrongChecksum(const GitReference& reference, std::string_view commit) {
  return absl::InvalidArgumentError(
      fmt::format("git repository {}: {} is commit {}, expected {}", WithoutCredentials(reference.remote),
                  reference.ref.empty() ? "HEAD" : reference.ref, commit, reference.checksum));
}

bool MayBeCommit(std::string_view ref) {
  return ref.size() >= 4 && ref.size() <= 64 &&
         ref.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Commit (or tag object) and full name of the ref among the lines of ls-remote; git-checkout prefers
// branches.
struct Advertised {
  std::string name;
  std::string object;
  // The commit that a tag object points to.
  std::string peeled;
};

std::optional<Advertised> Choose(std::string_view lines, const std::string& ref) {
  const auto without = [&ref](std::string_view prefix) {
    return ref.starts_with(prefix) ? ref.substr(prefix.size()) : ref;
  };
  std::vector<Advertised> wanted;
  if (ref == "HEAD") wanted.push_back({"HEAD", "", ""});
  wanted.push_back({"refs/" + without("refs/"), "", ""});
  wanted.push_back({"refs/heads/" + without("refs/heads/"), "", ""});
  wanted.push_back({"refs/tags/" + without("refs/tags/"), "", ""});
  while (!lines.empty()) {
    const std::string line = FirstLine(lines);
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    for (Advertised& candidate : wanted) {
      if (line.substr(tab + 1) == candidate.name) candidate.object = line.substr(0, tab);
      if (line.substr(tab + 1) == candidate.name + "^{}") candidate.peeled = line.substr(0, tab);
    }
  }
  for (Advertised& candidate : wanted) {
    if (!candidate.object.empty()) return candidate;
  }
  return std::nullopt;
}

// The remote as git is given it: user and password of an http(s) URL go another way. What has no password
// stays.
std::string HideCredentials(const std::string& remote, GitProgram& git) {
  const size_t scheme = remote.find("://");
  if (scheme == std::string::npos || !remote.starts_with("http")) return remote;
  const size_t begin = scheme + 3;
  const size_t end = std::min(remote.find('/', begin), remote.size());
  const std::string_view authority = std::string_view(remote).substr(begin, end - begin);
  const size_t at = authority.rfind('@');
  const size_t colon = authority.find(':');
  if (at == std::string_view::npos || colon > at) return remote;
  const std::string user = DecodePercent(authority.substr(0, colon));
  const std::string password = DecodePercent(authority.substr(colon + 1, at - colon - 1));
  // git takes no such ones, and says so.
  if ((user + password).find_first_of(std::string_view("\0\n\r", 3)) != std::string::npos) return remote;
  const std::string site = remote.substr(0, begin) + std::string(authority.substr(at + 1));
  git.UseCredentials(site, user, password);
  return site + remote.substr(end);
}

// `remote`: the reference's, as git is given it.
absl::StatusOr<ResolvedGit> Resolve(const GitReference& reference, const std::string& remote,
                                    GitProgram& git) {
  RETURN_IF_ERROR(CheckGitReference(reference));
  if (IsCommitId(reference.ref)) {
    if (!reference.ref.starts_with(reference.checksum)) return WrongChecksum(reference, reference.ref);
    return ResolvedGit{reference.ref, ""};
  }
  const std::string ref = reference.ref.empty() ? "HEAD" : reference.ref;
  auto lines = git.Run("/", {"ls-remote", "--", remote, ref, ref + "^{}"});
  if (!lines.ok()) return Unreadable(reference, lines.status());
  const std::optional<Advertised> found = Choose(*lines, ref);
  if (!found) {
    if (MayBeCommit(reference.ref)) return ResolvedGit{};
    return absl::NotFoundError(fmt::format("git repository {}: there is no {}",
                                           WithoutCredentials(reference.remote),
                                           reference.ref.empty() ? "commit" : reference.ref));
  }
  const std::string& commit = found->peeled.empty() ? found->object : found->peeled;
  // A checksum may also be that of the tag's own object.
  if (!commit.starts_with(reference.checksum) && !found->object.starts_with(reference.checksum)) {
    return WrongChecksum(reference, commit);
  }
  return ResolvedGit{commit, found->name};
}

absl::Status TooLarge(const GitReference& reference, const FolderSize& most) {
  return absl::ResourceExhaustedError(
      fmt::format("git repository {}: the checkout takes more than {} bytes or {} files",
                  WithoutCredentials(reference.remote), most.bytes, most.files));
}

// One checkout: the work tree in PARENT/tree.
class Checkout {
 public:
  // OUT_OF_RANGE for more files than `most` has; nullopt: unlimited.
  Checkout(const GitReference& reference, bool keep, const std::string& parent,
           const GitProgramOptions& options, std::optional<FolderSize> most = std::nullopt)
      : reference_(reference),
        keep_(keep),
        tree_(parent + "/tree"),
        git_(options),
        remote_(HideCredentials(reference.remote, git_)),
        most_(most) {}

  absl::StatusOr<GitCheckout> Run() {
    ASSIGN_OR_RETURN(resolved_, Resolve(reference_, remote_, git_));
    RETURN_IF_ERROR(MakeFolders(tree_));
    if (chmod(tree_.c_str(), 0755) != 0) return ErrnoStatus(errno, tree_);
    RETURN_IF_ERROR(Git({"init", "--quiet", "."}).status());
    RETURN_IF_ERROR(Git({"remote", "add", "--", "origin", remote_}).status());
    RETURN_IF_ERROR(FetchCommit());
    RETURN_IF_ERROR(CheckFiles());
    RETURN_IF_ERROR(Git({"checkout", "--quiet", "--force", "--detach", commit_}).status());
    if (reference_.submodules.value_or(true)) RETURN_IF_ERROR(CheckoutSubmodules());
    GitCheckout result;
    result.commit = commit_;
    ASSIGN_OR_RETURN(const std::string time, Git({"log", "-1", "--format=%ct", commit_, "--"}));
    result.commit_time = std::atoll(time.c_str());
    RETURN_IF_ERROR(keep_ && reference_.folder.empty() ? TidyGitFolder() : RemoveGitFiles(tree_));
    ASSIGN_OR_RETURN(result.folder, FindFolder());
    if (reference_.commit_times) RETURN_IF_ERROR(SetTimes(result.folder, result.commit_time));
    return result;
  }

 private:
  absl::StatusOr<std::string> Git(const std::vector<std::string>& arguments) {
    return git_.Run(tree_, arguments);
  }

  // Before a checkout, for which git has all names in memory: a few objects can name a million million files.
  absl::Status CheckFiles() {
    if (!most_) return absl::OkStatus();
    ASSIGN_OR_RETURN(const int64_t files,
                     git_.Count(tree_, {"ls-tree", "-r", "-t", "-z", "--name-only", commit_}, most_->files));
    return files <= most_->files ? absl::OkStatus() : absl::OutOfRangeError("more files than there may be");
  }

  absl::Status FetchCommit() {
    const std::string wanted = resolved_.name.empty() ? resolved_.commit : resolved_.name;
    absl::Status shallow = absl::NotFoundError("");
    if (!wanted.empty()) {
      // A tag is kept under its name, as BuildKit does; a branch is not.
      const bool tag = wanted.starts_with("refs/tags/");
      shallow = Git({"fetch", "--quiet", "--depth=1", "--no-tags", "--force", "--", "origin",
                     tag ? fmt::format("{}:{}", wanted, wanted) : wanted})
                    .status();
      if (shallow.ok()) {
        ASSIGN_OR_RETURN(const std::string commit, Git({"rev-parse", "--verify", "FETCH_HEAD^{commit}"}));
        return Take(FirstLine(commit));
      }
      if (!absl::IsInvalidArgument(shallow)) return Unreadable(reference_, shallow);
    }
    // The server gives no single commits: everything then.
    const auto all = Git({"fetch", "--quiet", "--force", "--", "origin",
                          "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"});
    if (!all.ok()) return Unreadable(reference_, all.status());
    if (!resolved_.name.empty() && !resolved_.name.starts_with("refs/heads/") &&
        !resolved_.name.starts_with("refs/tags/") && resolved_.name != "HEAD") {
      const auto named = Git({"fetch", "--quiet", "--force", "--", "origin", resolved_.name});
      if (!named.ok()) return Unreadable(reference_, named.status());
    }
    const std::string name = resolved_.commit.empty() ? reference_.ref : resolved_.commit;
    auto commit = Git({"rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}"});
    if (!commit.ok()) {
      if (!absl::IsInvalidArgument(commit.status())) return commit.status();
      return absl::NotFoundError(fmt::format("git repository {}: there is no commit, branch or tag {}",
                                             WithoutCredentials(reference_.remote), name));
    }
    std::string line = FirstLine(*commit);
    // rev-parse repeats --end-of-options in some versions.
    if (line == "--end-of-options") line = FirstLine(std::string_view(*commit).substr(line.size() + 1));
    return Take(line);
  }

  absl::Status Take(const std::string& commit) {
    if (!IsCommitId(commit)) {
      return absl::InvalidArgumentError(fmt::format("git: \"{}\" is not a commit id", commit));
    }
    // What a ref means may have changed since it was resolved: then the check is made again.
    if (commit != resolved_.commit && !commit.starts_with(reference_.checksum)) {
      return WrongChecksum(reference_, commit);
    }
    commit_ = commit;
    return absl::OkStatus();
  }

  absl::Status CheckoutSubmodules() {
    if (!Exists(tree_ + "/.gitmodules")) return absl::OkStatus();
    const std::vector<std::string> update = {"submodule", "--quiet",     "update",
                                             "--init",    "--recursive", "--force"};
    std::vector<std::string> shallow = update;
    shallow.emplace_back("--depth=1");
    const absl::Status status = Git(shallow).status();
    if (status.ok()) return status;
    if (!absl::IsInvalidArgument(status)) return Unreadable(reference_, status);
    const absl::Status full = Git(update).status();
    return full.ok() ? full : Annotate(Unreadable(reference_, full), "submodules");
  }

  absl::Status TidyGitFolder() {
    RETURN_IF_ERROR(
        Git({"remote", "set-url", "--", "origin", WithoutCredentials(reference_.remote)}).status());
    RETURN_IF_ERROR(Git({"reflog", "expire", "--all", "--expire=now"}).status());
    RETURN_IF_ERROR(Git({"repack", "-a", "-d", "-f", "-q"}).status());
    for (const char* name : {"FETCH_HEAD", "ORIG_HEAD", "index"}) {
      RETURN_IF_ERROR(RemoveTree(tree_ + "/.git/" + name));
    }
    // An index without times and inodes of this machine.
    return Git({"read-tree", "HEAD"}).status();
  }

  // ".git" of the repository and of the submodules in it.
  static absl::Status RemoveGitFiles(const std::string& folder) {
    RETURN_IF_ERROR(RemoveTree(folder + "/.git"));
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      std::error_code ignored;
      if (entry.is_directory(ignored) && !entry.is_symlink(ignored)) {
        RETURN_IF_ERROR(RemoveGitFiles(entry.path().string()));
      }
    }
    if (error) return ErrnoStatus(error.value(), folder);
    return absl::OkStatus();
  }

  // A link in the repository must not lead out of it.
  absl::StatusOr<std::string> FindFolder() {
    if (reference_.folder.empty()) return tree_;
    char root[PATH_MAX];
    char resolved[PATH_MAX];
    const std::string path = tree_ + "/" + reference_.folder;
    struct stat info;
    if (realpath(tree_.c_str(), root) == nullptr || realpath(path.c_str(), resolved) == nullptr ||
        stat(resolved, &info) != 0 || !S_ISDIR(info.st_mode)) {
      return absl::NotFoundError(fmt::format("git repository {}: commit {} has no folder {}",
                                             WithoutCredentials(reference_.remote), commit_,
                                             reference_.folder));
    }
    if (resolved != std::string_view(root) &&
        !std::string_view(resolved).starts_with(std::string(root) + "/")) {
      return absl::InvalidArgumentError(fmt::format("git repository {}: the folder {} is a link out of it",
                                                    WithoutCredentials(reference_.remote),
                                                    reference_.folder));
    }
    return std::string(resolved);
  }

  static absl::Status SetTimes(const std::string& folder, int64_t seconds) {
    const timespec times[2] = {{seconds, 0}, {seconds, 0}};
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
      utimensat(AT_FDCWD, entry.path().c_str(), times, AT_SYMLINK_NOFOLLOW);
    }
    if (error) return ErrnoStatus(error.value(), folder);
    utimensat(AT_FDCWD, folder.c_str(), times, 0);
    return absl::OkStatus();
  }

  const GitReference& reference_;
  const bool keep_;
  const std::string tree_;
  GitProgram git_;
  const std::string remote_;
  const std::optional<FolderSize> most_;
  ResolvedGit resolved_;
  std::string commit_;
};

}  // namespace

absl::StatusOr<ResolvedGit> ResolveGit(const GitReference& reference, const GitProgramOptions& options) {
  GitProgram git(options);
  const std::string remote = HideCredentials(reference.remote, git);
  return Resolve(reference, remote, git);
}

absl::StatusOr<GitCheckout> CheckoutGit(const GitReference& reference, bool keep_git_dir,
                                        const std::string& parent, const GitProgramOptions& options) {
  return Checkout(reference, keep_git_dir, parent, options).Run();
}

absl::StatusOr<GitCheckout> CheckoutGitWithin(const FolderLimit& limit, const GitReference& reference,
                                              bool keep_git_dir, const std::string& parent,
                                              GitProgramOptions options) {
  const FolderSize& most = limit.most;
  FolderWatch watch(parent, most, limit.pause);
  const StopOfEither either(options.stop, watch.token());
  options.stop = either.token();
  options.memory_limit = kGitMemory;
  absl::StatusOr<GitCheckout> got = Checkout(reference, keep_git_dir, parent, options, most).Run();
  // What came since the watch looked the last time counts, too.
  const FolderSize size = got.ok() ? MeasureFolder(parent).value_or(FolderSize()) : FolderSize();
  const bool unfolds = absl::IsOutOfRange(got.status());
  if (unfolds || watch.exceeded() || size.bytes > most.bytes || size.files > most.files)
    return TooLarge(reference, most);
  if (!got.ok()) return NoLimit(got.status());
  return got;
}

}  // namespace crossmill::fetch
