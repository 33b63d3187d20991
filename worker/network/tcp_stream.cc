#include "worker/network/tcp_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace crossmill::worker {
namespace {

constexpr size_t kFirstBuffer = 16 << 10;
constexpr size_t kLargestBuffer = 256 << 10;

asio::ip::tcp::endpoint EndpointOf(const IpAddress& address, uint16_t port) {
  if (address.is_v4()) {
    asio::ip::address_v4::bytes_type bytes;
    std::copy_n(address.bytes().begin(), bytes.size(), bytes.begin());
    return {asio::ip::address_v4(bytes), port};
  }
  return {asio::ip::address_v6(address.bytes(), address.scope()), port};
}

}  // namespace

bool TcpStream::Adopt(UniqueFd socket, bool v6) {
  boost::system::error_code error;
  socket_.assign(v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), socket.get(), error);
  if (error) return false;
  (void)socket.Release();
  socket_.non_blocking(true, error);
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  return true;
}

Awaitable<boost::system::error_code> TcpStream::Connect(const IpAddress& address, uint16_t port) {
  UniqueFd made(
      ::socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.valid()) co_return boost::system::error_code(errno, boost::system::system_category());
  if (!Adopt(std::move(made), !address.is_v4())) co_return asio::error::no_descriptors;
  const auto [error] = co_await socket_.async_connect(EndpointOf(address, port), kAwait);
  co_return error;
}

void TcpStream::Consume(size_t bytes) {
  begin_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

Awaitable<boost::system::error_code> TcpStream::Fill() {
  if (end_ == buffer_.size()) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    } else if (buffer_.size() < kLargestBuffer) {
      buffer_.resize(std::max(kFirstBuffer, buffer_.size() * 2));
    } else {
      co_return asio::error::no_buffer_space;
    }
  }
  const size_t room = buffer_.size() - end_;
  const auto [error, count] =
      co_await socket_.async_read_some(asio::buffer(buffer_.data() + end_, room), kAwait);
  end_ += count;
  // A full buffer: the peer is faster than it.
  if (count == room && begin_ == 0 && buffer_.size() < kLargestBuffer) {
    buffer_.resize(std::min(buffer_.size() * 4, kLargestBuffer));
  }
  co_return error;
}

Awaitable<boost::system::error_code> TcpStream::Write(std::string_view bytes, std::string_view more) {
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(bytes.data(), bytes.size()),
                                                     asio::buffer(more.data(), more.size())};
  const auto [error, count] = co_await asio::async_write(socket_, buffers, kAwait);
  (void)count;
  co_return error;
}

void TcpStream::EndWriting() {
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void TcpStream::Cancel() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void TcpStream::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

bool TcpStream::Quiet() {
  if (!socket_.is_open() || begin_ != end_) return false;
  char byte;
  const ssize_t count = recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace crossmill::worker
