#include "coordinator/http/conditional.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::coordinator::door {
namespace {

using ::testing::HasSubstr;

std::string FieldOf(const Response& response, std::string_view name) {
  std::string value;
  int count = 0;
  for (const auto& [key, text] : response.fields) {
    if (key == name) {
      value = text;
      ++count;
    }
  }
  EXPECT_LE(count, 1) << name;
  return value;
}

TEST(ConditionalTest, WhoHasItGetsNothing) {
  const std::string etag = EtagOf("body");
  EXPECT_NE(etag, EtagOf("other"));
  EXPECT_TRUE(MatchesEtag(etag, etag));
  EXPECT_TRUE(MatchesEtag("\"x\", W/" + etag + " , \"y\"", etag));
  EXPECT_TRUE(MatchesEtag("*", etag));
  EXPECT_FALSE(MatchesEtag("", etag));
  EXPECT_FALSE(MatchesEtag("\"x\"", etag));
  EXPECT_FALSE(MatchesEtag(etag.substr(1, etag.size() - 2), etag)) << "without quotes it is no tag";
  const Response fresh = Conditional(MakeResponse(200, "text/plain", "body"), "");
  EXPECT_EQ(fresh.status, 200);
  EXPECT_EQ(fresh.body, "body");
  EXPECT_EQ(FieldOf(fresh, "ETag"), etag);
  EXPECT_EQ(FieldOf(fresh, "Cache-Control"), "private, no-cache");
  const Response known = Conditional(MakeResponse(200, "text/plain", "body"), etag);
  EXPECT_EQ(known.status, 304);
  EXPECT_EQ(known.body, "");
  EXPECT_EQ(FieldOf(known, "ETag"), etag);
  EXPECT_EQ(Conditional(MakeResponse(200, "text/plain", "new"), etag).status, 200);
}

TEST(ConditionalTest, OnlyWhatIsEmbeddableMayBeShownElsewhere) {
  Response response = MakeResponse(200, "image/svg+xml", "x");
  EXPECT_THAT(WriteHead(response, Framing::kLength, true, false),
              HasSubstr("Cross-Origin-Resource-Policy: same-origin\r\n"));
  response.embeddable = true;
  EXPECT_THAT(WriteHead(response, Framing::kLength, true, false),
              HasSubstr("Cross-Origin-Resource-Policy: cross-origin\r\n"));
}

}  // namespace
}  // namespace crossmill::coordinator::door
