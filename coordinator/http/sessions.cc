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
#include "common/words/words.h"
#include "coordinator/rpc/token_file.h"

namespace crossmill::coordinator::door {
namespace {

constexpr std::string_view kLinkPrefix = "once-";
constexpr absl::Duration kLinkLife = absl::Minutes(10);
constexpr size_t kMostLinks = 64;
constexpr absl::Duration kSessionLife = absl::Hours(24 * 7);
constexpr std::string_view kSessionPrefix = "s2.";
// Of before sessions had roles: they could do everything.
constexpr std::string_view kOldPrefix = "s1.";

// "operate.": what is no role of a client's may do the least.
std::string RolePart(v1::Access role) {
  const std::string_view word = Word(role);
  return std::string(ParseClientRole(word) ? word : Word(v1::ACCESS_READ)) + ".";
}

// The role that `text` begins with, which loses it.
std::optional<v1::Access> TakeRole(std::string_view* text) {
  const size_t dot = text->find('.');
  const std::optional<v1::Access> role = ParseClientRole(text->substr(0, dot));
  if (!role || dot == std::string_view::npos) return std::nullopt;
  text->remove_prefix(dot + 1);
  return role;
}

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

absl::StatusOr<PageLink> Sessions::MakeLink(v1::Access role, absl::Time now) {
  const std::string secret = std::string(kLinkPrefix) + NewToken().substr(3);
  MutexLock lock(mutex_);
  if (address_.empty()) {
    return absl::UnavailableError("this coordinator serves no page; start it with --http 127.0.0.1:8080");
  }
  links_.push_back({Sha256Hex(secret), role, now + kLinkLife});
  if (links_.size() > kMostLinks) links_.pop_front();
  return PageLink{fmt::format("{}/?token={}", address_, secret), now + kLinkLife};
}

bool Sessions::IsLinkSecret(std::string_view text) { return text.starts_with(kLinkPrefix); }

std::optional<v1::Access> Sessions::TakeSecret(std::string_view secret, absl::Time now) {
  const std::string hash = Sha256Hex(secret);
  MutexLock lock(mutex_);
  const auto found =
      std::find_if(links_.begin(), links_.end(), [&hash](const Link& link) { return link.hash == hash; });
  if (found == links_.end()) return std::nullopt;
  const Link link = *found;
  links_.erase(found);
  return now < link.good_until ? std::optional(link.role) : std::nullopt;
}

std::string Sessions::MacOf(std::string_view text) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac = {};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return absl::BytesToHexString({reinterpret_cast<const char*>(mac.data()), size});
}

std::string Sessions::MakeSession(v1::Access role, absl::Time now) const {
  const std::string text = fmt::format("{}{}{}.{}", kSessionPrefix, RolePart(role),
                                       absl::ToUnixSeconds(now + kSessionLife), NewToken().substr(3, 16));
  return text + "." + MacOf(text);
}

std::optional<v1::Access> Sessions::RoleOf(std::string_view value, absl::Time now) const {
  const size_t dot = value.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string mac = MacOf(value.substr(0, dot));
  const std::string_view given = value.substr(dot + 1);
  if (given.size() != mac.size() || CRYPTO_memcmp(given.data(), mac.data(), mac.size()) != 0)
    return std::nullopt;
  std::optional<v1::Access> role;
  std::string_view end = value;
  if (value.starts_with(kOldPrefix)) {
    end.remove_prefix(kOldPrefix.size());
    role = v1::ACCESS_OPERATE;
  } else if (value.starts_with(kSessionPrefix)) {
    end.remove_prefix(kSessionPrefix.size());
    role = TakeRole(&end);
  }
  end = end.substr(0, end.find('.'));
  int64_t seconds = 0;
  const bool good = absl::SimpleAtoi(Av(end), &seconds) && absl::ToUnixSeconds(now) < seconds;
  return good ? role : std::nullopt;
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
