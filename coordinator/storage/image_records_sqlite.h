// ImageRecords (coordinator/images) in the coordinator's database.
#pragma once

#include "coordinator/images/image_records.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

// Thread safe. Shares the connection of a RecordStore, which outlives it, so a Put inside
// RecordStore::Transact is part of that transaction. Digests of other forms than "sha256:HEX" are
// INVALID_ARGUMENT.
class SqliteImageRecords final : public coordinator::ImageRecords {
 public:
  explicit SqliteImageRecords(Connection& connection) : connection_(connection) {}

  absl::Status PutImage(const coordinator::ImageRecord& image) override;
  absl::StatusOr<std::optional<coordinator::ImageRecord>> FindImage(
      std::string_view name, std::string_view project = core::kDefaultProject) override;
  absl::StatusOr<std::vector<coordinator::ImageRecord>> FindImagesByRoot(std::string_view root) override;
  absl::StatusOr<std::vector<coordinator::ImageRecord>> FindImagesByName(std::string_view name) override;
  absl::StatusOr<int64_t> ImageBytes(std::string_view project) override;
  absl::Status RemoveImages(absl::Span<const coordinator::ImageName> names) override;
  absl::StatusOr<std::vector<coordinator::ImageRecord>> ListImages() override;
  absl::StatusOr<std::vector<coordinator::ImageRecord>> ListNamedImages(const core::Scope& scope,
                                                                        std::string_view behind,
                                                                        int limit) override;
  absl::Status PutManifest(const coordinator::ManifestRecord& manifest) override;
  absl::StatusOr<std::optional<coordinator::ManifestRecord>> FindManifest(std::string_view digest) override;
  absl::Status PutCompressedLayer(const coordinator::CompressedLayerRecord& layer) override;
  absl::StatusOr<std::optional<Digest>> FindCompressedLayer(const Digest& tar,
                                                            std::string_view compressor) override;

 private:
  // What `sql` selects.
  template <typename... Values>
  absl::StatusOr<std::vector<coordinator::ImageRecord>> Select(const Sql& sql, const Values&... values);
  absl::Status ReadPlatforms(coordinator::ImageRecord* image);

  Connection& connection_;
};

}  // namespace crossmill::storage
