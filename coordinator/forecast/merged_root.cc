#include "coordinator/forecast/merged_root.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/predict/image/root_paths.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kMostPaths = 1'000'000;
constexpr int kMostLinks = 40;
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

std::string_view FolderPart(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos || slash == 0 ? "/" : path.substr(0, slash);
}

std::string Child(std::string_view folder, std::string_view name) {
  return folder == "/" ? fmt::format("/{}", name) : fmt::format("{}/{}", folder, name);
}

}  // namespace

absl::StatusOr<std::string> MergedRoot::RealFolder(std::string_view folder) {
  if (!last_folder_.empty() && folder == last_folder_) return last_real_;
  std::string real = "/";
  std::string_view rest = folder;
  // Most often it is in the folder that was asked for last.
  if (!last_folder_.empty() && last_folder_ != "/" && folder.starts_with(last_folder_) &&
      folder[last_folder_.size()] == '/') {
    real = last_real_;
    rest = folder.substr(last_folder_.size());
  }
  // Names that are left, the next one last.
  std::vector<std::string> left;
  const auto push = [&left](std::string_view path) {
    for (size_t end = path.size(); end > 0;) {
      const size_t slash = path.rfind('/', end - 1);
      const size_t begin = slash == path.npos ? 0 : slash + 1;
      if (end > begin) left.emplace_back(path.substr(begin, end - begin));
      if (slash == path.npos) break;
      end = slash;
    }
  };
  push(rest);
  int links = 0;
  while (!left.empty()) {
    const std::string name = std::move(left.back());
    left.pop_back();
    if (name == ".") continue;
    if (name == "..") {
      real = std::string(FolderPart(real));
      continue;
    }
    const std::string next = Child(real, name);
    Node& node = nodes_[next];
    if (node.kind == Kind::kLink) {
      if (++links > kMostLinks)
        return absl::FailedPreconditionError(fmt::format("{}: too many links", layer::Printable(folder)));
      if (node.link.starts_with('/')) real = "/";
      push(node.link);
      continue;
    }
    // A file gives way to a folder, as when the layer is unpacked.
    node.kind = Kind::kFolder;
    real = next;
  }
  last_folder_ = std::string(folder);
  last_real_ = real;
  return real;
}

absl::StatusOr<std::string> MergedRoot::Place(std::string_view path) {
  ASSIGN_OR_RETURN(const std::string folder, RealFolder(FolderPart(path)));
  return Child(folder, LastName(path));
}

void MergedRoot::RemoveBelow(const std::string& path) {
  if (path == "/") {
    nodes_.clear();
  } else {
    // '0' is what follows '/'.
    nodes_.erase(nodes_.lower_bound(path + "/"), nodes_.lower_bound(path + "0"));
  }
  last_folder_.clear();
}

absl::Status MergedRoot::Put(std::string_view path, Node node) {
  if (nodes_.size() > kMostPaths)
    return absl::ResourceExhaustedError(fmt::format("a root of more than {} paths", kMostPaths));
  ASSIGN_OR_RETURN(const std::string place, Place(path));
  const auto found = nodes_.find(place);
  const bool folder = node.kind == Kind::kFolder;
  if (found != nodes_.end() && found->second.kind == Kind::kFolder && !folder) RemoveBelow(place);
  // It may be a link that the folder remembered leads through.
  if (found != nodes_.end() && found->second.kind == Kind::kLink) last_folder_.clear();
  if (node.kind == Kind::kLink) last_folder_.clear();
  nodes_[place] = std::move(node);
  return absl::OkStatus();
}

absl::Status MergedRoot::PutFile(std::string_view path, FileContent content) {
  return Put(path, {Kind::kFile, std::move(content), ""});
}

absl::Status MergedRoot::PutLink(std::string_view path, std::string target) {
  return Put(path, {Kind::kLink, {}, std::move(target)});
}

absl::Status MergedRoot::PutFolder(std::string_view path) { return RealFolder(path).status(); }

// Markers are about the layers below, wherever they stand in the tar.
void MergedRoot::Remove(const LayerIndex& layer) {
  const predict::RootPaths paths(*this);
  for (const IndexedEntry& entry : layer) {
    const std::string_view name = LastName(entry.path);
    if (!name.starts_with(kWhiteout)) continue;
    const auto folder = paths.Resolve(FolderPart("/" + entry.path));
    if (!folder.ok()) continue;
    if (name == kOpaque) {
      RemoveBelow(*folder);
    } else if (!name.substr(kWhiteout.size()).starts_with(kWhiteout)) {
      const std::string path = Child(*folder, name.substr(kWhiteout.size()));
      RemoveBelow(path);
      nodes_.erase(path);
    }
  }
}

absl::Status MergedRoot::Apply(const IndexedEntry& entry, const Digest& tar) {
  const std::string path = "/" + entry.path;
  switch (entry.type) {
    case layer::EntryType::kFile:
      return PutFile(path, {tar, entry.offset, entry.size, nullptr});
    case layer::EntryType::kSymlink:
      return PutLink(path, entry.link);
    case layer::EntryType::kDirectory: {
      // A folder takes the place of a link here, where a folder on the way would follow it.
      ASSIGN_OR_RETURN(const std::string place, Place(path));
      const auto found = nodes_.find(place);
      if (found != nodes_.end() && found->second.kind == Kind::kFolder) return absl::OkStatus();
      return Put(path, Node());
    }
    case layer::EntryType::kHardLink: {
      ASSIGN_OR_RETURN(const std::string target, Place("/" + entry.link));
      const auto found = nodes_.find(target);
      if (found == nodes_.end()) return absl::OkStatus();
      Node same = found->second;
      return Put(path, std::move(same));
    }
    default:
      return Put(path, {Kind::kOther, {}, ""});
  }
}

absl::Status MergedRoot::AddLayer(const LayerIndex& layer, const Digest& tar) {
  last_folder_.clear();
  Remove(layer);
  for (const IndexedEntry& entry : layer) {
    if (!LastName(entry.path).starts_with(kWhiteout)) RETURN_IF_ERROR(Apply(entry, tar));
  }
  return absl::OkStatus();
}

absl::StatusOr<FileContent> MergedRoot::ContentOf(std::string_view path) const {
  const auto found = nodes_.find(path);
  if (found == nodes_.end() || found->second.kind != Kind::kFile) return absl::NotFoundError(Av(path));
  return found->second.content;
}

absl::StatusOr<MergedRoot::Kind> MergedRoot::Look(std::string_view path) {
  if (path == "/") return Kind::kFolder;
  const auto found = nodes_.find(path);
  if (found == nodes_.end()) return absl::NotFoundError(Av(path));
  return found->second.kind;
}

absl::StatusOr<MergedRoot::Listing> MergedRoot::List(std::string_view path, size_t limit) {
  ASSIGN_OR_RETURN(const Kind kind, Look(path));
  if (kind != Kind::kFolder) return absl::NotFoundError(Av(path));
  Listing listing;
  const std::string begin = path == "/" ? "/" : std::string(path) + "/";
  for (auto at = nodes_.lower_bound(begin); at != nodes_.end() && at->first.starts_with(begin);) {
    const std::string_view rest = std::string_view(at->first).substr(begin.size());
    const size_t slash = rest.find('/');
    if (slash != rest.npos) {
      // Past all that is in that folder, which is an entry of its own.
      at = nodes_.lower_bound(fmt::format("{}{}0", begin, rest.substr(0, slash)));
      continue;
    }
    if (listing.entries.size() == limit) {
      listing.cut = true;
      break;
    }
    listing.entries.push_back({std::string(rest), at->second.kind});
    ++at;
  }
  return listing;
}

absl::StatusOr<std::string> MergedRoot::Read(std::string_view path, uint64_t offset, size_t limit) {
  const auto found = nodes_.find(path);
  if (found == nodes_.end() || found->second.kind != Kind::kFile) return absl::NotFoundError(Av(path));
  const FileContent& content = found->second.content;
  if (content.text != nullptr)
    return offset >= content.text->size() ? "" : content.text->substr(offset, limit);
  if (offset >= static_cast<uint64_t>(content.size)) return "";
  const auto left = static_cast<size_t>(content.size - static_cast<int64_t>(offset));
  std::string bytes(std::min(limit, left), '\0');
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader,
                   blobs_->Open(content.blob, content.offset + static_cast<int64_t>(offset)));
  for (size_t at = 0; at < bytes.size();) {
    ASSIGN_OR_RETURN(const size_t count, reader->Read(bytes.data() + at, bytes.size() - at));
    if (count == 0)
      return absl::DataLossError(fmt::format("{} ends too early in its layer", layer::Printable(path)));
    at += count;
  }
  return bytes;
}

absl::StatusOr<std::string> MergedRoot::ReadLink(std::string_view path) {
  const auto found = nodes_.find(path);
  if (found == nodes_.end() || found->second.kind != Kind::kLink) return absl::NotFoundError(Av(path));
  return found->second.link;
}

}  // namespace crossmill::coordinator
