// Single files of a client's folder (client_folders.h): those that say what is built.
#include <map>
#include <utility>

#include "common/base/status.h"
#include "coordinator/buildkit/files/client_folders.h"
#include "coordinator/buildkit/files/file_sync_call.h"
#include "coordinator/buildkit/files/folder_transfer.h"

namespace crossmill::coordinator::buildkit {
namespace {

// Folders on the way and targets of links included: a client that cannot filter sends everything.
constexpr int64_t kMostEntries = 100'000;
constexpr int kMostLinks = 40;

// "a/b/../c" below the folder `from`; empty: it leads out of the folder.
std::string Resolved(std::string_view from, std::string_view target) {
  std::string path(target.starts_with('/') ? std::string_view() : from);
  while (!target.empty()) {
    const size_t end = std::min(target.find('/'), target.size());
    const std::string_view name = target.substr(0, end);
    target.remove_prefix(std::min(end + 1, target.size()));
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (path.empty()) return "";
      path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    } else {
      path += (path.empty() ? "" : "/") + std::string(name);
    }
  }
  return path;
}

std::string_view FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

// Where a path leads when its links are followed, the folders' too; empty: to nothing.
std::string Followed(std::string path, const std::map<std::string, std::string>& links) {
  for (int i = 0; i < kMostLinks; ++i) {
    size_t end = 0;
    auto link = links.end();
    while (link == links.end() && end < path.size()) {
      end = std::min(path.find('/', end + 1), path.size());
      link = links.find(path.substr(0, end));
    }
    if (link == links.end()) return path;
    const std::string rest = path.substr(end);
    path = Resolved(FolderOf(link->first), link->second);
    if (path.empty()) return "";
    path += rest;
  }
  return "";
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ReadClientFiles(ClientSession& session,
                                                                   const std::string& dir_name,
                                                                   const std::vector<std::string>& paths,
                                                                   size_t most_bytes, std::stop_token stop) {
  FolderRequest request;
  request.dir_name = dir_name;
  request.follow_paths = paths;
  request.limits.most_entries = kMostEntries;
  FileSyncCall call(session, request.limits.patience, std::move(stop));
  RETURN_IF_ERROR(call.Start(request));
  FolderTransfer transfer(call, request.limits, most_bytes, nullptr);
  std::map<uint32_t, std::string> contents;
  std::map<std::string, std::string> links;
  std::map<std::string, uint32_t> files;
  FolderTransfer::Wishes wishes;
  // Which of them are wanted is known when all links are.
  wishes.on_file = [](uint32_t) { return false; };
  wishes.on_listed = [&] {
    const SentTree& tree = transfer.tree();
    for (uint32_t number = 0; number < tree.size(); ++number) {
      const SentEntry& entry = tree.at(number);
      if (entry.kind == SentEntry::Kind::kLink) links[tree.PathOf(number)] = entry.target;
      if (entry.kind == SentEntry::Kind::kFile) files[tree.PathOf(number)] = number;
      if (entry.kind == SentEntry::Kind::kSameFile) files[tree.PathOf(number)] = entry.same_as;
    }
    for (const std::string& path : paths) {
      const auto file = files.find(Followed(Resolved("", path), links));
      if (file == files.end() || !contents.emplace(file->second, "").second) continue;
      if (tree.at(file->second).size > 0) transfer.Want(file->second);
    }
    return absl::OkStatus();
  };
  wishes.on_content = [&](uint32_t number, FolderTransfer::Content content) {
    contents[number] = std::move(content.bytes);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(transfer.Run(wishes));
  std::map<std::string, std::string> read;
  for (const std::string& path : paths) {
    const auto file = files.find(Followed(Resolved("", path), links));
    if (file != files.end()) read[path] = contents[file->second];
  }
  return read;
}

}  // namespace crossmill::coordinator::buildkit
