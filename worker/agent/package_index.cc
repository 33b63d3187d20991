#include "worker/agent/package_index.h"

#include <netdb.h>
#include <netinet/in.h>

#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/http/curl_http_client.h"
#include "worker/index/pip_settings.h"
#include "worker/network/address_rules.h"
#include "worker/network/forward_proxy.h"

namespace crossmill::worker {
namespace {

uint16_t PortOf(const sockaddr& address) {
  if (address.sa_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
}

// "HOST:PORT" of each address that the host has now: where hosts files lead to this machine, too.
void AllowAddressesOf(const std::string& host, const std::string& port, AddressRules* rules) {
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, nullptr, &found) != 0) return;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const auto address = IpAddress::Of(*each->ai_addr);
    if (!address.has_value()) continue;
    auto pattern = HostPattern::Parse(
        fmt::format(fmt::runtime(address->is_v4() ? "{}:{}" : "[{}]:{}"), address->Text(), port));
    if (pattern.ok()) rules->allow_local.push_back(*std::move(pattern));
  }
  freeaddrinfo(found);
}

constexpr absl::Duration kPipLimit = absl::Seconds(20);

absl::StatusOr<std::string> Print(const std::vector<std::string>& words) {
  ProcessOptions options;
  options.argv = words;
  options.time_limit = kPipLimit;
  ASSIGN_OR_RETURN(ProcessResult result, RunProcess(options));
  if (result.exit_code == 0) return std::move(result.stdout_text);
  return absl::NotFoundError(fmt::format("{} ended with exit code {}", words.front(), result.exit_code));
}

std::vector<index::IndexPages*> Pointers(const std::vector<std::unique_ptr<index::IndexPages>>& pages) {
  std::vector<index::IndexPages*> pointers;
  for (const auto& page : pages) pointers.push_back(page.get());
  return pointers;
}

std::unique_ptr<http::HttpClient> ClientFor(const std::vector<index::IndexAddress>& indexes,
                                            const NetworkSettings& settings) {
  AddressRules rules = settings.rules;
  // The operator's indexes are the operator's word, wherever they are.
  rules.allow.clear();
  for (const index::IndexAddress& address : indexes) {
    const auto url = http::ParseUrl(address.url);
    if (!url.ok()) continue;
    const bool has_port = url->authority.size() > url->host.size() &&
                          url->authority.find_last_of(':') != std::string::npos &&
                          !url->authority.ends_with(']');
    const std::string port = has_port ? url->authority.substr(url->authority.find_last_of(':') + 1)
                                      : (url->scheme == "https" ? "443" : "80");
    AllowAddressesOf(url->host, port, &rules);
  }
  http::CurlOptions options;
  options.user_agent = "crossmill-index";
  options.refuse_address = [rules](const sockaddr& address) -> std::string {
    const auto ip = IpAddress::Of(address);
    if (!ip.has_value()) return "an address of no kind that is known";
    const std::string rule = RefusalOfAddress(rules, ip->Text(), PortOf(address), *ip, OwnAddresses());
    return rule.empty() ? "" : fmt::format("refused by the rule '{}'. {}", rule, ExplainRefusal(rule));
  };
  return http::MakeCurlHttpClient(std::move(options));
}

}  // namespace

absl::StatusOr<std::vector<index::IndexAddress>> FindIndexes(
    const std::vector<std::string>& index_urls, const std::vector<std::string>& extra_index_urls) {
  std::vector<std::string> wanted = index_urls;
  if (wanted == std::vector<std::string>{"none"}) {
    wanted.clear();
  } else if (wanted.empty()) {
    const auto settings = AskPip(Print);
    if (settings.ok()) wanted = settings->indexes;
    if (!settings.ok() && extra_index_urls.empty())
      LogWarning("no package index for steps: {}", Sv(settings.status().message()));
  }
  wanted.insert(wanted.end(), extra_index_urls.begin(), extra_index_urls.end());
  std::vector<index::IndexAddress> indexes;
  for (const std::string& text : wanted) {
    auto address = index::ParseIndexAddress(text);
    if (!address.ok()) return Annotate(address.status(), "--index-url");
    indexes.push_back(*std::move(address));
  }
  return indexes;
}

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
      service_(threads_, proxy_, clock) {}

}  // namespace crossmill::worker
