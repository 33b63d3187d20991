#include "worker/network/fetch_log.h"

#include <algorithm>
#include <utility>

namespace crossmill::worker {

namespace {

using MoreHosts = std::map<std::string, v1::HostFetches>;

void CountFetch(const FetchLimits& limits, const v1::Fetch& fetch, MoreHosts* more) {
  // Nothing went out for it.
  if (fetch.from_farm()) return;
  const bool named = more->contains(fetch.host()) || more->size() < limits.hosts;
  v1::HostFetches& host = (*more)[named ? fetch.host() : ""];
  if (named) host.set_host(fetch.host());
  host.set_fetches(host.fetches() + 1);
  host.set_bytes_up(host.bytes_up() + fetch.bytes_up());
  host.set_bytes_down(host.bytes_down() + fetch.bytes_down());
  host.set_refused(host.refused() + (fetch.refused_by().empty() ? 0 : 1));
}

}  // namespace

void CountByHost(const FetchLimits& limits, v1::StepFetches* fetches) {
  MoreHosts more;
  for (const v1::HostFetches& host : fetches->more()) more[host.host()] = host;
  for (const v1::Fetch& fetch : fetches->fetches()) CountFetch(limits, fetch, &more);
  fetches->Clear();
  for (auto& [name, host] : more) *fetches->add_more() = std::move(host);
}

void FetchLog::Add(v1::Fetch fetch) {
  // The rest of a message is some hundred bytes at most.
  const size_t text = fetch.url().size() + fetch.host().size() + fetch.error().size() +
                      fetch.method().size() + fetch.project().size() + fetch.file_name().size();
  MutexLock lock(mutex_);
  if (fetches_.size() < limits_.fetches && text_ + text <= limits_.text) {
    text_ += text;
    fetches_.push_back(std::move(fetch));
    return;
  }
  CountFetch(limits_, fetch, &more_);
}

v1::StepFetches FetchLog::Take() {
  MutexLock lock(mutex_);
  std::stable_sort(fetches_.begin(), fetches_.end(),
                   [](const v1::Fetch& a, const v1::Fetch& b) { return a.started_at() < b.started_at(); });
  v1::StepFetches taken;
  for (v1::Fetch& fetch : fetches_) *taken.add_fetches() = std::move(fetch);
  for (auto& [name, host] : more_) *taken.add_more() = std::move(host);
  fetches_.clear();
  more_.clear();
  text_ = 0;
  return taken;
}

}  // namespace crossmill::worker
