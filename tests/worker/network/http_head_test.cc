#include "worker/network/http_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "worker/network/body_framing.h"
#include "worker/network/proxy_request.h"

namespace crossmill::worker {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<ProxyRequest> Check(const std::string& text) {
  auto head = ParseRequestHead(text);
  if (!head.ok()) return head.status();
  return CheckProxyRequest(*head);
}

TEST(ProxyRequestTest, AWholeUrlBecomesAPathAndAHost) {
  const auto request = Check(
      "GET http://user:pw@Index.Example:8080/a/b?x=1#frag HTTP/1.1\r\nHost: index.example:8080\r\nAccept: "
      "*/*\r\n"
      "Proxy-Connection: keep-alive\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\nProxy-Authorization: "
      "Basic x\r\n\r\n");
  ASSERT_OK(request);
  EXPECT_FALSE(request->tunnel);
  EXPECT_EQ(request->to.host, "Index.Example");
  EXPECT_EQ(request->to.port, 8080);
  EXPECT_EQ(WriteRequestHead(request->forward),
            "GET /a/b?x=1 HTTP/1.1\r\nHost: Index.Example:8080\r\nAccept: */*\r\n\r\n");
  EXPECT_EQ(RecordedUrl(*request), "http://Index.Example:8080/a/b?x=1");
}

TEST(ProxyRequestTest, ConnectNamesHostAndPort) {
  auto request = Check("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_OK(request);
  EXPECT_TRUE(request->tunnel);
  EXPECT_EQ(request->to.host, "2001:db8::1");
  EXPECT_EQ(request->to.Text(), "[2001:db8::1]:443");
  EXPECT_EQ(RecordedUrl(*request), "");
}

TEST(ProxyRequestTest, UpgradesAndTrailersArePassedOn) {
  auto request =
      Check("GET http://h/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  ASSERT_OK(request);
  EXPECT_TRUE(request->upgrade);
  EXPECT_THAT(WriteRequestHead(request->forward), HasSubstr("Upgrade: websocket\r\nConnection: Upgrade\r\n"));
  request = Check("GET http://h/ HTTP/1.1\r\nHost: h\r\nTE: trailers, deflate\r\nConnection: TE\r\n\r\n");
  ASSERT_OK(request);
  EXPECT_THAT(WriteRequestHead(request->forward), HasSubstr("TE: trailers\r\nConnection: TE\r\n"));
}

TEST(ProxyRequestTest, WhatTwoProgramsCouldReadDifferentlyIsRefused) {
  const std::string line = "POST http://h/ HTTP/1.1\r\nHost: h\r\n";
  const std::string bad[] = {
      line + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
      line + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
      line + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
      line + "Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
      line + "Content-Length: +4\r\n\r\n",
      line + "Content-Length: 4,4\r\n\r\n",
      line + "Content-Length: 0x4\r\n\r\n",
      line + "Content-Length: 99999999999999999999999\r\n\r\n",
      line + "Transfer-Encoding: gzip, chunked\r\n\r\n",
      line + "Transfer-Encoding: xchunked\r\n\r\n",
      line + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
      line + "Transfer-Encoding : chunked\r\n\r\n",
      line + "X: a\r\n folded\r\n\r\n",
      line + "X: a\nY: b\r\n\r\n",
      line + "X: a\rY: b\r\n\r\n",
      line + std::string("X: a\0b\r\n\r\n", 10),
      line + "Host: other\r\n\r\n",
      line + " X: a\r\n\r\n",
      "POST http://h/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET http://h/ HTTP/1.1\r\nHost: other\r\n\r\n",
      "GET http://h:8080/ HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET http://h/ HTTP/1.1\r\n\r\n",
      "GET http://h/ HTTP/1.1 x\r\nHost: h\r\n\r\n",
      "GET http://h /x HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET http://h%0d%0aX:y/ HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /x HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET http://h/ HTTP/2.0\r\nHost: h\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\n",
      "GET http://h/\r\n\r\n",
      "CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n",
      "CONNECT h:0 HTTP/1.1\r\nHost: h\r\n\r\n",
      "CONNECT h:65536 HTTP/1.1\r\nHost: h\r\n\r\n",
      "CONNECT u@h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
      "CONNECT http://h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
      "CONNECT h:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
      "CONNECT [::1:443 HTTP/1.1\r\nHost: h\r\n\r\n",
      "CONNECT [name]:443 HTTP/1.1\r\nHost: h\r\n\r\n",
  };
  for (const std::string& text : bad) EXPECT_TRUE(absl::IsInvalidArgument(Check(text).status())) << text;
  EXPECT_TRUE(absl::IsUnimplemented(Check("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n").status()));
  EXPECT_TRUE(absl::IsUnimplemented(Check("GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n").status()));
}

TEST(ProxyRequestTest, TheRecordHoldsNoSecretsOfUrls) {
  const auto recorded = [](const std::string& target) {
    auto request = Check("GET http://u:p@h" + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
    return request.ok() ? RecordedUrl(*request) : std::string(request.status().ToString());
  };
  EXPECT_EQ(recorded("/x?page=2&access_token=abc;X-Amz-Signature=1&sig=2&name=v"),
            "http://h/x?page=2&access_token=***;X-Amz-Signature=***&sig=***&name=v");
  EXPECT_EQ(recorded("/x?v=0123456789abcdef0123456789abcdef"), "http://h/x?v=***");
  EXPECT_EQ(recorded("/x?0123456789abcdef0123456789abcdef"), "http://h/x?***");
  EXPECT_EQ(recorded("/x?"), "http://h/x?");
  EXPECT_LT(recorded("/" + std::string(9000, 'a')).size(), 2100u);
}

TEST(HttpHeadTest, TheEndOfAHeadIsFound) {
  EXPECT_FALSE(EndOfHead("GET / HTTP/1.1\r\nA: b\r\n").has_value());
  EXPECT_EQ(EndOfHead("A\r\n\r\nrest"), 5u);
  EXPECT_EQ(EndOfHead("A\n\nrest\r\n\r\n"), 3u);
}

TEST(HttpHeadTest, BodiesOfResponses) {
  const auto kind = [](const std::string& text, const char* method) {
    auto head = ParseResponseHead(text);
    if (!head.ok()) return -1;
    auto length = BodyOfResponse(*head, method);
    return length.ok() ? static_cast<int>(length->kind) : -1;
  };
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "GET"), BodyLength::kLength);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"), BodyLength::kNone);
  EXPECT_EQ(kind("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET"), BodyLength::kNone);
  EXPECT_EQ(kind("HTTP/1.1 204 No Content\r\n\r\n", "GET"), BodyLength::kNone);
  EXPECT_EQ(kind("HTTP/1.0 200 OK\r\n\r\n", "GET"), BodyLength::kUntilClose);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", "GET"), BodyLength::kChunked);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "GET"), -1);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "GET"), -1);
  EXPECT_EQ(kind("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "GET"), -1);
}

// ---- bodies ----

struct Taken {
  std::string content;
  size_t bytes = 0;
  bool done = false;
  bool bad = false;
};

Taken TakeAll(const BodyLength& length, const std::string& bytes, size_t piece) {
  BodyFraming framing(length);
  Taken taken;
  for (size_t at = 0; at < bytes.size() && !framing.done(); at += piece) {
    const auto count = framing.Take(std::string_view(bytes).substr(at, piece),
                                    [&](std::string_view content) { taken.content += content; });
    if (!count.ok()) {
      taken.bad = true;
      return taken;
    }
    taken.bytes += *count;
  }
  taken.done = framing.done();
  return taken;
}

TEST(BodyFramingTest, ChunksHoweverTheyAreCut) {
  const std::string body = "4;a=b\r\nWiki\r\n5\r\npedia\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n";
  for (size_t piece = 1; piece <= body.size() + 4; ++piece) {
    const Taken taken = TakeAll({BodyLength::kChunked, 0}, body + "NEXT", piece);
    EXPECT_EQ(taken.content, "Wikipedia0123456789") << piece;
    EXPECT_EQ(taken.bytes, body.size()) << piece;
    EXPECT_TRUE(taken.done) << piece;
  }
}

TEST(BodyFramingTest, MalformedChunksAreErrors) {
  for (const char* body :
       {"\r\n", "g\r\n", "-1\r\n", "4\nWiki", "4\r\nWikiX\r\n", "4\r\nWiki\n", "4\r\nWiki\rX", "0x4\r\n",
        "fffffffffffffffff\r\n", "0\r\nA: b\n\r\n", "0\r\nA\rb\r\n\r\n", "4 x\nWiki"}) {
    EXPECT_TRUE(TakeAll({BodyLength::kChunked, 0}, body, 100).bad) << body;
    EXPECT_TRUE(TakeAll({BodyLength::kChunked, 0}, body, 1).bad) << body;
  }
  EXPECT_TRUE(TakeAll({BodyLength::kChunked, 0}, "1;" + std::string(10'000, 'x'), 1000).bad);
  EXPECT_TRUE(TakeAll({BodyLength::kChunked, 0}, "0\r\n" + std::string(100'000, 'x'), 1000).bad);
}

TEST(BodyFramingTest, LengthsAndEnds) {
  EXPECT_EQ(TakeAll({BodyLength::kLength, 3}, "abcdef", 2).content, "abc");
  EXPECT_TRUE(TakeAll({BodyLength::kLength, 0}, "", 1).done);
  EXPECT_TRUE(BodyFraming({BodyLength::kNone, 0}).done());
  BodyFraming short_one({BodyLength::kLength, 3});
  EXPECT_FALSE(short_one.End().ok());
  BodyFraming open_end({BodyLength::kUntilClose, 0});
  EXPECT_EQ(*open_end.Take("abc", [](std::string_view) {}), 3u);
  EXPECT_FALSE(open_end.done());
  EXPECT_OK(open_end.End());
  EXPECT_TRUE(open_end.done());
}

}  // namespace
}  // namespace crossmill::worker
