#include "common/index/index_pages.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/common/index/index_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::index {
namespace {

constexpr char kUrl[] = "https://index.example/simple/demo/";

class MapArchive final : public PageArchive {
 public:
  absl::StatusOr<KeptPage> Load(const std::string& url) override {
    const auto found = pages.find(url);
    if (found == pages.end()) return absl::NotFoundError("none");
    return found->second;
  }
  absl::Status Save(const std::string& url, const KeptPage& page) override {
    pages[url] = page;
    return absl::OkStatus();
  }
  std::map<std::string, KeptPage> pages;
};

class IndexPagesTest : public ::testing::Test {
 protected:
  IndexPages& pages() {
    if (!pages_) {
      options_.archive = &archive_;
      pages_ = std::make_unique<IndexPages>(*ParseIndexAddress("https://index.example/simple/"), client_,
                                            clock_, options_);
    }
    return *pages_;
  }
  absl::StatusOr<std::shared_ptr<const python::IndexDocument>> Get(bool offline = false) {
    PageQuestion question;
    question.project = "Demo";
    question.offline = offline;
    return pages().Get(question, &fetch_);
  }
  void Answer(http::FakeAnswer answer) { client_.Answer(std::string("GET ") + kUrl, std::move(answer)); }

  http::FakeHttpClient client_;
  FakeClock clock_;
  IndexPagesOptions options_;
  MapArchive archive_;
  PageFetch fetch_;
  std::unique_ptr<IndexPages> pages_;
};

TEST_F(IndexPagesTest, APageIsAskedOnceWhileItIsFresh) {
  http::FakeAnswer page = JsonPage(JsonFile("demo-1.0.tar.gz", "content"));
  page.headers["cache-control"] = "max-age=600, public";
  page.headers["etag"] = "\"one\"";
  Answer(page);
  http::FakeAnswer same;
  same.status = 304;
  same.headers["cache-control"] = "max-age=60";
  Answer(same);
  const auto first = Get();
  ASSERT_OK(first);
  EXPECT_EQ((*first)->files.at(0).url, "https://index.example/files/demo-1.0.tar.gz");
  EXPECT_EQ(fetch_.status, 200);
  clock_.Advance(absl::Seconds(599));
  fetch_ = {};
  ASSERT_OK(Get());
  EXPECT_EQ(fetch_.status, 0);
  EXPECT_EQ(client_.requests().size(), 1u);
  clock_.Advance(absl::Seconds(2));
  const auto again = Get();
  ASSERT_OK(again);
  EXPECT_EQ(fetch_.status, 304);
  ASSERT_EQ(client_.requests().size(), 2u);
  EXPECT_EQ(http::HeaderOf(client_.requests()[1], "If-None-Match"), "\"one\"");
  EXPECT_EQ((*again)->files.size(), 1u);
  clock_.Advance(absl::Seconds(59));
  ASSERT_OK(Get());
  EXPECT_EQ(client_.requests().size(), 2u) << "the 304 made it fresh again";
}

TEST_F(IndexPagesTest, WithoutPermissionItIsAskedEachTime) {
  for (const char* header : {"", "no-cache", "no-store, max-age=600", "max-age=-5", "max-age=x"}) {
    http::FakeAnswer page = JsonPage("");
    page.headers["cache-control"] = header;
    Answer(page);
  }
  for (size_t i = 1; i <= 5; ++i) {
    ASSERT_OK(Get());
    EXPECT_EQ(client_.requests().size(), i);
  }
}

TEST_F(IndexPagesTest, OfflineKnowsWhatIsKept) {
  EXPECT_TRUE(absl::IsNotFound(Get(true).status()));
  EXPECT_TRUE(client_.requests().empty());
  Answer(JsonPage(JsonFile("demo-1.0.tar.gz", "content")));
  ASSERT_OK(Get());
  clock_.Advance(absl::Hours(1000));
  pages_.reset();  // another process
  const auto kept = Get(true);
  ASSERT_OK(kept);
  EXPECT_EQ((*kept)->files.size(), 1u);
  EXPECT_EQ(client_.requests().size(), 1u);
}

TEST_F(IndexPagesTest, ErrorsSayWhereAndAreNotKept) {
  http::FakeAnswer missing, forbidden, broken, strange, newer;
  missing.status = 404;
  forbidden.status = 403;
  broken.status = 500;
  strange.headers["content-type"] = "application/octet-stream";
  newer = JsonPage("");
  newer.body.replace(newer.body.find("1.1"), 3, "2.0");
  for (const auto& answer : {missing, forbidden, broken, strange, newer, JsonPage("")}) Answer(answer);
  const absl::StatusCode codes[] = {absl::StatusCode::kNotFound, absl::StatusCode::kPermissionDenied,
                                    absl::StatusCode::kUnavailable, absl::StatusCode::kFailedPrecondition,
                                    absl::StatusCode::kFailedPrecondition};
  for (const absl::StatusCode code : codes) {
    const auto page = Get();
    EXPECT_EQ(page.status().code(), code) << page.status();
    EXPECT_NE(page.status().message().find(kUrl), std::string::npos) << page.status();
  }
  EXPECT_TRUE(archive_.pages.empty());
  EXPECT_OK(Get());
}

TEST_F(IndexPagesTest, AnEndlessPageIsRefused) {
  options_.limits.bytes = 1000;
  http::FakeAnswer page = JsonPage("");
  page.body.append(10'000, ' ');
  Answer(page);
  EXPECT_TRUE(absl::IsResourceExhausted(Get().status()));
}

TEST_F(IndexPagesTest, MemoryIsBounded) {
  options_.memory = 3000;
  auto& all = pages();
  for (int i = 0; i < 50; ++i) {
    http::FakeAnswer page = JsonPage("");
    page.headers["cache-control"] = "max-age=600";
    page.body.append(1000, ' ');
    client_.Answer(fmt::format("GET https://index.example/simple/p{}/", i), page);
    PageQuestion question;
    question.project = fmt::format("p{}", i);
    ASSERT_OK(all.Get(question, nullptr));
  }
  PageQuestion question;
  question.project = "p49";
  ASSERT_OK(all.Get(question, nullptr));
  EXPECT_EQ(client_.requests().size(), 50u);
}

}  // namespace
}  // namespace crossmill::index
