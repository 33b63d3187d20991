#include "coordinator/forecast/copied_content.h"

#include <array>
#include <string_view>
#include <utility>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/image/root_paths.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

constexpr int kMostFiles = 300'000;
constexpr int kMostLevels = 200;

// What archives begin with: gzip, xz, bzip2, zstd; a plain tar says it further on.
constexpr std::array<std::string_view, 4> kArchiveBeginnings = {"\x1f\x8b",
                                                                "\xfd"
                                                                "7zXZ",
                                                                "BZh", "\x28\xb5\x2f\xfd"};
constexpr int64_t kTarMark = 257;

class ContentCopier {
 public:
  ContentCopier(const RootOfStage& stages, BlobStore& blobs, MergedRoot& root)
      : stages_(stages), blobs_(blobs), root_(root) {}

  absl::StatusOr<std::vector<std::string>> Copy(const v1::Copy& copy) {
    SetDestination(copy.destination());
    size_t things = 0;
    for (const v1::CopySource& source : copy.sources())
      things += source.has_context() ? static_cast<size_t>(source.context().matches_size()) : 1;
    is_folder_ = is_folder_ || copy.parents() || things > 1;
    for (const v1::CopySource& source : copy.sources())
      RETURN_IF_ERROR(Take(source, copy.parents(), source.extract()));
    return std::move(doubts_);
  }

  absl::StatusOr<std::vector<std::string>> Mount(const v1::RunMount& mount) {
    destination_ = Trimmed(mount.target());
    RETURN_IF_ERROR(Take(mount.source(), false, false));
    return std::move(doubts_);
  }

 private:
  static std::string Trimmed(std::string_view path) {
    while (path.ends_with('/') || path.ends_with("/.")) path.remove_suffix(path.ends_with('/') ? 1 : 2);
    return path.starts_with('/') ? std::string(path) : fmt::format("/{}", path);
  }

  void SetDestination(std::string_view destination) {
    is_folder_ = destination.ends_with('/') || destination.ends_with("/.") || destination.empty();
    destination_ = Trimmed(destination);
    if (predict::RootPaths(root_).IsFolder(destination_)) is_folder_ = true;
  }

  void Doubt(const v1::CopySource& source, std::string_view why) {
    doubts_.push_back(fmt::format("what {} brings is not known: {}",
                                  Printable(std::string_view(source.text()).substr(0, 200)), why));
  }

  std::string PathOfFile(std::string_view name) const {
    return is_folder_ ? predict::PathIn(destination_, name) : destination_;
  }

  absl::Status Count(int level) {
    if (++files_ > kMostFiles || level > kMostLevels)
      return absl::ResourceExhaustedError(fmt::format("more than {} files are copied", kMostFiles));
    return absl::OkStatus();
  }

  absl::Status Take(const v1::CopySource& source, bool parents, bool extract) {
    if (source.has_context()) {
      for (const v1::ContextMatch& match : source.context().matches())
        RETURN_IF_ERROR(TakeMatch(source, match, parents, extract));
      return absl::OkStatus();
    }
    if (source.has_inline_file()) {
      const v1::InlineFile& file = source.inline_file();
      return root_.PutFile(PathOfFile(file.name()),
                           {{}, 0, 0, std::make_shared<const std::string>(file.content())});
    }
    if (source.has_export_()) return TakeExport(source);
    // A mount without a source is an empty folder.
    if (source.source_case() == v1::CopySource::SOURCE_NOT_SET) return root_.PutFolder(destination_);
    Doubt(source, "it was not fetched");
    return absl::OkStatus();
  }

  absl::Status TakeMatch(const v1::CopySource& source, const v1::ContextMatch& match, bool parents,
                         bool extract) {
    RETURN_IF_ERROR(Count(0));
    if (match.has_directory()) {
      const std::string folder = parents ? predict::PathIn(destination_, match.name()) : destination_;
      RETURN_IF_ERROR(root_.PutFolder(folder));
      // What is copied afterwards finds a folder.
      is_folder_ = true;
      return TakeTree(folder, FromProto(match.directory()), 0);
    }
    const std::string path = PathOfFile(match.name());
    if (!match.has_file()) return root_.PutLink(path, match.symlink_target());
    const Digest digest = FromProto(match.file());
    if (extract) {
      ASSIGN_OR_RETURN(const bool archive, MayBeArchive(digest));
      if (archive) {
        Doubt(source, "archives are not looked into");
        return absl::OkStatus();
      }
    }
    return root_.PutFile(path, {digest, 0, digest.size, nullptr});
  }

  absl::Status TakeTree(const std::string& folder, const Digest& digest, int level) {
    ASSIGN_OR_RETURN(const std::string bytes, blobs_.Get(digest));
    reapi::Directory directory;
    if (!directory.ParseFromString(bytes))
      return absl::DataLossError(fmt::format("blob {} of the context is not a Directory", ToString(digest)));
    for (const reapi::FileNode& file : directory.files()) {
      RETURN_IF_ERROR(Count(level));
      const Digest content = FromProto(file.digest());
      RETURN_IF_ERROR(
          root_.PutFile(predict::PathIn(folder, file.name()), {content, 0, content.size, nullptr}));
    }
    for (const reapi::SymlinkNode& link : directory.symlinks()) {
      RETURN_IF_ERROR(Count(level));
      RETURN_IF_ERROR(root_.PutLink(predict::PathIn(folder, link.name()), link.target()));
    }
    for (const reapi::DirectoryNode& node : directory.directories()) {
      RETURN_IF_ERROR(Count(level + 1));
      const std::string below = predict::PathIn(folder, node.name());
      RETURN_IF_ERROR(root_.PutFolder(below));
      RETURN_IF_ERROR(TakeTree(below, FromProto(node.digest()), level + 1));
    }
    return absl::OkStatus();
  }

  // By its beginning, as ADD tells them.
  absl::StatusOr<bool> MayBeArchive(const Digest& digest) {
    std::string head(static_cast<size_t>(std::min<int64_t>(digest.size, kTarMark + 5)), '\0');
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, blobs_.Open(digest, 0));
    for (size_t at = 0; at < head.size();) {
      ASSIGN_OR_RETURN(const size_t count, reader->Read(head.data() + at, head.size() - at));
      if (count == 0) break;
      at += count;
    }
    for (const std::string_view beginning : kArchiveBeginnings) {
      if (head.starts_with(beginning)) return true;
    }
    return head.size() >= kTarMark + 5 && std::string_view(head).substr(kTarMark, 5) == "ustar";
  }

  absl::Status TakeExport(const v1::CopySource& source) {
    const v1::Export& wanted = source.export_().export_();
    MergedRoot* from = stages_(source.export_().stage());
    if (from == nullptr) {
      Doubt(source, "its stage is not known");
      return absl::OkStatus();
    }
    const std::string& pattern = wanted.pattern();
    if (wanted.parents() || wanted.excludes_size() > 0 || pattern.find_first_of("*?[\\") != pattern.npos) {
      Doubt(source, "which files match is not looked at");
      return absl::OkStatus();
    }
    const predict::RootPaths paths(*from);
    const std::string written = predict::PathIn("/", pattern);
    const auto place = paths.Resolve(written);
    if (!place.ok()) {
      Doubt(source, "it is not there");
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const MergedRoot::Kind kind, from->Look(*place));
    if (kind == MergedRoot::Kind::kFolder) {
      RETURN_IF_ERROR(root_.PutFolder(destination_));
      is_folder_ = true;
      return TakeFolder(*from, *place, destination_, 0);
    }
    return TakeEntry(*from, *place, kind, PathOfFile(LastName(written)), 0);
  }

  absl::Status TakeFolder(MergedRoot& from, const std::string& folder, const std::string& to, int level) {
    ASSIGN_OR_RETURN(const MergedRoot::Listing listing, from.List(folder, kMostFiles));
    for (const MergedRoot::Entry& entry : listing.entries) {
      RETURN_IF_ERROR(TakeEntry(from, predict::PathIn(folder, entry.name), entry.kind,
                                predict::PathIn(to, entry.name), level + 1));
    }
    return absl::OkStatus();
  }

  absl::Status TakeEntry(MergedRoot& from, const std::string& path, MergedRoot::Kind kind,
                         const std::string& to, int level) {
    RETURN_IF_ERROR(Count(level));
    switch (kind) {
      case MergedRoot::Kind::kFolder:
        RETURN_IF_ERROR(root_.PutFolder(to));
        return TakeFolder(from, path, to, level);
      case MergedRoot::Kind::kLink: {
        ASSIGN_OR_RETURN(std::string target, from.ReadLink(path));
        return root_.PutLink(to, std::move(target));
      }
      case MergedRoot::Kind::kFile: {
        ASSIGN_OR_RETURN(FileContent content, from.ContentOf(path));
        return root_.PutFile(to, std::move(content));
      }
      case MergedRoot::Kind::kOther:
        return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  const RootOfStage& stages_;
  BlobStore& blobs_;
  MergedRoot& root_;
  // Absolute, without a slash at its end, but for the root itself.
  std::string destination_;
  bool is_folder_ = false;
  int files_ = 0;
  std::vector<std::string> doubts_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> CopyContent(const v1::Copy& copy, const RootOfStage& stages,
                                                     BlobStore& blobs, MergedRoot& root) {
  return ContentCopier(stages, blobs, root).Copy(copy);
}

absl::StatusOr<std::vector<std::string>> MountContent(const v1::RunMount& mount, const RootOfStage& stages,
                                                      BlobStore& blobs, MergedRoot& root) {
  return ContentCopier(stages, blobs, root).Mount(mount);
}

}  // namespace crossmill::coordinator
