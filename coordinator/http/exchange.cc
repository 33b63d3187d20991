#include "coordinator/http/exchange.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/beast/http/error.hpp>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/wiping.h"
#include "coordinator/http/problem.h"

namespace crossmill::coordinator::door {
namespace {

namespace http = boost::beast::http;

constexpr size_t kReadBytes = 64 << 10;
// Ten thousand connections that wait for a head hold a buffer each.
constexpr size_t kHeadBytes = 4 << 10;
constexpr size_t kWriteBytes = 256 << 10;
constexpr std::chrono::milliseconds kLingerTime = std::chrono::seconds(2);
constexpr size_t kLingerBytes = 4 << 20;

std::string Text(boost::beast::string_view text) { return {text.data(), text.size()}; }

std::string AddressOf(const asio::ip::tcp::endpoint& endpoint) {
  asio::ip::address address = endpoint.address();
  // What came over IPv4 to a socket for both.
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return address.to_string();
}

std::string HttpDate() {
  return absl::FormatTime("%a, %d %b %E4Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone());
}

absl::Status HeadError(const boost::system::error_code& error) {
  if (error == http::error::header_limit)
    return absl::ResourceExhaustedError("the head of the request is too large");
  return absl::InvalidArgumentError(fmt::format("the request is none that can be read: {}", error.message()));
}

}  // namespace

Exchange::Exchange(std::unique_ptr<ByteStream> stream, const DoorLimits& limits)
    : stream_(std::move(stream)), limits_(limits) {
  boost::system::error_code ignored;
  head_.peer = AddressOf(stream_->socket().remote_endpoint(ignored));
  head_.local = AddressOf(stream_->socket().local_endpoint(ignored));
  head_.secure = stream_->secure();
}

Exchange::~Exchange() { WipeSecrets(); }

void Exchange::WipeSecrets() {
  for (std::string& secret : head_.secrets) Wipe(&secret);
  head_.secrets.clear();
}

Awaitable<boost::system::error_code> Exchange::Open() {
  stream_->Expire(limits_.unknown_time);
  co_return co_await stream_->Open();
}

void Exchange::Know() {
  if (std::exchange(known_, true)) return;
  if (on_known_) std::exchange(on_known_, nullptr)();
}

Awaitable<boost::system::error_code> Exchange::Fill(size_t most) {
  const size_t have = buffer_.size();
  // Not what was the size of a body once.
  if (have == 0 && most < buffer_.capacity()) std::string().swap(buffer_);
  buffer_.resize(have + most);
  size_t count = 0;
  const boost::system::error_code error = co_await stream_->Read(buffer_.data() + have, most, &count);
  buffer_.resize(have + count);
  if (error) broken_ = true;
  co_return error;
}

boost::system::error_code Exchange::Parse() {
  boost::system::error_code error;
  const size_t used = parser_->put(asio::buffer(buffer_.data(), buffer_.size()), error);
  buffer_.erase(0, used);
  if (error == http::error::need_more) error = {};
  return error;
}

Awaitable<absl::Status> Exchange::ReadHead() {
  parser_.emplace();
  parser_->header_limit(limits_.head_bytes);
  // Handlers count for themselves.
  parser_->body_limit(boost::none);
  request_id_ = NewRequestId();
  keep_alive_ = false;
  const auto idle = known_ ? limits_.idle_time : limits_.unknown_time;
  stream_->Expire(buffer_.empty() ? idle : limits_.head_time);
  bool begun = !buffer_.empty();
  while (true) {
    if (!buffer_.empty()) {
      if (const boost::system::error_code error = Parse()) co_return HeadError(error);
      if (parser_->is_header_done()) break;
      if (buffer_.size() > limits_.head_bytes)
        co_return absl::ResourceExhaustedError("the head of the request is too large");
    }
    if (const boost::system::error_code error = co_await Fill(kHeadBytes)) {
      if (begun && error == boost::beast::error::timeout) {
        co_return absl::DeadlineExceededError("the head of the request did not come in time");
      }
      co_return absl::OutOfRangeError("the connection ended");
    }
    // One time for the whole head, however it trickles.
    if (!begun) stream_->Expire(limits_.head_time);
    begun = true;
  }
  TakeHead();
  co_return absl::OkStatus();
}

void Exchange::TakeHead() {
  WipeSecrets();
  const http::request<http::buffer_body>& request = parser_->get();
  head_.verb = Text(request.method_string());
  const std::string target = Text(request.target());
  const size_t question = target.find('?');
  head_.path = target.substr(0, question);
  head_.query = question == std::string::npos ? "" : target.substr(question + 1);
  head_.query.erase(std::min(head_.query.find('#'), head_.query.size()));
  head_.host = Text(request[http::field::host]);
  // Two hosts are none.
  if (request.count(http::field::host) != 1) head_.host.clear();
  head_.authorization = Text(request[http::field::authorization]);
  head_.cookie = Text(request[http::field::cookie]);
  head_.origin = Text(request[http::field::origin]);
  head_.content_type = Text(request[http::field::content_type]);
  head_.accept = Text(request[http::field::accept]);
  head_.accept_encoding = Text(request[http::field::accept_encoding]);
  head_.if_none_match = Text(request[http::field::if_none_match]);
  head_.last_event_id = Text(request["Last-Event-ID"]);
  head_.idempotency_key = Text(request["Idempotency-Key"]);
  head_.fetch_site = Text(request["Sec-Fetch-Site"]);
  const auto secrets = request.equal_range("Crossmill-Secret");
  for (auto field = secrets.first; field != secrets.second; ++field)
    head_.secrets.push_back(Text(field->value()));
  is_http_1_1_ = request.version() >= 11;
  keep_alive_ = request.keep_alive();
  expects_continue_ = boost::beast::iequals(request[http::field::expect], "100-continue");
}

Awaitable<absl::StatusOr<std::string>> Exchange::ReadSome() {
  if (expects_continue_) {
    expects_continue_ = false;
    if (!co_await WriteAll("HTTP/1.1 100 Continue\r\n\r\n"))
      co_return absl::UnavailableError("the connection ended");
  }
  std::string piece(kReadBytes, '\0');
  while (!parser_->is_done()) {
    parser_->get().body().data = piece.data();
    parser_->get().body().size = piece.size();
    const size_t before = buffer_.size();
    boost::system::error_code error = Parse();
    if (error == http::error::need_buffer) error = {};
    if (error) {
      broken_ = true;
      co_return absl::InvalidArgumentError(fmt::format("the body cannot be read: {}", error.message()));
    }
    const size_t count = piece.size() - parser_->get().body().size;
    if (count > 0) {
      piece.resize(count);
      co_return piece;
    }
    if (parser_->is_done()) break;
    // The parser takes one thing at a time, such as the head of a chunk: what is behind it is here already.
    if (!buffer_.empty() && buffer_.size() < before) continue;
    stream_->Expire(limits_.stall_time);
    if (co_await Fill(kReadBytes))
      co_return absl::UnavailableError("the connection ended in the middle of the body");
  }
  co_return std::string();
}

Awaitable<absl::StatusOr<std::string>> Exchange::ReadBody(size_t most) {
  const auto length = parser_->content_length();
  std::string body;
  if (length && *length > most)
    co_return absl::ResourceExhaustedError(fmt::format("the body is larger than {} bytes", most));
  while (true) {
    absl::StatusOr<std::string> piece = co_await ReadSome();
    if (!piece.ok()) co_return piece.status();
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > most)
      co_return absl::ResourceExhaustedError(fmt::format("the body is larger than {} bytes", most));
    body += *piece;
  }
}

Awaitable<bool> Exchange::WriteAll(std::string_view bytes) {
  while (!bytes.empty() && !broken_) {
    const std::string_view piece = bytes.substr(0, kWriteBytes);
    stream_->Expire(limits_.stall_time);
    if (co_await stream_->Write(piece)) broken_ = true;
    bytes.remove_prefix(piece.size());
  }
  co_return !broken_;
}

Awaitable<void> Exchange::Send(Response response) {
  response.Set("Date", HttpDate());
  // A body that nobody read is in the way of the next request.
  if (!parser_ || !parser_->is_done()) keep_alive_ = false;
  std::string bytes = WriteHead(response, Framing::kLength, keep_alive_, head_.secure);
  if (head_.verb != "HEAD" && response.status != 304) bytes += response.body;
  (void)co_await WriteAll(bytes);
}

Awaitable<bool> Exchange::Begin(const Response& response) {
  if (!parser_->is_done()) keep_alive_ = false;
  chunked_ = is_http_1_1_;
  if (!chunked_) keep_alive_ = false;
  const std::string head =
      WriteHead(response, chunked_ ? Framing::kChunked : Framing::kClose, keep_alive_, head_.secure);
  co_return co_await WriteAll(head) && head_.verb != "HEAD";
}

Awaitable<bool> Exchange::Write(std::string_view bytes) {
  if (bytes.empty()) co_return !broken_;
  if (!chunked_) co_return co_await WriteAll(bytes);
  std::string framed = fmt::format("{:x}\r\n", bytes.size());
  framed += bytes;
  framed += "\r\n";
  co_return co_await WriteAll(framed);
}

Awaitable<void> Exchange::Finish() {
  if (watching_) {
    *watching_ = false;
    watching_.reset();
    // The wait under way ends; the connection is not used again.
    boost::system::error_code ignored;
    stream_->socket().cancel(ignored);
    keep_alive_ = false;
  }
  if (chunked_ && head_.verb != "HEAD") (void)co_await WriteAll("0\r\n\r\n");
}

void Exchange::WatchClient(std::function<void()> gone) {
  watching_ = std::make_shared<bool>(true);
  stream_->socket().async_wait(
      asio::ip::tcp::socket::wait_read,
      [watching = watching_, gone = std::move(gone)](const boost::system::error_code&) {
        if (*watching) gone();
      });
}

Awaitable<void> Exchange::Linger() {
  if (broken_) co_return;
  stream_->Expire(kLingerTime);
  co_await stream_->End();
  size_t dropped = 0;
  while (!broken_ && dropped < kLingerBytes) {
    buffer_.clear();
    if (co_await Fill(kReadBytes)) break;
    dropped += buffer_.size();
  }
}

void Exchange::Abort() {
  broken_ = true;
  stream_->Close();
  if (abort_) abort_();
}

}  // namespace crossmill::coordinator::door
