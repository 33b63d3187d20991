// One connection of a client: requests are read, answers written, one after the other. Used on the thread of
// its context only, but for Abort's callers, who post.
#pragma once

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/http/asio.h"
#include "coordinator/http/byte_stream.h"
#include "coordinator/http/door_limits.h"
#include "coordinator/http/response.h"

namespace crossmill::coordinator::door {

// What came before the body.
struct RequestHead {
  std::string verb;
  // As they came, escaped. "/api/v1/builds", "page_size=3".
  std::string path;
  std::string query;
  std::string host;
  std::string authorization;
  std::string cookie;
  std::string origin;
  std::string content_type;
  std::string accept;
  std::string accept_encoding;
  std::string if_none_match;
  std::string last_event_id;
  std::string idempotency_key;
  std::string fetch_site;
  // Fields Crossmill-Secret; overwritten when the next request comes, or the connection ends.
  std::vector<std::string> secrets;
  // Addresses without port.
  std::string peer;
  std::string local;
  bool secure = false;
};

class Exchange {
 public:
  Exchange(std::unique_ptr<ByteStream> stream, const DoorLimits& limits);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // ---- for the server ----

  Awaitable<boost::system::error_code> Open();
  // The next head. OUT_OF_RANGE: the client is done; INVALID_ARGUMENT, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED:
  // an answer is still possible.
  Awaitable<absl::Status> ReadHead();
  // The request is answered and whole: another one may come.
  bool reusable() const { return keep_alive_ && !broken_; }
  // Lets the client read what was written though it is still sending.
  Awaitable<void> Linger();
  // Ends what waits; the client gets nothing more.
  void Abort();
  // Called once, when the connection has shown a token.
  void OnKnown(std::function<void()> known) { on_known_ = std::move(known); }

  // ---- for handlers ----

  const RequestHead& head() const { return head_; }
  const std::string& request_id() const { return request_id_; }
  // All of the body. RESOURCE_EXHAUSTED: longer than the limit; UNAVAILABLE: it did not come.
  Awaitable<absl::StatusOr<std::string>> ReadBody(size_t most);
  // A piece of the body, empty at its end.
  Awaitable<absl::StatusOr<std::string>> ReadSome();

  Awaitable<void> Send(Response response);
  // An answer whose length is not known: the head, then pieces, then its end. False: nobody reads any more.
  Awaitable<bool> Begin(const Response& response);
  Awaitable<bool> Write(std::string_view bytes);
  Awaitable<void> Finish();
  // Calls `gone` when the client closes the connection, or sends anything, until Finish. Between Begin and
  // Finish.
  void WatchClient(std::function<void()> gone);
  // What Abort does besides; null again when it is over.
  void OnAbort(std::function<void()> abort) { abort_ = std::move(abort); }
  bool broken() const { return broken_; }
  // A token of the client's was good.
  void Know();
  asio::any_io_executor executor() { return stream_->socket().get_executor(); }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

  // Reads so much at most.
  Awaitable<boost::system::error_code> Fill(size_t most);
  // Feeds the parser with what is there.
  boost::system::error_code Parse();
  void TakeHead();
  void WipeSecrets();
  Awaitable<bool> WriteAll(std::string_view bytes);

  std::unique_ptr<ByteStream> stream_;
  const DoorLimits& limits_;
  std::optional<Parser> parser_;
  // Read and not yet parsed.
  std::string buffer_;
  RequestHead head_;
  std::string request_id_;
  std::function<void()> abort_;
  std::function<void()> on_known_;
  bool known_ = false;
  std::shared_ptr<bool> watching_;
  bool keep_alive_ = false;
  bool broken_ = false;
  bool expects_continue_ = false;
  bool is_http_1_1_ = true;
  bool chunked_ = false;
};

}  // namespace crossmill::coordinator::door
