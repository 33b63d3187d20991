#include "coordinator/http/http_server.h"

#include <array>
#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <charconv>
#include <future>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "common/base/log.h"
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

absl::Status LoadCertificate(const ServerSettings& settings, std::optional<asio::ssl::context>* tls) {
  if (settings.certificate_file.empty()) return absl::OkStatus();
  tls->emplace(asio::ssl::context::tls_server);
  asio::ssl::context& context = **tls;
  boost::system::error_code error;
  context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
  context.use_certificate_chain_file(settings.certificate_file, error);
  if (error)
    return absl::FailedPreconditionError(fmt::format("{}: {}", settings.certificate_file, error.message()));
  context.use_private_key_file(settings.key_file, asio::ssl::context::pem, error);
  if (error) return absl::FailedPreconditionError(fmt::format("{}: {}", settings.key_file, error.message()));
  return absl::OkStatus();
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
    RETURN_IF_ERROR(LoadCertificate(settings, &tls_));
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
        for (Exchange* exchange : std::set(loop.open)) exchange->Abort();
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
    // Touched on the thread only.
    std::set<Exchange*> open;
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
      // Too many are refused: browsers and curl try again.
      if (connections_ >= limits_.connections) continue;
      ++connections_;
      boost::system::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      asio::post(loop.context,
                 [this, &loop, socket = std::move(socket)]() mutable { Begin(loop, std::move(socket)); });
    }
  }

  void Begin(Loop& loop, tcp::socket socket) {
    auto exchange =
        std::make_shared<Exchange>(MakeByteStream(std::move(socket), tls_ ? &*tls_ : nullptr), limits_);
    loop.open.insert(exchange.get());
    // It came while Stop was at it.
    if (loop.ended != nullptr) exchange->Abort();
    asio::co_spawn(loop.context, Serve(*exchange), [this, &loop, exchange](std::exception_ptr problem) {
      if (problem) LogError("an http connection ended by an exception");
      exchange->Abort();
      loop.open.erase(exchange.get());
      --connections_;
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
  std::optional<asio::ssl::context> tls_;
  std::array<Loop, 2> loops_;
  tcp::acceptor acceptor_{loops_[0].context};
  std::atomic<size_t> connections_ = 0;
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
void HttpServer::Stop() { impl_->Stop(); }

}  // namespace crossmill::coordinator::door
