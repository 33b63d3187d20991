#include "coordinator/rpc/peers/lent_tokens.h"

#include <utility>

#include "common/base/digest.h"
#include "common/base/wiping.h"
#include "coordinator/people/token_text.h"

namespace crossmill::coordinator {

std::string LentTokens::Add(Roles roles) {
  std::string token = NewTokenText();
  MutexLock lock(mutex_);
  by_hash_[Sha256Hex(token)] = std::move(roles);
  return token;
}

void LentTokens::Remove(const std::string& hash) {
  MutexLock lock(mutex_);
  by_hash_.erase(hash);
}

std::optional<Roles> LentTokens::Find(const std::string& hash) const {
  MutexLock lock(mutex_);
  const auto found = by_hash_.find(hash);
  return found == by_hash_.end() ? std::nullopt : std::optional(found->second);
}

size_t LentTokens::size() const {
  MutexLock lock(mutex_);
  return by_hash_.size();
}

LentToken::LentToken(std::shared_ptr<LentTokens> tokens, Roles roles)
    : tokens_(std::move(tokens)), text_(tokens_->Add(std::move(roles))) {}

LentToken& LentToken::operator=(LentToken&& other) noexcept {
  if (this == &other) return *this;
  GiveBack();
  tokens_ = std::exchange(other.tokens_, nullptr);
  text_ = std::exchange(other.text_, "");
  return *this;
}

void LentToken::GiveBack() {
  if (tokens_ == nullptr) return;
  tokens_->Remove(Sha256Hex(text_));
  tokens_.reset();
  Wipe(&text_);
}

}  // namespace crossmill::coordinator
