#include "coordinator/core/fetch_record.h"

#include <algorithm>
#include <map>
#include <string>

namespace crossmill::core {
namespace {

constexpr int kMostFetches = 10'000;
constexpr size_t kMostHosts = 1'000;
constexpr size_t kMostText = 4'096;
constexpr size_t kMostBytes = 8 << 20;

class HostCounts {
 public:
  void Add(const std::string& name, int64_t fetches, int64_t up, int64_t down, int64_t refused) {
    const std::string known = name.size() > kMostText ? "" : name;
    const bool named = hosts_.contains(known) || hosts_.size() < kMostHosts;
    v1::HostFetches& host = hosts_[named ? known : ""];
    host.set_host(named ? known : "");
    // A worker's word: never negative, never more than a column holds.
    const auto grown = [](int64_t sum, int64_t more) {
      return sum + std::clamp<int64_t>(more, 0, INT64_MAX / 2 - std::min(sum, INT64_MAX / 2));
    };
    host.set_fetches(grown(host.fetches(), fetches));
    host.set_bytes_up(grown(host.bytes_up(), up));
    host.set_bytes_down(grown(host.bytes_down(), down));
    host.set_refused(grown(host.refused(), refused));
  }
  std::vector<v1::HostFetches> Take() {
    std::vector<v1::HostFetches> list;
    for (auto& [name, host] : hosts_) list.push_back(std::move(host));
    return list;
  }

 private:
  std::map<std::string, v1::HostFetches> hosts_;
};

bool IsTooLong(const v1::Fetch& fetch) {
  return std::max({fetch.url().size(), fetch.host().size(), fetch.method().size(), fetch.scheme().size(),
                   fetch.error().size(), fetch.refused_by().size(), fetch.sha256().size(),
                   fetch.project().size(), fetch.file_name().size()}) > kMostText;
}

}  // namespace

FetchRecord RecordOfFetches(const v1::StepFetches& told) {
  FetchRecord record;
  HostCounts counts;
  size_t bytes = 0;
  for (const v1::Fetch& fetch : told.fetches()) {
    if (!fetch.from_farm())
      counts.Add(fetch.host(), 1, fetch.bytes_up(), fetch.bytes_down(), fetch.refused_by().empty() ? 0 : 1);
    bytes += fetch.ByteSizeLong();
    const bool kept =
        record.fetches.fetches_size() < kMostFetches && bytes <= kMostBytes && !IsTooLong(fetch);
    if (kept) *record.fetches.add_fetches() = fetch;
  }
  for (const v1::HostFetches& host : told.more()) {
    counts.Add(host.host(), host.fetches(), host.bytes_up(), host.bytes_down(), host.refused());
  }
  record.hosts = counts.Take();
  return record;
}

}  // namespace crossmill::core
