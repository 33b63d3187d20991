#include "worker/index/index_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/common/index/index_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_bytes.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TextReply final : public IndexReply {
 public:
  absl::Status Begin(int code, std::string_view line,
                     const std::vector<std::pair<std::string, std::string>>& head,
                     std::optional<int64_t> size) override {
    status = code;
    reason = line;
    headers.insert(head.begin(), head.end());
    length = size;
    return absl::OkStatus();
  }
  absl::Status Write(std::string_view bytes) override {
    body += bytes;
    return absl::OkStatus();
  }
  void Break() override { broken = true; }

  int status = 0;
  std::string reason, body;
  std::map<std::string, std::string> headers;
  std::optional<int64_t> length;
  bool broken = false;
};

class IndexProxyTest : public ::testing::Test {
 protected:
  static constexpr char kWheel[] = "demo-1.0-py3-none-any.whl";

  void SetUp() override {
    client_.Answer(
        "GET https://index.example/simple/demo/",
        index::JsonPage(index::JsonFile(kWheel, content_,
                                        R"(,"core-metadata":true,"upload-time":"2024-01-01T00:00:00Z")") +
                        "," +
                        index::JsonFile("demo-1.0.tar.gz", "source",
                                        R"(,"upload-time":"2025-01-01T00:00:00Z","yanked":"bad & <ugly>")")));
    client_.Answer(std::string("GET https://index.example/files/") + kWheel, index::FileAnswer(content_));
    client_.Answer(std::string("GET https://index.example/files/") + kWheel + ".metadata",
                   index::FileAnswer("Metadata-Version: 2.1\n"));
  }

  TextReply Ask(const std::string& target, const std::string& accept = "", const std::string& range = "",
                const std::string& method = "GET") {
    HttpQuestion question;
    question.method = method;
    question.target = target;
    question.accept = accept;
    question.range = range;
    question.if_none_match = if_none_match_;
    TextReply reply;
    fetch_ = proxy_.Answer(question, policy_, {}, reply);
    return reply;
  }

  const std::string content_ = RandomBytes(1000);
  http::FakeHttpClient client_;
  FakeClock clock_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  index::IndexPages main_{*index::ParseIndexAddress("https://index.example/simple/"), client_, clock_};
  index::IndexPages extra_{*index::ParseIndexAddress("https://extra.example/"), client_, clock_};
  index::IndexFiles files_{client_, *blobs_, clock_};
  IndexProxy proxy_{{&main_, &extra_}, files_};
  IndexPolicy policy_;
  std::string if_none_match_;
  std::optional<IndexFetch> fetch_;
};

TEST_F(IndexProxyTest, APageLeadsBackHere) {
  const TextReply json = Ask("/simple/demo/", "application/vnd.pypi.simple.v1+json");
  EXPECT_EQ(json.status, 200);
  EXPECT_EQ(json.headers.at("Content-Type"), "application/vnd.pypi.simple.v1+json");
  EXPECT_THAT(json.body, HasSubstr(std::string("/files/demo/") + kWheel));
  EXPECT_THAT(json.body, Not(HasSubstr("index.example")));
  EXPECT_EQ(json.length, static_cast<int64_t>(json.body.size()));
  const TextReply html = Ask("/simple/demo/", "text/html");
  EXPECT_THAT(html.headers.at("Content-Type"), HasSubstr("text/html"));
  EXPECT_THAT(html.body, HasSubstr(DigestOf(content_).hash));
  EXPECT_THAT(html.body, HasSubstr("bad &amp; &lt;ugly&gt;"));
  EXPECT_EQ(Ask("/simple/demo/", "image/png").status, 406);
  ASSERT_TRUE(fetch_.has_value());
  EXPECT_EQ(fetch_->url, "https://index.example/simple/demo/");
}

TEST_F(IndexProxyTest, AFileIsOnRecordWithItsDigest) {
  const TextReply first = Ask(std::string("/files/demo/") + kWheel);
  EXPECT_EQ(first.status, 200);
  EXPECT_TRUE(first.body == content_);
  ASSERT_TRUE(fetch_.has_value());
  EXPECT_EQ(fetch_->wish, IndexWish::kFile);
  EXPECT_EQ(fetch_->project, "demo");
  EXPECT_EQ(fetch_->file_name, kWheel);
  EXPECT_EQ(fetch_->url, std::string("https://index.example/files/") + kWheel);
  EXPECT_EQ(fetch_->sha256, DigestOf(content_).hash);
  EXPECT_EQ(fetch_->bytes, 1000);
  EXPECT_FALSE(fetch_->from_farm);
  const TextReply second = Ask(std::string("/files/demo/") + kWheel);
  EXPECT_TRUE(second.body == content_);
  EXPECT_TRUE(fetch_->from_farm);
  const TextReply metadata = Ask(std::string("/files/demo/") + kWheel + ".metadata");
  EXPECT_EQ(metadata.body, "Metadata-Version: 2.1\n");
  EXPECT_EQ(fetch_->wish, IndexWish::kMetadata);
  EXPECT_EQ(fetch_->file_name, std::string(kWheel) + ".metadata") << "it is not the file";
}

TEST_F(IndexProxyTest, PartsAndHeadsAreServed) {
  const std::string target = std::string("/files/demo/") + kWheel;
  const TextReply part = Ask(target, "", "bytes=-100");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.headers.at("Content-Range"), "bytes 900-999/1000");
  EXPECT_TRUE(part.body == content_.substr(900));
  EXPECT_FALSE(fetch_->from_farm) << "it was fetched for it";
  EXPECT_EQ(Ask(target, "", "bytes=1000-").status, 416);
  const TextReply head = Ask(target, "", "", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.length, 1000);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(Ask(target, "", "", "PUT").status, 405);
}

TEST_F(IndexProxyTest, APageThatTheClientHasIsNotSentAgain) {
  if_none_match_ = Ask("/simple/demo/").headers.at("ETag");
  const TextReply again = Ask("/simple/demo/");
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(Ask("/simple/demo/", "application/vnd.pypi.simple.v1+json").status, 200)
      << "the other form is another page";
}

TEST_F(IndexProxyTest, ExcludeNewerFreezesPageAndFiles) {
  policy_.exclude_newer = absl::FromUnixSeconds(1'720'000'000);  // July 2024
  const TextReply page = Ask("/simple/demo/", "application/vnd.pypi.simple.v1+json");
  EXPECT_THAT(page.body, HasSubstr(kWheel));
  EXPECT_THAT(page.body, Not(HasSubstr("tar.gz")));
  EXPECT_EQ(Ask("/files/demo/demo-1.0.tar.gz").status, 404);
  policy_.exclude_newer = absl::FromUnixSeconds(1'600'000'000);
  EXPECT_THAT(Ask("/simple/demo/").body, Not(HasSubstr(kWheel)));
}

TEST_F(IndexProxyTest, OfflineSaysSo) {
  policy_.offline = true;
  const TextReply page = Ask("/simple/demo/");
  EXPECT_EQ(page.status, 404);
  EXPECT_THAT(page.reason, HasSubstr("--offline"));
  EXPECT_TRUE(fetch_->from_farm) << "nobody was asked";
  policy_.offline = false;
  Ask("/simple/demo/");
  policy_.offline = true;
  EXPECT_EQ(Ask("/simple/demo/").status, 200);
  EXPECT_EQ(Ask(std::string("/files/demo/") + kWheel).status, 404);
}

TEST_F(IndexProxyTest, AWrongFileIsAnErrorThatPeopleRead) {
  client_.Answer("GET https://index.example/files/demo-1.0.tar.gz", index::FileAnswer("sourcX"));
  const TextReply reply = Ask("/files/demo/demo-1.0.tar.gz");
  EXPECT_EQ(reply.status, 502);
  EXPECT_THAT(reply.reason, HasSubstr("SHA-256"));
  EXPECT_THAT(fetch_->failure, HasSubstr("SHA-256"));
  EXPECT_FALSE(reply.broken);
}

TEST_F(IndexProxyTest, AnIndexThatDoesNotAnswerWasAsked) {
  http::FakeAnswer broken;
  broken.broken = absl::UnavailableError("connection refused");
  client_.Answer("GET https://index.example/simple/away/", broken);
  EXPECT_EQ(Ask("/simple/away/").status, 503);
  EXPECT_FALSE(fetch_->from_farm);
}

TEST_F(IndexProxyTest, ReasonsAreOneLine) {
  http::FakeAnswer page = index::JsonPage("");
  page.headers["content-type"] = "x\r\nSet-Cookie: y";
  client_.Answer("GET https://index.example/simple/evil/", page);
  const TextReply reply = Ask("/simple/evil/");
  EXPECT_EQ(reply.status, 502);
  EXPECT_EQ(reply.reason.find_first_of("\r\n"), std::string::npos);
}

TEST_F(IndexProxyTest, FurtherIndexesAreApart) {
  client_.Answer("GET https://extra.example/demo/",
                 index::JsonPage(index::JsonFile("demo-9.tar.gz", "nine")));
  const TextReply page = Ask("/extra/1/simple/demo/");
  EXPECT_THAT(page.body, HasSubstr("/extra/1/files/demo/demo-9.tar.gz"));
  EXPECT_EQ(Ask("/extra/2/simple/demo/").status, 404);
  EXPECT_EQ(Ask("/extra/1/files/demo/demo-1.0.tar.gz").status, 404);
}

TEST_F(IndexProxyTest, WithoutAnIndexItSaysWhatToDo) {
  IndexProxy none({}, files_);
  HttpQuestion question;
  question.method = "GET";
  question.target = "/simple/demo/";
  TextReply reply;
  none.Answer(question, policy_, {}, reply);
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.reason, HasSubstr("operator"));
}

}  // namespace
}  // namespace crossmill::worker
