// Reports of workers wait here until the layers that they name were read: nothing counts because a worker
// says so. Reading is done by threads of its own, beside the transaction loop, and what a lease reports stays
// in its order.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/core/scheduler.h"
#include "coordinator/engine/jobs.h"
#include "coordinator/engine/trust/report_room.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

// Only used in the transaction loop, but for Stop.
class ReportGate {
 public:
  // Takes a report that waits no more: OK, or what of it is not so (INVALID_ARGUMENT: the worker made it up;
  // anything else says nothing about the worker).
  using Deliver = std::function<void(const std::string& worker, const v1::LeaseReport& report,
                                     const absl::Status& truth)>;
  // The numbers of a lease's steps that have not finished, in their order; none if nobody has it any more.
  // What is said of other steps changes nothing, and is not worth reading.
  using Unfinished = std::function<std::vector<uint32_t>(core::LeaseNumber lease)>;

  explicit ReportGate(BlobStore& blobs) : blobs_(blobs), jobs_({.network = 1, .processor = 2}) {}

  // Before anything else. `post` runs something in the loop.
  void Start(std::function<void(std::function<void()>)> post, Unfinished unfinished, Deliver deliver) {
    post_ = std::move(post);
    unfinished_ = std::move(unfinished);
    deliver_ = std::move(deliver);
  }
  // `worker` holds the lease of the report; `place` is given back when it waits no more.
  void Take(const std::string& worker, v1::LeaseReport report, std::shared_ptr<ReportRoom::Place> place);
  // Nobody has the lease any more: what is read for it is read no further, and what waits is delivered, for
  // what has to be said to the worker.
  void Drop(core::LeaseNumber lease);
  // Tells what runs to stop, and waits for it.
  void Stop() { jobs_.Stop(); }

 private:
  // Tar and manifest, by digest.
  using LayerName = std::pair<Digest, Digest>;
  struct Held {
    std::string worker;
    v1::LeaseReport report;
    std::shared_ptr<ReportRoom::Place> place;
  };
  struct Waiting {
    // The first is being looked at.
    std::deque<Held> reports;
    std::stop_source stop;
  };

  // The layers of steps that the report says have finished, each once and without those that were read
  // before.
  // INVALID_ARGUMENT: one has succeeded, and made none.
  absl::StatusOr<std::vector<LayerName>> Unread(const v1::LeaseReport& report) const;
  absl::Status ReadAll(const std::vector<LayerName>& layers, const std::stop_token& stop) const;
  void Remember(const std::vector<LayerName>& layers);
  void Read(std::vector<LayerName> layers, core::LeaseNumber lease);
  // What waits behind a report that was delivered, unless that ended the lease.
  void Continue(core::LeaseNumber lease);

  BlobStore& blobs_;
  std::function<void(std::function<void()>)> post_;
  Unfinished unfinished_;
  Deliver deliver_;
  std::set<LayerName> read_;
  std::map<core::LeaseNumber, Waiting> held_;
  // Last, so that it stops first.
  Jobs jobs_;
};

}  // namespace crossmill::coordinator
