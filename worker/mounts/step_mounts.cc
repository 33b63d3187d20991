#include "worker/mounts/step_mounts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "common/base/log.h"
#include "common/base/status.h"
#include "worker/tree/copy_sources.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

// A name for the content of a mount: its bytes and what they become count, nothing else.
std::string NameOf(const v1::CopySource& source) {
  switch (source.source_case()) {
    case v1::CopySource::kContext: {
      std::string names;
      for (const v1::ContextMatch& match : source.context().matches()) names += match.directory().hash();
      return names;
    }
    case v1::CopySource::kExport:
      return ToString(FromProto(source.export_().blob()));
    default:
      return "";
  }
}

// "/a//b/" to "/a/b".
std::string CleanTarget(const std::string& target) {
  std::string clean = std::filesystem::path("/" + target).lexically_normal();
  clean.erase(0, clean.find_first_not_of('/') == std::string::npos ? 0 : clean.find_first_not_of('/') - 1);
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  return clean;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MountStore>> MountStore::Create(const std::string& folder) {
  std::unique_ptr<MountStore> store(new MountStore());
  store->work_ = folder + "/work";
  DetachMounts(store->work_);
  RETURN_IF_ERROR(RemoveTree(store->work_));
  RETURN_IF_ERROR(MakeFolders(store->work_, 0700));
  ASSIGN_OR_RETURN(store->caches_, CacheFolders::Create(folder + "/caches"));
  return store;
}

absl::StatusOr<std::unique_ptr<StepMounts>> StepMounts::Prepare(const StepMountsContext& context,
                                                                const v1::Step& step) {
  std::unique_ptr<StepMounts> mounts(new StepMounts(context, step));
  RETURN_IF_ERROR(mounts->PrepareAll());
  return mounts;
}

StepMounts::~StepMounts() {
  relays_.clear();
  caches_.clear();
  while (!tmpfs_.empty()) {
    const absl::Status status = tmpfs_.back().Unmount();
    if (!status.ok()) LogWarning("{}", Sv(status.message()));
    tmpfs_.pop_back();
  }
}

absl::Status StepMounts::PrepareAll() {
  ASSIGN_OR_RETURN(TemporaryFolder folder, TemporaryFolder::Create(context_.store.work()));
  folder_ = std::make_unique<TemporaryFolder>(std::move(folder));
  RETURN_IF_ERROR(TakeCaches());
  for (const v1::RunMount& mount : step_.run().mounts()) {
    switch (mount.type()) {
      case v1::RunMount::TYPE_BIND:
        RETURN_IF_ERROR(AddBind(mount));
        break;
      case v1::RunMount::TYPE_CACHE:
        RETURN_IF_ERROR(AddCache(mount));
        break;
      case v1::RunMount::TYPE_TMPFS:
        RETURN_IF_ERROR(AddTmpfs(mount));
        break;
      case v1::RunMount::TYPE_SECRET:
        RETURN_IF_ERROR(AddSecret(mount));
        break;
      case v1::RunMount::TYPE_SSH:
        RETURN_IF_ERROR(AddSsh(mount));
        break;
      default:
        return absl::InternalError(fmt::format("mount of an unknown type at {}", mount.target()));
    }
  }
  for (StepMount& mount : mounts_) mount.target = CleanTarget(mount.target);
  // As BuildKit: by target, so that parents come before what is below them; of equal ones the last counts.
  std::reverse(mounts_.begin(), mounts_.end());
  std::stable_sort(mounts_.begin(), mounts_.end(),
                   [](const StepMount& a, const StepMount& b) { return a.target < b.target; });
  const auto same = [](const StepMount& a, const StepMount& b) { return a.target == b.target; };
  mounts_.erase(std::unique(mounts_.begin(), mounts_.end(), same), mounts_.end());
  return absl::OkStatus();
}

absl::StatusOr<std::string> StepMounts::NewFolder() {
  std::string path = folder_->Path(fmt::format("{}", next_++));
  if (mkdir(path.c_str(), 0755) != 0) return ErrnoStatus(errno, path);
  return path;
}

absl::StatusOr<std::string> StepMounts::MemoryFolder() {
  if (!memory_.empty()) return memory_;
  ASSIGN_OR_RETURN(const std::string folder, NewFolder());
  ASSIGN_OR_RETURN(Mount mount, MountTmpfs(folder, 0700, 0));
  tmpfs_.push_back(std::move(mount));
  return memory_ = folder;
}

absl::Status StepMounts::SetOwner(const std::string& path, const v1::RunMount& mount,
                                  uint32_t default_mode) const {
  ASSIGN_OR_RETURN(const IdMap ids, IdMap::OfThisProcess());
  RETURN_IF_ERROR(ids.Check(mount.uid(), mount.gid(), mount.target()));
  if (chown(path.c_str(), mount.uid(), mount.gid()) != 0 ||
      chmod(path.c_str(), mount.mode() == 0 ? default_mode : mount.mode() & 07777) != 0) {
    return ErrnoStatus(errno, path);
  }
  return absl::OkStatus();
}

absl::Status StepMounts::AddBind(const v1::RunMount& mount) {
  StepMount& bind = mounts_.emplace_back();
  bind.target = mount.target();
  bind.read_only = mount.read_only();
  bind.folder = true;
  ASSIGN_OR_RETURN(bind.source, NewFolder());
  if (!mount.has_source()) return absl::OkStatus();
  ASSIGN_OR_RETURN(bind.source, PlaceMountSource(mount.source(), bind.source, step_.clamp_time(),
                                                 step_.keep_times(), context_.blobs));
  struct stat state {};
  if (lstat(bind.source.c_str(), &state) != 0) return ErrnoStatus(errno, bind.source);
  if (!S_ISDIR(state.st_mode) && !S_ISREG(state.st_mode)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: only a file or a folder can be mounted", mount.source().text()));
  }
  bind.folder = S_ISDIR(state.st_mode);
  return absl::OkStatus();
}

CacheRequest StepMounts::RequestOf(const v1::RunMount& mount) const {
  CacheRequest request;
  request.id = mount.id().empty() ? mount.target() : mount.id();
  request.sharing = mount.sharing();
  request.mode = mount.mode() == 0 ? 0755 : mount.mode() & 07777;
  request.uid = mount.uid();
  request.gid = mount.gid();
  request.fresh = context_.fresh_caches;
  if (!mount.has_source()) return request;
  request.content = NameOf(mount.source());
  request.fill = [this, &mount](const std::string& path) -> absl::Status {
    // Beside the cache, so that it can be moved there.
    const std::string folder = path + ".source";
    RETURN_IF_ERROR(RemoveTree(folder));
    RETURN_IF_ERROR(MakeFolders(folder, 0700));
    ASSIGN_OR_RETURN(const std::string placed, PlaceMountSource(mount.source(), folder, step_.clamp_time(),
                                                                step_.keep_times(), context_.blobs));
    struct stat state {};
    if (lstat(placed.c_str(), &state) != 0) return ErrnoStatus(errno, placed);
    if (!S_ISDIR(state.st_mode)) {
      return absl::InvalidArgumentError(fmt::format("{}: not a folder", mount.source().text()));
    }
    if (rename(placed.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, path);
    return RemoveTree(folder);
  };
  return request;
}

absl::Status StepMounts::TakeCaches() {
  std::map<std::string, CacheRequest> wanted;
  for (const v1::RunMount& mount : step_.run().mounts()) {
    if (mount.type() != v1::RunMount::TYPE_CACHE) continue;
    CacheRequest request = RequestOf(mount);
    wanted.try_emplace(CacheFolders::KeyOf(request), std::move(request));
  }
  ASSIGN_OR_RETURN(const IdMap ids, IdMap::OfThisProcess());
  for (const auto& [key, request] : wanted) {
    RETURN_IF_ERROR(ids.Check(request.uid, request.gid, request.id));
    ASSIGN_OR_RETURN(
        caches_[key], context_.store.caches().Acquire(request, context_.stop, [&, id = request.id] {
          context_.tell(fmt::format("waiting for the cache '{}', which another step has locked", id));
        }));
  }
  return absl::OkStatus();
}

absl::Status StepMounts::AddCache(const v1::RunMount& mount) {
  StepMount& cache = mounts_.emplace_back();
  cache.target = mount.target();
  cache.read_only = mount.read_only();
  cache.folder = true;
  cache.source = caches_[CacheFolders::KeyOf(RequestOf(mount))]->path();
  if (mount.cache_path().empty()) return absl::OkStatus();
  // Steps fill the cache, so a link in it may lead anywhere: nowhere but inside here.
  ASSIGN_OR_RETURN(const UniqueFd root, OpenRoot(cache.source));
  ASSIGN_OR_RETURN(const std::string path, ResolveInRoot(root.get(), mount.cache_path()));
  struct stat state {};
  if (fstatat(root.get(), path.empty() ? "." : path.c_str(), &state, AT_SYMLINK_NOFOLLOW) != 0) {
    return absl::NotFoundError(
        fmt::format("{}: the cache '{}' has no {}", mount.target(), mount.id(), mount.cache_path()));
  }
  if (!S_ISDIR(state.st_mode) && !S_ISREG(state.st_mode)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: only a file or a folder can be mounted", mount.cache_path()));
  }
  cache.folder = S_ISDIR(state.st_mode);
  cache.source += "/" + path;
  return absl::OkStatus();
}

absl::Status StepMounts::AddTmpfs(const v1::RunMount& mount) {
  StepMount& memory = mounts_.emplace_back();
  memory.target = mount.target();
  memory.read_only = mount.read_only();
  memory.folder = true;
  memory.takes_mode = true;
  ASSIGN_OR_RETURN(memory.source, NewFolder());
  ASSIGN_OR_RETURN(Mount mounted, MountTmpfs(memory.source, 01777, mount.size()));
  tmpfs_.push_back(std::move(mounted));
  return absl::OkStatus();
}

absl::Status StepMounts::AddSecret(const v1::RunMount& mount) {
  const std::string* value =
      context_.task.secrets == nullptr ? nullptr : context_.task.secrets->Find(mount.id());
  if (value == nullptr) {
    if (!mount.required()) {
      if (!mount.env().empty()) secret_env_.emplace_back(mount.env(), WipedBytes());
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(fmt::format(
        "secret '{0}' is required and was not given: --secret id={0},src=FILE or env=NAME", mount.id()));
  }
  if (std::find(secrets_.begin(), secrets_.end(), mount.id()) == secrets_.end()) {
    secrets_.push_back(mount.id());
  }
  if (!mount.env().empty()) {
    if (std::find(value->begin(), value->end(), '\0') != value->end()) {
      return absl::InvalidArgumentError(
          fmt::format("secret '{}' has a zero byte and cannot be the variable {}", mount.id(), mount.env()));
    }
    secret_env_.emplace_back(mount.env(), ToWiped(*value));
  }
  if (mount.target().empty()) return absl::OkStatus();
  StepMount& secret = mounts_.emplace_back();
  secret.target = mount.target();
  secret.read_only = true;
  secret.no_programs = true;
  ASSIGN_OR_RETURN(const std::string memory, MemoryFolder());
  secret.source = fmt::format("{}/{}", memory, next_++);
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(secret.source, O_WRONLY | O_CREAT | O_EXCL, 0600));
  RETURN_IF_ERROR(WriteAll(file.get(), *value));
  return SetOwner(secret.source, mount, 0400);
}

absl::Status StepMounts::AddSsh(const v1::RunMount& mount) {
  if (ssh_socket_.empty()) ssh_socket_ = mount.target();
  const std::string id = mount.id().empty() ? "default" : mount.id();
  bool given = false;
  if (context_.ssh != nullptr) {
    auto has = context_.ssh->Has(context_.task.lease, id);
    if (!has.ok()) return Annotate(has.status(), fmt::format("ssh agent '{}'", id));
    given = *has;
  }
  if (!given) {
    if (!mount.required()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("ssh agent '{0}' is required and was not given: --ssh {0}", id));
  }
  StepMount& socket = mounts_.emplace_back();
  socket.target = mount.target();
  ASSIGN_OR_RETURN(const std::string memory, MemoryFolder());
  socket.source = fmt::format("{}/{}", memory, next_++);
  ASSIGN_OR_RETURN(std::unique_ptr<SshRelay> relay,
                   SshRelay::Create(socket.source, context_.task.lease, id, *context_.ssh,
                                    [tell = context_.tell, id](const std::string& problem) {
                                      tell(fmt::format("ssh agent '{}': {}", id, problem));
                                    }));
  relays_.push_back(std::move(relay));
  return SetOwner(socket.source, mount, 0600);
}

void StepMounts::SetEnvironment(std::vector<std::string>* env) const {
  const auto sets = [](const std::string& name) {
    return [prefix = name + "="](const std::string& entry) { return entry.starts_with(prefix); };
  };
  // The recipe's own stays; else as BuildKit, also where the agent was not given.
  if (!ssh_socket_.empty() && std::none_of(env->begin(), env->end(), sets("SSH_AUTH_SOCK"))) {
    env->push_back("SSH_AUTH_SOCK=" + ssh_socket_);
  }
  // Made in their place: a string that moves may leave its bytes behind.
  for (const auto& [name, value] : secret_env_) std::erase_if(*env, sets(name));
  env->reserve(env->size() + secret_env_.size());
  for (const auto& [name, value] : secret_env_) {
    std::string& entry = env->emplace_back();
    entry.reserve(name.size() + 1 + value.size());
    entry.append(name).append(1, '=').append(View(value));
  }
}

}  // namespace crossmill::worker
