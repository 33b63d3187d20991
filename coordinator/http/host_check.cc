#include "coordinator/http/host_check.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/status.h"

namespace crossmill::coordinator::door {
namespace {

bool IsPort(std::string_view text) {
  int port = 0;
  return text.size() <= 5 && absl::SimpleAtoi(Av(text), &port) && port > 0 && port < 65536 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// 127.0.0.0/8, as four decimal numbers.
bool IsLoopbackV4(std::string_view name) {
  if (!name.starts_with("127.")) return false;
  int dots = 0;
  for (const char c : name) {
    if (c == '.') ++dots;
    if (c != '.' && !absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return dots == 3 && name.back() != '.';
}

}  // namespace

std::string HostName(std::string_view host) {
  std::string_view name = host;
  std::string_view port;
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return "";
    name = host.substr(1, end - 1);
    port = host.substr(end + 1);
    if (name.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return "";
  } else {
    const size_t colon = host.find(':');
    name = host.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : host.substr(colon);
    const auto part_of_name = [](unsigned char c) {
      return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
    };
    if (!std::all_of(name.begin(), name.end(), part_of_name)) return "";
  }
  if (!port.empty() && (port.front() != ':' || !IsPort(port.substr(1)))) return "";
  return absl::AsciiStrToLower(Av(name));
}

HostCheck::HostCheck(const std::vector<std::string>& names) {
  for (const std::string& name : names) names_.push_back(absl::AsciiStrToLower(name));
}

bool HostCheck::Allows(std::string_view host, std::string_view local) const {
  const std::string name = HostName(host);
  if (name.empty()) return false;
  if (name == "localhost" || name == "::1" || IsLoopbackV4(name)) return true;
  if (name == local) return true;
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

bool IsSameOrigin(std::string_view origin, std::string_view host) {
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos || host.empty()) return false;
  const std::string_view name = origin.substr(0, scheme);
  if (name != "http" && name != "https") return false;
  return absl::AsciiStrToLower(Av(origin.substr(scheme + 3))) == absl::AsciiStrToLower(Av(host));
}

}  // namespace crossmill::coordinator::door
