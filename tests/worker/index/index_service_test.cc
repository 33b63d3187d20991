// The index over real sockets: many at once, ranges, keep-alive, and a step that ends in the middle.
#include "worker/index/index_service.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <thread>

#include "common/http/curl_http_client.h"
#include "tests/common/index/index_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_bytes.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

// Answers after the test said so, or when it is told to stop.
class HoldingClient final : public http::HttpClient {
 public:
  absl::StatusOr<http::HttpResponse> Send(const http::HttpRequest& request, const http::BodySink&) override {
    ++waiting;
    while (!request.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    --waiting;
    return absl::CancelledError("stopped");
  }
  std::atomic<int> waiting = 0;
};

class IndexServiceTest : public ::testing::Test {
 protected:
  static constexpr char kWheel[] = "demo-1.0-py3-none-any.whl";

  void SetUp() override {
    http::FakeAnswer page = index::JsonPage(index::JsonFile(kWheel, content_));
    page.headers["cache-control"] = "max-age=600";
    outside_.Answer("GET https://index.example/simple/demo/", page);
    outside_.Answer(std::string("GET https://index.example/files/") + kWheel, index::FileAnswer(content_));
  }
  void TearDown() override { session_.reset(); }

  void Serve(http::HttpClient& outside) {
    pages_ = std::make_unique<index::IndexPages>(*index::ParseIndexAddress("https://index.example/simple/"),
                                                 outside, clock_);
    files_ = std::make_unique<index::IndexFiles>(outside, *blobs_, clock_);
    proxy_ = std::make_unique<IndexProxy>(std::vector<index::IndexPages*>{pages_.get()}, *files_);
    service_ = std::make_unique<IndexService>(threads_, *proxy_);
    UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(listen(listener.get(), 128), 0);
    socklen_t size = sizeof(address);
    getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    base_ = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
    auto session = service_->Serve(std::move(listener), StepUse{log_});
    ASSERT_OK(session);
    session_ = *std::move(session);
  }

  absl::StatusOr<std::pair<http::HttpResponse, std::string>> Get(const std::string& target,
                                                                 const std::string& range = "") {
    http::HttpRequest request;
    request.url = base_ + target;
    request.idle_limit = absl::Seconds(20);
    if (!range.empty()) request.headers.emplace_back("Range", range);
    return http::Fetch(*client_, request, 64 << 20);
  }

  const std::string content_ = RandomBytes(9 << 20);
  http::FakeHttpClient outside_;
  FakeClock clock_;
  FetchLog log_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  std::unique_ptr<http::HttpClient> client_ = http::MakeCurlHttpClient();
  IoThreads threads_{2};
  std::unique_ptr<index::IndexPages> pages_;
  std::unique_ptr<index::IndexFiles> files_;
  std::unique_ptr<IndexProxy> proxy_;
  std::unique_ptr<IndexService> service_;
  std::unique_ptr<StepSession> session_;
  std::string base_;
};

TEST_F(IndexServiceTest, PagesAndFilesComeAndAreNoted) {
  Serve(outside_);
  const auto page = Get("/simple/demo/");
  ASSERT_OK(page);
  EXPECT_EQ(page->first.status, 200);
  EXPECT_NE(page->second.find(kWheel), std::string::npos);
  const auto file = Get(std::string("/files/demo/") + kWheel);
  ASSERT_OK(file);
  EXPECT_TRUE(file->second == content_);
  const auto part = Get(std::string("/files/demo/") + kWheel, "bytes=5-9");
  ASSERT_OK(part);
  EXPECT_EQ(part->first.status, 206);
  EXPECT_EQ(part->second, content_.substr(5, 5));
  const auto none = Get("/etc/passwd");
  ASSERT_OK(none);
  EXPECT_EQ(none->first.status, 404);
  session_.reset();
  const v1::StepFetches noted = log_.Take();
  ASSERT_EQ(noted.fetches_size(), 3);
  EXPECT_EQ(noted.fetches(1).kind(), v1::Fetch::KIND_INDEX);
  EXPECT_EQ(noted.fetches(1).sha256(), DigestOf(content_).hash);
  EXPECT_EQ(noted.fetches(1).host(), "index.example");
  EXPECT_EQ(noted.fetches(1).port(), 443u);
  EXPECT_EQ(noted.fetches(1).project(), "demo");
  EXPECT_EQ(noted.fetches(1).file_name(), kWheel);
  EXPECT_FALSE(noted.fetches(1).from_farm());
  EXPECT_TRUE(noted.fetches(2).from_farm());
}

TEST_F(IndexServiceTest, ManyAtOnceGetTheSameFile) {
  Serve(outside_);
  std::vector<std::future<bool>> answers;
  for (int i = 0; i < 60; ++i) {
    answers.push_back(std::async(std::launch::async, [this] {
      const auto file = Get(std::string("/files/demo/") + kWheel);
      return file.ok() && file->second == content_;
    }));
  }
  for (auto& answer : answers) EXPECT_TRUE(answer.get());
  EXPECT_EQ(outside_.requests().size(), 2u) << "page and file are asked outside once";
}

TEST_F(IndexServiceTest, AStepThatEndsStopsWhatItWaitsFor) {
  HoldingClient holding;
  Serve(holding);
  std::vector<std::jthread> clients;
  for (int i = 0; i < 40; ++i)
    clients.emplace_back([this, i] { Get(fmt::format("/simple/p{}/", i)).IgnoreError(); });
  while (holding.waiting < 24) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  session_.reset();
  EXPECT_EQ(holding.waiting, 0);
}

TEST_F(IndexServiceTest, AClientThatGoesAwayHarmsNobody) {
  Serve(outside_);
  for (int i = 0; i < 20; ++i) {
    http::HttpRequest request;
    request.url = base_ + "/files/demo/" + kWheel;
    EXPECT_FALSE(
        client_->Send(request, [](const auto&, auto) { return absl::CancelledError("enough"); }).ok());
  }
  const auto file = Get(std::string("/files/demo/") + kWheel);
  ASSERT_OK(file);
  EXPECT_TRUE(file->second == content_);
}

}  // namespace
}  // namespace crossmill::worker
