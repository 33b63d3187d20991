#include "coordinator/bucket/bucket_behind.h"

#include <stop_token>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/bucket/bucket_keys.h"
#include "coordinator/bucket/farm_bucket.h"

namespace crossmill::coordinator {

absl::StatusOr<std::unique_ptr<BucketBehind>> BucketBehind::Open(const std::string& data_folder) {
  const std::string path = data_folder + "/bucket.db";
  if (!Exists(path)) return nullptr;
  ASSIGN_OR_RETURN(storage::BucketIndex::Reader index, storage::BucketIndex::Reader::Open(path));
  const storage::BucketIndex::Client client = index.client();
  auto behind = std::make_unique<BucketBehind>(std::move(index), nullptr);
  BucketSettings settings;
  settings.place = client.place;
  settings.endpoint = client.endpoint;
  settings.region = client.region;
  settings.credentials_file = client.credentials_file;
  settings.addressing = client.addressing;
  behind->http_ = bucket::MakeBucketHttpClient();
  absl::StatusOr<std::unique_ptr<bucket::Bucket>> opened =
      client.place.empty() ? absl::FailedPreconditionError("no coordinator has noted how it is reached")
                           : OpenS3Bucket(settings, *behind->http_);
  behind->unreachable_ = opened.status();
  if (opened.ok()) {
    behind->own_ = *std::move(opened);
    behind->bucket_ = behind->own_.get();
  }
  return behind;
}

absl::StatusOr<bucket::Bucket*> BucketBehind::Reach() const {
  if (bucket_ != nullptr) return bucket_;
  return absl::UnavailableError(
      fmt::format("the bucket {} cannot be asked: {}", place(), Sv(unreachable_.message())));
}

absl::Status BucketBehind::Confirm(const Digest& digest) const {
  ASSIGN_OR_RETURN(bucket::Bucket* const bucket, Reach());
  const auto size = bucket->Head(KeyOf(digest.hash), {});
  if (size.ok() && *size == digest.size) return absl::OkStatus();
  if (size.ok() || absl::IsNotFound(size.status()))
    return absl::NotFoundError(fmt::format("blob {} is not in the bucket any more", ToString(digest)));
  return absl::UnavailableError(
      fmt::format("the bucket {} does not answer: {}", place(), Sv(size.status().message())));
}

absl::Status BucketBehind::Read(const Digest& digest,
                                const std::function<absl::Status(std::string_view)>& take) const {
  ASSIGN_OR_RETURN(bucket::Bucket* const bucket, Reach());
  absl::Status taken;
  const absl::Status got = bucket->Get(KeyOf(digest.hash), digest.size, 0, digest.size,
                                       [&](std::string_view bytes) {
                                         taken = take(bytes);
                                         return taken;
                                       },
                                       {});
  RETURN_IF_ERROR(taken);
  if (got.ok()) return got;
  if (absl::IsNotFound(got) || absl::IsDataLoss(got))
    return absl::NotFoundError(fmt::format("blob {} is not in the bucket any more", ToString(digest)));
  return absl::UnavailableError(
      fmt::format("the bucket {} does not give blob {}: {}", place(), ToString(digest), Sv(got.message())));
}

}  // namespace crossmill::coordinator
