#include "coordinator/http/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/http/page.h"
#include "coordinator/http/problem.h"
#include "coordinator/http/streams/event_stream.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::door {
namespace {

using ::testing::HasSubstr;

constexpr char kMacOfOldSession[] = "60bad26e6a00bfc78dc3706b9f76ffa25d6ff6c39eaee69e7e114278dbaf5b11";

TEST(HostCheckTest, LoopbackOwnAddressAndGivenNames) {
  const HostCheck check({"Farm.Example"});
  for (const char* host : {"localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080",
                           "farm.example:443", "10.0.0.7:8080"}) {
    EXPECT_TRUE(check.Allows(host, "10.0.0.7")) << host;
  }
  for (const char* host :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.8",
        "localhost:", "localhost:99999", "user@localhost", "[::1", "127.0.0", "127.a.0.1"}) {
    EXPECT_FALSE(check.Allows(host, "10.0.0.7")) << host;
  }
}

TEST(SameOriginTest, SchemeAsideItIsTheHost) {
  EXPECT_TRUE(IsSameOrigin("http://localhost:8080", "localhost:8080"));
  EXPECT_TRUE(IsSameOrigin("https://farm.example", "Farm.example"));
  EXPECT_FALSE(IsSameOrigin("http://localhost:8081", "localhost:8080"));
  EXPECT_FALSE(IsSameOrigin("null", "localhost"));
  EXPECT_FALSE(IsSameOrigin("", ""));
  EXPECT_FALSE(IsSameOrigin("file://", ""));
}

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() {
    head_.verb = "GET";
    head_.host = "localhost:8080";
    head_.peer = "127.0.0.1";
    sessions_.SetAddress("http://localhost:8080");
  }
  std::string NewCookie(v1::Access role = v1::ACCESS_OPERATE) {
    const auto link = sessions_.MakeLink(role, now_);
    EXPECT_OK(link);
    const auto cookie = access_.OpenSession(head_, link->url.substr(link->url.find("once-")), now_);
    EXPECT_OK(cookie);
    return cookie.ok() ? cookie->substr(0, cookie->find(';')) : "";
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  Sessions sessions_{std::string(40, 'k')};
  AccessCheck access_{
      sessions_,
      {{v1::ACCESS_READ, "reads"}, {v1::ACCESS_SUBMIT, "submits"}, {v1::ACCESS_OPERATE, "own"}},
      HostCheck({})};
  RequestHead head_;
};

TEST_F(AccessTest, ALinkIsGoodOnceAndForTenMinutes) {
  const std::string url = sessions_.MakeLink(v1::ACCESS_OPERATE, now_)->url;
  const std::string secret = url.substr(url.find("once-"));
  EXPECT_OK(access_.OpenSession(head_, secret, now_));
  EXPECT_FALSE(access_.OpenSession(head_, secret, now_).ok());
  const std::string late = sessions_.MakeLink(v1::ACCESS_OPERATE, now_)->url;
  EXPECT_FALSE(access_.OpenSession(head_, late.substr(late.find("once-")), now_ + absl::Minutes(11)).ok());
}

TEST_F(AccessTest, ASessionActsWithTheOwnTokenUntilItsEnd) {
  head_.cookie = "a=b; " + NewCookie();
  EXPECT_EQ(*access_.CredentialsOf(head_, now_), "Bearer own");
  // Of another process with the same key.
  Sessions later(std::string(40, 'k'));
  EXPECT_EQ(later.RoleOf(CookieValue(head_.cookie, SessionCookieName(head_)), now_), v1::ACCESS_OPERATE);
  EXPECT_NE(*access_.CredentialsOf(head_, now_ + absl::Hours(24 * 8)), "Bearer own");
  head_.cookie.back() = head_.cookie.back() == '0' ? '1' : '0';
  EXPECT_NE(*access_.CredentialsOf(head_, now_), "Bearer own");
}

TEST_F(AccessTest, ASessionHasTheRoleOfItsLinkAndNoOther) {
  head_.cookie = NewCookie(v1::ACCESS_READ);
  EXPECT_EQ(*access_.CredentialsOf(head_, now_), "Bearer reads");
  const size_t role = head_.cookie.find("s2.read.");
  ASSERT_NE(role, std::string::npos);
  head_.cookie.replace(role, 8, "s2.operate.");
  EXPECT_EQ(access_.CredentialsOf(head_, now_)->find("own"), std::string::npos);
  head_.cookie = NewCookie(v1::ACCESS_SUBMIT);
  EXPECT_EQ(*access_.CredentialsOf(head_, now_), "Bearer submits");
}

// "s1.END.RANDOM.MAC" with the MAC that the coordinator before roles made with this key.
TEST_F(AccessTest, SessionsOfBeforeRolesGoOn) {
  const std::string text = "s1.1800000100.0123456789abcdef";
  head_.cookie = "crossmill_session_8080=" + text + "." + kMacOfOldSession;
  EXPECT_EQ(*access_.CredentialsOf(head_, now_), "Bearer own");
  EXPECT_NE(*access_.CredentialsOf(head_, now_ + absl::Seconds(101)), "Bearer own");
}

TEST_F(AccessTest, OnlyOurOwnPageChangesSomething) {
  head_.cookie = NewCookie();
  head_.verb = "POST";
  EXPECT_TRUE(absl::IsPermissionDenied(access_.CredentialsOf(head_, now_).status()));
  head_.origin = "http://evil.example";
  EXPECT_TRUE(absl::IsPermissionDenied(access_.CredentialsOf(head_, now_).status()));
  head_.origin = "http://localhost:8080";
  EXPECT_OK(access_.CredentialsOf(head_, now_));
  head_.fetch_site = "same-site";
  EXPECT_TRUE(absl::IsPermissionDenied(access_.CredentialsOf(head_, now_).status()));
  // A token is nothing that a browser sends by itself.
  head_.authorization = "Bearer t";
  EXPECT_EQ(*access_.CredentialsOf(head_, now_), "Bearer t");
}

TEST_F(AccessTest, ATokenMayBeThePasswordOfWhoReads) {
  head_.authorization = "Basic cmVhZGVyOmNtLXRva2Vu";  // reader:cm-token
  EXPECT_EQ(*access_.CredentialsOf(head_, now_), "Bearer cm-token");
  head_.verb = "POST";
  EXPECT_TRUE(absl::IsUnauthenticated(access_.CredentialsOf(head_, now_).status()));
  head_.verb = "GET";
  // Not base64; no colon; no password.
  for (const char* none : {"Basic %%%", "Basic cmVhZGVy", "Basic cmVhZGVyOg==", "Basic "}) {
    head_.authorization = none;
    EXPECT_TRUE(absl::IsUnauthenticated(access_.CredentialsOf(head_, now_).status())) << none;
  }
}

TEST_F(AccessTest, WhatIsNoTextIsNoCredential) {
  head_.authorization = "Bearer \xff";
  EXPECT_TRUE(absl::IsUnauthenticated(access_.CredentialsOf(head_, now_).status()));
  EXPECT_FALSE(access_.OpenSession(head_, "x; Path=/evil", now_).ok());
}

TEST_F(AccessTest, WrongTokensAreSlowedDownAndGoodOnesAreNot) {
  access_.Note(head_, "Bearer good", absl::OkStatus(), now_);
  for (int i = 0; i < 10; ++i) access_.Note(head_, "Bearer bad", absl::UnauthenticatedError(""), now_);
  head_.authorization = "Bearer other";
  EXPECT_TRUE(absl::IsResourceExhausted(access_.CredentialsOf(head_, now_).status()));
  head_.authorization = "Bearer good";
  EXPECT_OK(access_.CredentialsOf(head_, now_));
  head_.authorization = "Bearer other";
  EXPECT_OK(access_.CredentialsOf(head_, now_ + absl::Minutes(2)));
}

TEST(ProblemTest, CodesHaveTheirStatus) {
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kNotFound), 404);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kFailedPrecondition), 409);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kUnavailable), 503);
  EXPECT_EQ(ProblemJson(absl::NotFoundError("no \"x\"\n"), "id1"),
            "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"no \\\"x\\\"\\n\","
            "\"code\":\"NOT_FOUND\",\"requestId\":\"id1\"}");
}

TEST(EventTest, FormAndNumber) {
  EXPECT_EQ(EventText("event", "{}", 7), "id: 7\nevent: event\ndata: {}\n\n");
  EXPECT_EQ(EventText("end", "{}"), "event: end\ndata: {}\n\n");
  RequestHead head;
  EXPECT_EQ(LastEventId(head), std::nullopt);
  head.last_event_id = "12";
  EXPECT_EQ(LastEventId(head), 12);
  head.last_event_id = "12x";
  EXPECT_EQ(LastEventId(head), std::nullopt);
}

TEST(PageTest, FilesViewsAndWhatIsNotThere) {
  static constexpr unsigned char kText[] = "plain";
  static constexpr PageFile kFiles[] = {
      {"/assets/index-Dk3v9QxA.js", kText, kText + 5, false, "0123456789abcdef0123456789abcdef01"},
      {"/index.html", kText, kText + 5, false, "1123456789abcdef0123456789abcdef01"}};
  RequestHead head;
  head.path = "/builds/7";
  EXPECT_EQ(PageResponse(kFiles, head).body, "plain");
  head.path = "/assets/other.js";
  EXPECT_EQ(PageResponse(kFiles, head).status, 404);
  head.path = "/assets/index-Dk3v9QxA.js";
  EXPECT_THAT(WriteHead(PageResponse(kFiles, head), Framing::kLength, true, false), HasSubstr("immutable"));
  head.if_none_match = "\"0123456789abcdef0123456789abcdef\"";
  EXPECT_EQ(PageResponse(kFiles, head).status, 304);
  head.path = "/";
  EXPECT_THAT(PageResponse({}, head).body, HasSubstr("without its page"));
  EXPECT_FALSE(HasHash("/favicon.ico"));
  EXPECT_FALSE(HasHash("/index.html"));
}

}  // namespace
}  // namespace crossmill::coordinator::door
