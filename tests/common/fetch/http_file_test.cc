#include "common/fetch/http_file.h"

#include <gtest/gtest.h>

#include <atomic>

#include "common/http/curl_http_client.h"
#include "tests/common/http/scripted_server.h"
#include "tests/support/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace crossmill::fetch {
namespace {

std::string Answer(std::string_view status, std::string_view headers, std::string_view body,
                   int64_t length = -1) {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{}", status, headers,
                     length < 0 ? static_cast<int64_t>(body.size()) : length, body);
}

bool Has(const std::string& request, std::string_view line) {
  return request.find(line) != std::string::npos;
}

class HttpFileTest : public ::testing::Test {
 protected:
  HttpFileTest() {
    options_.wait = [this](absl::Duration time) { waits_.push_back(time); };
  }

  absl::StatusOr<HttpFile> Fetch(const std::string& url) {
    return FetchHttpFile(*client_, *store_, url, options_);
  }

  std::unique_ptr<http::HttpClient> client_ = http::MakeCurlHttpClient();
  std::unique_ptr<BlobStore> store_ = MakeMemoryBlobStore();
  HttpFileOptions options_;
  std::vector<absl::Duration> waits_;
};

TEST_F(HttpFileTest, TheFileWithItsNameTimeAndValidators) {
  http::ScriptedServer server([](const std::string& request) {
    if (Has(request, "GET /start")) return Answer("302 Found", "Location: /other/place?x=1\r\n", "elsewhere");
    return Answer("200 OK", "ETag: \"a\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "content");
  });
  std::vector<std::pair<int64_t, int64_t>> progress;
  options_.on_progress = [&](int64_t done, int64_t total) { progress.emplace_back(done, total); };
  options_.checksum = DigestOf("content").Oci();
  const auto file = Fetch(server.Url("/start/tool%20one.tar?x=y"));
  ASSERT_OK(file.status());
  EXPECT_EQ(file->digest, DigestOf("content"));
  EXPECT_EQ(*store_->Get(file->digest), "content");
  EXPECT_EQ(file->name, "tool one.tar");
  EXPECT_EQ(file->mtime, 1445412480);
  EXPECT_EQ(file->etag, "\"a\"");
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back(), (std::pair<int64_t, int64_t>(7, 7)));
}

TEST_F(HttpFileTest, AnEmptyFile) {
  http::ScriptedServer server([](const std::string&) { return Answer("200 OK", "", ""); });
  const auto file = Fetch(server.Url("/empty"));
  ASSERT_OK(file.status());
  EXPECT_EQ(file->digest, DigestOf(""));
  EXPECT_EQ(file->mtime, 0);
}

TEST_F(HttpFileTest, WhatIsKnownIsValidated) {
  http::ScriptedServer server([](const std::string& request) {
    return Has(request, "If-None-Match: \"a\"") && Has(request, "If-Modified-Since: then")
               ? Answer("304 Not Modified", "ETag: \"a\"\r\n", "")
               : Answer("200 OK", "", "new");
  });
  options_.known_etag = "\"a\"";
  options_.known_last_modified = "then";
  const auto known = Fetch(server.Url("/f"));
  ASSERT_OK(known.status());
  EXPECT_TRUE(known->not_modified);
  options_.known_etag = "\"b\"";
  const auto changed = Fetch(server.Url("/f"));
  ASSERT_OK(changed.status());
  EXPECT_FALSE(changed->not_modified);
  EXPECT_EQ(changed->digest, DigestOf("new"));
}

TEST_F(HttpFileTest, ABrokenTransferGoesOnWhereItBroke) {
  const std::string content(300'000, 'x');
  std::atomic<int> calls = 0;
  http::ScriptedServer server([&](const std::string& request) {
    switch (calls++) {
      case 0:
        return Answer("200 OK", "ETag: \"a\"\r\n", content.substr(0, 100'000), 300'000);
      default:
        EXPECT_TRUE(Has(request, "Range: bytes=100000-")) << request;
        EXPECT_TRUE(Has(request, "If-Range: \"a\"")) << request;
        return Answer("206 Partial Content", "ETag: \"a\"\r\nContent-Range: bytes 100000-299999/300000\r\n",
                      content.substr(100'000));
    }
  });
  const auto file = Fetch(server.Url("/f"));
  ASSERT_OK(file.status());
  EXPECT_EQ(file->digest, DigestOf(content));
  EXPECT_EQ(calls, 2);
}

TEST_F(HttpFileTest, AFileThatChangedMeanwhileIsFetchedAnew) {
  std::atomic<int> calls = 0;
  http::ScriptedServer server([&](const std::string&) {
    return calls++ == 0 ? Answer("200 OK", "ETag: \"a\"\r\n", "old ol", 100)
                        : Answer("200 OK", "ETag: \"b\"\r\n", "new");
  });
  const auto file = Fetch(server.Url("/f"));
  ASSERT_OK(file.status());
  EXPECT_EQ(file->digest, DigestOf("new"));
  EXPECT_EQ(file->etag, "\"b\"");
}

TEST_F(HttpFileTest, WithoutAValidatorABrokenTransferBeginsAnew) {
  std::atomic<int> calls = 0;
  http::ScriptedServer server([&](const std::string& request) {
    EXPECT_FALSE(Has(request, "Range:")) << request;
    return calls++ == 0 ? Answer("200 OK", "ETag: W/\"a\"\r\n", "con", 7) : Answer("200 OK", "", "content");
  });
  const auto file = Fetch(server.Url("/f"));
  ASSERT_OK(file.status());
  EXPECT_EQ(file->digest, DigestOf("content"));
}

TEST_F(HttpFileTest, AnAnswerForAnotherPlaceIsNotTaken) {
  std::atomic<int> calls = 0;
  http::ScriptedServer server([&](const std::string& request) {
    switch (calls++) {
      case 0:
        return Answer("200 OK", "ETag: \"a\"\r\n", "con", 7);
      case 1:
        return Answer("206 Partial Content", "Content-Range: bytes 0-3/7\r\n", "cont");
      default:
        EXPECT_FALSE(Has(request, "Range:")) << request;
        return Answer("200 OK", "", "content");
    }
  });
  const auto file = Fetch(server.Url("/f"));
  ASSERT_OK(file.status());
  EXPECT_EQ(file->digest, DigestOf("content"));
}

TEST_F(HttpFileTest, PassingErrorsAreWaitedOut) {
  std::atomic<int> calls = 0;
  http::ScriptedServer server([&](const std::string&) {
    switch (calls++) {
      case 0:
        return Answer("503 Busy", "", "");
      case 1:
        return Answer("429 Slowly", "Retry-After: 7\r\n", "");
      case 2:
        return Answer("429 Slowly", "Retry-After: 100000\r\n", "");
      default:
        return Answer("200 OK", "", "content");
    }
  });
  ASSERT_OK(Fetch(server.Url("/f")).status());
  EXPECT_EQ(waits_,
            (std::vector<absl::Duration>{absl::Milliseconds(500), absl::Seconds(7), absl::Seconds(60)}));
}

TEST_F(HttpFileTest, ErrorsNameTheUrlWithoutCredentials) {
  std::atomic<int> calls = 0;
  std::string status = "404 Not Found";
  http::ScriptedServer server([&](const std::string&) {
    ++calls;
    return Answer(status, "", "no");
  });
  const std::string url = fmt::format("http://user:hunter2@127.0.0.1:{}/f", server.port());
  const auto missing = Fetch(url).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(calls, 1);
  EXPECT_NE(missing.message().find(fmt::format("127.0.0.1:{}/f: the server answers 404", server.port())),
            absl::string_view::npos)
      << missing;
  EXPECT_EQ(missing.message().find("hunter2"), absl::string_view::npos);
  status = "403 Forbidden";
  EXPECT_EQ(Fetch(url).status().code(), absl::StatusCode::kPermissionDenied);
  status = "500 Broken";
  calls = 0;
  const auto broken = Fetch(url).status();
  EXPECT_EQ(broken.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(broken.message().find("hunter2"), absl::string_view::npos);
  const auto nowhere = Fetch("http://user:hunter2@127.0.0.1:1/f").status();
  EXPECT_EQ(nowhere.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(nowhere.message().find("hunter2"), absl::string_view::npos) << nowhere;
  EXPECT_EQ(Fetch("ftp://user:hunter2@h/f").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HttpFileTest, AWrongChecksumIsAnErrorWithBoth) {
  http::ScriptedServer server([](const std::string&) { return Answer("200 OK", "", "content"); });
  options_.checksum = DigestOf("other").Oci();
  const auto status = Fetch(server.Url("/f")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find(DigestOf("content").hash), absl::string_view::npos);
  EXPECT_NE(status.message().find(DigestOf("other").hash), absl::string_view::npos);
  options_.checksum = "md5:abc";
  EXPECT_EQ(Fetch(server.Url("/f")).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HttpFileTest, AFileLongerThanTheLimitIsRefused) {
  std::atomic<int> calls = 0;
  bool said = true;
  http::ScriptedServer server([&](const std::string&) -> std::string {
    ++calls;
    const std::string content(2000, 'x');
    // Also where the server does not say how long it is.
    if (said) return Answer("200 OK", "", content);
    return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content;
  });
  options_.most_bytes = 2000;
  ASSERT_OK(Fetch(server.Url("/f")).status());
  options_.most_bytes = 1999;
  for (const bool is_said : {true, false}) {
    said = is_said;
    const absl::Status status = Fetch(server.Url("/f")).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_NE(Sv(status.message()).find("/f: the file is longer than 1999 bytes"), std::string_view::npos)
        << status;
  }
  EXPECT_EQ(calls, 3);
}

// A server that always sends a little before it breaks off never ends otherwise.
TEST_F(HttpFileTest, TriesThatGetLessFurtherThanTheFloorCountAsNone) {
  std::atomic<int> calls = 0;
  http::ScriptedServer server([&](const std::string&) {
    const int sent = calls++ * 100;
    if (sent == 0) return Answer("200 OK", "ETag: \"a\"\r\n", std::string(100, 'x'), 1'000'000);
    return Answer("206 Partial Content",
                  fmt::format("ETag: \"a\"\r\nContent-Range: bytes {}-999999/1000000\r\n", sent),
                  std::string(100, 'x'), 1'000'000 - sent);
  });
  options_.floor_rate = 1024;
  const absl::Status status = Fetch(server.Url("/f")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(calls, options_.attempts);
}

TEST_F(HttpFileTest, StopsWhenToldTo) {
  std::stop_source stop;
  stop.request_stop();
  options_.stop = stop.get_token();
  http::ScriptedServer server([](const std::string&) { return Answer("200 OK", "", "content"); });
  EXPECT_EQ(Fetch(server.Url("/f")).status().code(), absl::StatusCode::kCancelled);
}

TEST(HttpFileNameTest, ByThePathElseByTheHeader) {
  EXPECT_EQ(FileNameOf("https://h/a/b.tar.gz?x=/y#z", "attachment; filename=other"), "b.tar.gz");
  EXPECT_EQ(FileNameOf("https://h/a/dir/", ""), "dir");
  EXPECT_EQ(FileNameOf("https://h/", "attachment; filename=\"my file.txt\"; x=y"), "my file.txt");
  EXPECT_EQ(FileNameOf("https://h", "attachment; filename=a; filename*=UTF-8''na%C3%AFve"), "na\xc3\xafve");
  EXPECT_EQ(FileNameOf("https://h/", "attachment; filename=\"../../etc/passwd\""), "passwd");
  EXPECT_EQ(FileNameOf("https://h/a%2F..", ""), "__unnamed__");
  EXPECT_EQ(FileNameOf("https://h/..", ""), "__unnamed__");
  EXPECT_EQ(FileNameOf("https://h/%41", ""), "A");
  EXPECT_EQ(FileNameOf("https://h/100%", ""), "100%");
  EXPECT_EQ(FileNameOf("https://h/", ""), "__unnamed__");
}

TEST(HttpTimeTest, TheThreeForms) {
  EXPECT_EQ(ParseHttpTime("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  EXPECT_EQ(ParseHttpTime("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
  EXPECT_EQ(ParseHttpTime("Sun Nov  6 08:49:37 1994"), 784111777);
  EXPECT_EQ(ParseHttpTime("yesterday"), 0);
}

}  // namespace
}  // namespace crossmill::fetch
