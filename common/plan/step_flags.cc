#include "common/plan/step_flags.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/plan/submitted_options.h"

namespace crossmill::plan {
namespace {

std::optional<int64_t> LimitNumber(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<std::string> ParseExtraHost(std::string_view text) {
  size_t end = text.find('=');
  if (end == std::string_view::npos) end = text.find(':');
  if (end == std::string_view::npos || end == 0) {
    return absl::InvalidArgumentError(fmt::format("--add-host {}: expected NAME:ADDRESS", text));
  }
  const std::string_view name = text.substr(0, end);
  std::string_view address = text.substr(end + 1);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  if (address == "host-gateway") {
    return absl::InvalidArgumentError(fmt::format(
        "--add-host {}: host-gateway means another address on every worker; name the address", text));
  }
  if (name.find_first_of(" \t\n#") != std::string_view::npos) {
    return absl::InvalidArgumentError(fmt::format("--add-host {}: \"{}\" is no host name", text, name));
  }
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  const std::string terminated(address);
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) != 1 &&
      inet_pton(AF_INET6, terminated.c_str(), bytes.data()) != 1) {
    return absl::InvalidArgumentError(fmt::format("--add-host {}: \"{}\" is no IP address", text, address));
  }
  return fmt::format("{} {}", address, name);
}

absl::StatusOr<v1::Ulimit> ParseUlimit(std::string_view text) {
  const size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  if (equals == std::string_view::npos || !plan::IsUlimitName(name)) {
    return absl::InvalidArgumentError(fmt::format(
        "--ulimit {}: expected NAME=SOFT[:HARD] with a name such as nofile, nproc, core, memlock or stack",
        text));
  }
  const std::vector<std::string> values = absl::StrSplit(Av(text.substr(equals + 1)), ':');
  const std::optional<int64_t> soft = LimitNumber(values.front());
  const std::optional<int64_t> hard = LimitNumber(values.back());
  if (values.size() > 2 || !soft || !hard || *soft < -1 || *hard < -1) {
    return absl::InvalidArgumentError(
        fmt::format("--ulimit {}: expected one or two numbers, SOFT[:HARD]; -1 is unlimited", text));
  }
  if (*hard != -1 && (*soft == -1 || *soft > *hard)) {
    return absl::InvalidArgumentError(fmt::format("--ulimit {}: the soft limit is above the hard one", text));
  }
  v1::Ulimit limit;
  limit.set_name(std::string(name));
  limit.set_soft(*soft);
  limit.set_hard(*hard);
  return limit;
}

absl::Status AddUlimit(std::string_view text, v1::BuildOptions* options) {
  ASSIGN_OR_RETURN(const v1::Ulimit limit, ParseUlimit(text));
  auto& limits = *options->mutable_ulimits();
  limits.erase(std::remove_if(limits.begin(), limits.end(),
                              [&](const v1::Ulimit& known) { return known.name() == limit.name(); }),
               limits.end());
  *options->add_ulimits() = limit;
  return absl::OkStatus();
}

}  // namespace crossmill::plan
