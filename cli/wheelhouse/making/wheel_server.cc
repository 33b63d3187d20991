#include "cli/wheelhouse/making/wheel_server.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/file_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <chrono>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/wheels/index_document.h"

namespace crossmill::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

// Operations give their error code and result, and throw nothing.
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// For a request, and for the answer to it as long as nothing of it is taken.
constexpr auto kPatience = std::chrono::seconds(60);
constexpr size_t kMostConnections = 256;

absl::Status BadAddress(std::string_view text) {
  return absl::InvalidArgumentError(
      fmt::format("--serve {}: expected ADDRESS:PORT, such as 127.0.0.1:8080", Printable(text)));
}

absl::StatusOr<tcp::endpoint> ParseEndpoint(std::string_view text) {
  if (text.empty()) return tcp::endpoint(asio::ip::address_v4::loopback(), 0);
  std::string_view host;
  std::string_view port = text;
  if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (host.empty()) return BadAddress(text);
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size()) return BadAddress(text);
  boost::system::error_code failed;
  const asio::ip::address address = host.empty() || host == "localhost"
                                        ? asio::ip::address(asio::ip::address_v4::loopback())
                                        : asio::ip::make_address(std::string(host), failed);
  if (failed) return BadAddress(text);
  return tcp::endpoint(address, number);
}

using TextResponse = http::response<http::string_body>;

TextResponse TextAnswer(http::status status, std::string_view type, std::string text) {
  TextResponse response(status, 11);
  response.set(http::field::content_type, boost::string_view(type.data(), type.size()));
  response.body() = std::move(text);
  return response;
}

// JSON where the client names it and does not rather want HTML: pip and uv name both, JSON first.
bool WantsJson(std::string_view accept) {
  const size_t json = accept.find("application/vnd.pypi.simple.v1+json");
  const size_t html = std::min(accept.find("text/html"), accept.find("application/vnd.pypi.simple.v1+html"));
  return json != std::string_view::npos && (html == std::string_view::npos || json < html);
}

}  // namespace

class WheelServer::Impl {
 public:
  explicit Impl(const WheelShelf& shelf) : shelf_(shelf), acceptor_(context_) {}

  absl::Status Listen(const tcp::endpoint& endpoint) {
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return absl::UnavailableError(fmt::format("--serve: cannot listen: {}", error.message()));
    asio::co_spawn(context_, Accept(), asio::detached);
    return absl::OkStatus();
  }

  std::string Url() const {
    boost::system::error_code error;
    const tcp::endpoint endpoint = acceptor_.local_endpoint(error);
    const std::string host = endpoint.address().to_string();
    if (endpoint.address().is_v6()) return fmt::format("http://[{}]:{}", host, endpoint.port());
    return fmt::format("http://{}:{}", host, endpoint.port());
  }

  void Run() { context_.run(); }
  void Stop() { context_.stop(); }

 private:
  asio::awaitable<void> Accept() {
    while (true) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        // Out of descriptors, mostly: some come free.
        asio::steady_timer pause(context_, std::chrono::milliseconds(100));
        co_await pause.async_wait(kAwait);
        continue;
      }
      // Too many are refused: who asks an index tries again.
      if (connections_ >= kMostConnections) continue;
      ++connections_;
      asio::co_spawn(context_, Serve(beast::tcp_stream(std::move(socket))), asio::detached);
    }
  }

  asio::awaitable<void> Serve(beast::tcp_stream stream) {
    beast::flat_buffer buffer(64 << 10);
    bool go_on = true;
    while (go_on) {
      stream.expires_after(kPatience);
      // A request has no body here.
      http::request_parser<http::empty_body> parser;
      const auto [error, count] = co_await http::async_read(stream, buffer, parser, kAwait);
      if (error) break;
      go_on = co_await Answer(stream, parser.get());
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
    --connections_;
  }

  asio::awaitable<bool> Answer(beast::tcp_stream& stream, const http::request<http::empty_body>& request) {
    const std::string_view target(request.target().data(), request.target().size());
    const std::string_view path = target.substr(0, target.find_first_of("?#"));
    const bool head = request.method() == http::verb::head;
    if (!head && request.method() != http::verb::get) {
      co_return co_await Send(
          stream, request, TextAnswer(http::status::method_not_allowed, "text/plain", "only GET and HEAD\n"));
    }
    if (const WheelShelf::File* file = shelf_.FindFile(path))
      co_return co_await SendFile(stream, request, *file);
    if (const WheelShelf::Page* page = shelf_.FindPage(path)) {
      const auto accept = request[http::field::accept];
      const bool json = WantsJson(std::string_view(accept.data(), accept.size()));
      TextResponse response = TextAnswer(
          http::status::ok, python::ContentTypeOf(json ? python::IndexForm::kJson : python::IndexForm::kHtml),
          json ? page->json : page->html);
      response.set(http::field::vary, "Accept");
      co_return co_await Send(stream, request, std::move(response));
    }
    if (path == "/")
      co_return co_await Send(stream, request, TextAnswer(http::status::ok, "text/html", shelf_.Overview()));
    // Index clients may leave out the last slash.
    if (const std::string slashed = std::string(path) + "/"; shelf_.FindPage(slashed) != nullptr) {
      TextResponse response = TextAnswer(http::status::moved_permanently, "text/plain", "");
      response.set(http::field::location, slashed);
      co_return co_await Send(stream, request, std::move(response));
    }
    co_return co_await Send(stream, request,
                            TextAnswer(http::status::not_found, "text/plain", "not found\n"));
  }

  asio::awaitable<bool> Send(beast::tcp_stream& stream, const http::request<http::empty_body>& request,
                             TextResponse response) {
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    http::response_serializer<http::string_body> serializer(response);
    co_return co_await Write(stream, request, serializer);
  }

  asio::awaitable<bool> SendFile(beast::tcp_stream& stream, const http::request<http::empty_body>& request,
                                 const WheelShelf::File& file) {
    // Opened at the name that the record gave, and never through a link.
    auto fd = OpenFile(file.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    http::response<http::file_body> response(http::status::ok, 11);
    beast::file handle;
    boost::system::error_code error;
    if (fd.ok()) {
      handle.native_handle(fd->Release());
      response.body().reset(std::move(handle), error);
    }
    if (!fd.ok() || error || response.body().size() != static_cast<uint64_t>(file.size)) {
      co_return co_await Send(stream, request,
                              TextAnswer(http::status::gone, "text/plain", "the file is not what it was\n"));
    }
    response.set(http::field::content_type, "application/octet-stream");
    response.set(http::field::etag, fmt::format("\"{}\"", file.sha256));
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    http::response_serializer<http::file_body> serializer(response);
    co_return co_await Write(stream, request, serializer);
  }

  // The head, and the body piece by piece, so that only a client that takes nothing runs out of time.
  template <typename Serializer>
  asio::awaitable<bool> Write(beast::tcp_stream& stream, const http::request<http::empty_body>& request,
                              Serializer& serializer) {
    const bool head = request.method() == http::verb::head;
    serializer.split(true);
    stream.expires_after(kPatience);
    const auto [error, count] = co_await http::async_write_header(stream, serializer, kAwait);
    if (error) co_return false;
    while (!head && !serializer.is_done()) {
      stream.expires_after(kPatience);
      const auto [failed, written] = co_await http::async_write_some(stream, serializer, kAwait);
      if (failed) co_return false;
    }
    co_return request.keep_alive();
  }

  const WheelShelf& shelf_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  size_t connections_ = 0;
};

WheelServer::WheelServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WheelServer::~WheelServer() = default;

absl::StatusOr<std::unique_ptr<WheelServer>> WheelServer::Listen(std::string_view address,
                                                                 const WheelShelf& shelf) {
  ASSIGN_OR_RETURN(const tcp::endpoint endpoint, ParseEndpoint(address));
  auto impl = std::make_unique<Impl>(shelf);
  RETURN_IF_ERROR(impl->Listen(endpoint));
  return std::unique_ptr<WheelServer>(new WheelServer(std::move(impl)));
}

std::string WheelServer::Url() const { return impl_->Url(); }
void WheelServer::Run() { impl_->Run(); }
void WheelServer::Stop() { impl_->Stop(); }

}  // namespace crossmill::cli
