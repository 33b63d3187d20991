#include "worker/index/index_request.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using python::IndexForm;

TEST(IndexRequestTest, PagesAndFilesAreKnown) {
  const auto page = ParseIndexTarget("/simple/My.Project/?x=1");
  ASSERT_OK(page);
  EXPECT_EQ(page->wish, IndexWish::kPage);
  EXPECT_EQ(page->index, 0u);
  EXPECT_EQ(page->project, "my-project");
  EXPECT_OK(ParseIndexTarget("/simple/my-project"));
  const auto file = ParseIndexTarget("/extra/2/files/demo/demo-1.0%2Blocal-py3-none-any.whl");
  ASSERT_OK(file);
  EXPECT_EQ(file->wish, IndexWish::kFile);
  EXPECT_EQ(file->index, 2u);
  EXPECT_EQ(file->file_name, "demo-1.0+local-py3-none-any.whl");
  const auto metadata = ParseIndexTarget("/files/demo/demo-1.0-py3-none-any.whl.metadata");
  ASSERT_OK(metadata);
  EXPECT_EQ(metadata->wish, IndexWish::kMetadata);
  EXPECT_EQ(metadata->file_name, "demo-1.0-py3-none-any.whl");
}

TEST(IndexRequestTest, OwnAddressesAreReadAgain) {
  for (const char* name : {"demo-1.0.tar.gz", "demo-1!2.0+a.b-py3-none-any.whl", "demo 1.zip"}) {
    const auto read = ParseIndexTarget(FileTarget(3, "demo", name));
    if (std::string_view(name).find(' ') != std::string_view::npos) {
      EXPECT_FALSE(read.ok()) << "no file of an index has a blank";
      continue;
    }
    ASSERT_OK(read);
    EXPECT_EQ(read->file_name, name);
    EXPECT_EQ(read->index, 3u);
  }
}

TEST(IndexRequestTest, AnythingElseIsNotServed) {
  for (const char* target : {"",
                             "/",
                             "/simple",
                             "/simple/",
                             "/simple//",
                             "/simple/../etc/",
                             "/simple/demo/x",
                             "/files/demo/..%2f..%2fetc",
                             "/files/demo/.hidden",
                             "/files/demo/a%00b",
                             "/files/demo/a%2fb.whl",
                             "/files/demo",
                             "/files/demo/",
                             "/extra/0/simple/demo/",
                             "/extra/x/simple/demo/",
                             "/extra/99999999999999999999/simple/demo/",
                             "/extra/1",
                             "simple/demo/",
                             "/simple/%zz/",
                             "/simple/a%2e%2e/",
                             "http://index.example/simple/demo/"}) {
    EXPECT_TRUE(absl::IsNotFound(ParseIndexTarget(target).status())) << target;
  }
}

TEST(IndexRequestTest, TheFormIsTheClients) {
  const char* pip =
      "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
  EXPECT_EQ(ChooseForm(pip), IndexForm::kJson);
  EXPECT_EQ(ChooseForm("text/html, application/vnd.pypi.simple.v1+json;q=0.5"), IndexForm::kHtml);
  EXPECT_EQ(ChooseForm("*/*"), IndexForm::kHtml);
  EXPECT_EQ(ChooseForm(""), IndexForm::kHtml);
  EXPECT_EQ(ChooseForm("application/*"), IndexForm::kHtml);
  EXPECT_EQ(ChooseForm("image/png"), std::nullopt);
  EXPECT_EQ(ChooseForm("text/html;q=0, application/vnd.pypi.simple.v1+json;q=0"), std::nullopt);
}

TEST(IndexRequestTest, RangesAreWithinTheFile) {
  const auto range = [](std::string_view text) { return ParseRange(text, 100).value_or(std::nullopt); };
  EXPECT_EQ(range("bytes=0-9"), std::make_pair(int64_t{0}, int64_t{10}));
  EXPECT_EQ(range("bytes=90-"), std::make_pair(int64_t{90}, int64_t{100}));
  EXPECT_EQ(range("bytes=90-1000"), std::make_pair(int64_t{90}, int64_t{100}));
  EXPECT_EQ(range("bytes=-10"), std::make_pair(int64_t{90}, int64_t{100}));
  EXPECT_EQ(range("bytes=-1000"), std::make_pair(int64_t{0}, int64_t{100}));
  for (const char* whole :
       {"", "bytes=1-2,4-5", "bytes=5-2", "lines=1-2", "bytes=x-y", "bytes=", "bytes=-"}) {
    EXPECT_EQ(range(whole), std::nullopt) << whole;
    EXPECT_OK(ParseRange(whole, 100));
  }
  EXPECT_TRUE(absl::IsOutOfRange(ParseRange("bytes=100-", 100).status()));
  EXPECT_TRUE(absl::IsOutOfRange(ParseRange("bytes=-0", 100).status()));
}

}  // namespace
}  // namespace crossmill::worker
