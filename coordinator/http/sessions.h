// How a browser gets at the farm: a link that is good once opens a session, which a cookie stands for.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "coordinator/rpc/page_links.h"

namespace crossmill::coordinator::door {

// Tokens of this process by client role: read, submit, operate.
using OwnTokens = std::map<v1::Access, std::string>;

// Thread safe. A session is no entry anywhere: its cookie holds its role, its end and a MAC, so that it
// survives a restart of the coordinator. Whoever takes the key file away ends them all.
class Sessions final : public PageLinks {
 public:
  // `key`: secret, the same after a restart.
  explicit Sessions(std::string key) : key_(std::move(key)) {}
  // The key in a file (mode 0600), which is made if it is not there.
  static absl::StatusOr<std::string> LoadKey(const std::string& path);

  // Where the page is, "http://127.0.0.1:8080"; until then there are no links.
  void SetAddress(std::string address);
  // The secret of a link is good for 10 minutes; of more than 64 that nobody opened the oldest goes.
  absl::StatusOr<PageLink> MakeLink(v1::Access role, absl::Time now) override;
  // The role of a link, once for its secret.
  std::optional<v1::Access> TakeSecret(std::string_view secret, absl::Time now);
  static bool IsLinkSecret(std::string_view text);

  // The value of a cookie, good for a week.
  std::string MakeSession(v1::Access role, absl::Time now) const;
  // What the session may do; nothing for what is none, or over.
  std::optional<v1::Access> RoleOf(std::string_view value, absl::Time now) const;

 private:
  std::string MacOf(std::string_view text) const;

  const std::string key_;
  Mutex mutex_;
  std::string address_ ABSL_GUARDED_BY(mutex_);
  struct Link {
    // Of its secret.
    std::string hash;
    v1::Access role;
    absl::Time good_until;
  };
  // The oldest first.
  std::deque<Link> links_ ABSL_GUARDED_BY(mutex_);
};

// The value of a cookie of that name; empty if there is none.
std::string CookieValue(std::string_view cookies, std::string_view name);

}  // namespace crossmill::coordinator::door
