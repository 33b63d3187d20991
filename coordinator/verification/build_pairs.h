// Two recorded builds beside each other.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/engine/farm_reader.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/comparison.pb.h"

namespace crossmill::coordinator {

// Thread safe. What it is given outlives it.
class BuildPairs {
 public:
  // `committed`: a store of its own, for questions.
  BuildPairs(FarmReader& reader, std::unique_ptr<storage::RecordStore> committed, BlobStore& blobs)
      : reader_(reader), committed_(std::move(committed)), blobs_(blobs) {}

  using OnPlatform = std::function<void(const v1::CompareBuildsResponse& platform)>;
  // Hands over a platform after the other. It takes as long as reading what differs in their layers.
  // NOT_FOUND: the scope sees no such build, or neither has the platform; CANCELLED after a stop.
  absl::Status Compare(const core::Scope& scope, const v1::CompareBuildsRequest& request,
                       const std::stop_token& stop, const OnPlatform& on_platform);

 private:
  struct Side;

  absl::StatusOr<Side> Read(const core::Scope& scope, int64_t build);
  absl::StatusOr<v1::PlatformPair> ComparePlatform(const Side& first, const Side& second,
                                                   const std::string& platform, const std::stop_token& stop);

  FarmReader& reader_;
  const std::unique_ptr<storage::RecordStore> committed_;
  BlobStore& blobs_;
};

}  // namespace crossmill::coordinator
