#include "common/keys/ed25519.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "tests/support/status_matchers.h"

namespace crossmill::keys {
namespace {

// RFC 8032, 7.1, test 1, as PKCS #8 and SubjectPublicKeyInfo.
constexpr char kRfcPrivate[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr char kRfcPublic[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";
constexpr char kRfcSignature[] =
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0"
    "595bbe24"
    "655141438e7a100b";

TEST(Ed25519Test, SignsAsTheStandardSays) {
  const auto key = SigningKey::FromPem(kRfcPrivate);
  ASSERT_OK(key);
  EXPECT_EQ(absl::BytesToHexString(*key->Sign("")), kRfcSignature);
  EXPECT_EQ(key->public_key().Pem(), kRfcPublic);
  EXPECT_EQ(key->public_key().id(), "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9")
      << "openssl pkey -pubin -outform DER | sha256sum";
  EXPECT_EQ(*key->Pem(), kRfcPrivate);
}

TEST(Ed25519Test, VerifiesOnlyWhatWasSigned) {
  const auto key = PublicKey::FromPem(kRfcPublic);
  ASSERT_OK(key);
  std::string signature = absl::HexStringToBytes(kRfcSignature);
  EXPECT_TRUE(key->Verifies("", signature));
  EXPECT_FALSE(key->Verifies("x", signature));
  EXPECT_FALSE(key->Verifies("", signature.substr(1)));
  EXPECT_FALSE(key->Verifies("", signature + "x"));
  EXPECT_FALSE(key->Verifies("", ""));
  signature[40] ^= 1;
  EXPECT_FALSE(key->Verifies("", signature));
}

TEST(Ed25519Test, AnotherKeyDoesNotVerify) {
  const auto one = SigningKey::Generate();
  const auto other = SigningKey::Generate();
  ASSERT_OK(one);
  ASSERT_OK(other);
  const std::string signature = *one->Sign("x");
  EXPECT_TRUE(one->public_key().Verifies("x", signature));
  EXPECT_FALSE(other->public_key().Verifies("x", signature));
  EXPECT_NE(one->public_key().id(), other->public_key().id());
}

TEST(Ed25519Test, RefusesWhatIsNoSuchKey) {
  // openssl ecparam -name prime256v1 -genkey, its public half.
  const std::string other_algorithm =
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZ8rZH8xM7jmM2cQcXc9z6wq8mCqB\n"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n"
      "-----END PUBLIC KEY-----\n";
  const std::string key = kRfcPublic;
  for (const std::string& text :
       {std::string(), std::string("x"), other_algorithm, key + key, key + "x", "x" + key,
        std::string(kRfcPrivate), key.substr(0, 60), std::string(1 << 20, 'A')}) {
    EXPECT_EQ(PublicKey::FromPem(text).status().code(), absl::StatusCode::kInvalidArgument)
        << text.substr(0, 200);
  }
  EXPECT_EQ(SigningKey::FromPem(kRfcPublic).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace crossmill::keys
