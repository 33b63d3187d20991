// The exporters `local` and `tar`: root file systems to the client (ExportTree in export_run.h).
#include <map>
#include <memory>
#include <utility>

#include "common/attest/packages_spdx.h"
#include "common/base/digest.h"
#include "common/base/opening/nameless_file.h"
#include "common/base/status.h"
#include "common/layer/canonical_tar.h"
#include "common/oci/flatten.h"
#include "common/oci/platform_images.h"
#include "coordinator/buildkit/outputs/client_files.h"
#include "coordinator/buildkit/outputs/client_folder.h"
#include "coordinator/buildkit/outputs/export_run.h"

namespace crossmill::coordinator::buildkit {
namespace {

// Of what a statement about a folder lists by name.
constexpr size_t kMostFiles = 100'000;
constexpr int64_t kToldEvery = 1 << 20;

// Every file with its digest: what a statement about a folder is about.
absl::StatusOr<std::vector<attest::Subject>> FilesOf(const oci::Flattener& tree) {
  std::vector<attest::Subject> subjects;
  std::vector<char> buffer(256 << 10);
  RETURN_IF_ERROR(tree.Visit([&](const layer::TarEntry& entry, const layer::Source& content) -> absl::Status {
    if (entry.type != layer::EntryType::kFile) return absl::OkStatus();
    if (subjects.size() >= kMostFiles) {
      return absl::ResourceExhaustedError(fmt::format(
          "attestations name every file, and there are over {}: add --provenance=false --sbom=false",
          kMostFiles));
    }
    Sha256 sha;
    while (content) {
      ASSIGN_OR_RETURN(const size_t count, content(buffer.data(), buffer.size()));
      if (count == 0) break;
      sha.Update(std::string_view(buffer.data(), count));
    }
    subjects.push_back({entry.path, sha.Finish().hash});
    return absl::OkStatus();
  }));
  return subjects;
}

std::string_view FileNameOf(const attest::Statement& statement) {
  return statement.predicate_type == attest::kSpdxPredicate ? "sbom.spdx.json" : "provenance.json";
}

class TreeExport {
 public:
  explicit TreeExport(const ExportRun& run) : run_(run) {
    for (const BuiltPlatform& each : run.image.platforms) images_.push_back({each.platform, each.manifest});
    split_ = run.options.split.value_or(images_.size() > 1 || run.image.always_index);
  }

  absl::Status Tar(ClientSession& session) {
    constexpr char kSending[] = "sending tarball";
    run_.vertex.Status(kSending, 0, 0, false);
    ASSIGN_OR_RETURN(const std::unique_ptr<ClientArchive> archive,
                     ClientArchive::Open(session, run_.request.index, {}, run_.stop));
    oci::TreesOptions options;
    options.split = split_;
    options.temporary_folder = run_.services.temporary_folder;
    options.admit = run_.services.take_room;
    options.amend = [this](const oci::PlatformImage& image, oci::Flattener& tree) {
      return AddStatements(image, tree);
    };
    const absl::Status written = oci::WriteTreesTar(
        run_.services.blobs, images_, options, [&](std::string_view bytes) { return archive->Write(bytes); });
    if (!written.ok() && !absl::IsAlreadyExists(written)) return written;
    RETURN_IF_ERROR(archive->Finish());
    run_.vertex.Status(kSending, 0, 0, true);
    return absl::OkStatus();
  }

  absl::Status Folder(ClientSession& session) {
    // Clients that remove what is not sent must be sent everything at once, and two platforms in one folder
    // must be compared.
    if (run_.options.remove_others || !split_) return Together(session);
    for (const oci::PlatformImage& image : images_) {
      ASSIGN_OR_RETURN(const std::unique_ptr<Tree> tree, Read(image));
      RETURN_IF_ERROR(Send(session, {{oci::PlatformFolder(image.platform), &tree->files, run_.image.epoch}},
                           "copying files " + oci::PlatformText(image.platform)));
    }
    return absl::OkStatus();
  }

 private:
  struct Tree {
    explicit Tree(NamelessFile file) : contents(std::move(file)), files(contents) {}
    NamelessFile contents;
    oci::Flattener files;
  };

  absl::StatusOr<std::unique_ptr<Tree>> Read(const oci::PlatformImage& image) {
    if (run_.stop.stop_requested()) return absl::CancelledError("cancelled");
    ASSIGN_OR_RETURN(NamelessFile contents,
                     NamelessFile::Create(run_.services.temporary_folder, run_.services.take_room));
    auto tree = std::make_unique<Tree>(std::move(contents));
    RETURN_IF_ERROR(oci::AddImageLayers(run_.services.blobs, image.manifest, tree->files));
    RETURN_IF_ERROR(AddStatements(image, tree->files));
    return tree;
  }

  absl::Status Together(ClientSession& session) {
    std::map<std::string, std::unique_ptr<Tree>, layer::PathLess> trees;
    for (const oci::PlatformImage& image : images_) {
      ASSIGN_OR_RETURN(trees[oci::PlatformFolder(image.platform)], Read(image));
    }
    if (!split_) RETURN_IF_ERROR(CheckApart(trees));
    std::vector<FolderTree> folders;
    for (const auto& [name, tree] : trees) {
      FolderTree& folder = folders.emplace_back();
      if (split_) folder.prefix = name;
      folder.tree = &tree->files;
      folder.time = run_.image.epoch;
    }
    // Entries of one list are in order; trees that share a root come one after the other.
    if (split_ || folders.size() == 1) return Send(session, folders, "copying files");
    for (const FolderTree& folder : folders) RETURN_IF_ERROR(Send(session, {folder}, "copying files"));
    return absl::OkStatus();
  }

  static absl::Status CheckApart(const std::map<std::string, std::unique_ptr<Tree>, layer::PathLess>& trees) {
    std::map<std::string, std::string> owners;
    for (const auto& [name, tree] : trees) {
      // Compilers before Clang 16 do not capture `name`.
      const std::string& owner = name;
      RETURN_IF_ERROR(tree->files.Visit([&](const layer::TarEntry& entry, const layer::Source&) {
        if (entry.type == layer::EntryType::kDirectory) return absl::OkStatus();
        const auto [known, fresh] = owners.emplace(entry.path, owner);
        if (fresh) return absl::OkStatus();
        return absl::InvalidArgumentError(
            fmt::format("type=local: cannot overwrite {} from {} with {} when split option is disabled",
                        layer::Printable(entry.path), known->second, owner));
      }));
    }
    return absl::OkStatus();
  }

  absl::Status Send(ClientSession& session, const std::vector<FolderTree>& folders,
                    const std::string& label) {
    FolderTransfer transfer;
    transfer.exporter = run_.request.index;
    transfer.remove_others = run_.options.remove_others;
    int64_t told = 0;
    int64_t sent = 0;
    transfer.told = [&](int64_t bytes) {
      sent = bytes;
      if (bytes - told < kToldEvery) return;
      told = bytes;
      run_.vertex.Status(label, bytes, 0, false);
    };
    run_.vertex.Status(label, 0, 0, false);
    ASSIGN_OR_RETURN(const std::vector<std::string> notes, SendFolder(session, folders, transfer, run_.stop));
    run_.vertex.Status(label, sent, 0, true);
    for (const std::string& note : notes) run_.vertex.Log(2, note + "\n");
    return absl::OkStatus();
  }

  // As files in the tree; they are about its other files.
  absl::Status AddStatements(const oci::PlatformImage& image, oci::Flattener& tree) {
    std::map<std::string, std::string> files;
    for (const PlatformStatements& each : run_.statements) {
      if (each.manifest != image.manifest || each.statements.empty()) continue;
      ASSIGN_OR_RETURN(const std::vector<attest::Subject> subjects, FilesOf(tree));
      for (attest::Statement statement : each.statements) {
        statement.subjects = subjects;
        files[NameOf(image, statement)] = attest::WriteStatement(statement) + "\n";
      }
    }
    if (files.empty()) return absl::OkStatus();
    std::string tar;
    layer::CanonicalTarWriter writer([&tar](std::string_view bytes) {
      tar += bytes;
      return absl::OkStatus();
    });
    for (const auto& [name, content] : files) {
      layer::TarEntry entry;
      entry.path = name;
      entry.mode = 0600;
      entry.size = static_cast<int64_t>(content.size());
      entry.mtime = run_.image.epoch;
      RETURN_IF_ERROR(writer.Add(entry));
      RETURN_IF_ERROR(writer.Data(content));
    }
    RETURN_IF_ERROR(writer.Finish());
    size_t at = 0;
    return tree.AddLayer([&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
      const size_t count = tar.copy(buffer, size, at);
      at += count;
      return count;
    });
  }

  // "provenance.json"; where platforms share a folder "provenance.linux_arm64.json".
  std::string NameOf(const oci::PlatformImage& image, const attest::Statement& statement) const {
    std::string name = run_.options.attestation_prefix + std::string(FileNameOf(statement));
    if (split_ || images_.size() == 1) return name;
    return name.insert(name.rfind('.') + 1, oci::PlatformFolder(image.platform) + ".");
  }

  const ExportRun& run_;
  std::vector<oci::PlatformImage> images_;
  bool split_ = false;
};

}  // namespace

absl::StatusOr<ExporterResponse> ExportTree(const ExportRun& run) {
  ASSIGN_OR_RETURN(ClientSession * session, SessionOf(run));
  TreeExport exporter(run);
  RETURN_IF_ERROR(run.options.kind == ExporterKind::kTar ? exporter.Tar(*session)
                                                         : exporter.Folder(*session));
  return ExporterResponse();
}

}  // namespace crossmill::coordinator::buildkit
