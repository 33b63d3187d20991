#include "cli/image_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/base/files.h"
#include "common/oci/layout.h"

namespace crossmill::cli {
namespace {

absl::Status WriteToFile(BlobStore& blobs, const Digest& root, const std::vector<std::string>& names,
                         const std::string& destination) {
  const std::string partial = fmt::format("{}.{}.partial", destination, getpid());
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(partial, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  absl::Status status =
      oci::WriteLayout(blobs, root, names, [&](std::string_view bytes) { return WriteAll(fd.get(), bytes); });
  if (status.ok() && close(fd.Release()) != 0) status = ErrnoStatus(errno, partial);
  if (status.ok() && rename(partial.c_str(), destination.c_str()) != 0) {
    status = ErrnoStatus(errno, fmt::format("rename {} to {}", partial, destination));
  }
  if (!status.ok()) unlink(partial.c_str());
  return status;
}

}  // namespace

absl::Status WriteImage(Session& session, std::string_view image, const std::vector<std::string>& names,
                        const std::string& destination) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetImageRequest request;
  request.set_name(std::string(image));
  ASSIGN_OR_RETURN(const v1::GetImageResponse response,
                   session.Call(*farm->images, &v1::Images::StubInterface::GetImage, request));
  const Digest root = FromProto(response.root());
  if (destination == "-") {
    return oci::WriteLayout(*farm->blobs, root, names,
                            [&](std::string_view bytes) { return session.env.Out(bytes); });
  }
  return Annotate(WriteToFile(*farm->blobs, root, names, destination),
                  fmt::format("write the image to {}", destination));
}

}  // namespace crossmill::cli
