#include "coordinator/rpc/peers/worker_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kLongestWorkerName = 100;

bool IsLetterOrDigit(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

bool MayBeInName(char c) {
  return IsLetterOrDigit(c) || std::string_view("._-@+").find(c) != std::string_view::npos;
}

}  // namespace

bool IsWorkerName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestWorkerName && IsLetterOrDigit(name[0]) &&
         std::all_of(name.begin(), name.end(), MayBeInName);
}

absl::Status CheckWorkerPattern(std::string_view pattern) {
  const bool pool = pattern.ends_with('*');
  const std::string_view name = pattern.substr(0, pattern.size() - (pool ? 1 : 0));
  if ((pool && name.empty()) || IsWorkerName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "a worker's token is for the worker of one name (at most {} letters, digits and . _ - @ +, the first a "
      "letter or a digit), or for a pool, the beginning of its workers' names and a star ('ci-*')",
      kLongestWorkerName));
}

bool CoversWorker(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return pattern == name;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

absl::Status CheckWorkerName(const Roles& roles, std::string_view name) {
  const auto covers = [&](const std::string& pattern) { return CoversWorker(pattern, name); };
  if (roles.at_socket || std::any_of(roles.worker_names.begin(), roles.worker_names.end(), covers))
    return absl::OkStatus();
  if (roles.worker_names.empty()) return absl::PermissionDeniedError("this token is not a worker's");
  const std::string& own = roles.worker_names.front();
  if (roles.pool)
    return absl::PermissionDeniedError(
        fmt::format("this certificate is worker '{0}''s, not '{1}''s: start the worker with --name {0}, or "
                    "join with another "
                    "invitation as '{1}'",
                    own, name));
  const std::string start = own.ends_with('*') ? fmt::format("--name {}NAME", own.substr(0, own.size() - 1))
                                               : fmt::format("--name {}", own);
  return absl::PermissionDeniedError(fmt::format(
      "this token is for worker '{0}', not for '{1}': start the worker with {2}, or give it a token of its "
      "own, "
      "which `crossmill-coordinator token worker {1}` prints on the coordinator's machine (with the "
      "coordinator's --data or --token-file)",
      own, name, start));
}

absl::Status CheckWorkerPool(const Roles& roles, std::string_view name, std::string_view pool) {
  if (roles.pool) {
    if (*roles.pool == pool) return absl::OkStatus();
    return absl::PermissionDeniedError(
        fmt::format("worker '{}' has joined {}: start it with {}, or join with another invitation", name,
                    roles.pool->empty() ? "without a pool" : fmt::format("the pool '{}'", *roles.pool),
                    roles.pool->empty() ? "no --pool" : fmt::format("--pool {}", *roles.pool)));
  }
  const bool named = name == pool || (name.starts_with(pool) && name.substr(pool.size()).starts_with('-'));
  if (pool.empty() || roles.at_socket || named) return absl::OkStatus();
  return absl::PermissionDeniedError(fmt::format(
      "worker '{0}' may not be in pool '{1}': its workers are called '{1}' or '{1}-NAME', by which "
      "their tokens are theirs; start it with --name {1}-{0}, or without --pool",
      name, pool));
}

}  // namespace crossmill::coordinator
