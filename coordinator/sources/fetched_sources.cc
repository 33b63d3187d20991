#include "coordinator/sources/fetched_sources.h"

#include <optional>
#include <utility>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/base/wiping.h"
#include "common/context/context_scan.h"
#include "common/context/context_upload.h"
#include "common/fetch/git_checkout.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

RemoteSources::File FromRecord(const RemoteFileRecord& record) {
  return {record.digest, record.name, record.mtime, true};
}

}  // namespace

absl::StatusOr<RemoteSources::File> FetchedSources::FetchFile(const std::string& url,
                                                              const std::string& checksum,
                                                              const OnProgress& on_progress,
                                                              std::stop_token stop) {
  const std::string key = fetch::WithoutCredentials(url);
  const StopOfEither either(std::move(stop), stop_.get_token());
  ASSIGN_OR_RETURN(const auto hold, KeyedLock::Hold::Wait(files_, key, either.token()));
  ASSIGN_OR_RETURN(std::optional<RemoteFileRecord> known, records_.FindFile(key));
  if (known && !blobs_.Has(known->digest)) known.reset();
  // With a checksum there is nothing that the server could say.
  if (known && !checksum.empty() && known->digest.Oci() == checksum) return FromRecord(*known);
  fetch::HttpFileOptions options = FileOptions(checksum, on_progress, hold->stop_token());
  if (known && checksum.empty()) {
    options.known_etag = known->etag;
    options.known_last_modified = known->last_modified;
  }
  ASSIGN_OR_RETURN(const fetch::HttpFile file, fetch::FetchHttpFile(http_, blobs_, url, options));
  if (file.not_modified) return FromRecord(*known);
  RETURN_IF_ERROR(records_.PutFile({key, file.etag, file.last_modified, file.digest, file.name, file.mtime}));
  return File{file.digest, file.name, file.mtime, known && known->digest == file.digest};
}

absl::StatusOr<RemoteSources::File> FetchedSources::FetchPrivateFile(const std::string& url,
                                                                     const std::string& checksum,
                                                                     const std::string& authorization,
                                                                     const OnProgress& on_progress,
                                                                     std::stop_token stop) {
  const StopOfEither either(std::move(stop), stop_.get_token());
  fetch::HttpFileOptions options = FileOptions(checksum, on_progress, either.token());
  options.authorization = authorization;
  const AtScopeEnd wipe([&options] { Wipe(&options.authorization); });
  ASSIGN_OR_RETURN(const fetch::HttpFile file, fetch::FetchHttpFile(http_, blobs_, url, options));
  return File{file.digest, file.name, file.mtime, false};
}

fetch::HttpFileOptions FetchedSources::FileOptions(const std::string& checksum, const OnProgress& on_progress,
                                                   std::stop_token stop) const {
  fetch::HttpFileOptions options;
  options.checksum = checksum;
  options.on_progress = on_progress;
  options.stop = std::move(stop);
  options.most_bytes = options_.file_limit;
  options.floor_rate = options_.floor_rate;
  return options;
}

absl::StatusOr<RemoteSources::Tree> FetchedSources::FetchGit(const std::string& url,
                                                             const std::string& checksum, bool keep_git_dir,
                                                             const OnProgress& on_progress,
                                                             std::stop_token stop) {
  ASSIGN_OR_RETURN(fetch::GitReference reference, ReadReference(url, checksum));
  return FetchTree(std::move(reference), keep_git_dir, on_progress, std::move(stop));
}

// A tree whose files have the commit's time says it, and is kept like any other.
absl::StatusOr<std::optional<int64_t>> FetchedSources::CommitTime(const std::string& url,
                                                                  const std::string& checksum,
                                                                  const OnProgress& on_progress,
                                                                  std::stop_token stop) {
  ASSIGN_OR_RETURN(fetch::GitReference reference, ReadReference(url, checksum));
  reference.commit_times = true;
  ASSIGN_OR_RETURN(const Tree tree, FetchTree(std::move(reference), false, on_progress, std::move(stop)));
  std::vector<Digest> folders = {tree.root};
  while (!folders.empty()) {
    ASSIGN_OR_RETURN(const std::string bytes, blobs_.Get(folders.back()));
    folders.pop_back();
    reapi::Directory directory;
    if (!directory.ParseFromString(bytes)) {
      return absl::DataLossError(fmt::format("{}: not a folder", fetch::WithoutCredentials(url)));
    }
    for (const reapi::FileNode& file : directory.files()) {
      if (file.node_properties().has_mtime()) {
        return std::optional<int64_t>(file.node_properties().mtime().seconds());
      }
    }
    for (const reapi::DirectoryNode& child : directory.directories()) {
      folders.push_back(FromProto(child.digest()));
    }
  }
  return std::optional<int64_t>();
}

absl::StatusOr<fetch::GitReference> FetchedSources::ReadReference(const std::string& url,
                                                                  const std::string& checksum) {
  ASSIGN_OR_RETURN(fetch::GitReference reference, fetch::ParseGitReference(url));
  if (!checksum.empty()) {
    // Whichever is longer; one has to begin with the other.
    if (!reference.checksum.starts_with(checksum) && !checksum.starts_with(reference.checksum)) {
      return absl::InvalidArgumentError(fmt::format("{}: the URL says commit {}, --checksum says {}",
                                                    fetch::WithoutCredentials(url), reference.checksum,
                                                    checksum));
    }
    if (checksum.size() > reference.checksum.size()) reference.checksum = checksum;
    RETURN_IF_ERROR(fetch::CheckGitReference(reference));
  }
  return reference;
}

absl::StatusOr<RemoteSources::Tree> FetchedSources::FetchTree(fetch::GitReference reference,
                                                              bool keep_git_dir,
                                                              const OnProgress& on_progress,
                                                              std::stop_token stop) {
  const std::string repository = fetch::WithoutCredentials(reference.remote);
  const StopOfEither either(std::move(stop), stop_.get_token());
  ASSIGN_OR_RETURN(const auto hold, KeyedLock::Hold::Wait(repositories_, repository, either.token()));
  const bool keep = reference.keep_git_dir.value_or(keep_git_dir) && reference.folder.empty();
  fetch::GitProgramOptions program;
  program.time_limit = options_.git_limit;
  program.stop = hold->stop_token();
  program.allow_local = options_.allow_local_git;
  fetch::ResolvedGit resolved;
  if (fetch::IsCommitId(reference.checksum) && !keep) {
    // The ref can only mean this commit.
    resolved.commit = reference.checksum;
  } else {
    ASSIGN_OR_RETURN(resolved, fetch::ResolveGit(reference, program));
  }
  RemoteTreeKey key;
  key.repository = repository;
  key.folder = reference.folder;
  key.keep_git_dir = keep;
  key.submodules = reference.submodules.value_or(true);
  key.commit_times = reference.commit_times;
  if (keep) key.ref = resolved.name;
  if (!resolved.commit.empty()) {
    key.commit = resolved.commit;
    ASSIGN_OR_RETURN(const std::optional<Digest> root, records_.FindTree(key));
    if (root) {
      ASSIGN_OR_RETURN(const bool whole, HasTree(*root));
      if (whole) return Tree{*root, resolved.commit, true};
    }
  }
  ASSIGN_OR_RETURN(Tree tree, CheckOut(reference, keep, program, on_progress));
  key.commit = tree.commit;
  RETURN_IF_ERROR(records_.PutTree(key, tree.root));
  return tree;
}

absl::StatusOr<RemoteSources::Tree> FetchedSources::CheckOut(const fetch::GitReference& reference,
                                                             bool keep_git_dir,
                                                             const fetch::GitProgramOptions& program,
                                                             const OnProgress& on_progress) {
  RETURN_IF_ERROR(MakeFolders(options_.scratch_folder, 0700));
  ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Create(options_.scratch_folder));
  const absl::StatusOr<fetch::GitCheckout> got = fetch::CheckoutGitWithin(
      {.most = options_.checkout_limit}, reference, keep_git_dir, folder.path(), program);
  // The recipe's fault: it asked for that repository.
  if (absl::IsResourceExhausted(got.status())) return absl::InvalidArgumentError(got.status().message());
  RETURN_IF_ERROR(got.status());
  const fetch::GitCheckout& checkout = *got;
  context::ScanOptions scan;
  scan.folder = checkout.folder;
  // The time of the checkout says nothing; the commit's does.
  scan.keep_times = reference.commit_times;
  ASSIGN_OR_RETURN(const context::ScannedContext scanned, context::ScanContext(scan, clock_));
  const context::UploadProgress progress = [&](const context::UploadResult& sent,
                                               const context::UploadResult& total) {
    if (on_progress) on_progress(sent.bytes, total.bytes);
  };
  RETURN_IF_ERROR(context::UploadContext(scanned, checkout.folder, blobs_, progress).status());
  return Tree{scanned.root, checkout.commit, false};
}

// Blobs may have been collected since.
absl::StatusOr<bool> FetchedSources::HasTree(const Digest& root) {
  std::vector<Digest> folders = {root};
  while (!folders.empty()) {
    ASSIGN_OR_RETURN(const std::vector<Digest> missing, blobs_.FindMissing(folders));
    if (!missing.empty()) return false;
    std::vector<Digest> files;
    std::vector<Digest> below;
    for (const Digest& folder : folders) {
      ASSIGN_OR_RETURN(const std::string bytes, blobs_.Get(folder));
      reapi::Directory directory;
      if (!directory.ParseFromString(bytes)) return false;
      for (const auto& file : directory.files()) files.push_back(FromProto(file.digest()));
      for (const auto& child : directory.directories()) below.push_back(FromProto(child.digest()));
    }
    ASSIGN_OR_RETURN(const std::vector<Digest> missing_files, blobs_.FindMissing(files));
    if (!missing_files.empty()) return false;
    folders = std::move(below);
  }
  return true;
}

}  // namespace crossmill::coordinator
