#include "common/base/wiping.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/wiped_io.h"
#include "crossmill/v1/worker.pb.h"
#include "tests/support/freed_memory.h"
#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

// Short enough for the buffer inside a std::string, where moves copy.
constexpr std::string_view kPlanted = "pw-7Zq4Kx9";

v1::Secret Planted() {
  v1::Secret secret;
  secret.set_value(kPlanted.data(), kPlanted.size());
  return secret;
}

TEST(WipingTest, TheLookerSeesWhatIsNotWiped) {
  const FreedMemory freed(kPlanted.substr(1));
  { const std::vector<char> plain(kPlanted.begin(), kPlanted.end()); }
  EXPECT_EQ(freed.found(), 1);
  std::vector<std::string> grows;
  for (int i = 0; i < 10; ++i) grows.emplace_back(kPlanted);
  EXPECT_GT(freed.found(), 1) << "a vector of short strings leaves them behind when it grows";
}

TEST(WipingTest, BytesLeaveNothing) {
  const FreedMemory freed(kPlanted.substr(1));
  {
    WipedBytes bytes = ToWiped(kPlanted);
    for (int i = 0; i < 1000; ++i) bytes.insert(bytes.end(), kPlanted.begin(), kPlanted.end());
    bytes.erase(bytes.begin(), bytes.begin() + 5000);
    const WipedBytes copy = bytes;
    const WipedBytes moved = std::move(bytes);
    EXPECT_EQ(View(copy), View(moved));
    std::vector<WipedBytes> grows;
    for (int i = 0; i < 10; ++i) grows.push_back(ToWiped(kPlanted));
  }
  EXPECT_EQ(freed.found(), 0);
}

TEST(WipingTest, StringsAreWipedBeyondTheirEnd) {
  const FreedMemory freed(kPlanted.substr(1));
  {
    std::string text(100, '.');
    text.append(kPlanted);
    text.resize(3);
    Wipe(&text);
    EXPECT_TRUE(text.empty());
  }
  EXPECT_EQ(freed.found(), 0);
}

TEST(WipingTest, MessagesAreWipedWithEveryCopy) {
  const FreedMemory freed(kPlanted.substr(1));
  {
    WipedSecrets<v1::Secret> secrets;
    for (int i = 0; i < 10; ++i) secrets.push_back(Planted());
    const WipedSecrets<v1::Secret> copy = secrets;
    WipedSecrets<v1::Secret> other = std::exchange(secrets, {});
    other = copy;
    v1::DesiredLease lease;
    for (v1::Secret& secret : other) *lease.add_secrets() = std::move(secret);
    const AtScopeEnd wiped([&lease] { WipeValues(lease.mutable_secrets()); });
    EXPECT_EQ(lease.secrets(9).value(), kPlanted);
  }
  EXPECT_EQ(freed.found(), 0);
}

TEST(WipingTest, FilesAndJson) {
  const TemporaryFolder folder = *TemporaryFolder::Create();
  const UniqueFd file = *OpenFile(folder.Path("secret"), O_RDWR | O_CREAT, 0600);
  ASSERT_OK(WriteAll(file.get(), kPlanted));
  Json json = Json::array();
  json.push_back(std::string(20'000, 'x'));
  json.push_back(std::string(kPlanted));
  const std::string plain = WriteJson(json);
  const FreedMemory freed(kPlanted.substr(1));
  {
    lseek(file.get(), 0, SEEK_SET);
    const auto value = ReadAllWiped(file.get(), 100);
    ASSERT_OK(value.status());
    EXPECT_EQ(View(*value), kPlanted);
    lseek(file.get(), 0, SEEK_SET);
    EXPECT_TRUE(absl::IsResourceExhausted(ReadAllWiped(file.get(), 9).status()));
    EXPECT_EQ(View(WriteJsonWiped(json)), plain);
  }
  EXPECT_EQ(freed.found(), 0);
}

}  // namespace
}  // namespace crossmill
