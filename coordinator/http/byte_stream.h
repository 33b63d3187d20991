// A connection's bytes, over TLS or not. Used on the thread of its context only.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "coordinator/http/asio.h"

namespace boost::asio::ssl {
class context;
}

namespace crossmill::coordinator::door {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // What waits for longer ends with an error; holds for all operations until it is called again.
  virtual void Expire(std::chrono::milliseconds time) = 0;
  // The handshake, where there is one.
  virtual Awaitable<boost::system::error_code> Open() = 0;
  // At least a byte, unless there is an error: the end of the stream is one.
  virtual Awaitable<boost::system::error_code> Read(char* to, size_t size, size_t* count) = 0;
  virtual Awaitable<boost::system::error_code> Write(std::string_view bytes) = 0;
  // Tells the peer that nothing more comes.
  virtual Awaitable<void> End() = 0;
  // Waiting operations end with an error.
  virtual void Close() = 0;
  virtual asio::ip::tcp::socket& socket() = 0;
  virtual bool secure() const = 0;
};

// `tls` is null for plain text; else it outlives the stream.
std::unique_ptr<ByteStream> MakeByteStream(asio::ip::tcp::socket socket, asio::ssl::context* tls);

}  // namespace crossmill::coordinator::door
