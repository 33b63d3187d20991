#include "worker/agent/package_index.h"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/http/curl_http_client.h"
#include "worker/network/address_rules.h"
#include "worker/network/forward_proxy.h"
#include "worker/network/proxy_request.h"

namespace crossmill::worker {
namespace {

uint16_t PortOf(const sockaddr& address) {
  if (address.sa_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
}

struct Place {
  IpAddress address;
  uint16_t port = 0;
  bool operator==(const Place&) const = default;
};

// The addresses that the host has now: a hosts file may lead to this machine, too.
void AddPlaces(const std::string& host, uint16_t port, std::vector<Place>* places) {
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, nullptr, &found) != 0) return;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (const auto address = IpAddress::Of(*each->ai_addr)) places->push_back({*address, port});
  }
  freeaddrinfo(found);
}

// What the operator named is the operator's word, wherever it is: the indexes, and the proxies on the way
// out.
std::vector<Place> NamedByOperator(const std::vector<index::IndexAddress>& indexes,
                                   const NetworkSettings& settings) {
  std::vector<Place> places;
  for (const index::IndexAddress& address : indexes) {
    const auto url = http::ParseUrl(address.url);
    if (!url.ok()) continue;
    const auto at = ParseAuthority(url->authority, url->scheme == "https" ? 443 : 80);
    if (at.ok()) AddPlaces(at->host, at->port, &places);
  }
  for (const std::optional<UpstreamProxy>* proxy : {&settings.http_proxy, &settings.https_proxy}) {
    if (proxy->has_value()) AddPlaces((*proxy)->at.host, (*proxy)->at.port, &places);
  }
  return places;
}

std::vector<index::IndexPages*> Pointers(const std::vector<std::unique_ptr<index::IndexPages>>& pages) {
  std::vector<index::IndexPages*> pointers;
  for (const auto& page : pages) pointers.push_back(page.get());
  return pointers;
}

std::unique_ptr<http::HttpClient> ClientFor(const std::vector<index::IndexAddress>& indexes,
                                            const NetworkSettings& settings) {
  AddressRules rules = settings.rules;
  // The hosts of an index's files are the index's to name; the list is about what steps ask for themselves.
  rules.allow.clear();
  http::CurlOptions options;
  options.user_agent = "crossmill-index";
  options.refuse_address = [rules = std::move(rules), named = NamedByOperator(indexes, settings)](
                               const sockaddr& address) -> std::string {
    const auto ip = IpAddress::Of(address);
    if (!ip.has_value()) return "an address of no kind that is known";
    const uint16_t port = PortOf(address);
    if (std::find(named.begin(), named.end(), Place{*ip, port}) != named.end()) return "";
    const std::string rule = RefusalOfAddress(rules, ip->Text(), port, *ip, OwnAddresses());
    return rule.empty() ? "" : fmt::format("refused by the rule '{}'. {}", rule, ExplainRefusal(rule));
  };
  return http::MakeCurlHttpClient(std::move(options));
}

}  // namespace

PackageIndex::PackageIndex(const std::vector<index::IndexAddress>& indexes, const NetworkSettings& settings,
                           BlobStore& blobs, index::PageArchive* archive, Clock& clock)
    : client_(ClientFor(indexes, settings)),
      pages_([&] {
        std::vector<std::unique_ptr<index::IndexPages>> pages;
        index::IndexPagesOptions options;
        options.archive = archive;
        for (const index::IndexAddress& address : indexes) {
          pages.push_back(std::make_unique<index::IndexPages>(address, *client_, clock, options));
        }
        return pages;
      }()),
      files_(*client_, blobs, clock),
      proxy_(Pointers(pages_), files_),
      service_(threads_, proxy_) {}

}  // namespace crossmill::worker
