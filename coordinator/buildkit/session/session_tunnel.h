// The bytes of one Control.Session call, carried to and from a socket behind which gRPC speaks HTTP/2 with
// the client. Two pumps, each waits for whom it writes to: who does not read holds up nobody but the other
// end of his own call, and what waits is what the socket holds and one piece.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/files.h"

namespace crossmill::coordinator::buildkit {

// The call, as its method sees it. One thread reads while another one writes.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Waits for the next piece. False: the client sends no more, or has gone.
  virtual bool Read(std::string* bytes) = 0;
  // Waits while the client does not read. False: it has gone.
  virtual bool Write(std::string_view bytes) = 0;
  // Ends what waits. From any thread.
  virtual void Cancel() = 0;
};

// A call of gRPC's synchronous kind whose messages have one field, `data`.
template <typename Context, typename Stream, typename Message>
class GrpcByteStream final : public ByteStream {
 public:
  GrpcByteStream(Context& context, Stream& stream) : context_(context), stream_(stream) {}

  bool Read(std::string* bytes) override {
    if (!stream_.Read(&incoming_)) return false;
    bytes->swap(*incoming_.mutable_data());
    return true;
  }
  bool Write(std::string_view bytes) override {
    outgoing_.mutable_data()->assign(bytes.data(), bytes.size());
    return stream_.Write(outgoing_);
  }
  void Cancel() override { context_.TryCancel(); }

 private:
  Context& context_;
  Stream& stream_;
  Message incoming_;
  Message outgoing_;
};

// Carries until the client sends no more, the socket's other end is closed, or `stop`. The socket does not
// block. What the other end has written by then still reaches the client, if it takes it within `patience`.
// RESOURCE_EXHAUSTED: there is no thread for it. CANCELLED: `stop`, or our end was first.
absl::Status CarryBytes(ByteStream& stream, UniqueFd socket, std::chrono::milliseconds patience,
                        const std::stop_token& stop);

}  // namespace crossmill::coordinator::buildkit
