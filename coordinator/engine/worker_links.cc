#include "coordinator/engine/worker_links.h"

namespace crossmill::coordinator {

bool WorkerLinks::Connect(const std::string& worker, std::shared_ptr<WorkerLink> link,
                          const std::set<core::LeaseNumber>& kept) {
  touched_.insert(worker);
  Stream& stream = streams_[worker];
  if (stream.link == link) return false;
  stream = Stream{std::move(link), kept};
  return true;
}

bool WorkerLinks::Disconnect(const std::string& worker, const std::shared_ptr<WorkerLink>& link) {
  const auto found = streams_.find(worker);
  if (found == streams_.end() || found->second.link != link) return false;
  streams_.erase(found);
  return true;
}

void WorkerLinks::Acknowledge(const std::string& worker, core::LeaseNumber lease) {
  acknowledged_[worker].push_back(lease);
  touched_.insert(worker);
}

std::vector<DueState> WorkerLinks::TakeDue() {
  std::vector<DueState> due;
  for (const std::string& worker : std::exchange(touched_, {})) {
    const auto found = streams_.find(worker);
    if (found == streams_.end()) continue;
    DueState& state = due.emplace_back();
    state.worker = worker;
    state.link = found->second.link;
    state.known = found->second.known;
    if (auto node = acknowledged_.extract(worker)) state.acknowledged = std::move(node.mapped());
  }
  return due;
}

void WorkerLinks::SetKnown(const std::string& worker, std::set<core::LeaseNumber> leases) {
  const auto found = streams_.find(worker);
  if (found != streams_.end()) found->second.known = std::move(leases);
}

}  // namespace crossmill::coordinator
