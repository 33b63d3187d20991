// The streams of connected workers, and what each was told: the desired state goes to a worker whole, but a
// lease's task only once per stream.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "coordinator/core/scheduler.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

// The way to one connected worker. Thread safe; Send never blocks.
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;
  virtual void Send(const v1::SynchronizeResponse& message) = 0;
};

// What has to be sent to one worker.
struct DueState {
  std::string worker;
  std::shared_ptr<WorkerLink> link;
  // Leases whose task it knows already.
  std::set<core::LeaseNumber> known;
  // Results that it may forget.
  std::vector<core::LeaseNumber> acknowledged;
};

// Not thread safe: only used in the transaction loop.
class WorkerLinks {
 public:
  // True when the stream is a new one. Of a new one's leases the worker knows those that it `kept`.
  bool Connect(const std::string& worker, std::shared_ptr<WorkerLink> link,
               const std::set<core::LeaseNumber>& kept);
  // False: the worker has another stream by now.
  bool Disconnect(const std::string& worker, const std::shared_ptr<WorkerLink>& link);
  // Its desired state has changed.
  void Touch(const std::string& worker) { touched_.insert(worker); }
  void Acknowledge(const std::string& worker, core::LeaseNumber lease);
  // The workers with a stream whose state has changed since the last call.
  std::vector<DueState> TakeDue();
  // The worker was sent the tasks of these leases.
  void SetKnown(const std::string& worker, std::set<core::LeaseNumber> leases);

 private:
  struct Stream {
    std::shared_ptr<WorkerLink> link;
    std::set<core::LeaseNumber> known;
  };
  std::map<std::string, Stream> streams_;
  std::set<std::string> touched_;
  std::map<std::string, std::vector<core::LeaseNumber>> acknowledged_;
};

}  // namespace crossmill::coordinator
