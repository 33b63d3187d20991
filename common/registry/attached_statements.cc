#include "common/registry/attached_statements.h"

#include <algorithm>
#include <utility>

#include "common/base/blob_store.h"
#include "common/base/status.h"
#include "common/oci/image.h"
#include "common/registry/referrers.h"

namespace crossmill::registry {
namespace {

// What BuildKit writes at an attestation's descriptor in the index.
constexpr char kReferenceType[] = "vnd.docker.reference.type";
constexpr char kReferenceDigest[] = "vnd.docker.reference.digest";
// At a file: what its statement is, so that it need not be read for that.
constexpr char kPredicateType[] = "in-toto.io/predicate-type";
constexpr std::string_view kAttestationManifest = "attestation-manifest";
constexpr std::string_view kStatementType = "application/vnd.in-toto+json";
constexpr std::string_view kEnvelopeType = "application/vnd.dsse.envelope.v1+json";
// The index and its platforms, each of which may have a list of its own.
constexpr size_t kMostSubjects = 32;
constexpr size_t kMostManifests = 4 * kMostStatements;

class Reading {
 public:
  Reading(RegistryClient& registry, const oci::Reference& reference, const StatementQuery& query)
      : registry_(registry), reference_(reference), predicate_(query.predicate), stop_(query.stop) {}

  absl::StatusOr<AttachedStatements> Run() {
    ASSIGN_OR_RETURN(const RegistryManifest root, registry_.GetManifest(reference_, stop_));
    found_.root = root.digest;
    std::vector<Digest> subjects = {root.digest};
    if (oci::IsIndexType(root.media_type)) {
      ASSIGN_OR_RETURN(const oci::ImageIndex index, oci::ParseImageIndex(root.bytes));
      for (const oci::Descriptor& each : index.manifests) {
        if (oci::IsImageDescriptor(each)) {
          subjects.push_back(each.digest);
        } else {
          TakeFromIndex(each);
        }
      }
    }
    if (subjects.size() > kMostSubjects) {
      found_.left_out.push_back(
          fmt::format("what lies beside {} of its platforms", subjects.size() - kMostSubjects));
      subjects.resize(kMostSubjects);
    }
    for (const Digest& subject : subjects) TakeReferrers(subject);
    if (stop_.stop_requested()) return absl::CancelledError("stopped");
    return std::move(found_);
  }

 private:
  void TakeFromIndex(const oci::Descriptor& descriptor) {
    const auto type = descriptor.annotations.find(kReferenceType);
    const auto subject = descriptor.annotations.find(kReferenceDigest);
    if (type == descriptor.annotations.end() || type->second != kAttestationManifest) return;
    if (subject == descriptor.annotations.end()) return;
    TakeManifest(descriptor.digest, subject->second, true);
  }

  // A registry that keeps no list of referrers may have one under the tag that other clients write.
  absl::StatusOr<std::string> ReferrersOf(const Digest& subject) {
    auto listed = registry_.GetReferrers(reference_, subject, stop_);
    if (listed.ok()) return listed;
    oci::Reference tagged = reference_;
    tagged.digest.clear();
    tagged.tag = ReferrersTag(subject);
    auto manifest = registry_.GetOwnManifest(tagged, stop_);
    // Registries without such lists say so in one of these ways; anything else is no answer.
    const bool keeps_none = absl::IsNotFound(listed.status()) || absl::IsInvalidArgument(listed.status());
    if (absl::IsNotFound(manifest.status())) return keeps_none ? std::string() : listed;
    if (!manifest.ok()) return manifest.status();
    return std::move(manifest->bytes);
  }

  void TakeReferrers(const Digest& subject) {
    const auto document = ReferrersOf(subject);
    if (!document.ok()) return LeaveOut(fmt::format("what lies beside {}", subject.Oci()), document.status());
    if (document->empty()) return;
    const auto index = oci::ParseImageIndex(*document);
    if (!index.ok()) return LeaveOut(fmt::format("what lies beside {}", subject.Oci()), index.status());
    for (const oci::Descriptor& each : index->manifests) {
      if (MayBeWanted(each)) TakeManifest(each.digest, subject.Oci(), false);
    }
  }

  void TakeManifest(const Digest& digest, const std::string& subject, bool in_index) {
    if (stop_.stop_requested()) return;
    if (found_.statements.size() >= kMostStatements || ++manifests_ > kMostManifests) {
      if (!full_) {
        LeaveOut("what comes after",
                 absl::ResourceExhaustedError(fmt::format("there are over {} statements", kMostStatements)));
      }
      full_ = true;
      return;
    }
    oci::Reference exact = reference_;
    exact.tag.clear();
    exact.digest = digest.Oci();
    const auto manifest = registry_.GetManifest(exact, stop_);
    if (!manifest.ok()) return LeaveOut(digest.Oci(), manifest.status());
    const auto parsed = oci::ParseImageManifest(manifest->bytes);
    if (!parsed.ok()) return LeaveOut(digest.Oci(), parsed.status());
    for (const oci::Descriptor& file : parsed->layers) {
      if ((file.media_type != kStatementType && file.media_type != kEnvelopeType) || !MayBeWanted(file))
        continue;
      if (found_.statements.size() >= kMostStatements) {
        full_ = true;
        return LeaveOut(digest.Oci(),
                        absl::ResourceExhaustedError(fmt::format("over {} statements", kMostStatements)));
      }
      auto document = GetFile(file);
      if (!document.ok()) {
        LeaveOut(file.digest.Oci(), document.status());
        continue;
      }
      found_.statements.push_back({subject, file.media_type, *std::move(document), in_index});
    }
  }

  // What does not say what it is has to be read.
  bool MayBeWanted(const oci::Descriptor& descriptor) const {
    const auto told = descriptor.annotations.find(kPredicateType);
    return told == descriptor.annotations.end() || told->second.starts_with(predicate_);
  }

  absl::StatusOr<std::string> GetFile(const oci::Descriptor& file) {
    if (file.digest.size > kMostStatementBytes) {
      return absl::ResourceExhaustedError(fmt::format("it has over {} bytes", kMostStatementBytes));
    }
    const std::unique_ptr<BlobStore> memory = MakeMemoryBlobStore();
    ASSIGN_OR_RETURN(const auto writer, memory->Create(file.digest));
    TransferHooks hooks;
    hooks.stop = stop_;
    RETURN_IF_ERROR(registry_.GetBlob(reference_, file.digest, *writer, hooks));
    RETURN_IF_ERROR(writer->Commit().status());
    return memory->Get(file.digest);
  }

  void LeaveOut(std::string_view what, const absl::Status& why) {
    found_.left_out.push_back(fmt::format("{}: {}", what, Sv(why.message())));
  }

  RegistryClient& registry_;
  const oci::Reference reference_;
  const std::string predicate_;
  const std::stop_token stop_;
  AttachedStatements found_;
  // Asked for, whether they held a statement or not.
  size_t manifests_ = 0;
  bool full_ = false;
};

}  // namespace

absl::StatusOr<AttachedStatements> ReadAttachedStatements(RegistryClient& registry,
                                                          const oci::Reference& reference,
                                                          const StatementQuery& query) {
  return Reading(registry, reference, query).Run();
}

}  // namespace crossmill::registry
