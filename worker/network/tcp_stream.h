// A TCP connection with a buffer for what was read and not used yet. Used on the thread of its context only.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/files.h"
#include "worker/network/asio.h"
#include "worker/network/ip_address.h"

namespace crossmill::worker {

class TcpStream {
 public:
  explicit TcpStream(asio::io_context& context) : socket_(context) {}

  // Takes over a connected socket that does not block.
  bool Adopt(UniqueFd socket, bool v6);
  // Empty: connected. Descriptors are not inherited by what the worker starts.
  Awaitable<boost::system::error_code> Connect(const IpAddress& address, uint16_t port);

  // What was read and not consumed.
  std::string_view Buffered() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void Consume(size_t bytes);
  // Reads some more behind what is buffered; at the end of the stream it is asio::error::eof. The buffer
  // grows with the stream's speed up to a bound; then nothing may be buffered when it is called.
  Awaitable<boost::system::error_code> Fill();
  Awaitable<boost::system::error_code> Write(std::string_view bytes, std::string_view more = {});

  // The peer reads the end of the stream.
  void EndWriting();
  // Operations under way end with operation_aborted.
  void Cancel();
  void Close();
  bool open() const { return socket_.is_open(); }
  // Open, and the peer has neither ended it nor sent anything.
  bool Quiet();

 private:
  asio::ip::tcp::socket socket_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace crossmill::worker
