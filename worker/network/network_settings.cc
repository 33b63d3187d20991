#include "worker/network/network_settings.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::worker {
namespace {

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Never says the value: it may hold a password.
absl::StatusOr<UpstreamProxy> ParseUpstream(std::string_view name, std::string_view url) {
  const auto bad = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}; expected http://[USER:PASSWORD@]HOST:PORT", name, why));
  };
  if (const size_t colon = url.find("://"); colon != std::string_view::npos) {
    if (!EqualIgnoringCase(url.substr(0, colon), "http")) {
      return bad("only proxies that are spoken to over http:// are supported");
    }
    url.remove_prefix(colon + 3);
  }
  url = url.substr(0, url.find_first_of("/?#"));
  UpstreamProxy proxy;
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) {
    proxy.authorization = "Basic " + absl::Base64Escape(DecodePercent(url.substr(0, at)));
    url.remove_prefix(at + 1);
  }
  auto authority = ParseAuthority(url, 80);
  if (!authority.ok()) return bad("it names no host");
  proxy.at = *std::move(authority);
  return proxy;
}

// A machine may have proxies of other kinds for other programs: they are no reason not to start.
std::optional<UpstreamProxy> UpstreamOf(const Environment& environment,
                                        std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto value = environment(name);
    if (!value || value->empty()) continue;
    auto proxy = ParseUpstream(name, *value);
    if (proxy.ok()) return *std::move(proxy);
    LogWarning("steps go out without the proxy of {}", Sv(proxy.status().message()));
  }
  return std::nullopt;
}

// As programs read it: names mean themselves and what is below them.
std::vector<HostPattern> ParseNoProxy(const std::string& text) {
  std::vector<HostPattern> patterns;
  const std::vector<std::string> parts = absl::StrSplit(text, absl::ByAnyChar(", "), absl::SkipEmpty());
  for (const std::string& part : parts) {
    auto pattern = HostPattern::Parse(part);
    if (!pattern.ok()) {
      LogWarning("no_proxy: {}", Sv(pattern.status().message()));
      continue;
    }
    const bool name = !pattern->is_address() && part[0] != '.' && part[0] != '*';
    patterns.push_back(*std::move(pattern));
    auto below = HostPattern::Parse("." + part);
    if (name && below.ok()) patterns.push_back(*std::move(below));
  }
  return patterns;
}

absl::Status ParseList(const char* flag, const std::vector<std::string>& texts,
                       std::vector<HostPattern>* patterns) {
  for (const std::string& text : texts) {
    auto pattern = HostPattern::Parse(text);
    if (!pattern.ok()) return Annotate(pattern.status(), flag);
    patterns->push_back(*std::move(pattern));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NetworkSettings> ReadNetworkSettings(const NetworkFlags& flags,
                                                    const Environment& environment) {
  NetworkSettings settings;
  RETURN_IF_ERROR(ParseList("--network-allow", flags.allow, &settings.rules.allow));
  RETURN_IF_ERROR(ParseList("--network-deny", flags.deny, &settings.rules.deny));
  RETURN_IF_ERROR(ParseList("--network-allow-local", flags.allow_local, &settings.rules.allow_local));
  for (const HostPattern& pattern : settings.rules.allow_local) {
    if (pattern.port() != 0) continue;
    return absl::InvalidArgumentError(
        fmt::format("--network-allow-local: '{}' has no port; expected HOST:PORT", pattern.text()));
  }
  if (flags.upstream_proxy == "none") return settings;
  if (!flags.upstream_proxy.empty()) {
    ASSIGN_OR_RETURN(settings.https_proxy, ParseUpstream("--network-upstream-proxy", flags.upstream_proxy));
    settings.http_proxy = settings.https_proxy;
  } else {
    settings.http_proxy = UpstreamOf(environment, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
    settings.https_proxy = UpstreamOf(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  }
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    const auto value = environment(name);
    if (!value || value->empty()) continue;
    settings.no_proxy = ParseNoProxy(*value);
    break;
  }
  return settings;
}

const UpstreamProxy* ProxyFor(const NetworkSettings& settings, const HostAndPort& to, bool tunnel) {
  const auto& proxy = tunnel ? settings.https_proxy : settings.http_proxy;
  if (!proxy) return nullptr;
  const std::string host = NormalHost(to.host);
  const bool direct =
      std::any_of(settings.no_proxy.begin(), settings.no_proxy.end(),
                  [&](const HostPattern& pattern) { return pattern.MatchesName(host, to.port); });
  return direct ? nullptr : &*proxy;
}

}  // namespace crossmill::worker
