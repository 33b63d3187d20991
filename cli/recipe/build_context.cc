#include "cli/recipe/build_context.h"

#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "cli/recipe/build_flags.h"
#include "cli/recipe/context_origin.h"
#include "cli/session/build_follow.h"
#include "cli/show/exit_codes.h"
#include "cli/show/text.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/context/context_scan.h"
#include "common/context/context_upload.h"
#include "common/context/hash_cache.h"
#include "common/context/recipe_files.h"
#include "common/fetch/archive.h"
#include "common/fetch/git_reference.h"
#include "common/oci/layout.h"

namespace crossmill::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

using context::kMaxDockerfile;

// The name that BuildKit gives to a downloaded Dockerfile.
constexpr std::string_view kDownloadName = "context";

bool IsWebUrl(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

bool IsFolder(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

absl::StatusOr<std::string> AbsoluteFolder(const std::string& path, std::string_view what) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) == nullptr) {
    return absl::NotFoundError(fmt::format("{} {}: {}", what, path, strerror(errno)));
  }
  if (!IsFolder(resolved)) {
    return absl::FailedPreconditionError(fmt::format("{} {} is not a folder", what, path));
  }
  return std::string(resolved);
}

absl::StatusOr<int64_t> GitCommitTime(const std::string& folder) {
  ProcessOptions options;
  options.argv = {"git", "-C", folder, "log", "-1", "--format=%ct"};
  const auto result = RunProcess(options);
  if (!result.ok() || result->exit_code != 0) {
    return absl::InvalidArgumentError(
        fmt::format("--source-date-epoch=git: {} has no git commit: {}", folder,
                    result.ok() ? result->stderr_text : std::string(Sv(result.status().message()))));
  }
  return std::atoll(result->stdout_text.c_str());
}

// The newest file of an extracted archive: the time of the archive where its server says none.
std::optional<int64_t> NewestFile(const std::string& folder) {
  std::optional<int64_t> newest;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    struct stat info;
    if (lstat(entry->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    newest = std::max(newest.value_or(info.st_mtim.tv_sec), int64_t{info.st_mtim.tv_sec});
  }
  return newest;
}

// Those of the user's own machine: wherever links lead.
absl::StatusOr<context::IgnoreFile> ReadOwnIgnoreFile(
    const std::vector<std::pair<std::string, std::string>>& candidates) {
  auto file = context::ReadIgnoreFile(candidates, context::ReadAnywhere);
  if (absl::IsInvalidArgument(file.status())) return WithExit(file.status(), kExitBuildFailed);
  return file;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BuildContext>> BuildContext::Make(Session& session, ContextFlags flags) {
  std::unique_ptr<BuildContext> context(new BuildContext(session, std::move(flags)));
  RETURN_IF_ERROR(context->Check());
  return context;
}

absl::Status BuildContext::Check() {
  const std::string& text = flags_.context;
  if (text == "-") {
    kind_ = Kind::kStdin;
    if (flags_.file == "-") {
      return absl::InvalidArgumentError("-f - and the context -: standard input can be only one of them");
    }
  } else if (!Exists(text) && fetch::IsGitUrl(text, fetch::GitShorthand::kAllow)) {
    kind_ = Kind::kGit;
    RETURN_IF_ERROR(fetch::ParseGitReference(text, fetch::GitShorthand::kAllow).status());
  } else if (!Exists(text) && IsWebUrl(text)) {
    kind_ = Kind::kHttp;
  } else if (text.find("://") != std::string::npos && !Exists(text)) {
    return absl::InvalidArgumentError(fmt::format(
        "context {} is not supported; expected a folder on this machine, - (standard input), a git URL or "
        "an http(s) URL",
        fetch::WithoutCredentials(text)));
  } else {
    ASSIGN_OR_RETURN(folder_, AbsoluteFolder(text, "context folder"));
  }
  std::set<std::string> names;
  for (const std::string& named : flags_.named) {
    ASSIGN_OR_RETURN(NamedContextFlag flag, ParseNamedContext(named));
    if (!names.insert(flag.name).second) {
      return absl::InvalidArgumentError(fmt::format("--build-context names {} twice", flag.name));
    }
    if (flag.kind == NamedContextFlag::Kind::kFolder || flag.kind == NamedContextFlag::Kind::kLayout) {
      ASSIGN_OR_RETURN(flag.value,
                       AbsoluteFolder(flag.value, fmt::format("--build-context {}: folder", flag.name)));
    }
    if (flag.kind == NamedContextFlag::Kind::kGit)
      RETURN_IF_ERROR(fetch::ParseGitReference(flag.value).status());
    named_.push_back(std::move(flag));
  }
  return absl::OkStatus();
}

// ---- the context and the Dockerfile ----

absl::Status BuildContext::OpenStdin() {
  Environment& env = session_.env;
  auto head = std::make_shared<std::string>();
  while (head->size() < fetch::kArchiveHead) {
    char buffer[fetch::kArchiveHead];
    ASSIGN_OR_RETURN(const size_t count, env.ReadIn(buffer, fetch::kArchiveHead - head->size()));
    if (count == 0) break;
    head->append(buffer, count);
  }
  const bool archive = fetch::IsArchive(*head);
  // The bytes that told the type come first.
  const layer::Source source = [&env, head](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    if (head->empty()) return env.ReadIn(buffer, size);
    const size_t count = head->copy(buffer, size);
    head->erase(0, count);
    return count;
  };
  if (archive) {
    auto folder = scratch_->Extract(source);
    if (!folder.ok()) return Annotate(folder.status(), "the context on standard input");
    folder_ = *std::move(folder);
    return absl::OkStatus();
  }
  if (!flags_.file.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "standard input is no archive, so it is the Dockerfile, and -f {} names another", flags_.file));
  }
  auto text = ReadSource(source, kMaxDockerfile);
  if (!text.ok()) return Annotate(text.status(), "the Dockerfile on standard input");
  dockerfile_ = *std::move(text);
  ASSIGN_OR_RETURN(folder_, scratch_->NewFolder());
  return absl::OkStatus();
}

absl::Status BuildContext::OpenHttp() {
  ASSIGN_OR_RETURN(const ContextScratch::Download download, scratch_->Get(flags_.context));
  if (download.time != 0) source_time_ = download.time;
  if (fetch::IsArchive(download.head)) {
    auto folder = scratch_->Extract(download.source);
    if (!folder.ok()) return Annotate(folder.status(), fetch::WithoutCredentials(flags_.context));
    folder_ = *std::move(folder);
    if (!source_time_) source_time_ = NewestFile(folder_);
    return absl::OkStatus();
  }
  auto text = ReadSource(download.source, kMaxDockerfile);
  if (!text.ok()) return Annotate(text.status(), fetch::WithoutCredentials(flags_.context));
  ASSIGN_OR_RETURN(folder_, scratch_->NewFolder());
  // As BuildKit has it: the download is also the context's only file.
  RETURN_IF_ERROR(WriteFileAtomic(fmt::format("{}/{}", folder_, kDownloadName), *text, 0600));
  dockerfile_ = *std::move(text);
  return absl::OkStatus();
}

absl::Status BuildContext::OpenContext() {
  switch (kind_) {
    case Kind::kFolder:
      return absl::OkStatus();
    case Kind::kStdin:
      RETURN_IF_ERROR(OpenStdin());
      break;
    case Kind::kHttp:
      RETURN_IF_ERROR(OpenHttp());
      break;
    case Kind::kGit: {
      ASSIGN_OR_RETURN(const fetch::GitCheckout checkout,
                       scratch_->CheckOut(flags_.context, flags_.foreign_context));
      folder_ = checkout.folder;
      commit_ = checkout.commit;
      commit_time_ = checkout.commit_time;
      source_time_ = checkout.commit_time;
      break;
    }
  }
  ASSIGN_OR_RETURN(folder_, AbsoluteFolder(folder_, "context folder"));
  return absl::OkStatus();
}

// Sets the recipe's name of it too.
absl::StatusOr<std::string> BuildContext::ReadDockerfile(v1::Recipe* recipe) {
  if (flags_.file == "-") {
    recipe->set_dockerfile_name("standard input");
    return session_.env.In();
  }
  if (dockerfile_) {
    recipe->set_dockerfile_name(kind_ == Kind::kStdin ? "standard input" : "Dockerfile");
    return *dockerfile_;
  }
  if (IsWebUrl(flags_.file) && !Exists(flags_.file)) {
    recipe->set_dockerfile_name(fetch::WithoutCredentials(flags_.file));
    ASSIGN_OR_RETURN(const ContextScratch::Download download, scratch_->Get(flags_.file));
    return ReadSource(download.source, kMaxDockerfile);
  }
  if (kind_ != Kind::kFolder) {
    context::RecipePaths paths;
    paths.dockerfile = paths.dockerfile_name = flags_.file.empty() ? "Dockerfile" : flags_.file;
    auto text = context::ReadDockerfile(
        &paths, [this](const std::string& name) { return context::ReadInside(folder_, name); });
    recipe->set_dockerfile_name(paths.dockerfile_name);
    return text;
  }
  context::RecipePaths paths = context::FindRecipe(flags_.file, folder_);
  auto text = context::ReadDockerfile(&paths, context::ReadAnywhere);
  recipe->set_dockerfile_name(paths.dockerfile_name);
  return text;
}

absl::Status BuildContext::Read(Progress& progress, v1::Recipe* recipe) {
  scratch_ = std::make_unique<ContextScratch>(session_.env, progress);
  RETURN_IF_ERROR(OpenContext());
  if (source_time_) recipe->set_context_time(*source_time_);
  if (kind_ == Kind::kFolder) recipe->set_context_origin(OriginOfFolder(folder_));
  if (kind_ == Kind::kGit || kind_ == Kind::kHttp)
    recipe->set_context_origin(fetch::OriginOfUrl(flags_.context));
  recipe->set_context_commit(commit_);
  auto text = ReadDockerfile(recipe);
  if (!text.ok()) {
    return WithHint(text.status(),
                    "-f names the Dockerfile; the default is Dockerfile in the context folder");
  }
  recipe->set_dockerfile(*std::move(text));
  // BuildKit applies ignore files to what is on the user's own machine; a repository or an archive is taken
  // as it is.
  if (kind_ != Kind::kFolder) return absl::OkStatus();
  ASSIGN_OR_RETURN(context::IgnoreFile file,
                   ReadOwnIgnoreFile(context::FindRecipe(flags_.file, folder_).ignore_files));
  if (!file.name.empty()) {
    ignore_ = std::move(file.rules);
    recipe->set_ignore_file(std::move(file.text));
    recipe->set_ignore_file_name(file.name);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> BuildContext::CommitTime() {
  if (commit_time_) return *commit_time_;
  if (kind_ == Kind::kFolder) return GitCommitTime(folder_);
  return absl::InvalidArgumentError(fmt::format("--source-date-epoch=git: the context {} has no git commit",
                                                fetch::WithoutCredentials(flags_.context)));
}

// ---- sending ----

absl::StatusOr<Digest> BuildContext::SendFolder(Farm& farm, Progress& progress, const std::string& what,
                                                const std::string& folder, const pattern::IgnoreRules& ignore,
                                                bool remember, bool keep_times) {
  Environment& env = session_.env;
  progress.Activity(fmt::format("reading the {} {}", what, folder));
  context::ScanOptions scan;
  scan.folder = folder;
  scan.ignore = ignore.empty() ? nullptr : &ignore;
  scan.keep_times = keep_times;
  if (remember) {
    scan.cache_path =
        context::HashCachePath(env.VariableOr("XDG_CACHE_HOME"), env.VariableOr("HOME"), folder);
  }
  const auto scan_started = SteadyClock::now();
  ASSIGN_OR_RETURN(const context::ScannedContext scanned, context::ScanContext(scan, env.clock()));
  const std::chrono::duration<double> scan_time = SteadyClock::now() - scan_started;
  progress.Note(fmt::format("{} {} files, {}, {} of them read, {}", what, scanned.files.size(),
                            FormatBytes(scanned.bytes), scanned.hashed_files,
                            FormatSeconds(scan_time.count())));
  for (const std::string& note : scanned.notes) progress.Note("note: " + note);
  const context::UploadProgress show = [&](const context::UploadResult& sent,
                                           const context::UploadResult& total) {
    progress.Activity(
        fmt::format("sending the {} {} of {}", what, FormatBytes(sent.bytes), FormatBytes(total.bytes)));
  };
  const OutagesToldBy told(farm, progress);
  auto sent = context::UploadContext(scanned, folder, *farm.blobs, show);
  if (!sent.ok()) return session_.Explain(sent.status());
  if (sent->blobs > 0) {
    progress.Note(fmt::format("{} sent {} blobs, {}", what, sent->blobs, FormatBytes(sent->bytes)));
  }
  return scanned.root;
}

// Fills in everything but the tree of `folder`, which stays empty for what is none.
absl::Status BuildContext::OpenNamed(const NamedContextFlag& flag, v1::NamedContext* context,
                                     std::string* folder) {
  using Kind = NamedContextFlag::Kind;
  switch (flag.kind) {
    case Kind::kImage:
      context->set_image(flag.value);
      break;
    case Kind::kGit: {
      ASSIGN_OR_RETURN(const fetch::GitCheckout checkout,
                       scratch_->CheckOut(flag.value, flags_.foreign_named));
      *folder = checkout.folder;
      context->set_time(checkout.commit_time);
      break;
    }
    case Kind::kHttp: {
      ASSIGN_OR_RETURN(const ContextScratch::Download download, scratch_->Get(flag.value));
      if (download.time != 0) context->set_time(download.time);
      if (fetch::IsArchive(download.head)) {
        ASSIGN_OR_RETURN(*folder, scratch_->Extract(download.source));
        const std::optional<int64_t> newest = NewestFile(*folder);
        if (!context->has_time() && newest) context->set_time(*newest);
      } else {
        ASSIGN_OR_RETURN(*folder, scratch_->NewFolder());
        RETURN_IF_ERROR(scratch_->Save(download.source, fmt::format("{}/{}", *folder, kDownloadName)));
      }
      break;
    }
    case Kind::kFolder:
      *folder = flag.value;
      break;
    case Kind::kLayout:
      break;
  }
  return absl::OkStatus();
}

absl::Status BuildContext::SendNamed(Farm& farm, Progress& progress, bool keep_times, v1::Recipe* recipe) {
  for (const NamedContextFlag& flag : named_) {
    const std::string what = fmt::format("context {}", flag.name);
    v1::NamedContext* context = recipe->add_contexts();
    context->set_name(flag.name);
    context->set_origin(fetch::WithoutCredentials(flag.value));
    std::string folder;
    absl::Status opened = OpenNamed(flag, context, &folder);
    if (!opened.ok()) return Annotate(opened, fmt::format("--build-context {}", flag.name));
    if (flag.kind == NamedContextFlag::Kind::kLayout) {
      progress.Activity(fmt::format("sending the {}", what));
      oci::ImportOptions options;
      options.name = flag.choose;
      auto imported = oci::ImportLayoutFolder(flag.value, *farm.blobs, options);
      if (!imported.ok())
        return Annotate(session_.Explain(imported.status()), fmt::format("--build-context {}", flag.name));
      ToProto(imported->root, context->mutable_image_root());
      continue;
    }
    if (folder.empty()) continue;
    pattern::IgnoreRules ignore;
    const bool local = flag.kind == NamedContextFlag::Kind::kFolder;
    if (local) {
      const std::string name = fmt::format("{}/.dockerignore", flag.value);
      ASSIGN_OR_RETURN(context::IgnoreFile file, ReadOwnIgnoreFile({{name, name}}));
      if (!file.name.empty()) {
        ignore = std::move(file.rules);
        context->set_ignore_file(std::move(file.text));
        context->set_ignore_file_name(name);
      }
    }
    ASSIGN_OR_RETURN(const Digest root, SendFolder(farm, progress, what, folder, ignore, local, keep_times));
    ToProto(root, context->mutable_tree());
  }
  return absl::OkStatus();
}

absl::Status BuildContext::Send(Farm& farm, Progress& progress, bool keep_times, v1::Recipe* recipe) {
  ASSIGN_OR_RETURN(const Digest root, SendFolder(farm, progress, "context", folder_, ignore_,
                                                 kind_ == Kind::kFolder, keep_times));
  ToProto(root, recipe->mutable_context_root());
  RETURN_IF_ERROR(SendNamed(farm, progress, keep_times, recipe));
  scratch_->Close();
  progress.Activity("submitting");
  return absl::OkStatus();
}

}  // namespace crossmill::cli
