#include "coordinator/buildkit/door/tls_pump.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace crossmill::coordinator::buildkit {
namespace {

// Of TLS a record has at most 16 KiB.
constexpr size_t kPumpPiece = 32 << 10;
// How long, and with how much on its way to us, a client is waited for that was told the end.
constexpr auto kFarewell = std::chrono::seconds(1);
constexpr size_t kFarewellBytes = 1 << 20;

// A socket that is closed with bytes unread resets its connection, and then the client hears of the reset
// instead of what was sent to it before: with TLS 1.3 it speaks before its certificate is judged. So what it
// still says is read, until it has heard the end and closes too.
void SayFarewell(int tcp) {
  shutdown(tcp, SHUT_WR);
  const auto end = std::chrono::steady_clock::now() + kFarewell;
  std::vector<char> unheard(kPumpPiece);
  for (size_t heard = 0; heard < kFarewellBytes;) {
    const ssize_t size = recv(tcp, unheard.data(), unheard.size(), 0);
    if (size > 0) {
      heard += static_cast<size_t>(size);
      continue;
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) return;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    pollfd wait = {.fd = tcp, .events = POLLIN, .revents = 0};
    poll(&wait, 1, static_cast<int>(left.count()));
  }
}

enum class Step { kDone, kWait, kOver };

// One direction: a piece on its way.
struct Piece {
  std::vector<char> bytes = std::vector<char>(kPumpPiece);
  size_t begin = 0, end = 0;
  bool source_over = false;
  bool empty() const { return begin == end; }
};

class Pump {
 public:
  Pump(SSL* connection, int tcp, int plain) : connection_(connection), tcp_(tcp), plain_(plain) {}

  void Run() {
    while (true) {
      tcp_events_ = plain_events_ = 0;
      // Both have their turn.
      const bool in = Inwards(), out = Outwards();
      if (broken_ || IsOver()) break;
      if (!in && !out) Wait();
    }
    // What the client hears last is that this was no accident.
    if (!broken_ && outwards_.source_over) {
      SSL_shutdown(connection_);
      SayFarewell(tcp_);
    }
    ERR_clear_error();
  }

 private:
  bool IsOver() const {
    return (inwards_.source_over && inwards_.empty()) || (outwards_.source_over && outwards_.empty());
  }

  void Wait() {
    // An end that is closed while nobody wants anything of it would be told again and again.
    pollfd waits[2] = {{.fd = tcp_events_ == 0 ? -1 : tcp_, .events = tcp_events_, .revents = 0},
                       {.fd = plain_events_ == 0 ? -1 : plain_, .events = plain_events_, .revents = 0}};
    if (poll(waits, 2, -1) < 0 && errno != EINTR) broken_ = true;
  }

  Step AfterTls(int result) {
    switch (SSL_get_error(connection_, result)) {
      case SSL_ERROR_WANT_READ:
        tcp_events_ |= POLLIN;
        return Step::kWait;
      case SSL_ERROR_WANT_WRITE:
        tcp_events_ |= POLLOUT;
        return Step::kWait;
      default:
        return Step::kOver;
    }
  }

  // From the client to gRPC. True: something moved.
  bool Inwards() {
    bool moved = false;
    if (inwards_.empty() && !inwards_.source_over) {
      ERR_clear_error();
      const int size = SSL_read(connection_, inwards_.bytes.data(), static_cast<int>(kPumpPiece));
      if (size > 0) {
        inwards_.begin = 0;
        inwards_.end = static_cast<size_t>(size);
        moved = true;
      } else if (AfterTls(size) == Step::kOver) {
        inwards_.source_over = moved = true;
      }
    }
    if (inwards_.empty()) return moved;
    const ssize_t sent =
        send(plain_, inwards_.bytes.data() + inwards_.begin, inwards_.end - inwards_.begin, MSG_NOSIGNAL);
    if (sent >= 0) {
      inwards_.begin += static_cast<size_t>(sent);
      return true;
    }
    if (errno == EAGAIN) {
      plain_events_ |= POLLOUT;
    } else if (errno != EINTR) {
      broken_ = true;
    }
    return moved;
  }

  // From gRPC to the client.
  bool Outwards() {
    bool moved = false;
    if (outwards_.empty() && !outwards_.source_over) {
      const ssize_t size = recv(plain_, outwards_.bytes.data(), kPumpPiece, 0);
      if (size > 0) {
        outwards_.begin = 0;
        outwards_.end = static_cast<size_t>(size);
        moved = true;
      } else if (size < 0 && errno == EAGAIN) {
        plain_events_ |= POLLIN;
      } else if (size == 0 || errno != EINTR) {
        outwards_.source_over = moved = true;
      }
    }
    if (outwards_.empty()) return moved;
    ERR_clear_error();
    const int sent = SSL_write(connection_, outwards_.bytes.data() + outwards_.begin,
                               static_cast<int>(outwards_.end - outwards_.begin));
    if (sent > 0) {
      outwards_.begin += static_cast<size_t>(sent);
      return true;
    }
    if (AfterTls(sent) == Step::kOver) broken_ = true;
    return moved;
  }

  SSL* const connection_;
  const int tcp_, plain_;
  Piece inwards_, outwards_;
  short tcp_events_ = 0, plain_events_ = 0;
  bool broken_ = false;
};

absl::Status HandshakeFailed() {
  const unsigned long error = ERR_peek_last_error();
  const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  ERR_clear_error();
  if (reason == nullptr) return absl::UnavailableError("the client has gone during the handshake");
  return absl::UnauthenticatedError(reason);
}

}  // namespace

absl::Status ShakeHands(SSL* connection, int tcp, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    ERR_clear_error();
    const int result = SSL_accept(connection);
    if (result == 1) return absl::OkStatus();
    const int error = SSL_get_error(connection, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      absl::Status why = HandshakeFailed();
      // OpenSSL has sent the alert.
      if (absl::IsUnauthenticated(why)) SayFarewell(tcp);
      return why;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return absl::DeadlineExceededError("the handshake took too long");
    pollfd wait = {.fd = tcp,
                   .events = static_cast<short>(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT),
                   .revents = 0};
    poll(&wait, 1, static_cast<int>(left.count()));
  }
}

void PumpTls(SSL* connection, int tcp, int plain) { Pump(connection, tcp, plain).Run(); }

}  // namespace crossmill::coordinator::buildkit
