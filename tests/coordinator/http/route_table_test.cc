#include "coordinator/http/table/route_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::coordinator::door {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(FindRouteTest, PartsInBracesAreParameters) {
  std::string allowed;
  const auto match = FindRoute("GET", "/api/v1/builds/12/packages", &allowed);
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->route->method, "crossmill.v1.Builds/ListPackages");
  EXPECT_THAT(match->parameters, ElementsAre(Pair("build_id", "12")));
}

TEST(FindRouteTest, AnEscapedSlashBelongsToItsPart) {
  std::string allowed;
  const auto match = FindRoute("GET", "/api/v1/builds/a%2Fb", &allowed);
  ASSERT_TRUE(match.has_value());
  EXPECT_THAT(match->parameters, ElementsAre(Pair("build_id", "a/b")));
}

TEST(FindRouteTest, HeadIsGet) {
  std::string allowed;
  EXPECT_TRUE(FindRoute("HEAD", "/api/v1/workers", &allowed).has_value());
}

TEST(FindRouteTest, OtherVerbsOfAPathAreTold) {
  std::string allowed;
  EXPECT_FALSE(FindRoute("DELETE", "/api/v1/builds", &allowed).has_value());
  EXPECT_EQ(allowed, "GET, HEAD, POST");
  EXPECT_FALSE(FindRoute("GET", "/api/v1/builds/1/cancel", &allowed).has_value());
  EXPECT_EQ(allowed, "POST");
}

TEST(FindRouteTest, NothingElseMatches) {
  std::string allowed;
  for (const char* path : {"", "/", "/api/v1/builds/", "/api/v1/builds//events", "/api/v1/builds/1/events/",
                           "/api/v1", "api/v1/builds", "/API/v1/builds"}) {
    EXPECT_FALSE(FindRoute("GET", path, &allowed).has_value()) << path;
    EXPECT_EQ(allowed, "") << path;
  }
}

}  // namespace
}  // namespace crossmill::coordinator::door
