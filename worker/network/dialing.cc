// ForwardSession's way to an origin: names, rules, addresses, the operator's proxy.
#include <algorithm>
#include <optional>

#include "common/base/status.h"
#include "worker/network/address_rules.h"
#include "worker/network/forward_session.h"

namespace crossmill::worker {
namespace {

constexpr int kForbidden = 403;
constexpr int kBadGateway = 502;
constexpr int kGatewayTimeout = 504;

// The operator's proxy resolves names itself; ours only helps to refuse some.
constexpr std::chrono::milliseconds kPatienceWithNames = std::chrono::seconds(2);

DialFailure Forbidden(std::string rule, const HostAndPort& to, const std::string& address) {
  DialFailure failure;
  failure.status = kForbidden;
  failure.text = fmt::format("{}{} is refused by the rule '{}'. {}", to.Text(),
                             address.empty() || address == to.host ? "" : fmt::format(" ({})", address), rule,
                             ExplainRefusal(rule));
  failure.rule = std::move(rule);
  return failure;
}

}  // namespace

Awaitable<absl::StatusOr<std::vector<IpAddress>>> ForwardSession::Resolve(ClientConnection& connection,
                                                                          const std::string& host) {
  struct Answer {
    std::optional<NameResolver::Addresses> addresses;
  };
  const auto answer = std::make_shared<Answer>();
  // The answer may come after the step is over.
  resolver_.Resolve(host, [answer, executor = context_.get_executor(),
                           weak = connection.weak_from_this()](const NameResolver::Addresses& addresses) {
    asio::post(executor, [answer, weak, addresses] {
      answer->addresses = addresses;
      if (const auto waiting = weak.lock()) waiting->Wake();
    });
  });
  while (!answer->addresses && !connection.aborted() && !connection.timed_out()) co_await connection.Pause();
  if (!answer->addresses)
    co_return absl::DeadlineExceededError(fmt::format("{}: the resolver does not answer", host));
  co_return *answer->addresses;
}

Awaitable<DialFailure> ForwardSession::FindAddresses(ClientConnection& connection, const HostAndPort& to,
                                                     bool through_proxy, std::vector<IpAddress>* addresses,
                                                     bool* local) {
  const AddressRules& rules = options_.settings.rules;
  const std::string host = NormalHost(to.host);
  if (const std::string rule = RefusalOfName(rules, host, to.port); !rule.empty())
    co_return Forbidden(rule, to, "");
  std::vector<IpAddress> found;
  if (const auto literal = IpAddress::Parse(host)) found.push_back(*literal);
  for (const auto& [name, address] : use_.hosts) {
    if (found.empty() && name == host) found.push_back(address);
  }
  if (found.empty()) {
    connection.Watch(through_proxy ? kPatienceWithNames : options_.connect_time);
    auto resolved = co_await Resolve(connection, to.host);
    const bool late = connection.timed_out();
    connection.ForgetTimeout();
    if (!resolved.ok() && !through_proxy) {
      co_return DialFailure{late ? kGatewayTimeout : kBadGateway, "",
                            fmt::format("no address of {}", Sv(resolved.status().message()))};
    }
    if (resolved.ok()) found = *std::move(resolved);
  }
  const std::vector<IpAddress> own =
      options_.own_addresses ? options_.own_addresses() : std::vector<IpAddress>();
  std::string first_rule, first_address;
  for (const IpAddress& address : found) {
    const std::string rule = RefusalOfAddress(rules, host, to.port, address, own);
    if (rule.empty()) {
      addresses->push_back(address);
      // Allowed, so it was the operator's --network-allow-local: nobody else reaches it.
      const AddressRules none;
      *local = *local || !RefusalOfAddress(none, host, to.port, address, own).empty();
    } else if (first_rule.empty()) {
      first_rule = rule;
      first_address = address.Text();
    }
  }
  if (addresses->empty() && !first_rule.empty()) co_return Forbidden(first_rule, to, first_address);
  co_return DialFailure();
}

Awaitable<DialFailure> ForwardSession::ConnectTo(ClientConnection& connection,
                                                 const std::vector<IpAddress>& addresses,
                                                 const HostAndPort& to) {
  const auto deadline = std::chrono::steady_clock::now() + options_.connect_time;
  std::string problem = "no address";
  bool late = false;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || connection.aborted()) break;
    // The last address may have all the time that is left.
    connection.Watch(left / static_cast<int>(std::min<size_t>(addresses.size() - i, 3)));
    connection.up = std::make_unique<TcpStream>(context_);
    const boost::system::error_code error = co_await connection.up->Connect(addresses[i], to.port);
    late = connection.timed_out();
    connection.ForgetTimeout();
    if (!error && !late) {
      connection.Progress();
      co_return DialFailure();
    }
    problem = fmt::format("{}: {}", addresses[i].Text(), late ? "no answer in time" : error.message());
    connection.up.reset();
  }
  co_return DialFailure{late ? kGatewayTimeout : kBadGateway, "",
                        fmt::format("cannot connect to {}: {}", to.Text(), problem)};
}

Awaitable<DialFailure> ForwardSession::AskUpstream(ClientConnection& connection, const UpstreamProxy& proxy,
                                                   const HostAndPort& to) {
  RequestHead ask;
  ask.method = "CONNECT";
  ask.target = to.Text();
  ask.fields.Set("Host", to.Text());
  if (!proxy.authorization.empty()) ask.fields.Set("Proxy-Authorization", proxy.authorization);
  const std::string bytes = WriteRequestHead(ask);
  const boost::system::error_code error = co_await connection.up->Write(bytes);
  bool nothing_came = false;
  absl::StatusOr<ResponseHead> answer = absl::UnavailableError(error.message());
  if (!error) answer = co_await connection.ReadResponse(&nothing_came);
  if (answer.ok() && answer->status / 100 == 2) co_return DialFailure();
  connection.up.reset();
  connection.ForgetTimeout();
  const std::string why = answer.ok() ? fmt::format("{} {}", answer->status, answer->reason)
                                      : std::string(Sv(answer.status().message()));
  co_return DialFailure{kBadGateway, "",
                        fmt::format("the operator's proxy does not connect to {}: {}", to.Text(), why)};
}

Awaitable<DialFailure> ForwardSession::Dial(ClientConnection& connection, const ProxyRequest& request,
                                            const UpstreamProxy** proxy) {
  if (use_.index.offline) {
    DialFailure offline;
    offline.status = 403;
    offline.rule = "offline";
    offline.text = ExplainRefusal(offline.rule);
    co_return offline;
  }
  const UpstreamProxy* upstream = ProxyFor(options_.settings, request.to, request.tunnel);
  std::vector<IpAddress> addresses;
  bool local = false;
  DialFailure failure =
      co_await FindAddresses(connection, request.to, upstream != nullptr, &addresses, &local);
  if (failure.failed()) co_return failure;
  if (upstream == nullptr || local) co_return co_await ConnectTo(connection, addresses, request.to);

  // The rules are for what steps ask for, not for the operator's own way out.
  auto at = IpAddress::Parse(upstream->at.host);
  addresses.clear();
  if (at) {
    addresses.push_back(*at);
  } else {
    connection.Watch(options_.connect_time);
    auto resolved = co_await Resolve(connection, upstream->at.host);
    connection.ForgetTimeout();
    if (!resolved.ok()) {
      co_return DialFailure{kBadGateway, "",
                            fmt::format("the operator's proxy: {}", Sv(resolved.status().message()))};
    }
    addresses = *std::move(resolved);
  }
  failure = co_await ConnectTo(connection, addresses, upstream->at);
  if (failure.failed()) {
    failure.text = "the operator's proxy: " + failure.text;
    co_return failure;
  }
  if (request.tunnel || request.upgrade) co_return co_await AskUpstream(connection, *upstream, request.to);
  *proxy = upstream;
  co_return DialFailure();
}

bool ForwardSession::TakeIdle(const std::string& key, ClientConnection* connection,
                              const UpstreamProxy** proxy) {
  constexpr auto kFresh = std::chrono::seconds(15);
  const auto now = std::chrono::steady_clock::now();
  while (true) {
    const auto found = idle_.find(key);
    if (found == idle_.end()) return false;
    Idle idle = std::move(found->second);
    idle_.erase(found);
    if (now - idle.since > kFresh || !idle.stream->Quiet()) continue;
    connection->up = std::move(idle.stream);
    *proxy = idle.proxy;
    return true;
  }
}

void ForwardSession::KeepIdle(const std::string& key, ClientConnection* connection,
                              const UpstreamProxy* proxy) {
  if (idle_.size() >= options_.idle_connections) idle_.erase(idle_.begin());
  idle_.emplace(key, Idle{std::move(connection->up), proxy, std::chrono::steady_clock::now()});
}

}  // namespace crossmill::worker
