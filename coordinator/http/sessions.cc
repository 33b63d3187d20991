#include "coordinator/http/sessions.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "coordinator/rpc/token_file.h"

namespace crossmill::coordinator::door {
namespace {

constexpr std::string_view kLinkPrefix = "once-";
constexpr absl::Duration kLinkLife = absl::Minutes(10);
constexpr size_t kMostLinks = 64;
constexpr absl::Duration kSessionLife = absl::Hours(24 * 7);
constexpr std::string_view kSessionPrefix = "s1.";

}  // namespace

absl::StatusOr<std::string> Sessions::LoadKey(const std::string& path) {
  if (!Exists(path)) RETURN_IF_ERROR(WriteFileAtomic(path, NewToken() + "\n", 0600, /*durable=*/true));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 4096));
  std::string key(Trim(text));
  if (key.size() < 32) return absl::FailedPreconditionError(fmt::format("{} holds no key; remove it", path));
  return key;
}

void Sessions::SetAddress(std::string address) {
  MutexLock lock(mutex_);
  address_ = std::move(address);
}

absl::StatusOr<PageLink> Sessions::MakeLink(absl::Time now) {
  const std::string secret = std::string(kLinkPrefix) + NewToken().substr(3);
  MutexLock lock(mutex_);
  if (address_.empty()) {
    return absl::UnavailableError("this coordinator serves no page; start it with --http 127.0.0.1:8080");
  }
  secrets_.emplace_back(Sha256Hex(secret), now + kLinkLife);
  if (secrets_.size() > kMostLinks) secrets_.pop_front();
  return PageLink{fmt::format("{}/?token={}", address_, secret), now + kLinkLife};
}

bool Sessions::IsLinkSecret(std::string_view text) { return text.starts_with(kLinkPrefix); }

bool Sessions::TakeSecret(std::string_view secret, absl::Time now) {
  const std::string hash = Sha256Hex(secret);
  MutexLock lock(mutex_);
  const auto found = std::find_if(secrets_.begin(), secrets_.end(),
                                  [&hash](const auto& entry) { return entry.first == hash; });
  if (found == secrets_.end()) return false;
  const bool good = now < found->second;
  secrets_.erase(found);
  return good;
}

std::string Sessions::MacOf(std::string_view text) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac = {};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return absl::BytesToHexString({reinterpret_cast<const char*>(mac.data()), size});
}

std::string Sessions::MakeSession(absl::Time now) const {
  const std::string text = fmt::format("{}{}.{}", kSessionPrefix, absl::ToUnixSeconds(now + kSessionLife),
                                       NewToken().substr(3, 16));
  return text + "." + MacOf(text);
}

bool Sessions::IsSession(std::string_view value, absl::Time now) const {
  const size_t dot = value.rfind('.');
  if (!value.starts_with(kSessionPrefix) || dot == std::string_view::npos) return false;
  const std::string mac = MacOf(value.substr(0, dot));
  const std::string_view given = value.substr(dot + 1);
  if (given.size() != mac.size() || CRYPTO_memcmp(given.data(), mac.data(), mac.size()) != 0) return false;
  std::string_view end = value.substr(kSessionPrefix.size());
  end = end.substr(0, end.find('.'));
  int64_t seconds = 0;
  return absl::SimpleAtoi(Av(end), &seconds) && absl::ToUnixSeconds(now) < seconds;
}

std::string CookieValue(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    const size_t end = std::min(cookies.find(';'), cookies.size());
    const std::string_view pair = Trim(cookies.substr(0, end));
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return std::string(pair.substr(name.size() + 1));
  }
  return "";
}

}  // namespace crossmill::coordinator::door
