#include "common/words/worker_labels.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill {
namespace {

constexpr size_t kLongestPool = 40;
constexpr size_t kLongestLabel = 63;
// Of what a stranger wrote, in an error.
constexpr size_t kShown = 100;

bool IsAlphanumeric(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

bool IsMadeOf(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return IsAlphanumeric(c) || also.find(c) != std::string_view::npos; });
}

bool IsKey(std::string_view key) {
  return !key.empty() && key.size() <= kLongestLabel && IsAlphanumeric(key[0]) && IsMadeOf(key, "._-/");
}

bool IsValue(std::string_view value) { return value.size() <= kLongestLabel && IsMadeOf(value, "._-/"); }

absl::Status WrongForm(std::string_view text, std::string_view form) {
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not {}: a key is at most {} letters, digits and . _ - /, the first a letter or a "
                  "digit; a value at most {} of these, or nothing",
                  Printable(text.substr(0, kShown)), form, kLongestLabel, kLongestLabel));
}

}  // namespace

absl::Status CheckPoolName(std::string_view pool) {
  if (pool.empty() || (pool.size() <= kLongestPool && IsAlphanumeric(pool[0]) && IsMadeOf(pool, "._-")))
    return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is no name of a pool: at most {} letters, digits and . _ -, the first a letter or a digit",
      Printable(pool.substr(0, kShown)), kLongestPool));
}

absl::StatusOr<v1::WorkerLabel> ParseWorkerLabel(std::string_view text) {
  const size_t equals = text.find('=');
  const std::string_view key = text.substr(0, equals);
  if (equals == std::string_view::npos || !IsKey(key) || !IsValue(text.substr(equals + 1)))
    return WrongForm(text, "a label, KEY=VALUE");
  v1::WorkerLabel label;
  label.set_key(std::string(key));
  label.set_value(std::string(text.substr(equals + 1)));
  return label;
}

absl::Status CheckWorkerLabels(const v1::WorkerInfo& info) {
  if (info.labels_size() > kMostWorkerLabels) {
    return absl::InvalidArgumentError(fmt::format("a worker has at most {} labels; this one says {}",
                                                  kMostWorkerLabels, info.labels_size()));
  }
  std::set<std::string_view> keys;
  for (const v1::WorkerLabel& label : info.labels()) {
    if (!IsKey(label.key()) || !IsValue(label.value()))
      return WrongForm(FormatWorkerLabel(label), "a label, KEY=VALUE");
    if (!keys.insert(label.key()).second)
      return absl::InvalidArgumentError(fmt::format("the label '{}' is there twice", label.key()));
  }
  return absl::OkStatus();
}

std::string FormatWorkerLabel(const v1::WorkerLabel& label) {
  return fmt::format("{}={}", label.key(), label.value());
}

absl::StatusOr<v1::WorkerConstraint> ParseConstraint(std::string_view text) {
  const size_t equals = text.find('=');
  std::string_view key = text.substr(0, equals);
  const bool differs = equals != std::string_view::npos && key.ends_with('!');
  if (differs) key.remove_suffix(1);
  if (equals == std::string_view::npos || !IsKey(key) || !IsValue(text.substr(equals + 1)))
    return WrongForm(text, "a constraint, KEY=VALUE or KEY!=VALUE");
  v1::WorkerConstraint constraint;
  constraint.set_key(std::string(key));
  constraint.set_value(std::string(text.substr(equals + 1)));
  constraint.set_differs(differs);
  return constraint;
}

std::string FormatConstraint(const v1::WorkerConstraint& constraint) {
  return fmt::format("{}{}{}", constraint.key(), constraint.differs() ? "!=" : "=", constraint.value());
}

absl::Status CheckPlacement(const v1::BuildOptions& options) {
  RETURN_IF_ERROR(Annotate(CheckPoolName(options.pool()), "pool"));
  if (options.constraints_size() > kMostConstraints) {
    return absl::InvalidArgumentError(fmt::format("constraints: {} of them; at most {} are looked at",
                                                  options.constraints_size(), kMostConstraints));
  }
  for (const v1::WorkerConstraint& constraint : options.constraints()) {
    if (!IsKey(constraint.key()) || !IsValue(constraint.value()))
      return WrongForm(FormatConstraint(constraint), "a constraint, KEY=VALUE or KEY!=VALUE");
  }
  return absl::OkStatus();
}

bool Satisfies(const v1::WorkerInfo& worker, const v1::WorkerConstraint& constraint) {
  const bool has =
      std::any_of(worker.labels().begin(), worker.labels().end(), [&](const v1::WorkerLabel& label) {
        return label.key() == constraint.key() && label.value() == constraint.value();
      });
  return has != constraint.differs();
}

}  // namespace crossmill
