// Index pages: both forms read and written, limits, and what is dropped.
#include "common/wheels/index_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "tests/common/python/golden_table.h"

namespace crossmill::python {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kPage = "https://index.example/simple/name/";

IndexDocument Read(IndexForm form, std::string_view text, std::string_view page = kPage) {
  auto document = ReadIndex(form, text, page);
  EXPECT_OK(document);
  return document.ok() ? *std::move(document) : IndexDocument();
}

std::string ErrorOf(IndexForm form, std::string_view text, const IndexLimits& limits = {}) {
  return std::string(Sv(ReadIndex(form, text, kPage, limits).status().message()));
}

// Everything that both forms have.
std::string Common(const IndexDocument& document) {
  std::string text = document.status + "/" + document.status_reason + "\n";
  for (const IndexFile& file : document.files) {
    text += fmt::format("{} {} {} yanked={}", file.file_name, file.url, file.requires_python.value_or("-"),
                        file.yanked.has_value() ? "'" + *file.yanked + "'" : "no");
    for (const FileHash& hash : file.hashes) text += fmt::format(" {}:{}", hash.algorithm, hash.digest);
    if (file.core_metadata.has_value()) {
      text += " metadata";
      for (const FileHash& hash : *file.core_metadata)
        text += fmt::format(" {}:{}", hash.algorithm, hash.digest);
    }
    text += " " + file.provenance + "\n";
  }
  return text;
}

constexpr std::string_view kJson = R"({
  "meta": {"api-version": "1.4", "_last-serial": 7, "tracks": ["https://other.example"]},
  "name": "name", "versions": ["1.0", "2.0"], "alternate-locations": ["https://other.example/x"],
  "project-status": {"status": "archived", "reason": "no <time>"},
  "files": [
    {"filename": "name-1.0.tar.gz", "url": "../../packages/name-1.0.tar.gz", "hashes": {"sha256": "AB12", "md5": "9"},
     "requires-python": ">=3.6,<4", "size": 10, "upload-time": "2024-05-06T07:08:09.123456Z", "yanked": "broken \"x\"",
     "core-metadata": false, "provenance": null, "gpg-sig": true},
    {"filename": "name-2.0-py3-none-any.whl", "url": "https://files.example/name-2.0-py3-none-any.whl#sha256=cd",
     "hashes": {}, "requires-python": "", "size": 20, "upload-time": "2024-05-06T07:08:09Z", "yanked": true,
     "core-metadata": {"sha256": "ef"}, "dist-info-metadata": true, "provenance": "https://index.example/p"},
    {"filename": "name-2.0.zip", "url": "//files.example/name-2.0.zip", "hashes": {}, "size": 30, "yanked": "",
     "dist-info-metadata": true, "unknown": {"deep": [1, {"deeper": [[[[[2]]]]]}]}}
  ]})";

TEST(IndexDocumentTest, JsonIsReadWhole) {
  const IndexDocument document = Read(IndexForm::kJson, kJson);
  EXPECT_EQ(document.api_version, "1.4");
  EXPECT_EQ(document.name, "name");
  EXPECT_THAT(document.versions, ElementsAre("1.0", "2.0"));
  EXPECT_EQ(Common(document),
            "archived/no <time>\n"
            "name-1.0.tar.gz https://index.example/packages/name-1.0.tar.gz >=3.6,<4 yanked='broken \"x\"' "
            "sha256:ab12 md5:9 \n"
            "name-2.0-py3-none-any.whl https://files.example/name-2.0-py3-none-any.whl - yanked='' sha256:cd"
            " metadata sha256:ef https://index.example/p\n"
            "name-2.0.zip https://files.example/name-2.0.zip - yanked=no metadata \n");
  ASSERT_EQ(document.files.size(), 3u);
  EXPECT_EQ(document.files[0].size, 10u);
  EXPECT_EQ(absl::ToUnixMicros(*document.files[0].uploaded), 1714979289123456);
  EXPECT_EQ(absl::ToUnixSeconds(*document.files[1].uploaded), 1714979289);
  EXPECT_FALSE(document.files[2].uploaded.has_value());
  EXPECT_THAT(document.dropped, IsEmpty());
}

constexpr std::string_view kHtml = R"html(<!DOCTYPE html>
<html><head>
<meta name="pypi:repository-version" content="1.4"><meta name="pypi:project-status" content="deprecated">
<META CONTENT="use other" NAME="pypi:project-status-reason">
<title><a href="no-1.0.tar.gz">no</a></title></head><body>
<!-- <a href="commented-1.0.tar.gz">x</a> -->
<a href="../name-1.0.tar.gz#sha256=AB12" data-requires-python="&gt;=3.6,&lt;4" data-yanked="broken &quot;x&quot;">name-1.0.tar.gz</a><br>
<A HREF='https://files.example/name-2.0%2Bcpu-py3-none-any.whl#egg=x&amp;sha256=cd' DATA-YANKED DATA-CORE-METADATA="sha256=EF"
   data-dist-info-metadata="true" data-provenance=https://index.example/p>text</A>
<a href=//files.example/name-2.0.zip data-requires-python data-dist-info-metadata=true>name-2.0.zip</a>
<a href="https://index.example/">home</a><a name=top>top</a><a href="">none</a>
<a href="javascript:alert('name-3.0.zip')">x</a><a href="file:///name-3.0.zip">y</a>
<script>document.write('<a href="name-9.0.tar.gz">')</script>
<base href="https://base.example/p/q/"><base href="https://second.example/">
</body></html>)html";

TEST(IndexDocumentTest, HtmlIsReadAsBrowsersRead) {
  const IndexDocument document = Read(IndexForm::kHtml, kHtml);
  EXPECT_EQ(document.api_version, "1.4");
  EXPECT_EQ(
      Common(document),
      "deprecated/use other\n"
      "name-1.0.tar.gz https://base.example/p/name-1.0.tar.gz >=3.6,<4 yanked='broken \"x\"' sha256:ab12 \n"
      "name-2.0+cpu-py3-none-any.whl https://files.example/name-2.0%2Bcpu-py3-none-any.whl - yanked='' "
      "sha256:cd"
      " metadata sha256:ef https://index.example/p\n"
      "name-2.0.zip https://files.example/name-2.0.zip - yanked=no metadata \n");
  std::vector<std::string> dropped;
  for (const auto& one : document.dropped) dropped.push_back(one.what + ": " + one.why);
  EXPECT_THAT(dropped,
              ElementsAre("https://index.example/: it is neither a wheel nor an archive of sources",
                          "javascript:alert('name-3.0.zip'): it is neither a wheel nor an archive of sources",
                          "name-3.0.zip: its address is neither http nor https"));
}

TEST(IndexDocumentTest, WhatIsWrittenIsReadAgain) {
  for (const IndexForm from : {IndexForm::kJson, IndexForm::kHtml}) {
    const IndexDocument document = Read(from, from == IndexForm::kJson ? kJson : kHtml);
    for (const IndexForm to : {IndexForm::kJson, IndexForm::kHtml}) {
      const std::string text = WriteIndex(to, document, {.rewrite = nullptr, .metadata = true});
      EXPECT_EQ(text, WriteIndex(to, document, {.rewrite = nullptr, .metadata = true}));
      IndexDocument again = Read(to, text, "https://proxy.example/simple/name/");
      // HTML has one digest, and a reason that is empty is not one in JSON.
      if (to == IndexForm::kHtml && from == IndexForm::kJson) again.files[0].hashes.push_back({"md5", "9"});
      EXPECT_EQ(Common(again), Common(document));
      if (to == IndexForm::kJson) {
        EXPECT_EQ(again.versions, document.versions);
        EXPECT_EQ(again.api_version, from == IndexForm::kJson ? "1.4" : "1.0");
        EXPECT_EQ(again.files[0].upload_time, document.files[0].upload_time);
        EXPECT_EQ(again.files[0].size, document.files[0].size);
      }
    }
  }
}

TEST(IndexDocumentTest, AddressesAreRewrittenAndMetadataIsOnlyAdvertisedWhenServed) {
  const IndexDocument document = Read(IndexForm::kJson, kJson);
  IndexWriting writing;
  writing.rewrite = [](const IndexFile& file) { return "/files/" + file.file_name + "?a=1&b=\"2\""; };
  const std::string html = WriteIndex(IndexForm::kHtml, document, writing);
  EXPECT_THAT(html, HasSubstr("<a href=\"/files/name-1.0.tar.gz?a=1&amp;b=&quot;2&quot;#sha256=ab12\" "
                              "data-requires-python=\"&gt;=3.6,&lt;4\" data-yanked=\"broken &quot;x&quot;\">"
                              "name-1.0.tar.gz</a>"));
  EXPECT_EQ(html.find("metadata"), html.npos);
  EXPECT_EQ(html.find("files.example"), html.npos);
  const auto json = ParseJson(WriteIndex(IndexForm::kJson, document, writing));
  ASSERT_OK(json);
  EXPECT_EQ(json->at("files").at(1).at("url"), "/files/name-2.0-py3-none-any.whl?a=1&b=\"2\"");
  EXPECT_FALSE(json->at("files").at(1).contains("core-metadata"));
  EXPECT_EQ(json->at("files").at(1).at("yanked"), true);
  EXPECT_EQ(json->at("files").at(2).at("yanked"), false);
  EXPECT_EQ(json->at("project-status").at("reason"), "no <time>");
  EXPECT_EQ(ContentTypeOf(IndexForm::kJson), "application/vnd.pypi.simple.v1+json");
}

TEST(IndexDocumentTest, TextsCannotLeaveTheirPlaceInHtml) {
  IndexDocument document;
  document.name = "</h1><script>";
  document.files.push_back({});
  document.files[0].file_name = "a\"><b>-1.0.zip";
  document.files[0].url = "https://files.example/\"><script>";
  document.files[0].yanked = "'\"<>&\xff";
  const std::string html = WriteIndex(IndexForm::kHtml, document);
  EXPECT_EQ(html.find("<script>"), html.npos);
  EXPECT_EQ(html.find("<b>"), html.npos);
  EXPECT_THAT(html, HasSubstr("data-yanked=\"&#x27;&quot;&lt;&gt;&amp;\xef\xbf\xbd\""));
}

// As a real index writes them, but for its name (tests/support/record_pip_choices.py).
TEST(IndexDocumentTest, BothFormsOfARealPageSayTheSame) {
  for (const char* project : {"attrs", "markupsafe"}) {
    std::string common[2];
    for (const IndexForm form : {IndexForm::kJson, IndexForm::kHtml}) {
      const auto text = ReadFile(fmt::format("{}/python/index/{}.{}", CROSSMILL_GOLDEN_FOLDER, project,
                                             form == IndexForm::kJson ? "json" : "html"));
      ASSERT_OK(text);
      const IndexDocument document = Read(form, *text);
      EXPECT_GE(document.files.size(), 10u);
      EXPECT_THAT(document.dropped, IsEmpty());
      for (const IndexFile& file : document.files)
        EXPECT_EQ(file.uploaded.has_value(), form == IndexForm::kJson);
      // Each form has its own order.
      std::vector<std::string> lines = absl::StrSplit(Common(document), '\n');
      std::sort(lines.begin(), lines.end());
      common[form == IndexForm::kJson ? 0 : 1] = absl::StrJoin(lines, "\n");
    }
    EXPECT_EQ(common[0], common[1]);
  }
}

TEST(IndexDocumentTest, TheVersionOfTheApiIsChecked) {
  EXPECT_EQ(Read(IndexForm::kJson, R"({"files": []})").api_version, "1.0");
  EXPECT_EQ(Read(IndexForm::kJson, R"({"files": [], "meta": {"api-version": "1.99"}})").api_version, "1.99");
  EXPECT_EQ(ErrorOf(IndexForm::kJson, R"({"files": [], "meta": {"api-version": "2.0"}})"),
            "the index page has version 2.0 of the API; only 1.x is understood");
  EXPECT_EQ(ErrorOf(IndexForm::kJson, R"({"files": [], "meta": {"api-version": "new"}})"),
            "'new' is not a version of the index API");
  EXPECT_EQ(ErrorOf(IndexForm::kJson, R"({"files": [], "meta": {"api-version": 1}})"),
            "meta.api-version of the index page is not a text");
  EXPECT_EQ(ErrorOf(IndexForm::kHtml, R"(<meta name="pypi:repository-version" content="2.0">)"),
            "the index page has version 2.0 of the API; only 1.x is understood");
}

TEST(IndexDocumentTest, ContentTypesNameTheForm) {
  EXPECT_EQ(*IndexFormOf("application/vnd.pypi.simple.v1+json"), IndexForm::kJson);
  EXPECT_EQ(*IndexFormOf("Application/vnd.PyPI.simple.v1+HTML; charset=utf-8"), IndexForm::kHtml);
  EXPECT_EQ(*IndexFormOf(" text/html;charset=utf-8"), IndexForm::kHtml);
  EXPECT_EQ(IndexFormOf("application/vnd.pypi.simple.v2+json").status().message(),
            "the index answers with 'application/vnd.pypi.simple.v2+json'; only version 1 is understood");
  EXPECT_EQ(IndexFormOf("image/png").status().message(), "'image/png' is not the type of an index page");
}

TEST(IndexDocumentTest, LimitsAreErrors) {
  const auto code = [](IndexForm form, std::string_view text, const IndexLimits& limits) {
    return ReadIndex(form, text, kPage, limits).status().code();
  };
  EXPECT_EQ(ErrorOf(IndexForm::kJson, kJson, {.bytes = 100, .files = 10}),
            fmt::format("the index page has {} bytes; at most 100 are read", kJson.size()));
  EXPECT_EQ(ErrorOf(IndexForm::kJson, kJson, {.bytes = 1 << 20, .files = 2}),
            "the index page lists 3 files; at most 2 are read");
  EXPECT_EQ(
      ErrorOf(IndexForm::kHtml, "<a href=a-1.zip><a href=a-2.zip><a href=x>", {.bytes = 1 << 20, .files = 1}),
      "the index page has more links than twice the 1 files that are read");
  EXPECT_EQ(ErrorOf(IndexForm::kHtml, "<a href=a-1.zip><a href=a-2.zip>", {.bytes = 1 << 20, .files = 1}),
            "the index page lists more than 1 files, which are the most that are read");
  EXPECT_EQ(code(IndexForm::kJson, kJson, {.bytes = 100, .files = 10}), absl::StatusCode::kResourceExhausted);
  // Many values that are known, and as many that are not.
  std::string versions = R"({"files": [], "versions": [)";
  for (int i = 0; i < 3000; ++i) versions += "\"1\",";
  EXPECT_EQ(ErrorOf(IndexForm::kJson, versions + "\"2\"]}", {.bytes = 1 << 20, .files = 10}),
            "the index page has more than 1400 values");
  std::string unknown =
      R"({"files": [], "x": )" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  EXPECT_THAT(Read(IndexForm::kJson, unknown).files, IsEmpty());
}

TEST(IndexDocumentTest, WhatIsNoPageIsRefused) {
  EXPECT_THAT(ErrorOf(IndexForm::kJson, "<html>"), HasSubstr("the index page is not JSON: "));
  EXPECT_EQ(ErrorOf(IndexForm::kJson, "[]"), "the index page is not a JSON object");
  EXPECT_EQ(ErrorOf(IndexForm::kJson, R"({"projects": []})"),
            "the index page has no list of files: it is not the page of a project");
  EXPECT_EQ(ErrorOf(IndexForm::kHtml, "{}"), "the index page has no HTML");
  const IndexDocument odd =
      Read(IndexForm::kJson, R"({"files": [1, {"filename": "a"}, {"url": "b"}, {"filename": 1, "url": 2},
      {"filename": "a/b-1.zip", "url": "b"}, {"filename": "a-1.zip", "url": "ftp://files.example/a-1.zip"},
      {"filename": "a-2.zip", "url": "a-2.zip", "size": -1, "hashes": [], "yanked": [], "core-metadata": "x",
       "requires-python": 3, "upload-time": "yesterday"}], "versions": {}, "name": [], "meta": []})");
  ASSERT_EQ(odd.files.size(), 1u);
  EXPECT_EQ(odd.dropped.size(), 6u);
  EXPECT_EQ(odd.files[0].url, "https://index.example/simple/name/a-2.zip");
  EXPECT_EQ(odd.files[0].upload_time, "yesterday");
  EXPECT_FALSE(odd.files[0].uploaded.has_value() || odd.files[0].size.has_value() ||
               odd.files[0].yanked.has_value());
}

}  // namespace
}  // namespace crossmill::python
