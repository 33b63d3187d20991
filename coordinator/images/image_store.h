// The farm's images by name: imported, pulled or built; and base images pinned for builds.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/keyed_lock.h"
#include "common/oci/image.h"
#include "common/oci/reference.h"
#include "common/registry/image_pull.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/images/expected_names.h"
#include "coordinator/images/image_records.h"
#include "coordinator/images/image_source.h"
#include "coordinator/images/name_owner.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Names and digests mean what they mean to the caller's project (FindVisible): what another project has is
// answered as what there is not.
//
// Thread safe. Does I/O: blobs, records and, in Pull and Pin, the network.
class ImageStore {
 public:
  // `is_own`: repositories ("registry.example/team/app") of the farm's own people, whose names their builds
  // may take although a registry gave them. May be empty: none is.
  ImageStore(BlobStore& blobs, ImageRecords& records, ImageSource& source, Clock& clock,
             std::function<bool(const std::string&)> is_own = nullptr)
      : blobs_(blobs), records_(records), source_(source), clock_(clock), is_own_(std::move(is_own)) {}

  // The most bytes of images that a project keeps; 0: no limit. Before the first call.
  void LimitBy(std::function<int64_t(const std::string& project)> most_bytes) {
    most_bytes_ = std::move(most_bytes);
  }
  // RESOURCE_EXHAUSTED, with what to do, if the project keeps as many bytes as it may: it gets no image more.
  absl::Status CheckRoom(const std::string& project);

  // Names an index or manifest that is in the blob store. Every blob below it must be there; each platform's
  // layers are uncompressed, checked against their diffIDs and read for their newest time.
  // FAILED_PRECONDITION names a missing blob; INVALID_ARGUMENT says what is wrong with name or image;
  // PERMISSION_DENIED: the name is another's.
  absl::StatusOr<ImageRecord> Import(std::string_view name, const Digest& root, bool stand_in,
                                     const core::Author& author = {});
  // Names an image that the build made, in the form that its client asked for: always by its digest, and by
  // each of `names`. All of its blobs are in the store. INVALID_ARGUMENT for a malformed name,
  // PERMISSION_DENIED for another's, before any name is written; RESOURCE_EXHAUSTED as CheckRoom.
  absl::Status NameBuilt(absl::Span<const std::string> names, const Digest& root, int64_t build,
                         const core::Author& author);
  // Of a build, before it begins: PERMISSION_DENIED for a name that is another's. Malformed names are left to
  // others.
  absl::Status CheckMayName(absl::Span<const std::string> names, const core::Author& author);

  // Fetches from the registry, also when the store has the name (which then points to what was fetched). What
  // was fetched with the client's credentials is its project's, else it is everybody's; but where `default`
  // has an image of that name for itself, it is the project's of whoever asked. Layers are checked against
  // their diffIDs when a build first uses them. NOT_FOUND for an unknown image or a platform that it lacks;
  // CANCELLED when told to stop (options.stop; as Pin). PERMISSION_DENIED: the name is another's.
  absl::StatusOr<ImageRecord> Pull(std::string_view reference, const registry::PullOptions& options,
                                   const ClientCredentials& credentials = {},
                                   const core::Author& author = {});

  // Sends the image (by name or "sha256:...") to a registry; empty `reference`: to its own name. Returns what
  // the reference names now. Layers that another image of the store has from the same registry are mounted
  // there. `options.mount_from` is set here. INVALID_ARGUMENT for a bad reference; NOT_FOUND for an unknown
  // image.
  absl::StatusOr<Digest> Push(std::string_view name, std::string_view reference,
                              registry::PushOptions options, const ClientCredentials& credentials = {},
                              const core::Scope& scope = core::Scope::OfFarm());

  // Of an image in a registry, whether the store has it or not. INVALID_ARGUMENT for a bad reference.
  absl::StatusOr<registry::AttachedStatements> ReadStatements(std::string_view reference,
                                                              registry::StatementQuery query,
                                                              const ClientCredentials& credentials = {});

  // Puts documents beside an image that was pushed: to where Push sends it (the same `name` and `reference`).
  // They are made for those of the manifests and indexes that there are below `pushed`, which Push returned;
  // the image and its digests stay as they are. Returns the digests of the documents' manifests.
  using MakeArtifacts = std::function<std::vector<registry::Artifact>(const std::vector<oci::Descriptor>&)>;
  absl::StatusOr<std::vector<Digest>> PushArtifacts(std::string_view name, std::string_view reference,
                                                    const Digest& pushed, const MakeArtifacts& make,
                                                    const std::stop_token& stop,
                                                    const ClientCredentials& credentials = {});

  // Takes the names (or all names of a "sha256:...") away; all or nothing. Blobs stay. NOT_FOUND names the
  // one; PERMISSION_DENIED: it is another's.
  absl::StatusOr<std::vector<ImageRecord>> Remove(absl::Span<const std::string> names,
                                                  const core::Author& author = {});

  // The platform's image, from the store if it has the name, else from the registry. NOT_FOUND for an unknown
  // image (with the registry's words and what to do) and for a platform that the image lacks (with those it
  // has); INVALID_ARGUMENT for a malformed reference.
  // With `refresh` a registry is asked again what a tag means (docker build --pull), except for images that
  // no registry gave: imported and built ones.
  // `stop` ends it with CANCELLED at once; the pull goes on as long as somebody else waits for the image.
  absl::StatusOr<v1::PinnedImage> Pin(std::string_view reference, const v1::Platform& platform,
                                      bool refresh = false, std::stop_token stop = {},
                                      const std::string& project = std::string(core::kDefaultProject));

  // The platform's image below an index or manifest whose blobs are in the store (the client's
  // oci-layout://); `name` is how messages and the record call it. Errors as Pin; FAILED_PRECONDITION names a
  // missing blob.
  absl::StatusOr<v1::PinnedImage> PinRoot(const Digest& root, const v1::Platform& platform,
                                          std::string_view name);

  // The image of a build will have these names: whoever asks for one, or lists all, waits until ExpectNoMore.
  // Tags that are no names are left out.
  void Expect(int64_t build, absl::Span<const std::string> tags,
              const std::string& project = std::string(core::kDefaultProject));
  void ExpectNoMore(int64_t build) { expected_.End(build); }

  // At most `limit` behind that place (PlaceOf), in its order; without those that have no name.
  absl::StatusOr<std::vector<ImageRecord>> List(const core::Scope& scope = core::Scope::OfFarm(),
                                                std::string_view behind = "",
                                                int limit = std::numeric_limits<int>::max());

  // By name or by "sha256:..." of an index or of one platform's manifest. NOT_FOUND names it.
  absl::StatusOr<ImageRecord> Get(std::string_view name, const core::Scope& scope = core::Scope::OfFarm());

  // The pinned images at or below the image's root: of platforms whose layers have been unpacked.
  absl::StatusOr<std::vector<v1::PinnedImage>> Unpacked(const ImageRecord& image);

  // How many wait for a pull of the image that is under way. INVALID_ARGUMENT counts as none.
  int WaitingFor(std::string_view reference);

  // Ends pulls and pushes, those that run and all that come later, with CANCELLED.
  void Stop() { stop_.request_stop(); }

 private:
  // With `pin` every platform's layers are unpacked and checked at once.
  // `record` has name, project, owner, origin and the like; what the blobs say is filled in.
  absl::StatusOr<ImageRecord> Register(ImageRecord record, const Digest& root, bool pin);
  // What a removal by `name` means.
  absl::StatusOr<std::vector<ImageRecord>> Chosen(const std::string& name, const core::Scope& scope);
  // What has the name; PERMISSION_DENIED: the author may not have a registry's image take its place.
  absl::StatusOr<std::optional<ImageRecord>> FindForPull(const std::string& name, const core::Author& author);
  // The pinned image of the manifest at or below `root`, from the record or made and recorded now.
  absl::StatusOr<v1::PinnedImage> PinManifest(const Digest& root, const Digest& manifest,
                                              const v1::Platform& platform);
  // Nothing if the store does not have the image or, of a registry's image, this platform's blobs.
  absl::StatusOr<std::optional<v1::PinnedImage>> PinStored(const oci::Reference& reference,
                                                           const v1::Platform& platform,
                                                           const core::Scope& scope);
  // By blob hash: a repository of the target's registry that the farm pulled the blob from.
  absl::StatusOr<std::map<std::string, std::string>> MountsFor(const oci::Reference& target,
                                                               const core::Scope& scope);
  // Until no build is about to set the name.
  absl::Status AwaitName(const oci::Reference& reference, const core::Scope& scope,
                         const std::stop_token& stop);
  absl::StatusOr<std::optional<ImageRecord>> FindStored(const oci::Reference& reference,
                                                        const core::Scope& scope);
  absl::StatusOr<std::optional<ImageRecord>> FindRoot(std::string_view digest, const core::Scope& scope);
  absl::StatusOr<std::optional<ImageRecord>> FindManifestImage(std::string_view digest,
                                                               const core::Scope& scope);
  // Whether the platform's manifest is at or below an image that the scope sees.
  absl::StatusOr<bool> SeesManifest(const core::Scope& scope, std::string_view digest);
  absl::StatusOr<std::optional<v1::PinnedImage>> FindPinned(std::string_view manifest_digest);

  BlobStore& blobs_;
  ImageRecords& records_;
  ImageSource& source_;
  Clock& clock_;
  const std::function<bool(const std::string&)> is_own_;
  std::function<int64_t(const std::string&)> most_bytes_;
  std::stop_source stop_;
  ExpectedNames expected_;
  // By name: one pull at a time.
  KeyedLock pulls_;
  // By manifest: layers are uncompressed once.
  KeyedLock pins_;
};

// What people write for a normalised name: "python:3.11" for docker.io/library/python:3.11.
std::string FamiliarName(std::string_view normalised);

}  // namespace crossmill::coordinator
