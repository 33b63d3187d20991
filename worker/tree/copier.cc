#include "worker/tree/copier.h"

#include <memory>
#include <vector>

#include "common/base/status.h"
#include "worker/tree/copy_sources.h"
#include "worker/tree/copy_target.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/root_path.h"
#include "worker/tree/users.h"

namespace crossmill::worker {
namespace {

absl::Status CopySource(const v1::CopySource& source, const v1::Copy& copy, BlobStore& blobs,
                        CopyTarget& target) {
  switch (source.source_case()) {
    case v1::CopySource::kContext:
      // None: a pattern that matches nothing, of which nothing is copied.
      for (const v1::ContextMatch& match : source.context().matches()) {
        RETURN_IF_ERROR(CopyContextMatch(match, {source.extract(), copy.parents()}, blobs, target));
      }
      return absl::OkStatus();
    case v1::CopySource::kExport:
      return CopyExport(source.export_(), blobs, target);
    case v1::CopySource::kInlineFile:
      return CopyInlineFile(source.inline_file(), target);
    case v1::CopySource::kRemoteFile:
    case v1::CopySource::kRemoteGit:
    case v1::CopySource::kContextPattern:
    case v1::CopySource::SOURCE_NOT_SET:
      break;
  }
  return absl::InternalError("the source was not resolved");
}

}  // namespace

absl::Status ExecuteCopy(const v1::Copy& copy, const std::string& root, int64_t clamp_time, bool keep_times,
                         BlobStore& blobs, const std::stop_token& stop, KnownContents* known) {
  ASSIGN_OR_RETURN(const std::unique_ptr<CopyTarget> target,
                   CopyTarget::Create(copy, root, clamp_time, keep_times, stop));
  if (copy.parents()) target->ExpectFolder();
  if (!target->is_folder()) {
    int things = 0;
    for (const v1::CopySource& source : copy.sources()) {
      ASSIGN_OR_RETURN(const int more, CountThings(source, blobs));
      things += more;
    }
    if (things > 1) target->ExpectSeveral();
  }
  for (const v1::CopySource& source : copy.sources()) {
    RETURN_IF_ERROR(Annotate(CopySource(source, copy, blobs, *target), source.text()));
  }
  if (known != nullptr) *known = target->known();
  return target->Finish();
}

absl::Status ExecuteWorkdir(const v1::Workdir& workdir, const std::string& root,
                            std::optional<int64_t> made_time) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenRoot(root));
  ASSIGN_OR_RETURN(const Owner owner, ResolveOwner(root, workdir.user()));
  ASSIGN_OR_RETURN(const IdMap ids, IdMap::OfThisProcess());
  ASSIGN_OR_RETURN(const std::string path, ResolveInRoot(fd.get(), workdir.path()));
  RETURN_IF_ERROR(ids.Check(owner.uid, owner.gid, workdir.path()));
  std::vector<std::string> made;
  RETURN_IF_ERROR(MakeFoldersBelow(fd.get(), path, owner, &made).status());
  if (!made_time || made.empty()) return absl::OkStatus();
  TreeWriter times(fd.get(), {});
  times.SetFolderTime(std::string(FolderOf(made.front())), *made_time);
  for (const std::string& folder : made) times.SetFolderTime(folder, *made_time);
  return times.Finish();
}

}  // namespace crossmill::worker
