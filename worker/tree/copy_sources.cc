#include "worker/tree/copy_sources.h"

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/pattern/path_pattern.h"
#include "worker/tree/archive_source.h"
#include "worker/tree/blob_status.h"
#include "worker/tree/context_reader.h"

namespace crossmill::worker {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

absl::StatusOr<std::unique_ptr<BlobReader>> OpenBlob(BlobStore& blobs, const Digest& digest) {
  auto reader = blobs.Open(digest, 0);
  if (!reader.ok()) return BlobStatus(reader.status());
  return reader;
}

// Opens the blob when its first byte is wanted.
layer::Source BlobSource(BlobStore& blobs, const Digest& digest) {
  auto reader = std::make_shared<std::unique_ptr<BlobReader>>();
  return [&blobs, digest, reader](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    if (*reader == nullptr) {
      ASSIGN_OR_RETURN(*reader, OpenBlob(blobs, digest));
    }
    return (*reader)->Read(buffer, size);
  };
}

int64_t TimeOf(const reapi::NodeProperties& properties) { return properties.mtime().seconds(); }

uint32_t ModeOf(const reapi::NodeProperties& properties, uint32_t otherwise) {
  return properties.has_unix_mode() ? properties.unix_mode().value() & 07777 : otherwise;
}

// Files with the same value, content and mode are one file (docs/formats.md, "context"). Empty for others.
std::string HardLinkOf(const reapi::NodeProperties& properties) {
  for (const reapi::NodeProperty& property : properties.properties()) {
    if (property.name() == "hardlink") return property.value();
  }
  return "";
}

// One for each match: as with BuildKit, files of two sources are not linked, so that the path that the map
// below remembers cannot have been replaced by the next source.
class ContextCopier {
 public:
  ContextCopier(BlobStore& blobs, CopyTarget& target) : blobs_(blobs), target_(target) {}

  absl::Status AddFile(const std::string& path, const Digest& digest, uint32_t mode, int64_t mtime) {
    return AddFile(path, digest, mode, mtime, BlobSource(blobs_, digest));
  }

  absl::Status AddLink(const std::string& path, const std::string& link, int64_t mtime) {
    layer::TarEntry entry;
    entry.path = path;
    entry.type = layer::EntryType::kSymlink;
    entry.mode = 0777;
    entry.link = link;
    entry.mtime = mtime;
    return target_.Add(SourceKind::kContext, std::move(entry), nullptr);
  }

  // What is in the folder `digest`, which goes to `path`; the folder itself too if `with_itself`.
  absl::Status AddTree(const std::string& path, const Digest& digest, bool with_itself) {
    ASSIGN_OR_RETURN(ContextReader reader, ContextReader::Open(blobs_, digest));
    if (with_itself) RETURN_IF_ERROR(AddFolder(path, reader.Get(digest)));
    return AddContents(path, reader.Get(digest), reader);
  }

 private:
  absl::Status AddContents(const std::string& path, const reapi::Directory& directory,
                           ContextReader& reader) {
    for (const reapi::FileNode& file : directory.files()) RETURN_IF_ERROR(AddFile(path, file, reader));
    for (const reapi::SymlinkNode& link : directory.symlinks()) {
      RETURN_IF_ERROR(AddLink(JoinPath(path, link.name()), link.target(), TimeOf(link.node_properties())));
    }
    for (const reapi::DirectoryNode& node : directory.directories()) {
      const reapi::Directory& below = reader.Get(FromProto(node.digest()));
      const std::string folder = JoinPath(path, node.name());
      RETURN_IF_ERROR(AddFolder(folder, below));
      RETURN_IF_ERROR(AddContents(folder, below, reader));
    }
    return absl::OkStatus();
  }

  absl::Status AddFile(const std::string& folder, const reapi::FileNode& file, ContextReader& reader) {
    const Digest digest = FromProto(file.digest());
    // Taken whether it is needed or not: they come in the order of the files.
    std::string small;
    if (IsSmallFile(digest)) {
      ASSIGN_OR_RETURN(small, reader.NextSmall());
    }
    const reapi::NodeProperties& properties = file.node_properties();
    const std::string path = JoinPath(folder, file.name());
    const uint32_t mode = ModeOf(properties, file.is_executable() ? 0755 : 0644);
    ASSIGN_OR_RETURN(const bool linked, AddHardLink(path, HardLinkOf(properties), digest, mode));
    if (linked) return absl::OkStatus();
    return AddFile(path, digest, mode, TimeOf(properties),
                   IsSmallFile(digest) ? layer::SourceOf(small) : BlobSource(blobs_, digest));
  }

  absl::Status AddFolder(const std::string& path, const reapi::Directory& directory) {
    layer::TarEntry entry;
    entry.path = path;
    entry.type = layer::EntryType::kDirectory;
    entry.mode = ModeOf(directory.node_properties(), 0755);
    entry.mtime = TimeOf(directory.node_properties());
    return target_.Add(SourceKind::kContext, std::move(entry), nullptr);
  }

  absl::Status AddFile(const std::string& path, const Digest& digest, uint32_t mode, int64_t mtime,
                       const layer::Source& content) {
    layer::TarEntry entry;
    entry.path = path;
    entry.mode = mode;
    entry.size = digest.size;
    entry.mtime = mtime;
    RETURN_IF_ERROR(target_.Add(SourceKind::kContext, std::move(entry), content));
    target_.NoteContent(path, digest);
    return absl::OkStatus();
  }

  // False when this is the first of its group here, which is written as a file.
  absl::StatusOr<bool> AddHardLink(const std::string& path, const std::string& group, const Digest& digest,
                                   uint32_t mode) {
    if (group.empty()) return false;
    const auto [first, inserted] = written_.try_emplace({group, digest, mode}, path);
    if (inserted) return false;
    layer::TarEntry entry;
    entry.path = path;
    entry.type = layer::EntryType::kHardLink;
    entry.link = first->second;
    RETURN_IF_ERROR(target_.Add(SourceKind::kContext, std::move(entry), nullptr));
    return true;
  }

  BlobStore& blobs_;
  CopyTarget& target_;
  // Group, content and mode to the first path of it that was written.
  std::map<std::tuple<std::string, Digest, uint32_t>, std::string> written_;
};

absl::Status ExtractArchive(const Digest& archive, BlobStore& blobs, CopyTarget& target) {
  RETURN_IF_ERROR(target.PlaceArchive());
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> blob, OpenBlob(blobs, archive));
  layer::TarReader reader(MakeDecompressingSource(*blob), layer::TarNames::kForgiving);
  while (true) {
    ASSIGN_OR_RETURN(std::optional<layer::TarEntry> entry, reader.Next());
    if (!entry) return absl::OkStatus();
    RETURN_IF_ERROR(target.AddExtracted(
        *std::move(entry), [&reader](char* buffer, size_t size) { return reader.ReadData(buffer, size); }));
  }
}

// Streams an export's tar to the target.
class ExportCopier {
 public:
  ExportCopier(layer::TarReader& reader, bool parents, CopyTarget& target)
      : reader_(reader), parents_(parents), target_(target) {}

  absl::Status Run() {
    while (true) {
      auto entry = reader_.Next();
      if (!entry.ok()) return BlobStatus(entry.status());
      if (!entry->has_value()) return absl::OkStatus();
      RETURN_IF_ERROR(Copy(**std::move(entry)));
    }
  }

 private:
  // A path in the tar is NUMBER/NAME/REST; NAME/REST with --parents is where it goes below the destination.
  static std::string_view AfterNumber(std::string_view path) {
    const size_t slash = path.find('/');
    return slash == path.npos ? "" : path.substr(slash + 1);
  }
  absl::StatusOr<std::string> Map(std::string_view path) const {
    const std::string_view rest = AfterNumber(path);
    if (parents_) return JoinPath(base_, rest);
    const size_t slash = rest.find('/');
    return slash == rest.npos ? base_ : JoinPath(base_, rest.substr(slash + 1));
  }

  absl::Status Copy(layer::TarEntry entry) {
    const std::string_view rest = AfterNumber(entry.path);
    const bool folder = entry.type == layer::EntryType::kDirectory;
    if (rest.empty()) {
      parents_left_ = parents_ ? entry.mtime : 0;
      if (!parents_) return absl::OkStatus();
      ASSIGN_OR_RETURN(base_, target_.PlaceFolder(""));
      return absl::OkStatus();
    }
    if (!parents_ && rest.find('/') == rest.npos) {
      ASSIGN_OR_RETURN(base_, folder ? target_.PlaceFolder("") : target_.PlaceFile(rest));
      if (folder) return absl::OkStatus();  // Its contents go to the destination, it does not.
    }
    if (entry.type == layer::EntryType::kHardLink) {
      ASSIGN_OR_RETURN(entry.link, Map(entry.link));
    }
    ASSIGN_OR_RETURN(entry.path, Map(entry.path));
    if (parents_left_ > 0) {
      --parents_left_;
      return target_.AddParent(SourceKind::kStage, std::move(entry));
    }
    return target_.Add(SourceKind::kStage, std::move(entry),
                       [this](char* buffer, size_t size) { return reader_.ReadData(buffer, size); });
  }

  layer::TarReader& reader_;
  const bool parents_;
  CopyTarget& target_;
  // Where NAME (with --parents: what NUMBER holds) goes.
  std::string base_;
  // Entries that are folders on the way to the match.
  int64_t parents_left_ = 0;
};

// An export's only match as it is: NUMBER/NAME. Returns that path.
absl::StatusOr<std::string> PlaceExport(const Digest& digest, BlobStore& blobs, CopyTarget& target) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> blob, OpenBlob(blobs, digest));
  layer::TarReader reader([&blob](char* buffer, size_t size) { return blob->Read(buffer, size); });
  std::string placed;
  while (true) {
    auto entry = reader.Next();
    if (!entry.ok()) return BlobStatus(entry.status());
    if (!entry->has_value()) break;
    const size_t slash = (*entry)->path.find('/');
    if (slash != std::string::npos && (*entry)->path.find('/', slash + 1) == std::string::npos) {
      if (!placed.empty()) return absl::InvalidArgumentError("matches more than one file or folder");
      placed = (*entry)->path;
    }
    RETURN_IF_ERROR(target.Add(SourceKind::kStage, **std::move(entry), [&reader](char* buffer, size_t size) {
      return reader.ReadData(buffer, size);
    }));
  }
  if (placed.empty()) return absl::DataLossError("the export is empty");
  return placed;
}

absl::StatusOr<std::string> PlaceContext(const v1::ContextMatches& context, BlobStore& blobs,
                                         CopyTarget& target) {
  if (context.matches().empty()) return absl::NotFoundError("no such file or folder in the context");
  if (context.matches_size() > 1) {
    return absl::InvalidArgumentError("matches more than one file or folder");
  }
  v1::ContextMatch match = context.matches(0);
  if (!match.has_directory() && !match.has_file()) {
    return absl::InvalidArgumentError("a symbolic link cannot be mounted");
  }
  match.set_name("content");
  RETURN_IF_ERROR(CopyContextMatch(match, {.extract = false, .parents = true}, blobs, target));
  return match.name();
}

// The folders that a name with --parents goes through.
absl::Status AddParents(const v1::ContextMatch& match, CopyTarget& target) {
  ASSIGN_OR_RETURN(const std::string base, target.PlaceFolder(""));
  const std::string& name = match.name();
  int folder = 0;
  for (size_t end = name.find('/'); end != name.npos; end = name.find('/', end + 1), ++folder) {
    layer::TarEntry entry;
    entry.path = JoinPath(base, name.substr(0, end));
    entry.mode = folder < match.parent_modes_size() ? match.parent_modes(folder) & 07777 : 0755;
    RETURN_IF_ERROR(target.AddParent(SourceKind::kContext, std::move(entry)));
  }
  return absl::OkStatus();
}

// 0, 1, or 2 for more.
absl::StatusOr<int> CountMatches(BlobStore& blobs, const Digest& digest) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> blob, OpenBlob(blobs, digest));
  layer::TarReader reader([&blob](char* buffer, size_t size) { return blob->Read(buffer, size); });
  int matches = 0;
  while (true) {
    auto entry = reader.Next();
    if (!entry.ok()) return BlobStatus(entry.status());
    if (!entry->has_value()) return matches;
    if ((*entry)->path.find('/') == std::string::npos && ++matches > 1) return matches;
  }
}

}  // namespace

absl::StatusOr<int> CountThings(const v1::CopySource& source, BlobStore& blobs) {
  if (source.has_context()) return source.context().matches_size();
  if (!source.has_export_() || !pattern::HasWildcards(source.export_().export_().pattern())) return 1;
  return CountMatches(blobs, FromProto(source.export_().blob()));
}

absl::Status CopyContextMatch(const v1::ContextMatch& match, const CopyManner& manner, BlobStore& blobs,
                              CopyTarget& target) {
  ContextCopier copier(blobs, target);
  if (manner.parents) RETURN_IF_ERROR(AddParents(match, target));
  if (match.has_directory()) {
    const std::string_view name = manner.parents ? match.name() : std::string_view();
    ASSIGN_OR_RETURN(const std::string path, target.PlaceFolder(name));
    return copier.AddTree(path, FromProto(match.directory()), !name.empty());
  }
  if (match.has_file() && manner.extract) {
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> blob, OpenBlob(blobs, FromProto(match.file())));
    ASSIGN_OR_RETURN(const bool is_archive, IsTarArchive(*blob));
    if (is_archive) return ExtractArchive(FromProto(match.file()), blobs, target);
  }
  ASSIGN_OR_RETURN(const std::string path, target.PlaceFile(match.name()));
  if (!match.has_file()) return copier.AddLink(path, match.symlink_target(), match.mtime());
  return copier.AddFile(path, FromProto(match.file()), match.unix_mode() & 07777, match.mtime());
}

absl::Status CopyInlineFile(const v1::InlineFile& file, CopyTarget& target) {
  layer::TarEntry entry;
  ASSIGN_OR_RETURN(entry.path, target.PlaceFile(file.name()));
  entry.mode = file.mode() != 0 ? file.mode() & 07777 : 0644;
  entry.size = static_cast<int64_t>(file.content().size());
  return target.Add(SourceKind::kContext, std::move(entry), layer::SourceOf(file.content()));
}

absl::Status CopyExport(const v1::ExportSource& source, BlobStore& blobs, CopyTarget& target) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> blob, OpenBlob(blobs, FromProto(source.blob())));
  layer::TarReader reader([&blob](char* buffer, size_t size) { return blob->Read(buffer, size); });
  return ExportCopier(reader, source.export_().parents(), target).Run();
}

absl::StatusOr<std::string> PlaceMountSource(const v1::CopySource& source, const std::string& folder,
                                             int64_t clamp_time, bool keep_times, BlobStore& blobs) {
  v1::Copy copy;
  copy.set_destination("/");
  ASSIGN_OR_RETURN(const std::unique_ptr<CopyTarget> target,
                   CopyTarget::Create(copy, folder, clamp_time, keep_times));
  absl::StatusOr<std::string> placed = absl::InternalError("the source was not resolved");
  if (source.has_context()) {
    placed = PlaceContext(source.context(), blobs, *target);
  } else if (source.has_export_()) {
    placed = PlaceExport(FromProto(source.export_().blob()), blobs, *target);
  } else if (source.has_inline_file()) {
    placed = source.inline_file().name();
    RETURN_IF_ERROR(CopyInlineFile(source.inline_file(), *target));
  }
  if (!placed.ok()) return Annotate(placed.status(), source.text());
  RETURN_IF_ERROR(target->Finish());
  return fmt::format("{}/{}", folder, *placed);
}

}  // namespace crossmill::worker
