#include "worker/network/forward_proxy.h"

#include <gmock/gmock.h>

#include <thread>

#include "common/base/digest.h"
#include "tests/worker/network/proxy_fixture.h"

namespace crossmill::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

TEST_F(ProxyTest, RequestsOfOneConnectionAreRecordedWithTheirDigests) {
  Start();
  RawPeer client = RawPeer::To(port_);
  client.Send(Head("GET", "/a?token=x"));
  RawPeer server = origin_.Accept();
  EXPECT_EQ(server.ReadUntil("\r\n\r\n"),
            fmt::format("GET /a?token=x HTTP/1.1\r\nHost: origin.example:{}\r\n\r\n", origin_.port()));
  server.Send(kHello);
  EXPECT_EQ(client.ReadUntil("hello"), kHello);
  // Over the same connection to the origin.
  client.Send(Head("GET", "/b"));
  EXPECT_THAT(server.ReadUntil("\r\n\r\n"), StartsWith("GET /b "));
  server.Send("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("0\r\n\r\n"), HasSubstr("404 Not Found"));
  const v1::StepFetches record = Finish();
  ASSERT_EQ(record.fetches_size(), 2);
  const v1::Fetch& first = record.fetches(0);
  EXPECT_EQ(first.kind(), v1::Fetch::KIND_HTTP);
  EXPECT_EQ(first.url(), Url("/a?token=***"));
  EXPECT_EQ(first.host(), "origin.example");
  EXPECT_EQ(first.port(), origin_.port());
  EXPECT_EQ(first.status(), 200u);
  EXPECT_EQ(first.bytes_down(), 5);
  EXPECT_EQ(first.sha256(), Sha256Hex("hello"));
  EXPECT_EQ(first.error() + first.refused_by(), "");
  EXPECT_GT(first.started_at(), 0);
  EXPECT_EQ(record.fetches(1).status(), 404u);
  EXPECT_EQ(record.fetches(1).sha256(), "");
  EXPECT_EQ(resolver_.asked, 1);
}

TEST_F(ProxyTest, BodiesContinuationsAndTrailersPassBothWays) {
  Start();
  RawPeer client = RawPeer::To(port_);
  client.Send(
      Head("POST", "/up", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nTrailer: X-Sum\r\n"));
  RawPeer server = origin_.Accept();
  EXPECT_THAT(server.ReadUntil("\r\n\r\n"), HasSubstr("Expect: 100-continue\r\n"));
  server.Send("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("3\r\nabc\r\n");
  EXPECT_EQ(server.ReadUntil("abc\r\n"), "3\r\nabc\r\n");
  // The response begins before the request ends.
  server.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
  EXPECT_THAT(client.ReadUntil("hi\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  client.Send("0\r\nX-Sum: 1\r\n\r\n");
  EXPECT_EQ(server.ReadUntil("\r\n\r\n"), "0\r\nX-Sum: 1\r\n\r\n");
  server.Send("0\r\nX-Back: 2\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "0\r\nX-Back: 2\r\n\r\n");
  const v1::StepFetches record = Finish();
  ASSERT_EQ(record.fetches_size(), 1);
  EXPECT_EQ(record.fetches(0).sha256(), Sha256Hex("hi"));
  EXPECT_EQ(record.fetches(0).bytes_up(), 23);
}

TEST_F(ProxyTest, AResponseThatDoesNotWaitForTheBodyArrives) {
  Start();
  RawPeer client = RawPeer::To(port_);
  client.Send(Head("POST", "/up", "Content-Length: 1000000\r\n") + "some of it");
  RawPeer server = origin_.Accept();
  server.ReadUntil("some of it");
  server.Send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  EXPECT_THAT(client.ReadUntil("\r\n\r\nno"), StartsWith("HTTP/1.1 413 Too Large"));
  client.ReadAll();
  EXPECT_TRUE(client.ended());
  client.Close();
  EXPECT_EQ(Finish().fetches(0).status(), 413u);
}

TEST_F(ProxyTest, ATunnelPassesEverythingAndBothEnds) {
  Start();
  RawPeer client = RawPeer::To(port_);
  client.Send(Connect() + "early");
  RawPeer server = origin_.Accept();
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 200 Connection established\r\n\r\n");
  EXPECT_EQ(server.ReadUntil("early"), "early");
  const std::string large(3'000'000, 'x');
  std::jthread sender([&] {
    server.Send(large);
    server.EndWriting();
  });
  EXPECT_EQ(client.ReadAll().size(), large.size());
  EXPECT_TRUE(client.ended());
  client.Send("late");
  client.EndWriting();
  sender.join();
  EXPECT_EQ(server.ReadAll(), "late");
  const v1::StepFetches record = Finish();
  ASSERT_EQ(record.fetches_size(), 1);
  EXPECT_EQ(record.fetches(0).kind(), v1::Fetch::KIND_TUNNEL);
  EXPECT_EQ(record.fetches(0).method(), "CONNECT");
  EXPECT_EQ(record.fetches(0).bytes_up(), 9);
  EXPECT_EQ(record.fetches(0).bytes_down(), 3'000'000);
  EXPECT_EQ(record.fetches(0).error(), "");
}

TEST_F(ProxyTest, AnUpgradeBecomesATunnel) {
  Start();
  RawPeer client = RawPeer::To(port_);
  client.Send(Head("GET", "/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  RawPeer server = origin_.Accept();
  EXPECT_THAT(server.ReadUntil("\r\n\r\n"), HasSubstr("Upgrade: websocket\r\n"));
  server.Send(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x03yes");
  EXPECT_THAT(client.ReadUntil("yes"), HasSubstr("Upgrade: websocket\r\n"));
  client.Send("\x82\x01x");
  EXPECT_EQ(server.ReadUntil("x"), "\x82\x01x");
  client.Close();
  EXPECT_EQ(server.ReadAll(), "");
  EXPECT_TRUE(server.ended());
  EXPECT_EQ(Finish().fetches(0).kind(), v1::Fetch::KIND_TUNNEL);
}

TEST_F(ProxyTest, WhatIsRefusedNamesItsRule) {
  options_.settings.rules.deny.push_back(*HostPattern::Parse("origin.example:25"));
  Start();
  RawPeer client = RawPeer::To(port_);
  client.Send("GET http://127.1:1/x HTTP/1.1\r\nHost: 127.1:1\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("Gateway"), HasSubstr("HTTP/1.1 502 Bad Gateway"));
  resolver_.table["127.1"] = "127.0.0.1";
  RawPeer other = RawPeer::To(port_);
  other.Send("GET http://127.1:1/x HTTP/1.1\r\nHost: 127.1:1\r\n\r\n");
  EXPECT_THAT(other.ReadUntil("HOST:PORT.\n"), HasSubstr("X-Crossmill-Rule: loopback\r\n"));
  // The connection goes on.
  other.Send("GET http://cloud.example/latest/meta-data HTTP/1.1\r\nHost: cloud.example\r\n\r\n");
  EXPECT_THAT(other.ReadUntil("clouds.\n"), StartsWith("HTTP/1.1 403 Refused by the rule 'metadata'\r\n"));
  other.Send("CONNECT origin.example:25 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(other.ReadAll(), StartsWith("HTTP/1.1 403 Refused by the rule 'deny origin.example:25'\r\n"));
  const v1::StepFetches record = Finish();
  ASSERT_EQ(record.fetches_size(), 4);
  EXPECT_EQ(record.fetches(1).refused_by(), "loopback");
  EXPECT_EQ(record.fetches(2).refused_by(), "metadata");
  EXPECT_EQ(record.fetches(3).refused_by(), "deny origin.example:25");
  EXPECT_EQ(record.fetches(3).status(), 403u);
}

TEST_F(ProxyTest, MalformedEndlessAndSlowHeadsAreAnswered) {
  options_.limits.head_time = std::chrono::milliseconds(300);
  Start();
  RawPeer smuggler = RawPeer::To(port_);
  smuggler.Send(Head("POST", "/", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n");
  EXPECT_THAT(smuggler.ReadAll(), StartsWith("HTTP/1.1 400 Bad Request"));
  RawPeer endless = RawPeer::To(port_);
  endless.Send("GET http://h/ HTTP/1.1\r\n" + std::string(100'000, 'x'));
  EXPECT_THAT(endless.ReadAll(), StartsWith("HTTP/1.1 431 "));
  RawPeer slow = RawPeer::To(port_);
  std::jthread trickle([&](const std::stop_token& stop) {
    for (int i = 0; i < 40 && !stop.stop_requested(); ++i) {
      slow.Send("G");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  EXPECT_THAT(slow.ReadUntil("\r\n"), StartsWith("HTTP/1.1 408 "));
  trickle.request_stop();
  trickle.join();
  EXPECT_FALSE(origin_.SomebodyWaits(0));
  const v1::StepFetches record = Finish();
  EXPECT_EQ(record.fetches_size(), 3);
  for (const v1::Fetch& fetch : record.fetches()) EXPECT_EQ(fetch.refused_by(), "malformed request");
}

TEST_F(ProxyTest, OriginsThatFailAreAnsweredFor) {
  options_.limits.idle_time = std::chrono::milliseconds(400);
  Start();
  RawPeer silent = RawPeer::To(port_);
  silent.Send(Head("GET", "/silent"));
  RawPeer held = origin_.Accept();
  EXPECT_THAT(silent.ReadUntil("\r\n"), StartsWith("HTTP/1.1 504 "));
  RawPeer left = RawPeer::To(port_);
  left.Send(Head("GET", "/left"));
  origin_.Accept().Close();
  EXPECT_THAT(left.ReadUntil("\r\n"), StartsWith("HTTP/1.1 502 "));
  RawPeer twofold = RawPeer::To(port_);
  twofold.Send(Head("GET", "/twofold"));
  RawPeer liar = origin_.Accept();
  liar.Send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_THAT(twofold.ReadUntil("\r\n"), StartsWith("HTTP/1.1 502 "));
  RawPeer cut = RawPeer::To(port_);
  cut.Send(Head("GET", "/cut"));
  RawPeer cutter = origin_.Accept();
  cutter.ReadUntil("\r\n\r\n");
  cutter.Send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf");
  cutter.Close();
  EXPECT_THAT(cut.ReadAll(), testing::EndsWith("half"));
  EXPECT_TRUE(cut.ended());
  const v1::StepFetches record = Finish();
  ASSERT_EQ(record.fetches_size(), 4);
  for (const v1::Fetch& fetch : record.fetches()) {
    EXPECT_NE(fetch.error(), "") << fetch.url();
    EXPECT_EQ(fetch.sha256(), "");
  }
}

TEST_F(ProxyTest, AnIdleConnectionThatTheOriginClosedIsReplaced) {
  Start();
  RawPeer client = RawPeer::To(port_);
  for (int i = 0; i < 3; ++i) {
    client.Send(Head("GET", "/again"));
    RawPeer server = origin_.Accept();
    server.ReadUntil("\r\n\r\n");
    server.Send(kHello);
    EXPECT_EQ(client.ReadUntil("hello"), kHello);
    server.Close();
  }
  EXPECT_EQ(Finish().fetches_size(), 3);
}

TEST_F(ProxyTest, MoreConnectionsThanAllowedWait) {
  options_.limits.connections = 2;
  Start();
  std::vector<RawPeer> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(RawPeer::To(port_));
    clients.back().Send(Connect());
  }
  RawPeer first = origin_.Accept();
  RawPeer second = origin_.Accept();
  EXPECT_FALSE(origin_.SomebodyWaits(200));
  clients[0].Close();
  clients[1].Close();
  first.Close();
  EXPECT_TRUE(origin_.SomebodyWaits(5000));
}

TEST_F(ProxyTest, TheEndOfAStepWaitsForNobody) {
  Start();
  RawPeer tunnel = RawPeer::To(port_);
  tunnel.Send(Connect());
  RawPeer server = origin_.Accept();
  tunnel.ReadUntil("\r\n\r\n");
  RawPeer waiting = RawPeer::To(port_);
  waiting.Send(Head("POST", "/never", "Content-Length: 10\r\n") + "abc");
  RawPeer silent = origin_.Accept();
  RawPeer begun = RawPeer::To(port_);
  begun.Send("GET ");
  silent.ReadUntil("abc");
  const absl::Time before = clock_.Now();
  const v1::StepFetches record = Finish();
  EXPECT_LT(clock_.Now() - before, absl::Seconds(2));
  EXPECT_EQ(record.fetches_size(), 2);
  EXPECT_EQ(tunnel.ReadAll(), "");
  EXPECT_TRUE(tunnel.ended());
}

TEST_F(ProxyTest, TheOperatorsProxyIsTheWayOut) {
  Listening upstream;
  options_.settings.http_proxy = UpstreamProxy{{"127.0.0.1", upstream.port()}, "Basic abc"};
  options_.settings.https_proxy = options_.settings.http_proxy;
  Start();
  RawPeer plain = RawPeer::To(port_);
  // Nobody but the operator's proxy knows this name.
  plain.Send("GET http://far.example/x HTTP/1.1\r\nHost: far.example\r\n\r\n");
  RawPeer server = upstream.Accept();
  EXPECT_EQ(
      server.ReadUntil("\r\n\r\n"),
      "GET http://far.example/x HTTP/1.1\r\nHost: far.example\r\nProxy-Authorization: Basic abc\r\n\r\n");
  server.Send(kHello);
  EXPECT_THAT(plain.ReadUntil("hello"), HasSubstr("200 OK"));
  RawPeer tunnel = RawPeer::To(port_);
  tunnel.Send("CONNECT far.example:443 HTTP/1.1\r\n\r\n");
  RawPeer other = upstream.Accept();
  EXPECT_THAT(other.ReadUntil("\r\n\r\n"), StartsWith("CONNECT far.example:443 HTTP/1.1\r\n"));
  other.Send("HTTP/1.1 200 OK\r\n\r\nsecret");
  EXPECT_THAT(tunnel.ReadUntil("secret"), HasSubstr("200 Connection established"));
  RawPeer unwanted = RawPeer::To(port_);
  unwanted.Send("CONNECT far.example:444 HTTP/1.1\r\n\r\n");
  RawPeer refusing = upstream.Accept();
  refusing.Send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(unwanted.ReadAll(), HasSubstr("407 Proxy Authentication Required"));
  // The rules hold all the same, and what is local goes straight.
  RawPeer cloud = RawPeer::To(port_);
  cloud.Send("CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(cloud.ReadAll(), HasSubstr("'metadata'"));
  RawPeer local = RawPeer::To(port_);
  local.Send(Head("GET", "/local"));
  RawPeer near = origin_.Accept();
  EXPECT_THAT(near.ReadUntil("\r\n\r\n"), AllOf(StartsWith("GET /local "), Not(HasSubstr("Basic"))));
}

TEST_F(ProxyTest, ManyAtTheSameTime) {
  Start();
  constexpr int kClients = 24;
  std::jthread server([&] {
    std::vector<std::jthread> answers;
    for (int i = 0; i < kClients; ++i) {
      answers.emplace_back([peer = std::make_shared<RawPeer>(origin_.Accept())] {
        peer->ReadUntil("\r\n\r\n");
        peer->Send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(300'000, 'y'));
        peer->Close();
      });
    }
  });
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([this] {
        RawPeer client = RawPeer::To(port_);
        client.Send(Head("GET", "/many", "Connection: close\r\n"));
        EXPECT_GT(client.ReadAll().size(), 300'000u);
      });
    }
  }
  server.join();
  const v1::StepFetches record = Finish();
  EXPECT_EQ(record.fetches_size(), kClients);
  for (const v1::Fetch& fetch : record.fetches())
    EXPECT_EQ(fetch.sha256(), Sha256Hex(std::string(300'000, 'y')));
}

}  // namespace
}  // namespace crossmill::worker
