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
  absl::StatusOr<std::optional<coordinator::ImageRecord>> FindImage(std::string_view name) override;
  absl::StatusOr<std::optional<coordinator::ImageRecord>> FindImageByRoot(std::string_view root) override;
  absl::Status RemoveImages(absl::Span<const std::string> names) override;
  absl::StatusOr<std::vector<coordinator::ImageRecord>> ListImages() override;
  absl::StatusOr<std::vector<coordinator::ImageRecord>> ListNamedImages(std::string_view behind,
                                                                        int limit) override;
  absl::Status PutManifest(const coordinator::ManifestRecord& manifest) override;
  absl::StatusOr<std::optional<coordinator::ManifestRecord>> FindManifest(std::string_view digest) override;
  absl::Status PutCompressedLayer(const coordinator::CompressedLayerRecord& layer) override;
  absl::StatusOr<std::optional<Digest>> FindCompressedLayer(const Digest& tar,
                                                            std::string_view compressor) override;

 private:
  // The first row of `sql`, which selects images by `value`.
  absl::StatusOr<std::optional<coordinator::ImageRecord>> FindOne(const Sql& sql, std::string_view value);
  absl::Status ReadPlatforms(coordinator::ImageRecord* image);

  Connection& connection_;
};

}  // namespace crossmill::storage
