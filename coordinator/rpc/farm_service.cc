#include "coordinator/rpc/farm_service.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/peers/worker_names.h"

namespace crossmill::coordinator {
namespace {

void CopyCounts(const std::map<v1::BuildStatus, int64_t>& counts,
                google::protobuf::RepeatedPtrField<v1::BuildCount>* to) {
  for (const auto& [status, builds] : counts) {
    v1::BuildCount& count = *to->Add();
    count.set_status(status);
    count.set_builds(builds);
  }
}

void CopyBucket(const BucketStatus& from, v1::BucketState* to) {
  to->set_name(from.name);
  to->set_blobs(from.blobs);
  to->set_bytes(from.bytes);
  to->set_waiting_blobs(from.waiting_blobs);
  to->set_waiting_bytes(from.waiting_bytes);
  to->set_more_waiting(from.more_waiting);
  to->set_trouble(from.trouble);
  if (!from.trouble.empty()) to->set_trouble_since(UnixNanos(from.trouble_since));
  to->set_uploaded_blobs(from.uploaded_blobs);
  to->set_fetched_blobs(from.fetched_blobs);
  to->set_left_disk_blobs(from.left_disk_blobs);
  to->set_lost_blobs(from.lost_blobs);
}

}  // namespace

grpc::Status FarmService::ListWorkers(grpc::ServerContext* context, const v1::ListWorkersRequest*,
                                      v1::ListWorkersResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const std::vector<core::WorkerStatus> workers = engine_.reader().Workers();
  std::vector<core::TaskId> tasks;
  for (const core::WorkerStatus& worker : workers) {
    for (const auto& [lease, task] : worker.leases) tasks.push_back(task);
  }
  const auto names = engine_.reader().TaskNames(ScopeOf(*roles), std::move(tasks));
  if (!names.ok()) return rpc::ToGrpc(names.status());
  const auto outvoted = engine_.reader().Outvoted();
  if (!outvoted.ok()) return rpc::ToGrpc(outvoted.status());
  const auto untrue = control_.trust.Untrue();
  if (!untrue.ok()) return rpc::ToGrpc(untrue.status());
  // People are told by the wall clock.
  const absl::Duration ahead = clock_.Now() - control_.passing.Now();
  for (const core::WorkerStatus& worker : workers) {
    v1::WorkerView& view = *response->add_workers();
    *view.mutable_info() = worker.info;
    view.set_connected(worker.connected);
    view.set_last_seen(UnixNanos(worker.last_seen + ahead));
    view.set_slots_used(static_cast<uint32_t>(worker.leases.size()));
    view.set_draining(worker.draining);
    view.set_drained(worker.drained);
    view.set_cordoned(worker.cordoned);
    view.set_layers_bytes(worker.layers_bytes);
    view.set_caches_bytes(worker.caches_bytes);
    if (worker.clock_ahead) view.set_clock_ahead(absl::ToInt64Nanoseconds(*worker.clock_ahead));
    if (worker.unfit) {
      view.set_unfit(ValidUtf8(worker.unfit->reason));
      if (worker.unfit->until < absl::InfiniteFuture())
        view.set_unfit_until(UnixNanos(worker.unfit->until + ahead));
    }
    if (const auto found = outvoted->find(worker.info.name()); found != outvoted->end()) {
      view.set_outvoted(found->second);
    }
    view.set_distrusted(control_.drained.IsDistrusted(worker.info.name()));
    if (const auto found = untrue->find(worker.info.name()); found != untrue->end()) {
      view.set_untrue_reports(found->second.reports);
      view.set_last_untrue_report(found->second.last);
    }
    for (const auto& [lease, task] : worker.leases) {
      auto name = names->find(task);
      if (name != names->end()) view.add_tasks(name->second);
    }
  }
  return grpc::Status::OK;
}

grpc::Status FarmService::GetFarmStatus(grpc::ServerContext* context, const v1::GetFarmStatusRequest*,
                                        v1::FarmStatus* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_READ);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  const FarmCounts counts = engine_.reader().Counts();
  CopyCounts(counts.running, response->mutable_running());
  CopyCounts(counts.ended, response->mutable_ended());
  for (const auto& [verdict, cells] : counts.verdicts) {
    v1::VerdictCount& count = *response->add_verdicts();
    count.set_verdict(verdict);
    count.set_cells(cells);
  }
  response->set_tasks_queued(counts.tasks_queued);
  if (room_ != nullptr) {
    response->set_disk_free(room_->space().free);
    response->set_disk_least_space(room_->least_space());
    response->set_disk_reason(room_->reason());
  }
  if (bucket_ != nullptr) CopyBucket(bucket_->status(), response->mutable_bucket());
  for (const LoopTimes& times : engine_.reader().LoopEvents()) {
    v1::LoopEvents& events = *response->add_loop();
    events.set_kind(times.kind);
    events.set_events(times.events);
    events.set_slow(times.slow);
    events.set_longest_seconds(std::chrono::duration<double>(times.longest).count());
  }
  for (const core::WorkerStatus& worker : engine_.reader().Workers()) {
    response->set_tasks_running(response->tasks_running() + static_cast<int64_t>(worker.leases.size()));
    if (!worker.connected) continue;
    response->set_workers_connected(response->workers_connected() + 1);
    response->set_workers_draining(response->workers_draining() + (worker.draining ? 1 : 0));
    response->set_workers_unfit(response->workers_unfit() + (worker.unfit ? 1 : 0));
    response->set_workers_cordoned(response->workers_cordoned() + (worker.cordoned ? 1 : 0));
    response->set_slots(response->slots() + worker.info.slots());
  }
  return grpc::Status::OK;
}

grpc::Status FarmService::MakePageLink(grpc::ServerContext* context, const v1::MakePageLinkRequest* request,
                                       v1::MakePageLinkResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_SOCKET);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  const v1::Access role = request->role() == v1::ACCESS_UNSPECIFIED ? v1::ACCESS_OPERATE : request->role();
  if (role != v1::ACCESS_READ && role != v1::ACCESS_SUBMIT && role != v1::ACCESS_OPERATE) {
    return rpc::ToGrpc(absl::InvalidArgumentError("role: a session reads, submits or operates"));
  }
  const absl::StatusOr<PageLink> link = page_links_.MakeLink(role, clock_.Now());
  if (!link.ok()) return rpc::ToGrpc(link.status());
  response->set_url(link->url);
  response->set_expires_at(UnixNanos(link->expires_at));
  return grpc::Status::OK;
}

grpc::Status FarmService::GetCaller(grpc::ServerContext* context, const v1::GetCallerRequest*,
                                    v1::GetCallerResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  response->set_role(roles->client);
  response->set_worker(roles->worker);
  response->set_name(roles->name);
  response->set_project(roles->project);
  return grpc::Status::OK;
}

absl::Status FarmService::CheckKnown(const std::string& worker, bool by_record) {
  const std::vector<core::WorkerStatus> workers = engine_.reader().Workers();
  const bool known = std::any_of(workers.begin(), workers.end(), [&](const core::WorkerStatus& status) {
    return status.info.name() == worker;
  });
  // One that was drained and never came back since the coordinator started can be undrained, too.
  if (known || by_record) return absl::OkStatus();
  return absl::NotFoundError(
      fmt::format("no worker is called '{}'; `crossmill worker ls` lists them", Printable(worker)));
}

absl::Status FarmService::SetCordoned(const std::string& worker, bool cordoned) {
  RETURN_IF_ERROR(CheckKnown(worker, control_.drained.CordonedAfter(worker).has_value()));
  MutexLock lock(draining_);
  std::optional<int64_t> last;
  if (cordoned) {
    // None yet is as good: what comes is later.
    const auto latest = engine_.reader().LatestBuild();
    if (!latest.ok() && !absl::IsNotFound(latest.status())) return latest.status();
    last = latest.value_or(0);
  }
  RETURN_IF_ERROR(control_.records.SetCordoned(worker, last, UnixNanos(clock_.Now())));
  control_.drained.SetCordoned(worker, last);
  return absl::OkStatus();
}

absl::Status FarmService::Remove(const std::string& worker) {
  MutexLock lock(draining_);
  RETURN_IF_ERROR(engine_.RemoveWorker(worker));
  const int64_t now = UnixNanos(clock_.Now());
  RETURN_IF_ERROR(control_.records.Set(worker, false, now));
  RETURN_IF_ERROR(control_.records.SetCordoned(worker, std::nullopt, now));
  control_.drained.Set(worker, false);
  control_.drained.SetCordoned(worker, std::nullopt);
  return absl::OkStatus();
}

absl::Status FarmService::SetDrained(const std::string& worker, bool drained) {
  RETURN_IF_ERROR(CheckKnown(worker, control_.drained.Contains(worker)));
  MutexLock lock(draining_);
  RETURN_IF_ERROR(control_.records.Set(worker, drained, UnixNanos(clock_.Now())));
  control_.drained.Set(worker, drained);
  return absl::OkStatus();
}

grpc::Status FarmService::DrainWorker(grpc::ServerContext* context, const v1::DrainWorkerRequest* request,
                                      v1::DrainWorkerResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(SetDrained(request->worker(), true));
}

grpc::Status FarmService::UndrainWorker(grpc::ServerContext* context, const v1::UndrainWorkerRequest* request,
                                        v1::UndrainWorkerResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(SetDrained(request->worker(), false));
}

grpc::Status FarmService::CordonWorker(grpc::ServerContext* context, const v1::CordonWorkerRequest* request,
                                       v1::CordonWorkerResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(SetCordoned(request->worker(), true));
}

grpc::Status FarmService::UncordonWorker(grpc::ServerContext* context,
                                         const v1::UncordonWorkerRequest* request,
                                         v1::UncordonWorkerResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(SetCordoned(request->worker(), false));
}

grpc::Status FarmService::RemoveWorker(grpc::ServerContext* context, const v1::RemoveWorkerRequest* request,
                                       v1::RemoveWorkerResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(Remove(request->worker()));
}

grpc::Status FarmService::DistrustWorker(grpc::ServerContext* context,
                                         const v1::DistrustWorkerRequest* request,
                                         v1::DistrustWorkerResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  // One that is not there any more may have left results: its name need not be known.
  if (!IsWorkerName(request->worker())) {
    return rpc::ToGrpc(absl::InvalidArgumentError(fmt::format(
        "'{}' is no name of a worker; `crossmill worker ls` lists them", Printable(request->worker()))));
  }
  if (request->since() < 0 || request->since() > UnixNanos(clock_.Now()))
    return rpc::ToGrpc(absl::InvalidArgumentError("since: a time before now, or 0 for all results"));
  const absl::Time since =
      request->since() == 0 ? absl::InfinitePast() : absl::FromUnixNanos(request->since());
  const absl::StatusOr<Distrusted> done = control_.distrust.Do(request->worker(), since);
  if (!done.ok()) return rpc::ToGrpc(done.status());
  response->set_results(done->results);
  response->set_exports(done->exports);
  std::set<std::string> origins;
  for (const ReachedBuild& build : done->builds) {
    origins.insert(fmt::format("build {}", build.id));
    v1::ReachedBuild& reached = *response->add_builds();
    reached.set_id(build.id);
    reached.set_status(build.status);
    for (const std::string& tag : build.tags) reached.add_tags(tag);
  }
  const auto images = images_.List();
  if (!images.ok()) return rpc::ToGrpc(images.status());
  for (const ImageRecord& image : *images) {
    if (origins.contains(image.origin)) response->add_images(core::InProject(image.project, image.name));
  }
  return grpc::Status::OK;
}

grpc::Status FarmService::TrustWorker(grpc::ServerContext* context, const v1::TrustWorkerRequest* request,
                                      v1::TrustWorkerResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(control_.distrust.Undo(request->worker()));
}

grpc::Status FarmService::ListAccelerators(grpc::ServerContext* context, const v1::ListAcceleratorsRequest*,
                                           v1::ListAcceleratorsResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_READ);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  if (control_.accelerators == nullptr) return grpc::Status::OK;
  const auto off = control_.accelerators->List();
  if (!off.ok()) return rpc::ToGrpc(off.status());
  response->mutable_switched_off()->Assign(off->begin(), off->end());
  // Whose step it was is not for everybody; that the set is off is.
  if (authenticator_.Require(*context, v1::ACCESS_OPERATE).ok()) return grpc::Status::OK;
  for (v1::SwitchedOffAccelerator& each : *response->mutable_switched_off()) {
    each.clear_build();
    each.clear_step();
    each.clear_worker();
    each.clear_path();
    each.clear_reason();
  }
  return grpc::Status::OK;
}

grpc::Status FarmService::AllowAccelerator(grpc::ServerContext* context,
                                           const v1::AllowAcceleratorRequest* request,
                                           v1::AllowAcceleratorResponse*) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  if (control_.accelerators == nullptr)
    return rpc::ToGrpc(absl::NotFoundError("no accelerator set is switched off"));
  return rpc::ToGrpc(control_.accelerators->Allow(request->digest()));
}

grpc::Status FarmService::GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest*,
                                     v1::GetVersionResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_READ);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  response->set_version(CROSSMILL_VERSION);
  response->set_now(UnixNanos(clock_.Now()));
  response->set_data_folder(data_folder_);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
