#include "worker/network/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

template <typename Number>
bool ReadNumber(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

bool StartsWith(const std::array<uint8_t, 16>& bytes, std::initializer_list<uint8_t> first) {
  return std::equal(first.begin(), first.end(), bytes.begin());
}

std::string_view WithoutBrackets(std::string_view text) {
  return text.starts_with('[') && text.ends_with(']') ? text.substr(1, text.size() - 2) : text;
}

bool IsNameOfHost(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

}  // namespace

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  text = WithoutBrackets(text);
  text = text.substr(0, text.find('%'));
  const std::string copy(text);
  IpAddress address;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes_.data()) == 1) return address;
  address.v4_ = false;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes_.data()) == 1) return address;
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::Of(const sockaddr& address) {
  IpAddress made;
  if (address.sa_family == AF_INET) {
    std::memcpy(made.bytes_.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
    return made;
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  made.v4_ = false;
  made.scope_ = v6.sin6_scope_id;
  std::memcpy(made.bytes_.data(), &v6.sin6_addr, 16);
  return made;
}

std::string IpAddress::Text() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), text, sizeof(text));
  return text;
}

std::optional<IpAddress> IpAddress::Embedded() const {
  if (v4_) return std::nullopt;
  size_t at = 12;
  if (StartsWith(bytes_, {0x20, 0x02})) {
    at = 2;
  } else {
    const bool mapped = StartsWith(bytes_, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
    const bool translated = StartsWith(bytes_, {0, 0x64, 0xff, 0x9b});
    // SIIT's ::ffff:0:a.b.c.d, and the compatible form, to which :: and ::1 do not belong.
    const bool siit = StartsWith(bytes_, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0});
    const bool compatible = StartsWith(bytes_, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) &&
                            (bytes_[12] != 0 || bytes_[13] != 0 || bytes_[14] != 0);
    if (!mapped && !translated && !siit && !compatible) return std::nullopt;
  }
  IpAddress inner;
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at), 4, inner.bytes_.begin());
  return inner;
}

std::optional<AddressPrefix> AddressPrefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto base = IpAddress::Parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  AddressPrefix prefix{*base, base->is_v4() ? 32 : 128};
  if (slash == std::string_view::npos) return prefix;
  const int most = prefix.bits;
  if (!ReadNumber(text.substr(slash + 1), &prefix.bits) || prefix.bits < 0 || prefix.bits > most) {
    return std::nullopt;
  }
  return prefix;
}

bool AddressPrefix::Contains(const IpAddress& address) const {
  if (address.is_v4() != base.is_v4()) {
    const auto inner = address.Embedded();
    return inner && Contains(*inner);
  }
  for (int bit = 0; bit < bits; bit += 8) {
    const int count = std::min(8, bits - bit);
    const auto mask = static_cast<uint8_t>(0xff << (8 - count));
    const auto at = static_cast<size_t>(bit / 8);
    if ((address.bytes()[at] & mask) != (base.bytes()[at] & mask)) return false;
  }
  return true;
}

std::string NormalHost(std::string_view host) {
  host = WithoutBrackets(host);
  while (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  std::string normal(host);
  for (char& c : normal) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return normal;
}

absl::StatusOr<HostPattern> HostPattern::Parse(std::string_view text) {
  HostPattern pattern;
  pattern.text_ = text;
  std::string_view host = text;
  const size_t colon = text.rfind(':');
  // A colon inside brackets, or one of several, belongs to an IPv6 address.
  const bool port =
      colon != std::string_view::npos && (text.find(':') == colon || (colon > 0 && text[colon - 1] == ']'));
  if (port) {
    host = text.substr(0, colon);
    if (!ReadNumber(text.substr(colon + 1), &pattern.port_) || pattern.port_ == 0) {
      return absl::InvalidArgumentError(
          fmt::format("'{}': expected a port from 1 to 65535 behind the colon", text));
    }
  }
  pattern.prefix_ = AddressPrefix::Parse(host);
  if (pattern.prefix_) return pattern;
  pattern.name_ = NormalHost(host);
  if (pattern.name_ == "*") return pattern;
  if (pattern.name_.starts_with("*.") || pattern.name_.starts_with(".")) {
    pattern.below_ = true;
    pattern.name_.erase(0, pattern.name_.find('.') + 1);
  }
  if (IsNameOfHost(pattern.name_)) return pattern;
  return absl::InvalidArgumentError(
      fmt::format("'{}': expected NAME, *.DOMAIN, *, ADDRESS or ADDRESS/BITS, with or without :PORT", text));
}

bool HostPattern::MatchesName(std::string_view host, uint16_t port) const {
  if (port_ != 0 && port_ != port) return false;
  if (prefix_) {
    const auto address = IpAddress::Parse(host);
    return address && prefix_->Contains(*address);
  }
  if (name_ == "*") return true;
  if (!below_) return host == name_;
  return host.size() > name_.size() && host.ends_with(name_) && host[host.size() - name_.size() - 1] == '.';
}

bool HostPattern::MatchesAddress(const IpAddress& address, uint16_t port) const {
  return prefix_ && (port_ == 0 || port_ == port) && prefix_->Contains(address);
}

}  // namespace crossmill::worker
