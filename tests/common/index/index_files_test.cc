#include "common/index/index_files.h"

#include <gtest/gtest.h>

#include "tests/common/index/index_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_bytes.h"
#include "tests/support/status_matchers.h"

namespace crossmill::index {
namespace {

class IndexFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    file_.file_name = "demo-1.0.tar.gz";
    file_.url = "https://index.example/files/demo-1.0.tar.gz";
  }
  void Serve(const std::string& content) { client_.Answer("GET " + file_.url, FileAnswer(content)); }
  void Promise(const std::string& content, bool with_size = true) {
    file_.hashes = {{"sha256", DigestOf(content).hash}};
    file_.size.reset();
    if (with_size) file_.size = content.size();
  }
  absl::Status Get(TextSink& sink) {
    FileQuestion question;
    question.address = &address_;
    question.file = &file_;
    question.begin = begin_;
    question.end = end_;
    question.offline = offline_;
    fetch_ = {};
    return files_.Get(question, sink, &fetch_);
  }

  http::FakeHttpClient client_;
  FakeClock clock_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  IndexFiles files_{client_, *blobs_, clock_};
  const IndexAddress address_ = *ParseIndexAddress("https://user:word@index.example/simple/");
  python::IndexFile file_;
  FileFetch fetch_;
  int64_t begin_ = 0;
  std::optional<int64_t> end_;
  bool offline_ = false;
};

TEST_F(IndexFilesTest, AFileIsFetchedOncePerFarm) {
  for (const size_t size : {size_t{0}, size_t{10}, size_t{100'000}, size_t{9} << 20}) {
    const std::string content = RandomBytes(size);
    file_.url = fmt::format("https://index.example/files/{}", size);
    Promise(content, size % 2 == 0 && size > 0);
    Serve(content);
    const size_t before = client_.requests().size();
    for (int i = 0; i < 2; ++i) {
      TextSink sink;
      ASSERT_OK(Get(sink));
      EXPECT_TRUE(sink.text == content) << size;
      EXPECT_EQ(sink.begun, 1);
      EXPECT_EQ(sink.size, static_cast<int64_t>(size));
      EXPECT_EQ(fetch_.sha256, DigestOf(content).hash);
      EXPECT_EQ(fetch_.status, i == 0 ? 200 : 0);
      EXPECT_EQ(client_.requests().size(), before + 1);
    }
    EXPECT_TRUE(blobs_->Has(DigestOf(content)));
  }
  EXPECT_EQ(http::HeaderOf(client_.requests()[0], "Authorization"), address_.authorization);
}

TEST_F(IndexFilesTest, ASmallFileWithAnotherDigestIsNotSeen) {
  Promise("what the index says");
  file_.size.reset();
  Serve("something else");
  TextSink sink;
  const absl::Status status = Get(sink);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find(DigestOf("something else").hash), std::string::npos);
  EXPECT_EQ(sink.begun, 0);
  EXPECT_FALSE(blobs_->Has(DigestOf("something else")));
}

TEST_F(IndexFilesTest, ALargeFileWithAnotherDigestIsNeverWhole) {
  const std::string content = RandomBytes(9 << 20);
  Promise("x");
  file_.size.reset();
  Serve(content);
  TextSink sink;
  EXPECT_TRUE(absl::IsDataLoss(Get(sink)));
  EXPECT_EQ(sink.begun, 1);
  EXPECT_LT(sink.text.size(), content.size());
  EXPECT_FALSE(blobs_->Has(DigestOf(content)));
}

TEST_F(IndexFilesTest, AnotherSizeIsAnotherFile) {
  Promise("content");
  file_.size = 5;
  Serve("content");
  TextSink longer;
  EXPECT_TRUE(absl::IsDataLoss(Get(longer)));
  file_.size = 50;
  TextSink shorter;
  EXPECT_TRUE(absl::IsDataLoss(Get(shorter)));
  EXPECT_EQ(longer.begun + shorter.begun, 0);
}

TEST_F(IndexFilesTest, WithoutADigestNothingIsKept) {
  Serve("content");
  for (int i = 0; i < 2; ++i) {
    TextSink sink;
    ASSERT_OK(Get(sink));
    EXPECT_EQ(sink.text, "content");
    EXPECT_EQ(fetch_.sha256, DigestOf("content").hash);
  }
  EXPECT_EQ(client_.requests().size(), 2u);
  EXPECT_FALSE(blobs_->Has(DigestOf("content")));
}

TEST_F(IndexFilesTest, PartsComeFromTheStore) {
  Promise("0123456789");
  Serve("0123456789");
  FileQuestion question;
  question.address = &address_;
  question.file = &file_;
  const auto stored = files_.Ensure(question, &fetch_);
  ASSERT_OK(stored);
  EXPECT_EQ(*stored, DigestOf("0123456789"));
  begin_ = 3;
  end_ = 7;
  TextSink sink;
  ASSERT_OK(Get(sink));
  EXPECT_EQ(sink.text, "3456");
  EXPECT_EQ(client_.requests().size(), 1u);
}

TEST_F(IndexFilesTest, OfflineServesWhatIsThere) {
  Promise("content");
  offline_ = true;
  TextSink nothing;
  EXPECT_TRUE(absl::IsNotFound(Get(nothing)));
  ASSERT_OK(blobs_->PutBytes("content"));
  TextSink sink;
  ASSERT_OK(Get(sink));
  EXPECT_EQ(sink.text, "content");
  EXPECT_TRUE(client_.requests().empty());
}

TEST_F(IndexFilesTest, ErrorsOutsideAreTold) {
  Promise("content");
  const std::pair<int, absl::StatusCode> cases[] = {{404, absl::StatusCode::kNotFound},
                                                    {403, absl::StatusCode::kPermissionDenied},
                                                    {500, absl::StatusCode::kUnavailable}};
  for (const auto& [status, code] : cases) {
    file_.url = fmt::format("https://index.example/files/{}", status);
    http::FakeAnswer answer = FileAnswer("an error page");
    answer.status = status;
    client_.Answer("GET " + file_.url, answer);
    TextSink sink;
    EXPECT_EQ(Get(sink).code(), code);
    EXPECT_EQ(sink.begun, 0);
    EXPECT_EQ(fetch_.status, status);
  }
}

TEST_F(IndexFilesTest, ErrorsDoNotShowWhatOpensAFile) {
  file_.url = "https://user:word@files.example/demo-1.0.tar.gz?signature=secret";
  Promise("content");
  http::FakeAnswer broken;
  broken.broken = absl::UnavailableError("GET " + file_.url + ": connection refused");
  client_.Answer("GET " + file_.url, broken);
  TextSink sink;
  const absl::Status status = Get(sink);
  EXPECT_EQ(status.message(), "GET https://files.example/demo-1.0.tar.gz: connection refused");
  EXPECT_TRUE(fetch_.outside);
}

TEST_F(IndexFilesTest, MetadataIsComparedToo) {
  client_.Answer("GET " + file_.url + ".metadata", FileAnswer("Metadata-Version: 2.1"));
  file_.core_metadata = std::vector<python::FileHash>{{"sha256", DigestOf("Metadata-Version: 2.1").hash}};
  FileQuestion question;
  question.address = &address_;
  question.file = &file_;
  EXPECT_EQ(files_.Metadata(question, &fetch_).value_or(""), "Metadata-Version: 2.1");
  file_.core_metadata = std::vector<python::FileHash>{{"sha256", DigestOf("another").hash}};
  EXPECT_TRUE(absl::IsDataLoss(files_.Metadata(question, &fetch_).status()));
}

}  // namespace
}  // namespace crossmill::index
