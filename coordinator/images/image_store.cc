#include "coordinator/images/image_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/room/disk_space.h"
#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/oci/base_layers.h"
#include "common/oci/image.h"
#include "common/oci/image_walk.h"

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kSha256 = "sha256:";
constexpr std::string_view kRegistryOrigin = "registry";

// A name for the store: it points to whatever is put there, so a digest in it makes no sense.
absl::StatusOr<std::string> StoreName(std::string_view name) {
  ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(name));
  if (!reference.digest.empty()) {
    return absl::InvalidArgumentError(fmt::format("{}: a name for an image has a tag, not a digest", name));
  }
  return reference.ToString();
}

// OK if the one platform may be used for the other (variants may be left out).
absl::Status CheckPlatform(const v1::Platform& have, const v1::Platform& wanted) {
  oci::ImageIndex index;
  index.manifests.emplace_back();
  index.manifests.back().platform = have;
  return oci::SelectPlatform(index, wanted).status();
}

// The manifest for the platform: from the index, or `root` if that is a manifest itself.
absl::StatusOr<Digest> ManifestFor(BlobStore& blobs, const Digest& root, const v1::Platform& platform) {
  ASSIGN_OR_RETURN(const std::string document, blobs.Get(root));
  ASSIGN_OR_RETURN(const std::string type, oci::DocumentType(document));
  if (!oci::IsIndexType(type)) return root;
  ASSIGN_OR_RETURN(const oci::ImageIndex index, oci::ParseImageIndex(document));
  ASSIGN_OR_RETURN(const oci::Descriptor descriptor, oci::SelectPlatform(index, platform));
  return descriptor.digest;
}

absl::Status UnknownBase(std::string_view reference, const absl::Status& registry) {
  return absl::Status(
      registry.code(),
      Av(fmt::format("base image {} is not in the farm's image store, and could not be pulled: {}. "
                     "`crossmill image import` puts an image into the store",
                     reference, Sv(registry.message()))));
}

// What the store has under a name, and cannot be read any more, is no fault of the recipe that names it.
absl::Status NotWhole(std::string_view reference, const absl::Status& status) {
  const bool gone = absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
  if (!gone || status.GetPayload(oci::kMissingPlatform).has_value()) {
    return Annotate(status, fmt::format("base image {}", reference));
  }
  return absl::UnavailableError(
      fmt::format("base image {} is no longer whole in the farm's store: {}. `crossmill image import` or "
                  "`crossmill image pull` brings it back",
                  reference, Sv(status.message())));
}

}  // namespace

std::string FamiliarName(std::string_view normalised) {
  for (std::string_view prefix : {"docker.io/library/", "docker.io/"}) {
    if (normalised.starts_with(prefix)) return std::string(normalised.substr(prefix.size()));
  }
  return std::string(normalised);
}

absl::StatusOr<v1::PinnedImage> ImageStore::PinManifest(const Digest& root, const Digest& manifest,
                                                        const v1::Platform& platform) {
  const KeyedLock::Hold hold(pins_, manifest.hash);
  ASSIGN_OR_RETURN(std::optional<v1::PinnedImage> known, FindPinned(manifest.Oci()));
  if (known.has_value()) {
    RETURN_IF_ERROR(CheckPlatform(known->platform(), platform));
    return *std::move(known);
  }
  ASSIGN_OR_RETURN(v1::PinnedImage pinned, oci::PinImage(blobs_, root, platform));
  RETURN_IF_ERROR(records_.PutManifest({manifest, pinned}));
  return pinned;
}

absl::StatusOr<ImageRecord> ImageStore::Register(ImageRecord record, const Digest& root, bool pin) {
  ASSIGN_OR_RETURN(const oci::ImageBlobs image, oci::WalkImage(blobs_, root));
  if (image.platforms.empty()) {
    return absl::InvalidArgumentError(fmt::format("{} has no image for any platform", root.Oci()));
  }
  for (const v1::Platform& platform : image.platforms) {
    if (!pin) break;
    ASSIGN_OR_RETURN(const Digest manifest, ManifestFor(blobs_, root, platform));
    RETURN_IF_ERROR(PinManifest(root, manifest, platform).status());
  }
  record.root = root;
  record.platforms = image.platforms;
  record.size_bytes = image.total_bytes;
  record.created_at = UnixNanos(clock_.Now());
  RETURN_IF_ERROR(records_.PutImage(record));
  return record;
}

absl::Status ImageStore::CheckRoom(const std::string& project) {
  const int64_t most = most_bytes_ ? most_bytes_(project) : 0;
  if (most == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t kept, records_.ImageBytes(project));
  if (kept < most) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "the project {0} keeps images of {1}, and may keep {2}: remove some (crossmill image ls, image rm), or "
      "have an "
      "operator set more (crossmill admin project set {0} image-bytes=SIZE)",
      project, SpaceInWords(static_cast<uint64_t>(kept)), SpaceInWords(static_cast<uint64_t>(most))));
}

absl::Status ImageStore::CheckMayName(absl::Span<const std::string> names, const core::Author& author) {
  for (const std::string& name : names) {
    const auto reference = oci::ParseReference(name);
    if (!reference.ok()) continue;
    ASSIGN_OR_RETURN(const std::optional<ImageRecord> known,
                     FindVisible(records_, core::Scope::OfProject(author.project), reference->ToString()));
    if (known) RETURN_IF_ERROR(coordinator::CheckMayName(author, *known));
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageRecord> ImageStore::Import(std::string_view name, const Digest& root, bool stand_in,
                                               const core::Author& author) {
  ImageRecord record;
  ASSIGN_OR_RETURN(record.name, StoreName(name));
  record.project = author.project;
  RETURN_IF_ERROR(CheckRoom(author.project));
  ASSIGN_OR_RETURN(const std::optional<ImageRecord> visible,
                   FindVisible(records_, core::Scope::OfProject(author.project), record.name));
  if (visible) RETURN_IF_ERROR(coordinator::CheckMayName(author, *visible));
  ASSIGN_OR_RETURN(const std::optional<ImageRecord> known, records_.FindImage(record.name, author.project));
  record.stand_in = stand_in;
  record.origin = "import";
  record.owner = OwnerAfter(author, known);
  // An operator imports for all; what is a project's stays so, and what somebody else imports is its
  // project's.
  record.shared = author.operates && (!known || known->shared);
  auto imported = Register(std::move(record), root, true);
  if (!imported.ok()) return Annotate(imported.status(), fmt::format("importing {}", name));
  return imported;
}

absl::Status ImageStore::NameBuilt(absl::Span<const std::string> names, const Digest& root, int64_t build,
                                   const core::Author& author) {
  std::vector<std::string> wanted;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(wanted.emplace_back(), StoreName(name));
  }
  RETURN_IF_ERROR(CheckMayName(names, author));
  wanted.push_back(root.Oci());
  // Once: the first name of an image must not be in the way of its others.
  bool checked = false;
  for (std::string& name : wanted) {
    ASSIGN_OR_RETURN(const std::optional<ImageRecord> known, records_.FindImage(name, author.project));
    if (known && known->root == root && !known->stand_in) continue;
    if (!checked) RETURN_IF_ERROR(CheckRoom(author.project));
    checked = true;
    ImageRecord record;
    record.name = std::move(name);
    record.origin = fmt::format("build {}", build);
    record.project = author.project;
    record.owner = OwnerAfter(author, known);
    // As a build's names: only an operator gives everybody something else under a name that everybody has.
    record.shared = author.operates && known && known->shared;
    RETURN_IF_ERROR(Register(std::move(record), root, false).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageRecord> ImageStore::Pull(std::string_view text, const registry::PullOptions& options,
                                             const ClientCredentials& credentials,
                                             const core::Author& author) {
  ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(text));
  const std::string name = reference.ToString();
  if (!credentials.empty()) RETURN_IF_ERROR(CheckRoom(author.project));
  RETURN_IF_ERROR(FindForPull(name, author).status());
  const StopOfEither either(options.stop, stop_.get_token());
  ASSIGN_OR_RETURN(const auto hold, KeyedLock::Hold::Wait(pulls_, name, either.token()));
  registry::PullOptions shared = options;
  shared.stop = hold->stop_token();
  ASSIGN_OR_RETURN(const Digest root, source_.Pull(reference, blobs_, shared, credentials));
  // Somebody may have given the name meanwhile. Whose it is stays; what a registry gives for the first time
  // is the farm's.
  ASSIGN_OR_RETURN(std::optional<ImageRecord> known, FindForPull(name, author));
  // What a client's credentials gave takes no place that everybody sees, but in the project that has it.
  if (known && known->project != author.project && !credentials.empty()) known.reset();
  // What everybody has and what `default` alone has are names of one project: one that it has taken means
  // what the registry has in the caller's project only.
  ASSIGN_OR_RETURN(const std::optional<ImageRecord> common, records_.FindImage(name));
  const bool for_all = credentials.empty() && !common;
  ImageRecord record;
  record.name = name;
  record.origin = std::string(kRegistryOrigin);
  record.owner = known ? known->owner : "";
  if (!known && is_own_ && is_own_(fmt::format("{}/{}", reference.registry, reference.repository)))
    record.owner.reset();
  record.project = known ? known->project : for_all ? core::kDefaultProject : author.project;
  record.shared = known ? known->shared : for_all;
  return Register(std::move(record), root, false);
}

// Again what a registry gave is the same to everybody.
absl::StatusOr<std::optional<ImageRecord>> ImageStore::FindForPull(const std::string& name,
                                                                   const core::Author& author) {
  ASSIGN_OR_RETURN(std::optional<ImageRecord> known,
                   FindVisible(records_, core::Scope::OfProject(author.project), name));
  if (known && known->origin != kRegistryOrigin) RETURN_IF_ERROR(coordinator::CheckMayName(author, *known));
  return known;
}

int ImageStore::WaitingFor(std::string_view text) {
  const auto reference = oci::ParseReference(text);
  return reference.ok() ? pulls_.WaitingFor(reference->ToString()) : 0;
}

absl::StatusOr<std::map<std::string, std::string>> ImageStore::MountsFor(const oci::Reference& target,
                                                                         const core::Scope& scope) {
  std::map<std::string, std::string> mounts;
  ASSIGN_OR_RETURN(const std::vector<ImageRecord> images, records_.ListImages());
  for (const ImageRecord& image : images) {
    if (image.origin != kRegistryOrigin || image.name.starts_with(kSha256) || !Sees(scope, image)) continue;
    const auto from = oci::ParseReference(image.name);
    if (!from.ok() || from->registry != target.registry || from->repository == target.repository) continue;
    const auto blobs = oci::WalkImage(blobs_, image.root);
    if (!blobs.ok()) continue;
    for (const oci::Descriptor& blob : blobs->contents) mounts.emplace(blob.digest.hash, from->repository);
  }
  return mounts;
}

absl::StatusOr<Digest> ImageStore::Push(std::string_view name, std::string_view reference,
                                        registry::PushOptions options, const ClientCredentials& credentials,
                                        const core::Scope& scope) {
  ASSIGN_OR_RETURN(const ImageRecord image, Get(name, scope));
  if (reference.empty() && name.starts_with(kSha256)) {
    return absl::InvalidArgumentError(fmt::format("{}: say where to push it: REGISTRY/REPOSITORY:TAG", name));
  }
  ASSIGN_OR_RETURN(const oci::Reference target, oci::ParseReference(reference.empty() ? name : reference));
  ASSIGN_OR_RETURN(auto mounts, MountsFor(target, scope));
  // Only what this image has: the token is asked for each repository.
  ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(blobs_, image.root));
  for (const oci::Descriptor& blob : blobs.contents) {
    if (const auto it = mounts.find(blob.digest.hash); it != mounts.end()) options.mount_from.insert(*it);
  }
  const StopOfEither either(options.stop, stop_.get_token());
  options.stop = either.token();
  return source_.Push(target, blobs_, image.root, options, credentials);
}

absl::StatusOr<std::vector<Digest>> ImageStore::PushArtifacts(std::string_view name,
                                                              std::string_view reference,
                                                              const Digest& pushed, const MakeArtifacts& make,
                                                              const std::stop_token& stop,
                                                              const ClientCredentials& credentials) {
  ASSIGN_OR_RETURN(const oci::Reference target, oci::ParseReference(reference.empty() ? name : reference));
  ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(blobs_, pushed));
  const StopOfEither either(stop, stop_.get_token());
  return source_.PutArtifacts(target, blobs_, make(blobs.documents), either.token(), credentials);
}

absl::StatusOr<registry::AttachedStatements> ImageStore::ReadStatements(
    std::string_view text, registry::StatementQuery query, const ClientCredentials& credentials) {
  ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(text));
  const StopOfEither either(query.stop, stop_.get_token());
  query.stop = either.token();
  return source_.ReadStatements(reference, query, credentials);
}

absl::StatusOr<std::vector<ImageRecord>> ImageStore::Chosen(const std::string& name,
                                                            const core::Scope& scope) {
  std::vector<ImageRecord> chosen;
  if (name.starts_with(kSha256)) {
    ASSIGN_OR_RETURN(chosen, records_.FindImagesByRoot(name));
    std::erase_if(chosen, [&](const ImageRecord& image) { return !Sees(scope, image); });
  } else {
    ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(name));
    ASSIGN_OR_RETURN(std::optional<ImageRecord> found, FindVisible(records_, scope, reference.ToString()));
    if (found) chosen.push_back(*std::move(found));
  }
  if (!chosen.empty()) return chosen;
  return absl::NotFoundError(fmt::format("image {} is not in the farm's image store", name));
}

absl::StatusOr<std::vector<ImageRecord>> ImageStore::Remove(absl::Span<const std::string> names,
                                                            const core::Author& author) {
  const core::Scope scope = core::ScopeOf(author);
  for (const std::string& name : names) {
    if (name.starts_with(kSha256)) continue;
    ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(name));
    RETURN_IF_ERROR(AwaitName(reference, scope, {}));
  }
  std::vector<ImageRecord> removed;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(std::vector<ImageRecord> chosen, Chosen(name, scope));
    for (ImageRecord& image : chosen) {
      const auto same = [&](const ImageRecord& other) {
        return other.name == image.name && other.project == image.project;
      };
      if (std::none_of(removed.begin(), removed.end(), same)) removed.push_back(std::move(image));
    }
  }
  std::vector<ImageName> gone;
  for (const ImageRecord& image : removed) {
    // What is from before owners were recorded only operators could remove.
    if (!image.owner && !author.operates)
      return absl::PermissionDeniedError(fmt::format(
          "{} is from before owners were recorded: removing it needs the role operate", image.name));
    RETURN_IF_ERROR(coordinator::CheckMayName(author, image));
    gone.push_back({image.name, image.project});
  }
  RETURN_IF_ERROR(records_.RemoveImages(gone));
  return removed;
}

absl::StatusOr<std::optional<ImageRecord>> ImageStore::FindRoot(std::string_view digest,
                                                                const core::Scope& scope) {
  ASSIGN_OR_RETURN(std::vector<ImageRecord> images, records_.FindImagesByRoot(digest));
  for (ImageRecord& image : images) {
    if (Sees(scope, image)) return std::move(image);
  }
  return std::optional<ImageRecord>();
}

absl::StatusOr<std::optional<ImageRecord>> ImageStore::FindStored(const oci::Reference& reference,
                                                                  const core::Scope& scope) {
  // A digest decides, whatever name it came under.
  if (!reference.digest.empty()) return FindRoot(reference.digest, scope);
  return FindVisible(records_, scope, reference.ToString());
}

absl::StatusOr<bool> ImageStore::SeesManifest(const core::Scope& scope, std::string_view digest) {
  if (scope.is_farm()) return true;
  ASSIGN_OR_RETURN(const std::vector<ImageRecord> images, records_.ListImages());
  std::set<std::string> seen;
  for (const ImageRecord& image : images) {
    if (!Sees(scope, image) || !seen.insert(image.root.hash).second) continue;
    const auto blobs = oci::WalkImage(blobs_, image.root);
    if (!blobs.ok()) continue;
    for (const oci::Descriptor& document : blobs->documents) {
      if (document.digest.Oci() == digest) return true;
    }
  }
  return false;
}

absl::StatusOr<std::optional<v1::PinnedImage>> ImageStore::FindPinned(std::string_view manifest_digest) {
  ASSIGN_OR_RETURN(std::optional<ManifestRecord> record, records_.FindManifest(manifest_digest));
  if (!record.has_value()) return std::optional<v1::PinnedImage>();
  // A record is worth nothing without its layers (one may have been found damaged and moved aside).
  std::vector<Digest> layers;
  for (const v1::Layer& layer : record->image.layers()) layers.push_back(FromProto(layer.tar()));
  ASSIGN_OR_RETURN(const std::vector<Digest> missing, blobs_.FindMissing(layers));
  if (!missing.empty()) return std::optional<v1::PinnedImage>();
  return std::optional<v1::PinnedImage>(std::move(record->image));
}

absl::StatusOr<std::optional<v1::PinnedImage>> ImageStore::PinStored(const oci::Reference& reference,
                                                                     const v1::Platform& platform,
                                                                     const core::Scope& scope) {
  const std::optional<v1::PinnedImage> nothing;
  ASSIGN_OR_RETURN(const std::optional<ImageRecord> record, FindStored(reference, scope));
  if (!record.has_value()) {
    // A digest may name a platform's manifest itself.
    if (reference.digest.empty()) return nothing;
    ASSIGN_OR_RETURN(std::optional<v1::PinnedImage> pinned, FindPinned(reference.digest));
    if (!pinned.has_value() || oci::PlatformText(pinned->platform()) != oci::PlatformText(platform))
      return nothing;
    ASSIGN_OR_RETURN(const bool sees, SeesManifest(scope, reference.digest));
    if (!sees) return nothing;
    pinned->set_reference(reference.ToString());
    return pinned;
  }
  // What a registry gave is pulled again where it is no longer whole (its blobs go when nothing needs them),
  // or was never: an index may name manifests that were not fetched.
  const auto is_gone = [&](const absl::Status& status) {
    return record->origin == kRegistryOrigin && !status.GetPayload(oci::kMissingPlatform).has_value() &&
           (absl::IsNotFound(status) || absl::IsFailedPrecondition(status));
  };
  const auto manifest = ManifestFor(blobs_, record->root, platform);
  if (is_gone(manifest.status())) return nothing;
  RETURN_IF_ERROR(manifest.status());
  // Also what only the packing of an image on top of it reads.
  const absl::Status whole = oci::WalkImage(blobs_, *manifest).status();
  if (is_gone(whole)) return nothing;
  RETURN_IF_ERROR(whole);
  ASSIGN_OR_RETURN(v1::PinnedImage pinned, PinManifest(record->root, *manifest, platform));
  pinned.set_reference(reference.ToString());
  pinned.set_stand_in(record->stand_in);
  *pinned.mutable_platform() = platform;
  return std::optional<v1::PinnedImage>(std::move(pinned));
}

absl::StatusOr<v1::PinnedImage> ImageStore::Pin(std::string_view text, const v1::Platform& platform,
                                                bool refresh, std::stop_token stop,
                                                const std::string& project) {
  ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(text));
  const core::Scope scope = core::Scope::OfProject(project);
  RETURN_IF_ERROR(AwaitName(reference, scope, stop));
  if (refresh && reference.digest.empty()) {
    ASSIGN_OR_RETURN(const std::optional<ImageRecord> known, FindStored(reference, scope));
    refresh = !known.has_value() || known->origin == kRegistryOrigin;
  } else {
    refresh = false;
  }
  absl::StatusOr<std::optional<v1::PinnedImage>> stored = std::optional<v1::PinnedImage>();
  if (!refresh) stored = PinStored(reference, platform, scope);
  if (!stored.ok()) return NotWhole(text, stored.status());
  if (stored->has_value()) return **std::move(stored);
  registry::PullOptions options;
  options.platforms.push_back(platform);
  options.stop = std::move(stop);
  const auto pulled = Pull(text, options, {}, core::Author{.project = scope.project()});
  if (absl::IsCancelled(pulled.status())) return pulled.status();
  if (!pulled.ok() && pulled.status().GetPayload(oci::kMissingPlatform).has_value()) {
    return Annotate(pulled.status(), fmt::format("base image {}", text));
  }
  if (!pulled.ok()) return UnknownBase(text, pulled.status());
  stored = PinStored(reference, platform, scope);
  if (!stored.ok()) return Annotate(stored.status(), fmt::format("base image {}", text));
  if (!stored->has_value()) {
    return absl::NotFoundError(fmt::format("base image {} has no {}", text, oci::PlatformText(platform)));
  }
  return **std::move(stored);
}

absl::StatusOr<v1::PinnedImage> ImageStore::PinRoot(const Digest& root, const v1::Platform& platform,
                                                    std::string_view name) {
  const auto pin = [&]() -> absl::StatusOr<v1::PinnedImage> {
    if (!blobs_.Has(root)) {
      // The client had sent it: the recipe cannot be blamed.
      return absl::UnavailableError(
          fmt::format("blob {} is no longer in the farm's store; submit the build again", root.Oci()));
    }
    ASSIGN_OR_RETURN(const Digest manifest, ManifestFor(blobs_, root, platform));
    RETURN_IF_ERROR(oci::WalkImage(blobs_, manifest).status());
    return PinManifest(root, manifest, platform);
  };
  absl::StatusOr<v1::PinnedImage> pinned = pin();
  if (!pinned.ok()) return Annotate(pinned.status(), fmt::format("image {} ({})", name, root.Oci()));
  pinned->set_reference(std::string(name));
  *pinned->mutable_platform() = platform;
  return pinned;
}

void ImageStore::Expect(int64_t build, absl::Span<const std::string> tags, const std::string& project) {
  std::vector<std::string> names;
  for (const std::string& tag : tags) {
    const auto reference = oci::ParseReference(tag);
    if (reference.ok()) names.push_back(reference->ToString());
  }
  expected_.Expect(build, std::move(names), project);
}

absl::Status ImageStore::AwaitName(const oci::Reference& reference, const core::Scope& scope,
                                   const std::stop_token& stop) {
  if (!reference.digest.empty()) return absl::OkStatus();
  const StopOfEither either(stop, stop_.get_token());
  return expected_.Await(scope, reference.ToString(), either.token());
}

absl::StatusOr<std::vector<ImageRecord>> ImageStore::List(const core::Scope& scope, std::string_view behind,
                                                          int limit) {
  RETURN_IF_ERROR(expected_.AwaitAll(scope, stop_.get_token()));
  return records_.ListNamedImages(scope, behind, limit);
}

absl::StatusOr<std::optional<ImageRecord>> ImageStore::FindManifestImage(std::string_view digest,
                                                                         const core::Scope& scope) {
  ASSIGN_OR_RETURN(const std::optional<ManifestRecord> manifest, records_.FindManifest(digest));
  if (!manifest.has_value()) return std::optional<ImageRecord>();
  ASSIGN_OR_RETURN(const bool sees, SeesManifest(scope, digest));
  if (!sees) return std::optional<ImageRecord>();
  ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(blobs_, manifest->manifest));
  ImageRecord record;
  record.name = std::string(digest);
  record.root = manifest->manifest;
  record.platforms = {manifest->image.platform()};
  record.size_bytes = blobs.total_bytes;
  return std::optional<ImageRecord>(std::move(record));
}

absl::StatusOr<ImageRecord> ImageStore::Get(std::string_view name, const core::Scope& scope) {
  std::optional<ImageRecord> record;
  if (name.starts_with(kSha256)) {
    ASSIGN_OR_RETURN(record, FindRoot(name, scope));
    if (!record.has_value()) {
      ASSIGN_OR_RETURN(record, FindManifestImage(name, scope));
    }
  } else {
    ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(name));
    RETURN_IF_ERROR(AwaitName(reference, scope, {}));
    ASSIGN_OR_RETURN(record, FindStored(reference, scope));
  }
  if (!record.has_value()) {
    return absl::NotFoundError(fmt::format("image {} is not in the farm's image store", name));
  }
  return *std::move(record);
}

absl::StatusOr<std::vector<v1::PinnedImage>> ImageStore::Unpacked(const ImageRecord& image) {
  std::vector<v1::PinnedImage> unpacked;
  ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(blobs_, image.root));
  for (const oci::Descriptor& document : blobs.documents) {
    ASSIGN_OR_RETURN(std::optional<ManifestRecord> record, records_.FindManifest(document.digest.Oci()));
    if (record.has_value()) unpacked.push_back(std::move(record->image));
  }
  return unpacked;
}

}  // namespace crossmill::coordinator
