#include "coordinator/engine/build_secrets.h"

#include <fmt/format.h>

#include <algorithm>

namespace crossmill::coordinator {

absl::Status CheckSecrets(const v1::BuildOptions& options, const std::vector<v1::Secret>& secrets) {
  std::set<std::string> given;
  for (const v1::Secret& secret : secrets) {
    if (secret.id().empty()) return absl::InvalidArgumentError("a secret has no id");
    if (!given.insert(secret.id()).second) {
      return absl::InvalidArgumentError(fmt::format("secret {} is given twice", secret.id()));
    }
    if (secret.value().size() > kMaxSecretBytes) {
      return absl::InvalidArgumentError(fmt::format("secret {} has {} bytes; at most {} are allowed",
                                                    secret.id(), secret.value().size(), kMaxSecretBytes));
    }
    const auto& ids = options.secret_ids();
    if (std::find(ids.begin(), ids.end(), secret.id()) == ids.end()) {
      return absl::InvalidArgumentError(
          fmt::format("a value is given for secret {}, which the build's options do not name", secret.id()));
    }
  }
  for (const std::string& id : options.secret_ids()) {
    if (!given.contains(id)) {
      return absl::InvalidArgumentError(
          fmt::format("the build's options name secret {}, but its value is not given", id));
    }
  }
  return absl::OkStatus();
}

WorkerMessage::~WorkerMessage() {
  for (v1::DesiredLease& lease : *content.mutable_leases()) WipeValues(lease.mutable_secrets());
}

BuildSecrets::~BuildSecrets() {
  while (!values_.empty()) Forget(values_.begin()->first);
}

void BuildSecrets::Give(int64_t build, const std::vector<v1::Secret>& secrets) {
  for (const v1::Secret& secret : secrets) values_[build].try_emplace(secret.id(), secret.value());
}

void BuildSecrets::Forget(int64_t build) {
  auto found = values_.find(build);
  if (found == values_.end()) return;
  for (auto& [id, value] : found->second) Wipe(&value);
  values_.erase(found);
}

const std::string* BuildSecrets::Find(int64_t build, const std::string& id) const {
  const auto values = values_.find(build);
  if (values == values_.end()) return nullptr;
  const auto value = values->second.find(id);
  return value == values->second.end() ? nullptr : &value->second;
}

bool BuildSecrets::SameValues(int64_t first, int64_t second, const std::set<std::string>& ids) const {
  return std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
    const std::string* mine = Find(first, id);
    const std::string* other = Find(second, id);
    return mine != nullptr && other != nullptr && *mine == *other;
  });
}

}  // namespace crossmill::coordinator
