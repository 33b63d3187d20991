#include "common/http/curl_http_client.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/common/http/scripted_server.h"
#include "tests/support/status_matchers.h"

namespace crossmill::http {
namespace {

std::string Ok(std::string_view body, std::string_view headers = "") {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{}\r\n{}", body.size(), headers, body);
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

class CurlHttpClientTest : public testing::Test {
 protected:
  absl::StatusOr<std::pair<HttpResponse, std::string>> Get(const std::string& url, size_t limit = 1 << 20) {
    HttpRequest request;
    request.url = url;
    return Fetch(*client_, request, limit);
  }

  std::unique_ptr<HttpClient> client_ = MakeCurlHttpClient();
};

TEST_F(CurlHttpClientTest, BodyAndHeadersArrive) {
  ScriptedServer server(
      [](const std::string&) { return Ok("hello", "X-Thing:  Some Value \r\nETag: \"1\"\r\n"); });
  HttpRequest request;
  request.url = server.Url("/a?b=c");
  request.headers.emplace_back("X-Mine", "yes");
  auto answer = Fetch(*client_, request, 100);
  ASSERT_OK(answer);
  EXPECT_EQ(answer->first.status, 200);
  EXPECT_EQ(answer->second, "hello");
  EXPECT_EQ(answer->first.Header("x-thing"), "Some Value");
  EXPECT_EQ(answer->first.Header("missing"), "");
  EXPECT_TRUE(Contains(server.requests()[0], "GET /a?b=c HTTP/1.1\r\n"));
  EXPECT_TRUE(Contains(server.requests()[0], "X-Mine: yes\r\n"));
}

TEST_F(CurlHttpClientTest, ErrorStatusIsAResponse) {
  ScriptedServer server(
      [](const std::string&) { return "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone"; });
  auto answer = Get(server.Url("/"));
  ASSERT_OK(answer);
  EXPECT_EQ(answer->first.status, 404);
  EXPECT_EQ(answer->second, "gone");
}

TEST_F(CurlHttpClientTest, MethodsAndBodiesAreSent) {
  ScriptedServer server(
      [](const std::string& request) { return Ok(request.starts_with("HEAD") ? "" : "x"); });
  for (const char* method : {"PUT", "POST", "DELETE"}) {
    HttpRequest request;
    request.method = method;
    request.url = server.Url("/u");
    request.body = "payload";
    ASSERT_OK(Fetch(*client_, request, 100));
    const std::string seen = server.requests().back();
    EXPECT_TRUE(seen.starts_with(method)) << seen;
    EXPECT_TRUE(seen.ends_with("\r\n\r\npayload")) << seen;
    EXPECT_FALSE(Contains(seen, "Expect:")) << seen;
  }
  HttpRequest head;
  head.method = "HEAD";
  head.url = server.Url("/u");
  ASSERT_OK(Fetch(*client_, head, 100));
  EXPECT_TRUE(server.requests().back().starts_with("HEAD"));
}

TEST_F(CurlHttpClientTest, RedirectKeepsCredentialsWithTheirHost) {
  ScriptedServer target([](const std::string&) { return Ok("here"); });
  ScriptedServer server([&](const std::string& request) {
    const std::string to =
        Contains(request, "/same") ? "/end" : fmt::format("http://localhost:{}/", target.port());
    if (Contains(request, "/end")) return Ok("end");
    return fmt::format("HTTP/1.1 307 Go\r\nLocation: {}\r\nX-Old: 1\r\nContent-Length: 3\r\n\r\nold", to);
  });
  HttpRequest request;
  request.url = server.Url("/other");
  request.headers.emplace_back("Authorization", "Bearer secret");
  auto answer = Fetch(*client_, request, 100);
  ASSERT_OK(answer);
  EXPECT_EQ(answer->second, "here");
  EXPECT_EQ(answer->first.Header("x-old"), "");
  EXPECT_EQ(answer->first.url, fmt::format("http://localhost:{}/", target.port()));
  EXPECT_FALSE(Contains(target.requests()[0], "secret"));
  request.url = server.Url("/same");
  ASSERT_OK(Fetch(*client_, request, 100));
  EXPECT_TRUE(Contains(server.requests().back(), "secret"));
}

TEST_F(CurlHttpClientTest, BrokenBodyIsUnavailableAfterItsBytes) {
  ScriptedServer server(
      [](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npartial"; });
  std::string seen;
  HttpRequest request;
  request.url = server.Url("/");
  auto answer = client_->Send(request, [&](const HttpResponse& head, std::string_view bytes) {
    EXPECT_EQ(head.status, 200);
    seen.append(bytes);
    return absl::OkStatus();
  });
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable) << answer.status();
  EXPECT_EQ(seen, "partial");
}

TEST_F(CurlHttpClientTest, ConnectionRefusedIsUnavailableAndNamesTheUrl) {
  std::string url;
  {
    ScriptedServer server([](const std::string&) { return ""; });
    url = server.Url("/x");
  }
  auto answer = Get(url);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Contains(Sv(answer.status().message()), url)) << answer.status();
}

TEST_F(CurlHttpClientTest, SilentServerIsGivenUp) {
  ScriptedServer server([](const std::string&) {
    absl::Duration wait = absl::Seconds(4);
    std::this_thread::sleep_for(absl::ToChronoMilliseconds(wait));
    return "";
  });
  HttpRequest request;
  request.url = server.Url("/");
  request.idle_limit = absl::Seconds(1);
  EXPECT_EQ(Fetch(*client_, request, 100).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(CurlHttpClientTest, RedirectsMayBeTheAnswer) {
  ScriptedServer server(
      [](const std::string&) { return "HTTP/1.1 307 Go\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n"; });
  CurlOptions options;
  options.follow_redirects = false;
  client_ = MakeCurlHttpClient(options);
  const auto answer = Get(server.Url("/"));
  ASSERT_OK(answer);
  EXPECT_EQ(answer->first.status, 307);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(CurlHttpClientTest, ARequestMayBeGivenSoLongInAll) {
  ScriptedServer server([](const std::string&) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    return Ok("late");
  });
  HttpRequest request;
  request.url = server.Url("/");
  request.total_limit = absl::Milliseconds(300);
  EXPECT_EQ(Fetch(*client_, request, 1000).status().code(), absl::StatusCode::kUnavailable);
  request.total_limit = absl::InfiniteDuration();
  EXPECT_OK(Fetch(*client_, request, 1000));
}

TEST_F(CurlHttpClientTest, ProxiesMayBeLeftAlone) {
  ScriptedServer proxy([](const std::string&) { return Ok("from the proxy"); });
  CurlOptions options;
  options.use_proxies = false;
  client_ = MakeCurlHttpClient(options);
  setenv("http_proxy", proxy.Url("").c_str(), 1);
  const auto far = Get("http://far.invalid/x");
  unsetenv("http_proxy");
  EXPECT_EQ(far.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(proxy.requests().empty());
}

TEST_F(CurlHttpClientTest, StopEndsTheRequest) {
  ScriptedServer server([](const std::string&) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    return "";
  });
  std::stop_source stop;
  std::jthread stopper([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  HttpRequest request;
  request.url = server.Url("/");
  request.stop = stop.get_token();
  EXPECT_EQ(Fetch(*client_, request, 100).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(CurlHttpClientTest, ErrorsOfTheSinkComeBack) {
  ScriptedServer server([](const std::string&) { return Ok(std::string(1000, 'x')); });
  EXPECT_EQ(Get(server.Url("/"), 999).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_OK(Get(server.Url("/"), 1000));
}

TEST_F(CurlHttpClientTest, ProxyIsUsedButNotForLoopback) {
  ScriptedServer proxy([](const std::string&) { return Ok("from the proxy"); });
  ScriptedServer server([](const std::string&) { return Ok("direct"); });
  setenv("http_proxy", proxy.Url("").c_str(), 1);
  auto far = Get("http://far.invalid/x");
  auto near = Get(server.Url("/"));
  unsetenv("http_proxy");
  ASSERT_OK(far);
  EXPECT_EQ(far->second, "from the proxy");
  ASSERT_OK(near);
  EXPECT_EQ(near->second, "direct");
}

// A redirect may lead around a proxy: no_proxy names what is reached without it.
TEST_F(CurlHttpClientTest, AnAddressIsRefusedOnEveryWay) {
  ScriptedServer target([](const std::string&) { return Ok("secret"); });
  ScriptedServer proxy([&](const std::string&) {
    return "HTTP/1.1 302 Found\r\nLocation: " + target.Url("/") + "\r\nContent-Length: 0\r\n\r\n";
  });
  CurlOptions options;
  options.refuse_address = [&](const sockaddr& address) -> std::string {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port) == target.port() ? "not there" : "";
  };
  const auto client = MakeCurlHttpClient(options);
  const auto get = [&](const std::string& url) {
    HttpRequest request;
    request.url = url;
    return Fetch(*client, request, 1000).status();
  };
  EXPECT_EQ(get(target.Url("/")).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(get(proxy.Url("/")).code(), absl::StatusCode::kPermissionDenied);
  setenv("http_proxy", proxy.Url("").c_str(), 1);
  setenv("no_proxy", "127.0.0.1", 1);
  const absl::Status around = get("http://far.invalid/x");
  unsetenv("http_proxy");
  unsetenv("no_proxy");
  EXPECT_EQ(around.code(), absl::StatusCode::kPermissionDenied) << around;
  EXPECT_NE(around.message().find("not there"), std::string::npos);
  EXPECT_TRUE(target.requests().empty());
}

TEST_F(CurlHttpClientTest, BadUrlsAreRefused) {
  for (const char* url :
       {"", "x", "ftp://a/b", "file:///etc/passwd", "http://", "http:///x", "https://[::1/x"}) {
    EXPECT_EQ(Get(url).status().code(), absl::StatusCode::kInvalidArgument) << url;
  }
}

TEST(UrlTest, PartsAreFound) {
  auto url = ParseUrl("HTTPS://user@host.example:444/a/b?c=d");
  ASSERT_OK(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "host.example");
  EXPECT_EQ(url->path, "/a/b?c=d");
  EXPECT_EQ(ParseUrl("http://[::1]:5000")->host, "::1");
  EXPECT_EQ(ParseUrl("http://[::1]:5000")->path, "/");
}

TEST(UrlTest, LoopbackIsNotWhatOnlyLooksLikeIt) {
  for (const char* host : {"localhost", "a.localhost", "127.0.0.1", "127.1.2.3", "::1"})
    EXPECT_TRUE(IsLoopback(host));
  for (const char* host : {"localhost.example", "127.evil.example", "10.0.0.1", "", "notlocalhost"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

}  // namespace
}  // namespace crossmill::http
