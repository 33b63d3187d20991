#include "cli/images/image_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "cli/images/local_tree.h"
#include "common/base/files.h"
#include "common/oci/docker_archive.h"
#include "common/oci/flatten.h"
#include "common/oci/image.h"
#include "common/oci/image_walk.h"
#include "common/oci/layout.h"

namespace crossmill::cli {
namespace {

using Type = OutputTarget::Type;

struct PlatformManifest {
  v1::Platform platform;
  Digest manifest;
};

// The image's platforms that are in the store, in the order of its index.
absl::StatusOr<std::vector<PlatformManifest>> PlatformsOf(BlobStore& blobs, const Digest& root) {
  ASSIGN_OR_RETURN(const std::string bytes, blobs.Get(root));
  ASSIGN_OR_RETURN(const std::string type, oci::DocumentType(bytes));
  std::vector<PlatformManifest> found;
  if (oci::IsManifestType(type)) {
    ASSIGN_OR_RETURN(const oci::ImageBlobs image, oci::WalkImage(blobs, root));
    found.push_back({image.platforms.empty() ? v1::Platform() : image.platforms.front(), root});
    return found;
  }
  ASSIGN_OR_RETURN(const oci::ImageIndex index, oci::ParseImageIndex(bytes));
  for (const oci::Descriptor& descriptor : index.manifests) {
    if (!oci::IsImageDescriptor(descriptor) || !descriptor.platform || !blobs.Has(descriptor.digest))
      continue;
    found.push_back({*descriptor.platform, descriptor.digest});
  }
  if (found.empty()) return absl::FailedPreconditionError("the image has no platform in the farm's store");
  return found;
}

// "linux_arm_v7", as buildx calls the folders.
std::string FolderOf(const v1::Platform& platform) {
  std::string name = oci::PlatformText(platform);
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

std::string ParentFolder(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class ImageWriter {
 public:
  ImageWriter(Session& session, BlobStore& blobs, const Digest& root, const ImageToWrite& image,
              const OutputTarget& target)
      : session_(session), blobs_(blobs), root_(root), image_(image), target_(target) {}

  absl::Status Run() {
    if (target_.type == Type::kLocal) return WriteFolder();
    if (target_.destination == "-") {
      return WriteStream([&](std::string_view bytes) { return session_.env.Out(bytes); }, "");
    }
    const std::string partial = fmt::format("{}.{}.partial", target_.destination, getpid());
    ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(partial, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    absl::Status status = WriteStream([&](std::string_view bytes) { return WriteAll(fd.get(), bytes); },
                                      ParentFolder(target_.destination));
    if (status.ok() && close(fd.Release()) != 0) status = ErrnoStatus(errno, partial);
    if (status.ok() && rename(partial.c_str(), target_.destination.c_str()) != 0) {
      status = ErrnoStatus(errno, fmt::format("rename {} to {}", partial, target_.destination));
    }
    if (!status.ok()) unlink(partial.c_str());
    return status;
  }

 private:
  absl::Status WriteStream(const layer::Sink& sink, const std::string& temporary_folder) {
    if (target_.type == Type::kOci)
      return oci::WriteLayout(blobs_, root_, image_.names, sink, image_.annotations);
    ASSIGN_OR_RETURN(const std::vector<PlatformManifest> platforms, PlatformsOf(blobs_, root_));
    ASSIGN_OR_RETURN(NamelessFile contents, NamelessFile::Create(temporary_folder));
    if (target_.type == Type::kDocker) {
      if (platforms.size() > 1) {
        return absl::InvalidArgumentError(
            "docker's archive holds one platform, the image has several; use type=oci, or build for one "
            "platform");
      }
      return oci::WriteDockerArchive(blobs_, platforms.front().manifest, image_.names, contents, sink);
    }
    return WriteTar(platforms, temporary_folder, sink);
  }

  absl::Status WriteTar(std::vector<PlatformManifest> platforms, const std::string& temporary_folder,
                        const layer::Sink& sink) {
    const bool split = target_.split || platforms.size() > 1;
    // A canonical tar is sorted.
    std::sort(platforms.begin(), platforms.end(), [](const PlatformManifest& a, const PlatformManifest& b) {
      return layer::ComparePaths(FolderOf(a.platform), FolderOf(b.platform)) < 0;
    });
    layer::CanonicalTarWriter tar(sink);
    for (const PlatformManifest& one : platforms) {
      ASSIGN_OR_RETURN(NamelessFile contents, NamelessFile::Create(temporary_folder));
      oci::Flattener flattener(contents);
      RETURN_IF_ERROR(oci::AddImageLayers(blobs_, one.manifest, flattener));
      RETURN_IF_ERROR(oci::WriteTree(flattener, split ? FolderOf(one.platform) : "", tar));
    }
    return tar.Finish();
  }

  absl::Status WriteFolder() {
    ASSIGN_OR_RETURN(const std::vector<PlatformManifest> platforms, PlatformsOf(blobs_, root_));
    RETURN_IF_ERROR(MakeFolders(target_.destination));
    const bool split = target_.split || platforms.size() > 1;
    for (const PlatformManifest& one : platforms) {
      const std::string folder =
          split ? fmt::format("{}/{}", target_.destination, FolderOf(one.platform)) : target_.destination;
      if (split) RETURN_IF_ERROR(MakeFolders(folder));
      ASSIGN_OR_RETURN(NamelessFile contents, NamelessFile::Create(target_.destination));
      oci::Flattener flattener(contents);
      RETURN_IF_ERROR(oci::AddImageLayers(blobs_, one.manifest, flattener));
      ASSIGN_OR_RETURN(const std::vector<std::string> notes, WriteLocalTree(flattener, folder));
      for (const std::string& note : notes) session_.Tell(fmt::format("crossmill: {}: {}\n", folder, note));
    }
    return absl::OkStatus();
  }

  Session& session_;
  BlobStore& blobs_;
  const Digest root_;
  const ImageToWrite& image_;
  const OutputTarget& target_;
};

}  // namespace

absl::Status WriteImage(Session& session, const ImageToWrite& image, const OutputTarget& target) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetImageRequest request;
  request.set_name(image.image);
  ASSIGN_OR_RETURN(const v1::GetImageResponse response,
                   session.Call(*farm->images, &v1::Images::StubInterface::GetImage, request));
  const absl::Status status =
      ImageWriter(session, *farm->blobs, FromProto(response.root()), image, target).Run();
  if (target.destination == "-") return status;
  return Annotate(status, fmt::format("write the image to {}", target.destination));
}

}  // namespace crossmill::cli
