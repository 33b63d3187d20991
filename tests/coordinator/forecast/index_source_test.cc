#include "coordinator/forecast/index_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/forecast/rooted_source.h"
#include "tests/common/index/index_fixture.h"
#include "tests/common/predict/image/memory_root.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"
#include "tests/support/zip_text.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::UnorderedElementsAre;

const std::string kIndex = "http://index.example/simple/";
const std::string kFiles = "http://index.example/files/";
const std::string kText = "Metadata-Version: 2.2\nName: demo\nVersion: 1.0\nRequires-Dist: six\n";

std::string WheelOf(size_t more = 0) {
  // Not to be deflated away.
  std::string filling(more, '\0');
  for (size_t i = 0; i < more; ++i) filling[i] = static_cast<char>(i * i * 31 >> 3);
  return ZipOf({{"demo/a.bin", filling}, {"demo-1.0.dist-info/METADATA", kText}}, false);
}

std::string SourceOfDemo() {
  return TarText()
      .Add("demo-1.0/PKG-INFO", layer::EntryType::kFile, kText)
      .Add("demo-1.0/pyproject.toml", layer::EntryType::kFile,
           "[build-system]\nrequires = [\"flit_core>=3\"]\n")
      .Finish();
}

class IndexSourceTest : public ::testing::Test {
 protected:
  // Pages of `demo` of the first index and, if it has a name, of the second.
  IndexSource Source(IndexView view = {}) {
    std::vector<std::shared_ptr<index::IndexPages>> indexes = farm_.configured();
    return IndexSource(farm_, std::move(indexes), std::move(view), budget_);
  }
  void AnswerPage(const std::string& files, const std::string& index = kIndex) {
    client_.Answer("GET " + index + "demo/", index::JsonPage(files));
  }
  static std::vector<std::string> FilesOf(IndexSource& source) {
    std::vector<std::string> names;
    const auto page = source.Page("demo");
    EXPECT_OK(page);
    if (page.ok() && *page != nullptr) {
      for (const python::IndexFile& file : (*page)->document().files) names.push_back(file.file_name);
    }
    return names;
  }
  static std::optional<std::string> MetadataOfFirst(IndexSource& source) {
    const auto page = source.Page("demo");
    EXPECT_OK(page);
    const auto text = source.Metadata(**page, (*page)->files().front());
    EXPECT_OK(text);
    return text.value_or(std::nullopt);
  }

  http::FakeHttpClient client_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  SystemClock clock_;
  FarmIndexes farm_{{index::ParseIndexAddress(kIndex).value(),
                     index::ParseIndexAddress("http://extra.example/simple/").value()},
                    client_,
                    *blobs_,
                    nullptr,
                    clock_};
  FetchBudget budget_;
};

TEST_F(IndexSourceTest, PagesOfAllIndexesCount) {
  AnswerPage(index::JsonFile("demo-1.0-py3-none-any.whl", "a"));
  AnswerPage(index::JsonFile("demo-2.0-py3-none-any.whl", "b"), "http://extra.example/simple/");
  IndexSource source = Source();
  EXPECT_THAT(FilesOf(source), ElementsAre("demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"));
  const auto none = source.Page("unknown");
  ASSERT_OK(none);
  EXPECT_EQ(*none, nullptr);
}

// An index that does not answer is not an empty one.
TEST_F(IndexSourceTest, AnErrorIsNotAnEmptyPage) {
  AnswerPage(index::JsonFile("demo-1.0-py3-none-any.whl", "a"));
  client_.Answer("GET http://extra.example/simple/demo/",
                 {.status = 503, .headers = {}, .body = "", .broken = {}});
  IndexSource source = Source();
  EXPECT_TRUE(absl::IsUnavailable(source.Page("demo").status()));
}

TEST_F(IndexSourceTest, TimesOfUpload) {
  AnswerPage(index::JsonFile("demo-1.0-py3-none-any.whl", "a", R"(,"upload-time":"2024-01-01T00:00:00Z")") +
             "," +
             index::JsonFile("demo-2.0-py3-none-any.whl", "b", R"(,"upload-time":"2025-01-01T00:00:00Z")") +
             "," + index::JsonFile("demo-3.0-py3-none-any.whl", "c"));
  const absl::Time between = absl::FromUnixSeconds(1'720'000'000);
  IndexSource frozen = Source({.offline = false, .exclude_newer = between, .as_of = {}, .stop = {}});
  EXPECT_THAT(FilesOf(frozen), ElementsAre("demo-1.0-py3-none-any.whl"));
  IndexSource as_of = Source({.offline = false, .exclude_newer = {}, .as_of = between, .stop = {}});
  EXPECT_THAT(FilesOf(as_of), ElementsAre("demo-1.0-py3-none-any.whl", "demo-3.0-py3-none-any.whl"));
  EXPECT_THAT(as_of.timeless(), ElementsAre());
}

TEST_F(IndexSourceTest, AnIndexWithoutTimesIsSaid) {
  AnswerPage(index::JsonFile("demo-1.0-py3-none-any.whl", "a"));
  IndexSource as_of =
      Source({.offline = false, .exclude_newer = {}, .as_of = absl::FromUnixSeconds(1), .stop = {}});
  EXPECT_THAT(FilesOf(as_of), ElementsAre("demo-1.0-py3-none-any.whl"));
  EXPECT_THAT(as_of.timeless(), ElementsAre("demo"));
}

TEST_F(IndexSourceTest, MetadataBesideTheFile) {
  AnswerPage(index::JsonFile("demo-1.0-py3-none-any.whl", "a",
                             fmt::format(R"(,"core-metadata":{{"sha256":"{}"}})", DigestOf(kText).hash)));
  client_.Answer("GET " + kFiles + "demo-1.0-py3-none-any.whl.metadata", index::FileAnswer(kText));
  IndexSource source = Source();
  EXPECT_THAT(MetadataOfFirst(source), Optional(kText));
  const size_t asked = client_.requests().size();
  EXPECT_THAT(MetadataOfFirst(source), Optional(kText));
  EXPECT_EQ(client_.requests().size(), asked);
}

// Other metadata than its page promises would be another package's.
TEST_F(IndexSourceTest, MetadataThatIsNotWhatThePagePromises) {
  AnswerPage(index::JsonFile("demo-1.0-py3-none-any.whl", "a",
                             fmt::format(R"(,"core-metadata":{{"sha256":"{}"}})", DigestOf("other").hash)));
  client_.Answer("GET " + kFiles + "demo-1.0-py3-none-any.whl.metadata", index::FileAnswer(kText));
  IndexSource source = Source();
  const auto page = source.Page("demo");
  ASSERT_OK(page);
  EXPECT_TRUE(absl::IsDataLoss(source.Metadata(**page, (*page)->files().front()).status()));
}

TEST_F(IndexSourceTest, MetadataOutOfASmallWheel) {
  AnswerPage(index::JsonFile("demo-1.0-py3-none-any.whl", WheelOf()));
  client_.Answer("GET " + kFiles + "demo-1.0-py3-none-any.whl", index::FileAnswer(WheelOf()));
  IndexSource source = Source();
  EXPECT_THAT(MetadataOfFirst(source), Optional(kText));
  // The farm has it now.
  EXPECT_TRUE(blobs_->Has(DigestOf(WheelOf())));
}

TEST_F(IndexSourceTest, MetadataOutOfTheEndOfALargeWheel) {
  const std::string wheel = WheelOf(3 << 20);
  const std::string tail = wheel.substr(wheel.size() - (80 << 10));
  AnswerPage(index::JsonFile("demo-1.0-py3-none-any.whl", wheel));
  client_.Answer("GET " + kFiles + "demo-1.0-py3-none-any.whl",
                 {.status = 206,
                  .headers = {{"content-range", fmt::format("bytes {}-{}/{}", wheel.size() - tail.size(),
                                                            wheel.size() - 1, wheel.size())}},
                  .body = tail,
                  .broken = {}});
  IndexSource source = Source();
  EXPECT_THAT(MetadataOfFirst(source), Optional(kText));
  EXPECT_EQ(http::HeaderOf(client_.requests().back(), "Range"), "bytes=-81920");
}

TEST_F(IndexSourceTest, AServerWithoutRanges) {
  const std::string wheel = WheelOf(3 << 20);
  AnswerPage(index::JsonFile("demo-1.0-py3-none-any.whl", wheel));
  client_.Answer("GET " + kFiles + "demo-1.0-py3-none-any.whl", index::FileAnswer(wheel));
  IndexSource source = Source();
  EXPECT_THAT(MetadataOfFirst(source), Optional(kText));
}

// Answers that say one range and are another never become metadata.
TEST_F(IndexSourceTest, RangesThatLie) {
  const std::string wheel = WheelOf(3 << 20);
  for (const char* range : {"bytes 0-9/100", "bytes 5-1/3", "bytes */5", "5-9/100", "bytes 0-81919/81920"}) {
    http::FakeHttpClient client;
    FarmIndexes farm({index::ParseIndexAddress(kIndex).value()}, client, *blobs_, nullptr, clock_);
    client.Answer("GET " + kIndex + "demo/",
                  index::JsonPage(index::JsonFile("demo-1.0-py3-none-any.whl", wheel)));
    client.Answer("GET " + kFiles + "demo-1.0-py3-none-any.whl", {.status = 206,
                                                                  .headers = {{"content-range", range}},
                                                                  .body = std::string(81920, 'x'),
                                                                  .broken = {}});
    IndexSource source(farm, farm.configured(), {}, budget_);
    const auto page = source.Page("demo");
    ASSERT_OK(page);
    const auto text = source.Metadata(**page, (*page)->files().front());
    EXPECT_FALSE(text.ok() && text->has_value()) << range;
  }
}

TEST_F(IndexSourceTest, SourcesSayWhatTheyNeed) {
  AnswerPage(index::JsonFile("demo-1.0.tar.gz", SourceOfDemo()));
  client_.Answer("GET " + kFiles + "demo-1.0.tar.gz", index::FileAnswer(SourceOfDemo()));
  IndexSource source = Source();
  EXPECT_THAT(MetadataOfFirst(source), Optional(kText));
  const auto page = source.Page("demo");
  const auto needs = source.BuildRequirements(**page, (*page)->files().front());
  ASSERT_OK(needs);
  EXPECT_THAT(*needs, Optional(ElementsAre("flit_core>=3")));
}

TEST_F(IndexSourceTest, BeyondTheBudgetNothingIsKnown) {
  AnswerPage(index::JsonFile("demo-1.0.tar.gz", SourceOfDemo()));
  client_.Answer("GET " + kFiles + "demo-1.0.tar.gz", index::FileAnswer(SourceOfDemo()));
  budget_.bytes_left = 0;
  IndexSource source = Source();
  EXPECT_EQ(MetadataOfFirst(source), std::nullopt);
}

TEST_F(IndexSourceTest, OfflineAsksNobody) {
  IndexSource source = Source({.offline = true, .exclude_newer = {}, .as_of = {}, .stop = {}});
  const auto page = source.Page("demo");
  ASSERT_OK(page);
  EXPECT_EQ(*page, nullptr);
  EXPECT_TRUE(client_.requests().empty());
}

TEST_F(IndexSourceTest, AddressesOfPackages) {
  client_.Answer("GET http://other.example/demo-1.0-py3-none-any.whl", index::FileAnswer(WheelOf()));
  IndexSource source = Source();
  const auto wheel = source.Direct("http://other.example/demo-1.0-py3-none-any.whl#sha256=abc");
  ASSERT_OK(wheel);
  ASSERT_TRUE(wheel->has_value());
  EXPECT_TRUE((*wheel)->wheel);
  EXPECT_EQ((*wheel)->metadata, kText);
  for (const char* other :
       {"git+https://vcs.example/demo", "http://other.example/demo", "file:///demo-1.0.zip"}) {
    const auto nothing = source.Direct(other);
    ASSERT_OK(nothing);
    EXPECT_FALSE(nothing->has_value()) << other;
  }
}

TEST(RootedSourceTest, FoldersOfTheImage) {
  predict::MemoryRoot root;
  root.File("/wheels/demo-2.0-py3-none-any.whl",
            ZipOf({{"demo-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 2.0\n"}}))
      .File("/wheels/other-1.0.tar.gz")
      .File("/wheels/README")
      .Link("/links", "wheels")
      .File("/app/pyproject.toml", "[project]\nname = \"app\"\nversion = \"3\"\ndependencies = [\"demo\"]\n");
  RootedSource source(nullptr, root, "/app");
  ASSERT_OK(source.AddLinks("/links"));
  const auto page = source.Page("demo");
  ASSERT_OK(page);
  ASSERT_NE(*page, nullptr);
  ASSERT_EQ((*page)->files().size(), 1U);
  const auto text = source.Metadata(**page, (*page)->files()[0]);
  ASSERT_OK(text);
  EXPECT_THAT(*text, Optional(HasSubstr("Version: 2.0")));
  EXPECT_EQ(source.Page("missing").value(), nullptr);
  for (const char* place : {"http://links.example/", "/app/pyproject.toml", "nowhere"})
    EXPECT_TRUE(absl::IsInvalidArgument(source.AddLinks(place))) << place;
  const auto project = source.Direct(".");
  ASSERT_OK(project);
  EXPECT_EQ((*project)->metadata, "Metadata-Version: 2.2\nName: app\nVersion: 3\nRequires-Dist: demo\n");
  const auto wheel = source.Direct("../wheels/demo-2.0-py3-none-any.whl");
  ASSERT_OK(wheel);
  EXPECT_TRUE((*wheel)->wheel);
}

}  // namespace
}  // namespace crossmill::coordinator
