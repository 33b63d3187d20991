#include "coordinator/submissions/context_files.h"

#include <climits>
#include <cstdlib>
#include <utility>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/context/context_scan.h"
#include "common/context/context_upload.h"
#include "common/context/recipe_files.h"

namespace crossmill::coordinator {

absl::Status TakeContext(const ContextFiles& files, BlobStore& blobs, Clock& clock,
                         const std::stop_token& stop, v1::Recipe* recipe, std::vector<std::string>* notes) {
  char resolved[PATH_MAX];
  if (realpath(files.folder.c_str(), resolved) == nullptr) return ErrnoStatus(errno, "the context's folder");
  const std::string folder = resolved;
  const context::ReadPath read = [&folder](const std::string& path) {
    return context::ReadInside(folder, path.substr(folder.size() + 1));
  };
  context::RecipePaths paths = context::FindRecipe(
      files.file.empty() ? std::string() : fmt::format("{}/{}", folder, files.file), folder);
  const auto candidates = paths.ignore_files;
  absl::StatusOr<std::string> dockerfile = files.dockerfile.value_or("");
  if (!files.dockerfile) dockerfile = context::ReadDockerfile(&paths, read);
  if (absl::IsNotFound(dockerfile.status())) {
    return absl::NotFoundError(fmt::format("the context has no {}; the field file names the Dockerfile",
                                           Printable(paths.dockerfile_name)));
  }
  RETURN_IF_ERROR(dockerfile.status());
  recipe->set_dockerfile(*std::move(dockerfile));
  recipe->set_dockerfile_name(paths.dockerfile_name);
  context::IgnoreFile ignore;
  if (files.ignore) {
    ASSIGN_OR_RETURN(ignore, context::ReadIgnoreFile(candidates, read));
    recipe->set_ignore_file(ignore.text);
    recipe->set_ignore_file_name(ignore.name);
  }
  context::ScanOptions scan;
  scan.folder = folder;
  scan.ignore = ignore.rules.empty() ? nullptr : &ignore.rules;
  scan.keep_times = files.keep_times;
  scan.stop = stop;
  const auto scanned = context::ScanContext(scan, clock);
  if (!scanned.ok()) return NoLimit(scanned.status());
  notes->insert(notes->end(), scanned->notes.begin(), scanned->notes.end());
  RETURN_IF_ERROR(NoLimit(context::UploadContext(*scanned, folder, blobs, nullptr, stop).status()));
  ToProto(scanned->root, recipe->mutable_context_root());
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
