#include "coordinator/rpc/retention/retention_service.h"

#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "coordinator/retention/disk_use.h"
#include "coordinator/rpc/peers/own_builds.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/stop_when_cancelled.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kLongestSpan = int64_t{100} * 366 * 24 * 3600;

void AddUse(std::string_view kind, const BlobSum& sum, std::string_view reason,
            google::protobuf::RepeatedPtrField<v1::RoomUse>* uses) {
  if (sum.blobs == 0) return;
  v1::RoomUse& use = *uses->Add();
  use.set_kind(std::string(kind));
  use.set_count(sum.blobs);
  use.set_bytes(sum.bytes);
  use.set_reason(std::string(reason));
}

using storage::NeededBy;

std::string_view ReasonOf(NeededBy keeper) {
  switch (keeper) {
    case NeededBy::kRunningBuild:
      return "until they end";
    case NeededBy::kImage:
      return "until the image is removed (crossmill image rm; the policies images.*)";
    case NeededBy::kPinnedBuild:
      return "until they are unpinned (crossmill unpin)";
    case NeededBy::kWheel:
      return "until they are removed (crossmill wheel rm)";
    case NeededBy::kCache:
      break;
  }
  return "";
}

void AddNeeded(absl::Span<const BlobSum> needed, google::protobuf::RepeatedPtrField<v1::RoomUse>* uses) {
  for (size_t i = 0; i < needed.size(); ++i) {
    const auto keeper = static_cast<NeededBy>(i);
    AddUse(storage::Words(keeper), needed[i], ReasonOf(keeper), uses);
  }
}

void AddBucket(const BucketSweep& bucket, const Policies& policies, v1::GetDiskUseResponse* response) {
  if (bucket.name.empty()) return;
  response->set_bucket(bucket.name);
  AddNeeded(bucket.needed, response->mutable_in_bucket());
  const std::string unused = PolicyText(RuleOf(Policy::kBucketUnused), policies[Policy::kBucketUnused]);
  AddUse("cache", bucket.rest, fmt::format("while bucket.budget allows, and until unused for {}", unused),
         response->mutable_in_bucket());
  for (const v1::RoomUse& use : response->in_bucket())
    response->set_bucket_bytes(response->bucket_bytes() + use.bytes());
  response->set_bucket_budget_bytes(bucket.budget == kNoLimit ? 0 : bucket.budget);
  response->set_bucket_trouble(bucket.trouble);
}

}  // namespace

v1::PolicyView RetentionService::ViewOf(const PolicyRule& rule,
                                        const std::map<std::string, std::string>& set) const {
  v1::PolicyView view;
  view.set_name(std::string(rule.name));
  view.set_value(PolicyText(rule, Policies(set)[rule.policy]));
  view.set_usual(PolicyText(rule, rule.usual));
  view.set_set(set.contains(std::string(rule.name)));
  view.set_meaning(std::string(rule.meaning));
  if (rule.policy == Policy::kBlobsBudget) view.set_bytes(parts_.collector.budget());
  return view;
}

absl::Status RetentionService::Set(const v1::SetPolicyRequest& request, v1::SetPolicyResponse* response) {
  ASSIGN_OR_RETURN(const PolicyRule* rule, FindPolicy(request.name()));
  if (request.value().empty()) {
    RETURN_IF_ERROR(parts_.records.Reset(request.name()));
  } else {
    ASSIGN_OR_RETURN(const int64_t value, ParsePolicy(*rule, request.value()));
    RETURN_IF_ERROR(
        parts_.records.Set(request.name(), PolicyText(*rule, value), UnixNanos(parts_.clock.Now())));
  }
  ASSIGN_OR_RETURN(const auto set, parts_.records.List());
  parts_.collector.SetPolicies(Policies(set));
  *response->mutable_policy() = ViewOf(*rule, set);
  return absl::OkStatus();
}

grpc::Status RetentionService::ListPolicies(grpc::ServerContext* context, const v1::ListPoliciesRequest*,
                                            v1::ListPoliciesResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_READ);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  const auto set = parts_.records.List();
  if (!set.ok()) return rpc::ToGrpc(set.status());
  for (const PolicyRule& rule : PolicyRules()) *response->add_policies() = ViewOf(rule, *set);
  response->set_last_backup_at(parts_.last_backup_at(parts_.data_folder));
  response->set_backup_warn_after_seconds(BackupWarnSeconds(Policies(*set)));
  return grpc::Status::OK;
}

grpc::Status RetentionService::SetPolicy(grpc::ServerContext* context, const v1::SetPolicyRequest* request,
                                         v1::SetPolicyResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(Set(*request, response));
}

absl::Status RetentionService::DiskUse(const v1::GetDiskUseRequest& request, const std::stop_token& stop,
                                       v1::GetDiskUseResponse* response) {
  ASSIGN_OR_RETURN(
      const SweepReport report,
      parts_.collector.Sweep({.dry_run = true, .all = true, .classify = request.verbose()}, stop));
  AddNeeded(report.needed, response->mutable_blobs());
  AddBucket(report.bucket, parts_.collector.policies(), response);
  const std::string grace =
      PolicyText(RuleOf(Policy::kBlobsGrace), parts_.collector.policies()[Policy::kBlobsGrace]);
  const std::string until = fmt::format("while the budget allows, and {} after they were used last", grace);
  if (request.verbose()) {
    AddUse("step cache", report.layers, until, response->mutable_blobs());
    AddUse("contexts, bases and others", report.rest, until, response->mutable_blobs());
  } else {
    BlobSum cache = report.layers;
    cache.blobs += report.rest.blobs;
    cache.bytes += report.rest.bytes;
    AddUse("cache", cache, until, response->mutable_blobs());
  }
  // Of the same moment as the sums.
  for (const v1::RoomUse& use : response->blobs())
    response->set_blobs_bytes(response->blobs_bytes() + use.bytes());
  ASSIGN_OR_RETURN(const std::vector<KindUse> others, OtherUses(parts_.data_folder));
  response->set_total_bytes(response->blobs_bytes());
  for (const KindUse& other : others) {
    v1::RoomUse& use = *response->add_others();
    use.set_kind(other.kind);
    use.set_count(other.count);
    use.set_bytes(other.bytes);
    use.set_reason(other.reason);
    response->set_total_bytes(response->total_bytes() + other.bytes);
  }
  response->set_budget_bytes(report.budget);
  response->set_reclaimable_bytes(report.bytes);
  const DiskSpace space = parts_.room.space();
  response->set_free_bytes(static_cast<int64_t>(space.free));
  response->set_disk_bytes(static_cast<int64_t>(space.total));
  response->set_least_free_bytes(static_cast<int64_t>(parts_.room.least_space()));
  response->set_refusing(parts_.room.reason());
  return absl::OkStatus();
}

grpc::Status RetentionService::GetDiskUse(grpc::ServerContext* context, const v1::GetDiskUseRequest* request,
                                          v1::GetDiskUseResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_READ);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  const StopWhenCancelled cancelled(context);
  return rpc::ToGrpc(DiskUse(*request, cancelled.token(), response));
}

grpc::Status RetentionService::Collect(grpc::ServerContext* context, const v1::CollectRequest* request,
                                       v1::CollectResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  if (request->unused_seconds() < 0 || request->unused_seconds() > kLongestSpan)
    return rpc::ToGrpc(absl::InvalidArgumentError("unused_seconds: expected 0 to 100 years"));
  if (request->has_keep_bytes() && (request->keep_bytes() < 0 || !request->all()))
    return rpc::ToGrpc(absl::InvalidArgumentError("keep_bytes: expected 0 or more, together with all"));
  const StopWhenCancelled cancelled(context);
  const auto report = parts_.collector.Sweep({.dry_run = request->dry_run(),
                                              .aged = !request->all(),
                                              .all = request->all(),
                                              .unused_seconds = request->unused_seconds(),
                                              .keep_bytes = request->keep_bytes()},
                                             cancelled.token());
  if (!report.ok()) return rpc::ToGrpc(report.status());
  response->set_blobs(report->blobs);
  response->set_bytes(report->bytes);
  AddNeeded(report->needed, response->mutable_kept());
  response->set_bucket_blobs(report->bucket.blobs);
  response->set_bucket_bytes(report->bucket.bytes);
  response->set_left_disk_bytes(report->bucket.left_disk_bytes);
  for (const AgedSum& sum : report->aged) {
    v1::RoomUse& aged = *response->add_aged();
    aged.set_kind(sum.kind);
    aged.set_count(sum.count);
    aged.set_bytes(sum.bytes);
  }
  response->set_total_bytes(report->total_bytes);
  response->set_budget_bytes(report->budget);
  response->set_over_budget(report->over_budget);
  response->set_longest_step(std::chrono::duration<double>(report->longest_step).count());
  return grpc::Status::OK;
}

grpc::Status RetentionService::PinBuild(grpc::ServerContext* context, const v1::PinBuildRequest* request,
                                        v1::PinBuildResponse*) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const absl::StatusOr<int64_t> own = FindOwnBuild(parts_.reader, *roles, request->build_id());
  if (!own.ok()) return rpc::ToGrpc(own.status());
  return rpc::ToGrpc(
      parts_.records.Pin({request->build_id(), UnixNanos(parts_.clock.Now()), OwnerOf(*roles)}));
}

grpc::Status RetentionService::UnpinBuild(grpc::ServerContext* context, const v1::UnpinBuildRequest* request,
                                          v1::UnpinBuildResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const absl::StatusOr<int64_t> own = FindOwnBuild(parts_.reader, *roles, request->build_id());
  if (!own.ok()) return rpc::ToGrpc(own.status());
  const absl::StatusOr<bool> was = parts_.records.Unpin(request->build_id());
  if (was.ok()) response->set_was_pinned(*was);
  return rpc::ToGrpc(was.status());
}

grpc::Status RetentionService::ListPins(grpc::ServerContext* context, const v1::ListPinsRequest*,
                                        v1::ListPinsResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const core::Scope scope = ScopeOf(*roles);
  const auto pins = parts_.records.Pins();
  if (!pins.ok()) return rpc::ToGrpc(pins.status());
  for (const storage::PinRow& pin : *pins) {
    const absl::Status seen = parts_.reader.walls().Find(scope, pin.build).status();
    if (absl::IsNotFound(seen)) continue;
    if (!seen.ok()) return rpc::ToGrpc(seen);
    v1::PinView& view = *response->add_pins();
    view.set_build_id(pin.build);
    view.set_pinned_at(pin.pinned_at);
    view.set_pinned_by(pin.pinned_by);
  }
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
