// Which secrets of a client's are asked for, for the host of a URL.
#include "coordinator/buildkit/solve/sources/http_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::coordinator::buildkit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(HttpSourceTest, TheSecretsOfAHost) {
  EXPECT_THAT(HeaderSecretsOf("https://files.example:8443/a/b?c=d"),
              ElementsAre("HTTP_AUTH_TOKEN_files.example", "HTTP_AUTH_HEADER_files.example"));
  EXPECT_THAT(HeaderSecretsOf("http://127.0.0.1:3000/f"),
              ElementsAre("HTTP_AUTH_TOKEN_127.0.0.1", "HTTP_AUTH_HEADER_127.0.0.1"));
  EXPECT_THAT(HeaderSecretsOf("https://[::1]:80/f"),
              ElementsAre("HTTP_AUTH_TOKEN_::1", "HTTP_AUTH_HEADER_::1"));
}

TEST(HttpSourceTest, NothingGoesOutInPlainTextOrBesideAnotherWayIn) {
  EXPECT_THAT(HeaderSecretsOf("http://files.example/f"), IsEmpty());
  EXPECT_THAT(HeaderSecretsOf("https://me:secret@files.example/f"), IsEmpty());
  EXPECT_THAT(HeaderSecretsOf("ftp://files.example/f"), IsEmpty());
  EXPECT_THAT(HeaderSecretsOf("https://"), IsEmpty());
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
