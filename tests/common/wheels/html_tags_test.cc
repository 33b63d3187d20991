// The tokeniser of index pages, and character references.
#include "common/wheels/html_tags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::python {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "a href=x data-yanked=": name and attributes of each tag.
std::vector<std::string> Tags(std::string_view text) {
  std::vector<std::string> seen;
  HtmlTags tags(text);
  while (const auto tag = tags.Next()) {
    seen.push_back(tag->name);
    for (const auto& [name, value] : tag->attributes) seen.back() += " " + name + "=" + value;
  }
  return seen;
}

TEST(HtmlTagsTest, AttributesInAllTheirForms) {
  EXPECT_THAT(
      Tags("<A HREF='one' Data-Yanked><a href=two/three data-x = \"&gt;=3\" ><br/><a\n\thref\n=\n'x y'/>"),
      ElementsAre("a href=one data-yanked=", "a href=two/three data-x=>=3", "br", "a href=x y"));
  EXPECT_THAT(Tags("<a href=x>t</a ><a href=\"a>b\">"), ElementsAre("a href=x", "a href=a>b"));
  EXPECT_THAT(Tags("<a a=1 a=2 =b=3>"), ElementsAre("a a=1 a=2 =b=3"));
}

TEST(HtmlTagsTest, CommentsAndDeclarationsHaveNoTags) {
  EXPECT_THAT(Tags("<!DOCTYPE html><?xml a?><!-- <a href=1> --><a href=2><!--><a href=3><!---><a href=4><!-- "
                   "--!><a href=5>"),
              ElementsAre("a href=2", "a href=3", "a href=4", "a href=5"));
  EXPECT_THAT(Tags("<!-- open <a href=1>"), IsEmpty());
  EXPECT_THAT(Tags("<![CDATA[ x ]]><a href=1>"), ElementsAre("a href=1"));
}

TEST(HtmlTagsTest, ScriptsAndTitlesAreText) {
  EXPECT_THAT(Tags("<script>'<a href=1>' </scripts></SCRIPT ><a href=2><title><a></title><b>"),
              ElementsAre("script", "a href=2", "title", "b"));
  EXPECT_THAT(Tags("<style><a href=1>"), ElementsAre("style"));
}

TEST(HtmlTagsTest, BrokenPagesEnd) {
  EXPECT_THAT(Tags(""), IsEmpty());
  EXPECT_THAT(Tags("<"), IsEmpty());
  EXPECT_THAT(Tags("a < b <1 <> <a href='x"), ElementsAre("a href=x"));
  EXPECT_THAT(Tags("<a href="), ElementsAre("a href="));
  EXPECT_THAT(Tags("<a href=x><a"), ElementsAre("a href=x", "a"));
}

TEST(HtmlTagsTest, TheFirstAttributeCounts) {
  HtmlTags tags("<a href=1 href=2>");
  const auto tag = tags.Next();
  ASSERT_TRUE(tag.has_value());
  EXPECT_EQ(*tag->Attribute("href"), "1");
  EXPECT_EQ(tag->Attribute("data-yanked"), nullptr);
}

TEST(HtmlTextTest, ReferencesAreReplaced) {
  EXPECT_EQ(DecodeHtml("&gt;=3.6, &lt;4 &amp;&amp; &#62;&#x3E;&#X3e &quot;&apos;&eacute;&nbsp;"),
            ">=3.6, <4 && >>> \"'\xc3\xa9\xc2\xa0");
  EXPECT_EQ(DecodeHtml("&unknown; & &; &# &#x; &gt"), "&unknown; & &; &# &#x; &gt");
  EXPECT_EQ(DecodeHtml("&#0;&#xd800;&#1114112;&#99999999999999;"),
            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(DecodeHtml("&#128512;&euro"), "\xf0\x9f\x98\x80&euro");
  EXPECT_EQ(DecodeHtml(EncodeHtml("<a href=\"x\" b='y'>&amp;")), "<a href=\"x\" b='y'>&amp;");
}

}  // namespace
}  // namespace crossmill::python
