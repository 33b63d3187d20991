#include "cli/images/image_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "cli/images/local_tree.h"
#include "common/base/files.h"
#include "common/oci/docker_archive.h"
#include "common/oci/flatten.h"
#include "common/oci/layout.h"
#include "common/oci/platform_images.h"

namespace crossmill::cli {
namespace {

using Type = OutputTarget::Type;

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
    ASSIGN_OR_RETURN(const std::vector<oci::PlatformImage> platforms, oci::PlatformImages(blobs_, root_));
    if (target_.type == Type::kDocker) {
      if (platforms.size() > 1) {
        return absl::InvalidArgumentError(
            "docker's archive holds one platform, the image has several; use type=oci, or build for one "
            "platform");
      }
      ASSIGN_OR_RETURN(NamelessFile contents, NamelessFile::Create(temporary_folder));
      return oci::WriteDockerArchive(blobs_, platforms.front().manifest, image_.names, contents, sink);
    }
    oci::TreesOptions trees;
    trees.split = target_.split || platforms.size() > 1;
    trees.temporary_folder = temporary_folder;
    return oci::WriteTreesTar(blobs_, platforms, trees, sink);
  }

  absl::Status WriteFolder() {
    ASSIGN_OR_RETURN(const std::vector<oci::PlatformImage> platforms, oci::PlatformImages(blobs_, root_));
    RETURN_IF_ERROR(MakeFolders(target_.destination));
    const bool split = target_.split || platforms.size() > 1;
    for (const oci::PlatformImage& one : platforms) {
      const std::string folder =
          split ? fmt::format("{}/{}", target_.destination, oci::PlatformFolder(one.platform))
                : target_.destination;
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
