// Tokens that the coordinator makes for calls to its own services in somebody else's name: a door that knows
// its callers in another way (buildkit/door) calls with what they may, and nothing more. In memory only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/mutex.h"
#include "coordinator/rpc/peers/roles.h"

namespace crossmill::coordinator {

// Thread safe. Keeps hashes, as everybody does, and the roles as they were lent.
class LentTokens {
 public:
  // The token, which is kept nowhere.
  std::string Add(Roles roles);
  void Remove(const std::string& hash);
  // What was lent under the hash; nothing: it was given back, or never lent.
  std::optional<Roles> Find(const std::string& hash) const;
  size_t size() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, Roles> by_hash_ ABSL_GUARDED_BY(mutex_);
};

// A token that is good as long as this lives. May outlive the authenticator that gave it.
class LentToken {
 public:
  LentToken() = default;
  LentToken(std::shared_ptr<LentTokens> tokens, Roles roles);
  ~LentToken() { GiveBack(); }
  LentToken(LentToken&& other) noexcept { *this = std::move(other); }
  LentToken& operator=(LentToken&& other) noexcept;
  LentToken(const LentToken&) = delete;
  LentToken& operator=(const LentToken&) = delete;

  // For the header `authorization` ("Bearer ...") of calls over RpcServer::InProcessChannel.
  const std::string& text() const { return text_; }
  // From now on it is worth nothing; streams that came with it end within seconds (OpenCalls).
  void GiveBack();

 private:
  std::shared_ptr<LentTokens> tokens_;
  std::string text_;
};

}  // namespace crossmill::coordinator
