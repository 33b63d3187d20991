#include "coordinator/needs/document_walk.h"

#include <utility>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/status.h"
#include "common/oci/image.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = build::bazel::remote::execution::v2;

constexpr int kDeepestIndex = 4;

absl::StatusOr<std::optional<std::string>> ReadOne(const Digest& digest, const DocumentVisitor& visitor) {
  // The empty folder is nowhere.
  if (digest.hash == Sha256Hex("")) return std::optional<std::string>("");
  return visitor.read(digest);
}

// The folders of a tree, one after the other: trees may be deep.
absl::Status WalkTree(const Digest& root, const DocumentVisitor& visitor) {
  std::vector<Digest> folders = {root};
  while (!folders.empty()) {
    const Digest digest = std::move(folders.back());
    folders.pop_back();
    if (!IsSha256Hex(digest.hash)) continue;
    ASSIGN_OR_RETURN(const bool wanted, visitor.document(digest, nullptr));
    if (!wanted) continue;
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes, ReadOne(digest, visitor));
    reapi::Directory folder;
    if (!bytes || !folder.ParseFromString(*bytes)) {
      visitor.broken(digest);
      continue;
    }
    for (const auto& file : folder.files()) {
      if (IsSha256Hex(file.digest().hash())) RETURN_IF_ERROR(visitor.content(FromProto(file.digest())));
    }
    for (const auto& below : folder.directories()) folders.push_back(FromProto(below.digest()));
  }
  return absl::OkStatus();
}

absl::Status WalkImage(const Digest& digest, const std::string* platform, int depth,
                       const DocumentVisitor& visitor) {
  if (!IsSha256Hex(digest.hash)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool wanted, visitor.document(digest, platform));
  if (!wanted) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes, ReadOne(digest, visitor));
  const auto type = oci::DocumentType(bytes.value_or(""));
  if (!type.ok() || depth > kDeepestIndex) {
    visitor.broken(digest);
    return absl::OkStatus();
  }
  if (oci::IsIndexType(*type)) {
    const auto index = oci::ParseImageIndex(*bytes);
    if (!index.ok()) visitor.broken(digest);
    if (!index.ok()) return absl::OkStatus();
    for (const oci::Descriptor& entry : index->manifests) {
      const std::string of = entry.platform ? oci::PlatformText(*entry.platform) : "";
      RETURN_IF_ERROR(WalkImage(entry.digest, &of, depth + 1, visitor));
    }
    return absl::OkStatus();
  }
  const auto manifest = oci::ParseImageManifest(*bytes);
  if (!manifest.ok()) {
    visitor.broken(digest);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(visitor.manifest(digest));
  RETURN_IF_ERROR(visitor.content(manifest->config.digest));
  for (const oci::Descriptor& layer : manifest->layers) RETURN_IF_ERROR(visitor.content(layer.digest));
  return absl::OkStatus();
}

}  // namespace

absl::Status WalkDocuments(const Digest& root, storage::ReferenceForm form, const DocumentVisitor& visitor) {
  switch (form) {
    case storage::ReferenceForm::kTree:
      return WalkTree(root, visitor);
    case storage::ReferenceForm::kImage:
      return WalkImage(root, nullptr, 0, visitor);
    case storage::ReferenceForm::kBytes:
      return visitor.content(root);
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
