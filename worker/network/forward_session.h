// One step's use of the forward proxy.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "worker/network/body_framing.h"
#include "worker/network/forward_proxy.h"
#include "worker/network/proxy_request.h"
#include "worker/network/step_server.h"

namespace crossmill::worker {

// A fetch under way; noted in the log when it dies.
class FetchNote {
 public:
  FetchNote(FetchLog& log, Clock& clock, const ProxyRequest& request, const std::string& method);
  ~FetchNote();
  FetchNote(const FetchNote&) = delete;
  FetchNote& operator=(const FetchNote&) = delete;

  v1::Fetch fetch;
  // Set when the whole response went to the step.
  bool complete = false;

 private:
  FetchLog& log_;
  const std::chrono::steady_clock::time_point began_;
};

// Why there is no connection to an origin.
struct DialFailure {
  // 0: there is one.
  int status = 0;
  // The rule that forbids it; empty: none does.
  std::string rule;
  std::string text;
  bool failed() const { return status != 0; }
};

// Runs on the thread of its context; made and destroyed by others.
class ForwardSession final : public StepSession {
 public:
  ForwardSession(asio::io_context& context, NameResolver& resolver, Clock& clock,
                 const ForwardProxyOptions& options, UniqueFd listener, StepUse use);

 private:
  using Connection = std::shared_ptr<ClientConnection>;

  // forward_session.cc
  Awaitable<void> Serve(Connection connection);
  Awaitable<bool> Refuse(ClientConnection& connection, const RequestHead* head, const absl::Status& why);
  Awaitable<bool> AnswerFailure(ClientConnection& connection, const RequestHead& head,
                                const ProxyRequest& request, const DialFailure& failure, FetchNote* note);
  // Both directions until both have ended.
  Awaitable<void> Tunnel(Connection connection, FetchNote& note);
  Awaitable<void> Connect(Connection connection, const RequestHead& head, const ProxyRequest& request);

  // http_exchange.cc
  // False: the connection is used up.
  Awaitable<bool> Exchange(Connection connection, const RequestHead& head, ProxyRequest& request);
  struct Upload;
  Awaitable<void> Send(Connection connection, BodyLength length, std::shared_ptr<Upload> upload);
  static Awaitable<void> StopUpload(ClientConnection& connection, Upload& upload);
  Awaitable<absl::StatusOr<ResponseHead>> FirstResponse(ClientConnection& connection, const RequestHead& head,
                                                        bool* nothing_came);
  Awaitable<bool> Receive(ClientConnection& connection, const RequestHead& head, ResponseHead response,
                          bool keep, FetchNote& note);

  // dialing.cc
  // Connects connection.up to the host, or to the proxy on the way to it, where CONNECT has then succeeded.
  // `*proxy` is set when a plain request has to be written as for a proxy.
  Awaitable<DialFailure> Dial(ClientConnection& connection, const ProxyRequest& request,
                              const UpstreamProxy** proxy);
  Awaitable<absl::StatusOr<std::vector<IpAddress>>> Resolve(ClientConnection& connection,
                                                            const std::string& host);
  // The addresses of `to` that no rule forbids.
  Awaitable<DialFailure> FindAddresses(ClientConnection& connection, const HostAndPort& to,
                                       bool through_proxy, std::vector<IpAddress>* addresses, bool* local);
  Awaitable<DialFailure> ConnectTo(ClientConnection& connection, const std::vector<IpAddress>& addresses,
                                   const HostAndPort& to);
  Awaitable<DialFailure> AskUpstream(ClientConnection& connection, const UpstreamProxy& proxy,
                                     const HostAndPort& to);

  // A connection to `key` that is open and idle, and the proxy that it goes to; false: there is none.
  bool TakeIdle(const std::string& key, ClientConnection* connection, const UpstreamProxy** proxy);
  void KeepIdle(const std::string& key, ClientConnection* connection, const UpstreamProxy* proxy);

  struct Idle {
    std::unique_ptr<TcpStream> stream;
    const UpstreamProxy* proxy = nullptr;
    std::chrono::steady_clock::time_point since;
  };

  asio::io_context& context_;
  NameResolver& resolver_;
  Clock& clock_;
  const ForwardProxyOptions& options_;
  const StepUse use_;
  std::multimap<std::string, Idle> idle_;
  // Last: its end is that of everything that runs.
  StepServer server_;
};

}  // namespace crossmill::worker
