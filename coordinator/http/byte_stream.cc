#include "coordinator/http/byte_stream.h"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <utility>

namespace crossmill::coordinator::door {
namespace {

namespace beast = boost::beast;
using asio::ip::tcp;

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(tcp::socket socket) : stream_(std::move(socket)) {}
  void Expire(std::chrono::milliseconds time) override { stream_.expires_after(time); }
  Awaitable<boost::system::error_code> Open() override { co_return boost::system::error_code(); }
  Awaitable<boost::system::error_code> Read(char* to, size_t size, size_t* count) override {
    const auto [error, got] = co_await stream_.async_read_some(asio::buffer(to, size), kAwait);
    *count = got;
    co_return error;
  }
  Awaitable<boost::system::error_code> Write(std::string_view bytes) override {
    const auto [error, count] =
        co_await asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()), kAwait);
    co_return error;
  }
  Awaitable<void> End() override {
    boost::system::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    co_return;
  }
  void Close() override { stream_.close(); }
  tcp::socket& socket() override { return stream_.socket(); }
  bool secure() const override { return false; }

 private:
  beast::tcp_stream stream_;
};

class TlsStream final : public ByteStream {
 public:
  TlsStream(tcp::socket socket, asio::ssl::context& tls)
      : stream_(beast::tcp_stream(std::move(socket)), tls) {}
  void Expire(std::chrono::milliseconds time) override {
    beast::get_lowest_layer(stream_).expires_after(time);
  }
  Awaitable<boost::system::error_code> Open() override {
    const auto [error] = co_await stream_.async_handshake(asio::ssl::stream_base::server, kAwait);
    co_return error;
  }
  Awaitable<boost::system::error_code> Read(char* to, size_t size, size_t* count) override {
    const auto [error, got] = co_await stream_.async_read_some(asio::buffer(to, size), kAwait);
    *count = got;
    co_return error;
  }
  Awaitable<boost::system::error_code> Write(std::string_view bytes) override {
    const auto [error, count] =
        co_await asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()), kAwait);
    co_return error;
  }
  Awaitable<void> End() override { (void)co_await stream_.async_shutdown(kAwait); }
  void Close() override { beast::get_lowest_layer(stream_).close(); }
  tcp::socket& socket() override { return beast::get_lowest_layer(stream_).socket(); }
  bool secure() const override { return true; }

 private:
  beast::ssl_stream<beast::tcp_stream> stream_;
};

}  // namespace

std::unique_ptr<ByteStream> MakeByteStream(tcp::socket socket, asio::ssl::context* tls) {
  if (tls == nullptr) return std::make_unique<PlainStream>(std::move(socket));
  return std::make_unique<TlsStream>(std::move(socket), *tls);
}

}  // namespace crossmill::coordinator::door
