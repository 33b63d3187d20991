#include "common/dockerfile/go_format.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/status.h"

namespace crossmill::dockerfile {
namespace {

std::string GoQuoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
      case '\\':
        quoted += '\\';
        quoted += c;
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\a':
        quoted += "\\a";
        break;
      case '\b':
        quoted += "\\b";
        break;
      case '\f':
        quoted += "\\f";
        break;
      case '\v':
        quoted += "\\v";
        break;
      default:
        if (u < 0x20 || u == 0x7f) {
          quoted += fmt::format("\\x{:02x}", u);
        } else {
          quoted += c;
        }
    }
  }
  return quoted + "\"";
}

bool ParsePort(std::string_view text, uint32_t& port) {
  return absl::SimpleAtoi(Av(text), &port) && port <= 65535 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool ParseRange(std::string_view text, uint32_t& first, uint32_t& last) {
  const size_t dash = text.find('-');
  if (!ParsePort(text.substr(0, dash), first)) return false;
  last = first;
  if (dash == std::string_view::npos) return true;
  return ParsePort(text.substr(dash + 1), last) && last >= first;
}

}  // namespace

std::string GoQuotedList(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() > 1 ? " " : "") + GoQuoted(text);
  return list + "]";
}

absl::StatusOr<std::vector<std::string>> ParsePorts(std::string_view text) {
  const absl::Status error = absl::InvalidArgumentError(
      fmt::format("'{}' is not a port; expected PORT[-PORT][/tcp|/udp|/sctp]", text));
  const std::string_view all = text;
  std::string protocol = "tcp";
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    protocol = absl::AsciiStrToLower(Av(text.substr(slash + 1)));
    if (protocol.empty()) protocol = "tcp";
    text = text.substr(0, slash);
  }
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
    return absl::InvalidArgumentError(
        fmt::format("unknown protocol '{}' in '{}'; expected tcp, udp or sctp", protocol, all));
  }
  uint32_t first = 0;
  uint32_t last = 0;
  // A host's port before the container's says nothing about the image.
  if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    if (const size_t ip = host.rfind(':'); ip != std::string_view::npos) host = host.substr(ip + 1);
    if (!host.empty() && !ParseRange(host, first, last)) return error;
    text = text.substr(colon + 1);
  }
  if (!ParseRange(text, first, last)) return error;
  std::vector<std::string> ports;
  for (uint32_t port = first; port <= last; ++port) ports.push_back(fmt::format("{}/{}", port, protocol));
  return ports;
}

std::optional<bool> ParseGoBool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::optional<int64_t> ParseByteCount(std::string_view text) {
  const size_t last = text.find_last_of("0123456789. ");
  if (last == std::string_view::npos) return std::nullopt;
  const std::string_view number = text.substr(0, text[last] == ' ' ? last : last + 1);
  const std::string unit = absl::AsciiStrToLower(Av(text.substr(last + 1)));
  double value = 0;
  if (number.find_first_not_of("0123456789.") != std::string_view::npos ||
      !absl::SimpleAtod(Av(number), &value)) {
    return std::nullopt;
  }
  double factor = 1;
  if (!unit.empty() && unit != "b") {
    const size_t power = std::string_view("kmgtp").find(unit[0]);
    if (power == std::string_view::npos) return std::nullopt;
    if (unit.size() > 1 && unit.substr(1) != "b" && unit.substr(1) != "ib") return std::nullopt;
    for (size_t i = 0; i <= power; ++i) factor *= 1024;
  }
  const double bytes = value * factor;
  if (!(bytes >= 0) || bytes > 9.2e18) return std::nullopt;
  return static_cast<int64_t>(bytes);
}

std::optional<std::vector<std::string>> ReadCsvRecord(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::vector<std::string> fields;
  for (size_t i = 0; i <= text.size(); ++i) {
    std::string& field = fields.emplace_back();
    if (i < text.size() && text[i] == '"') {
      for (++i; true; ++i) {
        if (i >= text.size()) return std::nullopt;  // Not closed.
        if (text[i] != '"') {
          field += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '"') {
          field += text[++i];
        } else {
          break;
        }
      }
      ++i;
      if (i < text.size() && text[i] != ',') return std::nullopt;
      continue;
    }
    for (; i < text.size() && text[i] != ','; ++i) {
      if (text[i] == '"') return std::nullopt;
      field += text[i];
    }
  }
  return fields;
}

bool IsFileMode(std::string_view text) {
  if (!text.empty() && text.find_first_not_of("01234567") == std::string_view::npos) {
    return text.size() <= 8 && std::stoul(std::string(text), nullptr, 8) <= 07777;
  }
  size_t i = 0;
  while (true) {
    while (i < text.size() && std::string_view("ugoa").find(text[i]) != std::string_view::npos) ++i;
    size_t operations = 0;
    while (i < text.size() && std::string_view("+-=").find(text[i]) != std::string_view::npos) {
      ++i;
      ++operations;
      while (i < text.size() && std::string_view("rwxXstugo").find(text[i]) != std::string_view::npos) ++i;
    }
    if (operations == 0) return false;
    if (i == text.size()) return true;
    if (text[i++] != ',') return false;
  }
}

}  // namespace crossmill::dockerfile
