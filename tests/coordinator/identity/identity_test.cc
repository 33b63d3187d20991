// Identity tokens: what is taken for one, by which rule, and what it is exchanged for.
#include <cjose/jwk.h>
#include <cjose/jws.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "common/base/digest.h"
#include "common/base/json.h"
#include "common/base/utf8.h"
#include "coordinator/identity/identities.h"
#include "coordinator/identity/identity_rule.h"
#include "coordinator/identity/key_set.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/people/identity_records.h"
#include "coordinator/storage/people/people_records.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

constexpr char kIssuer[] = "https://issuer.example/pipelines";

// A key pair of an issuer, of its own at each start of the test.
class Signer {
 public:
  enum class Kind { kRsa, kCurve };
  explicit Signer(std::string id, Kind kind = Kind::kRsa, size_t bits = 2048) : id_(std::move(id)) {
    cjose_err error = {};
    jwk_ = kind == Kind::kRsa ? cjose_jwk_create_RSA_random(bits, nullptr, 0, &error)
                              : cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    EXPECT_NE(jwk_, nullptr) << error.message;
  }
  ~Signer() { cjose_jwk_release(jwk_); }
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  // As a member of a key set.
  Json Public() const {
    cjose_err error = {};
    char* text = cjose_jwk_to_json(jwk_, false, &error);
    Json key = Json::parse(text);
    free(text);
    key["kid"] = id_;
    key["use"] = "sig";
    return key;
  }
  std::string Sign(const Json& claims, const std::string& algorithm = "RS256") const {
    cjose_err error = {};
    cjose_header_t* header = cjose_header_new(&error);
    cjose_header_set(header, CJOSE_HDR_ALG, algorithm.c_str(), &error);
    cjose_header_set(header, CJOSE_HDR_KID, id_.c_str(), &error);
    const std::string text = claims.dump();
    cjose_jws_t* jws =
        cjose_jws_sign(jwk_, header, reinterpret_cast<const uint8_t*>(text.data()), text.size(), &error);
    EXPECT_NE(jws, nullptr) << error.message;
    const char* compact = nullptr;
    cjose_jws_export(jws, &compact, &error);
    std::string token = compact;
    cjose_jws_release(jws);
    cjose_header_release(header);
    return token;
  }

 private:
  std::string id_;
  cjose_jwk_t* jwk_ = nullptr;
};

std::string KeysOf(const std::vector<const Signer*>& signers) {
  Json keys = Json::array();
  for (const Signer* signer : signers) keys.push_back(signer->Public());
  return Json({{"keys", keys}}).dump();
}

http::FakeAnswer Answering(std::string body, int status = 200) { return {status, {}, std::move(body), {}}; }

std::string Encode(const Json& json) {
  std::string text;
  absl::WebSafeBase64Escape(json.dump(), &text);
  return text;
}

v1::IdentityRule Rule(const std::string& name, const std::string& claim, const std::string& pattern) {
  v1::IdentityRule rule;
  rule.set_name(name);
  rule.set_issuer(kIssuer);
  rule.set_audience("farm.example");
  rule.set_role(v1::ACCESS_SUBMIT);
  rule.set_life_seconds(600);
  v1::ClaimPattern& wanted = *rule.add_claims();
  wanted.set_claim(claim);
  wanted.set_pattern(pattern);
  return rule;
}

// RSA keys take their time: the tests share two.
const Signer& OwnSigner() {
  static const auto& signer = *new Signer("own");
  return signer;
}
const Signer& OtherSigner() {
  static const auto& signer = *new Signer("other");
  return signer;
}

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest()
      : connection_(storage::Connection::Open(":memory:").value()),
        people_records_(*connection_),
        records_(*connection_) {
    EXPECT_OK(Open());
    EXPECT_OK(people_->CreateProject("shop"));
    client_.Answer(
        std::string("GET ") + kIssuer + "/.well-known/openid-configuration",
        Answering(Json({{"issuer", kIssuer}, {"jwks_uri", "https://issuer.example/keys"}}).dump()));
  }

  absl::Status Open() {
    ASSIGN_OR_RETURN(people_, People::Open(people_records_, clock_));
    ASSIGN_OR_RETURN(identities_, Identities::Open(records_, *people_, client_, clock_));
    return absl::OkStatus();
  }
  void AnswerKeys(const std::vector<const Signer*>& signers) {
    client_.Answer("GET https://issuer.example/keys", Answering(KeysOf(signers)));
  }
  int64_t Now() { return absl::ToUnixSeconds(clock_.Now()); }
  Json Claims() {
    return {{"iss", kIssuer},           {"aud", "farm.example"}, {"sub", "repo:acme/app:ref:refs/heads/main"},
            {"repository", "acme/app"}, {"iat", Now()},          {"exp", Now() + 300}};
  }
  absl::StatusOr<v1::ExchangeIdentityResponse> Exchange(const std::string& token,
                                                        const std::string& rule = "") {
    v1::ExchangeIdentityRequest request;
    request.set_identity_token(token);
    request.set_rule(rule);
    return identities_->Exchange(request);
  }

  FakeClock clock_;
  http::FakeHttpClient client_;
  std::unique_ptr<storage::Connection> connection_;
  storage::PeopleRecords people_records_;
  storage::IdentityRecords records_;
  std::unique_ptr<People> people_;
  std::unique_ptr<Identities> identities_;
};

TEST_F(IdentityTest, AJobGetsATokenThatMayWhatTheRuleSaysAndEnds) {
  AnswerKeys({&OwnSigner()});
  v1::IdentityRule rule = Rule("github", "repository", "acme/*");
  rule.set_project("shop");
  rule.add_pushes("registry.example/acme/*");
  ASSERT_OK(identities_->Create(rule));
  ASSERT_OK(Open());  // after a restart the same
  const auto given = Exchange(OwnSigner().Sign(Claims()));
  ASSERT_OK(given);
  EXPECT_EQ(given->name(), "github");
  EXPECT_EQ(given->project(), "shop");
  EXPECT_EQ(given->subject(), "repo:acme/app:ref:refs/heads/main");
  const auto token = people_->FindToken(Sha256Hex(given->secret()));
  ASSERT_TRUE(token.has_value());
  EXPECT_EQ(token->role(), v1::ACCESS_SUBMIT);
  EXPECT_EQ(token->project(), "shop");
  ASSERT_EQ(token->pushes_size(), 1);
  EXPECT_EQ(token->subject(), given->subject());
  clock_.Advance(absl::Seconds(599));
  EXPECT_TRUE(people_->FindToken(Sha256Hex(given->secret())).has_value());
  clock_.Advance(absl::Seconds(2));
  EXPECT_FALSE(people_->FindToken(Sha256Hex(given->secret())).has_value());
}

TEST_F(IdentityTest, WhatIsNotSignedByTheIssuerIsWorthNothing) {
  AnswerKeys({&OwnSigner()});
  ASSERT_OK(identities_->Create(Rule("github", "repository", "acme/app")));
  const std::string good = OwnSigner().Sign(Claims());
  const std::string body = good.substr(0, good.rfind('.'));
  Json forged = Claims();
  forged["repository"] = "acme/app";
  forged["sub"] = "me";
  const std::string header = good.substr(0, good.find('.'));
  const std::string signature = good.substr(good.rfind('.'));
  // The public key as a secret: who takes HS256 with it takes anybody's word.
  cjose_err error = {};
  const std::string modulus = KeysOf({&OwnSigner()});
  cjose_jwk_t* secret =
      cjose_jwk_create_oct_spec(reinterpret_cast<const uint8_t*>(modulus.data()), modulus.size(), &error);
  cjose_header_t* weak = cjose_header_new(&error);
  cjose_header_set(weak, CJOSE_HDR_ALG, CJOSE_HDR_ALG_HS256, &error);
  const std::string text = Claims().dump();
  cjose_jws_t* jws =
      cjose_jws_sign(secret, weak, reinterpret_cast<const uint8_t*>(text.data()), text.size(), &error);
  const char* symmetric = nullptr;
  cjose_jws_export(jws, &symmetric, &error);
  const std::map<std::string, std::string> cases = {
      {"another's key under its name", Signer("own").Sign(Claims())},
      {"a key that there is not", OtherSigner().Sign(Claims())},
      {"changed claims", header + "." + Encode(forged) + signature},
      {"no signature", body + "."},
      {"none", Encode({{"alg", "none"}}) + "." + Encode(Claims()) + "."},
      {"a symmetric one", symmetric},
      {"critical extensions",
       Encode({{"alg", "RS256"}, {"crit", {"b64"}}}) + "." + Encode(Claims()) + signature},
      {"two parts", body},
      {"nothing", ""},
      {"not base64", "a!.b!.c!"},
      {"too much", std::string(20000, 'a') + ".b.c"},
  };
  for (const auto& [what, token] : cases)
    EXPECT_EQ(Exchange(token).status().code(), absl::StatusCode::kUnauthenticated) << what;
  cjose_jws_release(jws);
  cjose_header_release(weak);
  cjose_jwk_release(secret);
  EXPECT_TRUE(people_->Tokens().empty());
  EXPECT_OK(Exchange(good));
}

TEST_F(IdentityTest, ATokenIsGoodForItsTimeItsAudienceAndItsClaims) {
  AnswerKeys({&OwnSigner()});
  ASSERT_OK(identities_->Create(Rule("github", "repository", "acme/app")));
  const auto with = [&](const char* claim, const Json& value) {
    Json claims = Claims();
    claims[claim] = value;
    return Exchange(OwnSigner().Sign(claims)).status().code();
  };
  using Code = absl::StatusCode;
  EXPECT_EQ(with("exp", Now() - 61), Code::kUnauthenticated);
  EXPECT_EQ(with("exp", Now() - 30), Code::kOk) << "clocks differ";
  EXPECT_EQ(with("exp", nullptr), Code::kUnauthenticated);
  EXPECT_EQ(with("exp", "tomorrow"), Code::kUnauthenticated);
  EXPECT_EQ(with("nbf", Now() + 120), Code::kUnauthenticated);
  EXPECT_EQ(with("iat", Now() + 120), Code::kUnauthenticated);
  EXPECT_EQ(with("iss", "https://issuer.example/others"), Code::kUnauthenticated);
  EXPECT_EQ(with("aud", "somebody.else"), Code::kPermissionDenied);
  EXPECT_EQ(with("aud", Json::array({"somebody.else", "farm.example"})), Code::kOk);
  EXPECT_EQ(with("aud", nullptr), Code::kPermissionDenied);
  EXPECT_EQ(with("repository", "acme/app2"), Code::kPermissionDenied);
  EXPECT_EQ(with("repository", "evil/acme/app"), Code::kPermissionDenied);
  EXPECT_EQ(with("repository", std::string("acme/app\0/evil", 14)), Code::kPermissionDenied);
  EXPECT_EQ(with("repository", nullptr), Code::kPermissionDenied);
  EXPECT_EQ(with("repository", Json::object({{"acme/app", 1}})), Code::kPermissionDenied);
  const auto no_text = Exchange(OwnSigner().Sign([&] {
    Json claims = Claims();
    claims["repository"] = Json::object({{"acme/app", 1}});
    return claims;
  }()));
  EXPECT_NE(no_text.status().message().find("its 'repository' is missing, or no text"), std::string::npos)
      << no_text.status();
  const auto missed = Exchange(OwnSigner().Sign([&] {
    Json claims = Claims();
    claims["repository"] = "acme/\x1b[31mother";
    return claims;
  }()));
  EXPECT_EQ(missed.status().message().find('\x1b'), std::string::npos);
}

TEST_F(IdentityTest, PatternsHaveStarsAndNothingElse) {
  IdentityClaims claims;
  claims.issuer = kIssuer;
  claims.audiences = {"farm.example"};
  claims.all = {{"ref", "refs/heads/release-1"}, {"odd", "a[b]?"}, {"protected", true}, {"run", 17}};
  EXPECT_OK(Fits(Rule("r", "ref", "refs/heads/release-*"), claims));
  EXPECT_OK(Fits(Rule("r", "ref", "refs/*"), claims));
  EXPECT_FALSE(Fits(Rule("r", "ref", "refs/heads/release-?"), claims).ok());
  EXPECT_FALSE(Fits(Rule("r", "ref", "refs/heads/release-[0-9]"), claims).ok());
  EXPECT_OK(Fits(Rule("r", "odd", "a[b]?"), claims));
  EXPECT_OK(Fits(Rule("r", "protected", "true"), claims));
  EXPECT_OK(Fits(Rule("r", "run", "17"), claims));
  v1::IdentityRule both = Rule("r", "ref", "refs/*");
  both.add_claims()->set_claim("environment");
  both.mutable_claims(1)->set_pattern("release");
  EXPECT_FALSE(Fits(both, claims).ok()) << "all have to fit";
}

TEST_F(IdentityTest, ARuleThatFitsEverybodyIsNone) {
  const auto refused = [](v1::IdentityRule rule, auto change) {
    change(rule);
    return CheckIdentityRule(rule).code() == absl::StatusCode::kInvalidArgument;
  };
  const v1::IdentityRule good = Rule("r", "repository", "acme/*");
  EXPECT_OK(CheckIdentityRule(good));
  EXPECT_TRUE(refused(good, [](auto& rule) { rule.clear_claims(); }));
  for (const char* pattern : {"", "*", "***"})
    EXPECT_TRUE(refused(good, [&](auto& rule) { rule.mutable_claims(0)->set_pattern(pattern); })) << pattern;
  EXPECT_TRUE(refused(good, [](auto& rule) { rule.mutable_claims(0)->set_claim("aud"); }));
  EXPECT_TRUE(refused(good, [](auto& rule) { rule.clear_audience(); }));
  for (const char* issuer :
       {"", "issuer.example", "http://issuer.example", "https://u@issuer.example", "https://i/?a"})
    EXPECT_TRUE(refused(good, [&](auto& rule) { rule.set_issuer(issuer); })) << issuer;
  EXPECT_FALSE(refused(good, [](auto& rule) { rule.set_issuer("http://127.0.0.1:8080"); }));
  for (const v1::Access role : {v1::ACCESS_OPERATE, v1::ACCESS_ADMIN, v1::ACCESS_WORKER})
    EXPECT_TRUE(refused(good, [&](auto& rule) { rule.set_role(role); }));
  for (const int64_t life : {59, 86401})
    EXPECT_TRUE(refused(good, [&](auto& rule) { rule.set_life_seconds(life); }));
  EXPECT_TRUE(refused(good, [](auto& rule) { rule.set_keys("{}"); }));
  v1::IdentityRule twice = good;
  *twice.add_claims() = good.claims(0);
  twice.mutable_claims(1)->set_pattern("*/app");
  EXPECT_EQ(CheckIdentityRule(twice).code(), absl::StatusCode::kInvalidArgument) << "JSON would show one";
  v1::IdentityRule elsewhere = good;
  elsewhere.set_project("nowhere");
  EXPECT_EQ(identities_->Create(elsewhere).status().code(), absl::StatusCode::kNotFound);
  v1::IdentityRule named = good;
  named.set_name("a b");
  EXPECT_EQ(identities_->Create(named).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_OK(identities_->Create(good));
  EXPECT_EQ(identities_->Create(good).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(IdentityTest, ARemovedRuleTakesItsTokensWithIt) {
  AnswerKeys({&OwnSigner()});
  ASSERT_OK(identities_->Create(Rule("github", "repository", "acme/app")));
  const std::string job = OwnSigner().Sign(Claims());
  const std::string secret = Exchange(job)->secret();
  v1::Token by_hand;
  by_hand.set_name("github");
  by_hand.set_role(v1::ACCESS_READ);
  const std::string other = people_->CreateToken(by_hand)->secret();
  const auto revoked = identities_->Remove("github");
  ASSERT_OK(revoked);
  EXPECT_EQ(revoked->size(), 1u);
  EXPECT_FALSE(people_->FindToken(Sha256Hex(secret)).has_value());
  EXPECT_TRUE(people_->FindToken(Sha256Hex(other)).has_value()) << "one of the same name that no rule gave";
  EXPECT_EQ(Exchange(job).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(identities_->Remove("github").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(IdentityTest, ARuleWhoseTokensCannotBeRevokedStaysToBeRemovedAgain) {
  AnswerKeys({&OwnSigner()});
  ASSERT_OK(identities_->Create(Rule("github", "repository", "acme/app")));
  ASSERT_OK(Exchange(OwnSigner().Sign(Claims())));
  constexpr storage::Sql kBreak{"break revoking",
                                "CREATE TEMP TRIGGER broken BEFORE UPDATE OF revoked_at ON tokens "
                                "BEGIN SELECT raise(ABORT, 'the disk is full'); END"};
  constexpr storage::Sql kMend{"mend it", "DROP TRIGGER broken"};
  {
    storage::RecursiveMutexLock lock(connection_->mutex());
    ASSERT_OK(connection_->Run(kBreak));
  }
  EXPECT_FALSE(identities_->Remove("github").ok());
  ASSERT_OK(Open());
  EXPECT_EQ(identities_->Rules().size(), 1u) << "its tokens are still good: whoever lists the rules sees it";
  {
    storage::RecursiveMutexLock lock(connection_->mutex());
    ASSERT_OK(connection_->Run(kMend));
  }
  EXPECT_EQ(identities_->Remove("github")->size(), 1u);
}

// Answers like another, when something has happened.
class LateClient final : public http::HttpClient {
 public:
  LateClient(http::HttpClient& client, std::function<void()> first)
      : client_(client), first_(std::move(first)) {}
  absl::StatusOr<http::HttpResponse> Send(const http::HttpRequest& request,
                                          const http::BodySink& sink) override {
    if (first_) std::exchange(first_, nullptr)();
    return client_.Send(request, sink);
  }

 private:
  http::HttpClient& client_;
  std::function<void()> first_;
};

TEST_F(IdentityTest, ARuleThatIsMadeAnewMeanwhileGivesNothingOfTheOldOne) {
  AnswerKeys({&OwnSigner()});
  LateClient late(client_, [&] {
    EXPECT_OK(identities_->Remove("github"));
    v1::IdentityRule narrower = Rule("github", "repository", "acme/other");
    narrower.set_project("shop");
    EXPECT_OK(identities_->Create(narrower));
  });
  identities_ = *Identities::Open(records_, *people_, late, clock_);
  ASSERT_OK(identities_->Create(Rule("github", "repository", "acme/app")));
  const std::string job = OwnSigner().Sign(Claims());
  EXPECT_EQ(Exchange(job).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(people_->Tokens().empty());
}

TEST_F(IdentityTest, ALongSubjectIsCutBetweenCharacters) {
  AnswerKeys({&OwnSigner()});
  ASSERT_OK(identities_->Create(Rule("github", "repository", "acme/app")));
  for (int before = 490; before < 505; ++before) {
    Json claims = Claims();
    std::string subject(static_cast<size_t>(before), 'a');
    for (int i = 0; i < 20; ++i) subject += "\u20ac";
    claims["sub"] = subject;
    const auto given = Exchange(OwnSigner().Sign(claims));
    ASSERT_OK(given);
    EXPECT_EQ(given->subject(), ValidUtf8(given->subject())) << before;
  }
}

TEST_F(IdentityTest, AProjectWithRulesStays) {
  v1::IdentityRule rule = Rule("github", "repository", "acme/app");
  rule.set_project("shop");
  ASSERT_OK(identities_->Create(rule));
  const absl::Status refused = people_->RemoveProject("shop");
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.message().find("identity rules"), std::string::npos) << refused;
  ASSERT_OK(identities_->Remove("github"));
  EXPECT_OK(people_->RemoveProject("shop"));
}

// What one rule's keys signed says nothing to another, also of the same issuer.
TEST_F(IdentityTest, ARuleIsAskedByItsOwnKeysOnly) {
  v1::IdentityRule test = Rule("test", "repository", "acme/test");
  test.set_keys(KeysOf({&OtherSigner()}));
  v1::IdentityRule release = Rule("release", "repository", "acme/app");
  release.set_keys(KeysOf({&OwnSigner()}));
  ASSERT_OK(identities_->Create(test));
  ASSERT_OK(identities_->Create(release));
  EXPECT_EQ(Exchange(OtherSigner().Sign(Claims())).status().code(), absl::StatusCode::kPermissionDenied);
  const auto given = Exchange(OwnSigner().Sign(Claims()));
  ASSERT_OK(given);
  EXPECT_EQ(given->name(), "release");
  EXPECT_TRUE(client_.requests().empty()) << "nobody was asked for keys";
}

TEST_F(IdentityTest, WhereTwoRulesTakeItOneIsNamed) {
  AnswerKeys({&OwnSigner()});
  ASSERT_OK(identities_->Create(Rule("all", "repository", "acme/*")));
  ASSERT_OK(identities_->Create(Rule("app", "repository", "acme/app")));
  const std::string job = OwnSigner().Sign(Claims());
  const auto both = Exchange(job);
  EXPECT_EQ(both.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(both.status().message().find("all, app"), std::string::npos) << both.status();
  EXPECT_EQ(Exchange(job, "app")->name(), "app");
  EXPECT_EQ(Exchange(job, "none").status().code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(IdentityTest, KeysAreAskedAgainWhenTheyChangeButNotByEveryStranger) {
  const Signer next("next", Signer::Kind::kCurve);
  AnswerKeys({&OwnSigner()});
  AnswerKeys({&next});
  ASSERT_OK(identities_->Create(Rule("github", "repository", "acme/app")));
  ASSERT_OK(Exchange(OwnSigner().Sign(Claims())));
  const size_t asked = client_.requests().size();
  ASSERT_OK(Exchange(OwnSigner().Sign(Claims())));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(Exchange(next.Sign(Claims(), "ES256")).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(client_.requests().size(), asked) << "once a minute at most";
  clock_.Advance(absl::Seconds(61));
  EXPECT_OK(Exchange(next.Sign(Claims(), "ES256")));
  EXPECT_EQ(Exchange(OwnSigner().Sign(Claims())).status().code(), absl::StatusCode::kUnauthenticated)
      << "a key that the issuer took back";
}

TEST_F(IdentityTest, AnIssuerThatIsAwayIsBelievedForADay) {
  AnswerKeys({&OwnSigner()});
  client_.Answer("GET https://issuer.example/keys", Answering("", 503));
  ASSERT_OK(identities_->Create(Rule("github", "repository", "acme/app")));
  ASSERT_OK(Exchange(OwnSigner().Sign(Claims())));
  clock_.Advance(absl::Hours(23));
  EXPECT_OK(Exchange(OwnSigner().Sign(Claims())));
  clock_.Advance(absl::Hours(2));
  const auto away = Exchange(OwnSigner().Sign(Claims()));
  EXPECT_EQ(away.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(away.status().message().find("503"), std::string::npos) << away.status();
}

TEST_F(IdentityTest, KeysThatComeFromSomewhereElseAreNone) {
  for (const Json& configuration :
       {Json({{"issuer", "https://other.example"}, {"jwks_uri", "https://issuer.example/keys"}}),
        Json({{"issuer", kIssuer}, {"jwks_uri", "http://issuer.example/keys"}}), Json({{"issuer", kIssuer}}),
        Json::array()}) {
    http::FakeHttpClient client;
    client.Answer(std::string("GET ") + kIssuer + "/.well-known/openid-configuration",
                  Answering(configuration.dump()));
    client.Answer("GET https://issuer.example/keys", Answering(KeysOf({&OwnSigner()})));
    client.Answer("GET http://issuer.example/keys", Answering(KeysOf({&OwnSigner()})));
    IssuerKeys keys(client, clock_);
    EXPECT_EQ(keys.Get(kIssuer, "own").status().code(), absl::StatusCode::kFailedPrecondition)
        << configuration;
  }
}

TEST_F(IdentityTest, TokensThatEndedLongAgoAreForgotten) {
  AnswerKeys({&OwnSigner()});
  ASSERT_OK(identities_->Create(Rule("github", "repository", "acme/app")));
  for (int day = 0; day < 20; ++day) {
    ASSERT_OK(Exchange(OwnSigner().Sign(Claims())));
    clock_.Advance(absl::Hours(24));
  }
  EXPECT_LE(people_->Tokens().size(), 9u);
  ASSERT_OK(Open());
  EXPECT_LE(people_->Tokens().size(), 9u) << "nor in the record";
}

TEST(KeySetTest, TakesKeysThatMaySignAndNoOthers) {
  const Json own = OwnSigner().Public();
  const auto parses = [](const Json& keys) { return KeySet::Parse(Json({{"keys", keys}}).dump()).ok(); };
  EXPECT_TRUE(parses(Json::array({own})));
  Json encryption = own;
  encryption["use"] = "enc";
  EXPECT_FALSE(parses(Json::array({encryption})));
  EXPECT_FALSE(parses(Json::array(
      {Json({{"kty", "oct"}, {"k", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}, {"kid", "own"}})})));
  EXPECT_FALSE(parses(Json::array({Signer("weak", Signer::Kind::kRsa, 1024).Public()})));
  EXPECT_FALSE(parses(Json::array()));
  EXPECT_FALSE(parses(Json::array({Json({{"kty", "RSA"}, {"n", 5}})})));
  for (const char* text : {"", "[]", "{}", "{\"keys\": 1}", "{\"keys\": [1, null]}"})
    EXPECT_FALSE(KeySet::Parse(text).ok()) << text;
  // A set with others beside it is good for those that may.
  EXPECT_TRUE(parses(Json::array({encryption, own})));
}

}  // namespace
}  // namespace crossmill::coordinator
