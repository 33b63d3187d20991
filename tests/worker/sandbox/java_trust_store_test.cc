#include "worker/sandbox/java_trust_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

// Self-signed, made with `openssl req -x509 -newkey ec`: what it says does not matter here.
constexpr char kCertificate[] = R"(-----BEGIN CERTIFICATE-----
MIIBhDCCASmgAwIBAgIUMfN3hgC4fji1VyDzR1xhgpw2VXYwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMYW4gYXV0aG9yaXR5MB4XDTI2MTEyMzE1NDk0NFoXDTM2MTEy
MDE1NDk0NFowFzEVMBMGA1UEAwwMYW4gYXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEtwJs6h8KvbDdeAVOZP6HXuQcj4cZT5M6OQrb4Hx//81Yo+A1
WL4SSqAyM+OJzBQty8mc3mND28sdCfOLn7GNEKNTMFEwHQYDVR0OBBYEFDNEuNUF
xI9yQ+Dhr1l4trdMhEWVMB8GA1UdIwQYMBaAFDNEuNUFxI9yQ+Dhr1l4trdMhEWV
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAMSYyX/3zAG/GVz0
lJcnqn+4eY90udV6LuTUz5atyaFdAiEAmyTMHv7xuhOxo7SIhS7nce651wB7NdEh
tUd7Qd4aD3o=
-----END CERTIFICATE-----
)";

TEST(JavaTrustStoreTest, EveryCertificateIsInItAndTheTextAroundIsNot) {
  const auto store = JavaTrustStore(std::string("# first\n") + kCertificate + "\n# second\n" + kCertificate);
  ASSERT_OK(store);
  EXPECT_THAT(*store, testing::StartsWith(std::string("\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x02", 12)));
  EXPECT_THAT(*store, testing::HasSubstr("authority1"));
  EXPECT_THAT(*store, testing::HasSubstr("authority2"));
  EXPECT_THAT(*store, testing::Not(testing::HasSubstr("authority3")));
  EXPECT_EQ(*JavaTrustStore(std::string(kCertificate) + kCertificate), *store);
}

TEST(JavaTrustStoreTest, BundleWithoutCertificateIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(JavaTrustStore("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      JavaTrustStore("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n").status()));
}

// keytool is the judge: it checks the digest with the password.
TEST(JavaTrustStoreTest, JavaReadsIt) {
  if (std::system("keytool -help >/dev/null 2>&1") != 0) GTEST_SKIP() << "no keytool on this machine";
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const auto store = JavaTrustStore(kCertificate);
  ASSERT_OK(store);
  ASSERT_OK(WriteFileAtomic(folder->Path("ca.jks"), *store));
  const std::string list = "keytool -list -storepass changeit -keystore '" + folder->Path("ca.jks") +
                           "' > '" + folder->Path("said") + "' 2>&1";
  EXPECT_EQ(std::system(list.c_str()), 0);
  EXPECT_THAT(*ReadFile(folder->Path("said"), 1 << 20), testing::HasSubstr("authority1"));
}

}  // namespace
}  // namespace crossmill::worker
