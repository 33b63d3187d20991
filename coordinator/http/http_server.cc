#include "coordinator/http/http_server.h"

#include <array>
#include <boost/asio/ssl/context.hpp>
#include <charconv>
#include <future>
#include <map>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/http/problem.h"

namespace crossmill::coordinator::door {
namespace {

using asio::ip::tcp;

// After an accept that failed for want of descriptors.
constexpr std::chrono::milliseconds kAcceptPause(100);

absl::StatusOr<tcp::endpoint> ParseAddress(std::string_view text) {
  const absl::Status bad = absl::InvalidArgumentError(
      fmt::format("--http {}: expected ADDRESS:PORT, such as 127.0.0.1:8080", Printable(text)));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size()) return bad;
  if (host == "localhost") host = "127.0.0.1";
  boost::system::error_code failed;
  const asio::ip::address address = asio::ip::make_address(std::string(host), failed);
  if (failed) return bad;
  return tcp::endpoint(address, number);
}

using TlsContext = std::shared_ptr<asio::ssl::context>;

// Null without a certificate.
absl::StatusOr<TlsContext> LoadCertificate(const ServerSettings& settings) {
  if (settings.certificate_file.empty()) return nullptr;
  auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  asio::ssl::context& context = *tls;
  boost::system::error_code error;
  context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
  context.use_certificate_chain_file(settings.certificate_file, error);
  if (error)
    return absl::FailedPreconditionError(fmt::format("{}: {}", settings.certificate_file, error.message()));
  context.use_private_key_file(settings.key_file, asio::ssl::context::pem, error);
  if (error) return absl::FailedPreconditionError(fmt::format("{}: {}", settings.key_file, error.message()));
  return tls;
}

// Of what Exchange::ReadHead says.
int ResponseStatusOf(const absl::Status& head) {
  if (absl::IsResourceExhausted(head)) return 431;
  if (absl::IsDeadlineExceeded(head)) return 408;
  return 400;
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const DoorLimits& limits, Handler handler) : limits_(limits), handler_(std::move(handler)) {}

  absl::Status Listen(const ServerSettings& settings) {
    ASSIGN_OR_RETURN(const tcp::endpoint endpoint, ParseAddress(settings.address));
    settings_ = settings;
    RETURN_IF_ERROR(ReloadCertificate());
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(
          fmt::format("--http {}: cannot listen: {}", settings.address, error.message()));
    }
    port_ = acceptor_.local_endpoint(error).port();
    asio::co_spawn(loops_[0].context, Accept(), asio::detached);
    for (Loop& loop : loops_) loop.thread = std::jthread([&loop] { loop.context.run(); });
    return absl::OkStatus();
  }

  int port() const { return port_; }

  absl::Status ReloadCertificate() {
    ASSIGN_OR_RETURN(TlsContext tls, LoadCertificate(settings_));
    MutexLock lock(mutex_);
    tls_.swap(tls);
    return absl::OkStatus();
  }

  void Stop() {
    if (std::exchange(stopped_, true)) return;
    std::promise<void> closed;
    asio::post(loops_[0].context, [this, &closed] {
      boost::system::error_code ignored;
      acceptor_.close(ignored);
      closed.set_value();
    });
    closed.get_future().wait();
    for (Loop& loop : loops_) {
      std::promise<void> ended;
      asio::post(loop.context, [&loop, &ended] {
        loop.ended = &ended;
        for (const auto& [id, exchange] : std::map(loop.open)) exchange->Abort();
        if (loop.open.empty()) std::exchange(loop.ended, nullptr)->set_value();
      });
      ended.get_future().wait();
    }
    for (Loop& loop : loops_) {
      loop.work.reset();
      loop.context.stop();
      if (loop.thread.joinable()) loop.thread.join();
    }
  }

 private:
  struct Loop {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    // By the number in the budget. Touched on the thread only.
    std::map<uint64_t, Exchange*> open;
    // Told when the last one has ended; set by Stop.
    std::promise<void>* ended = nullptr;
    std::jthread thread;
  };

  Awaitable<void> Accept() {
    while (acceptor_.is_open()) {
      Loop& loop = loops_[next_++ % loops_.size()];
      auto [error, socket] = co_await acceptor_.async_accept(loop.context, kAwait);
      if (error == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
      if (error) {
        asio::steady_timer pause(acceptor_.get_executor(), kAcceptPause);
        (void)co_await pause.async_wait(kAwait);
        continue;
      }
      boost::system::error_code ignored;
      const auto id = Admit(PeerGroup(socket.remote_endpoint(ignored).address().to_string()), loop);
      // Too many are refused: browsers and curl try again.
      if (!id) continue;
      socket.set_option(tcp::no_delay(true), ignored);
      asio::post(loop.context, [this, &loop, id = *id, socket = std::move(socket)]() mutable {
        Begin(loop, id, std::move(socket));
      });
    }
  }

  // The number of a new connection, for which another one may have to go; nothing if there is no room.
  std::optional<uint64_t> Admit(const std::string& peer, Loop& loop) {
    const uint64_t id = ++last_id_;
    MutexLock lock(mutex_);
    const ConnectionBudget::Answer answer = budget_.Admit(id, peer);
    if (answer.evicted != 0) {
      Loop& other = *loop_of_.at(answer.evicted);
      asio::post(other.context, [&other, id = answer.evicted] {
        const auto found = other.open.find(id);
        if (found != other.open.end()) found->second->Abort();
      });
    }
    if (!answer.admitted) return std::nullopt;
    loop_of_[id] = &loop;
    return id;
  }

  void Begin(Loop& loop, uint64_t id, tcp::socket socket) {
    TlsContext tls;
    {
      MutexLock lock(mutex_);
      tls = tls_;
    }
    // The connection keeps what it needs of the certificate.
    auto exchange = std::make_shared<Exchange>(MakeByteStream(std::move(socket), tls.get()), limits_);
    exchange->OnKnown([this, id] {
      MutexLock lock(mutex_);
      budget_.Know(id);
    });
    loop.open.emplace(id, exchange.get());
    // It came while Stop was at it.
    if (loop.ended != nullptr) exchange->Abort();
    asio::co_spawn(loop.context, Serve(*exchange), [this, &loop, id, exchange](std::exception_ptr problem) {
      if (problem) LogError("an http connection ended by an exception");
      exchange->Abort();
      loop.open.erase(id);
      {
        MutexLock lock(mutex_);
        budget_.Forget(id);
        loop_of_.erase(id);
      }
      if (loop.open.empty() && loop.ended != nullptr) std::exchange(loop.ended, nullptr)->set_value();
    });
  }

  Awaitable<void> Serve(Exchange& exchange) {
    if (co_await exchange.Open()) co_return;
    do {
      const absl::Status head = co_await exchange.ReadHead();
      if (absl::IsOutOfRange(head)) co_return;
      if (!head.ok()) {
        co_await exchange.Send(ProblemResponse(ResponseStatusOf(head), head, exchange.request_id()));
        break;
      }
      co_await handler_(exchange);
    } while (exchange.reusable());
    co_await exchange.Linger();
  }

  const DoorLimits& limits_;
  const Handler handler_;
  ServerSettings settings_;
  std::array<Loop, 2> loops_;
  tcp::acceptor acceptor_{loops_[0].context};
  Mutex mutex_;
  TlsContext tls_ ABSL_GUARDED_BY(mutex_);
  ConnectionBudget budget_ ABSL_GUARDED_BY(mutex_){limits_.connections, std::random_device()()};
  std::map<uint64_t, Loop*> loop_of_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_id_ = 0;
  size_t next_ = 0;
  int port_ = 0;
  bool stopped_ = false;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { Stop(); }

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const ServerSettings& settings,
                                                              const DoorLimits& limits, Handler handler) {
  auto impl = std::make_unique<Impl>(limits, std::move(handler));
  // It has no threads yet if this fails.
  RETURN_IF_ERROR(impl->Listen(settings));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

int HttpServer::port() const { return impl_->port(); }
absl::Status HttpServer::ReloadCertificate() { return impl_->ReloadCertificate(); }
void HttpServer::Stop() { impl_->Stop(); }

}  // namespace crossmill::coordinator::door
