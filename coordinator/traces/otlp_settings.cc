#include "coordinator/traces/otlp_settings.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/http/http_client.h"

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kPath = "/v1/traces";

absl::Status Wrong(std::string_view where, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", where, what));
}

// RFC 9110: a name is a token, a value has no control characters.
bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}
bool IsHeaderValue(std::string_view value) {
  return std::none_of(value.begin(), value.end(),
                      [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t'; });
}

absl::Status AddHeader(std::string_view name, std::string value, std::string_view where,
                       OtlpSettings* settings) {
  if (!IsHeaderName(name) || !IsHeaderValue(value))
    return Wrong(where, fmt::format("'{}' is no name of a header, or its value holds control characters",
                                    Printable(name)));
  settings->headers.emplace_back(std::string(name), std::move(value));
  return absl::OkStatus();
}

// "api-key=a%20b,other=c", as in W3C Baggage.
absl::Status AddPairs(std::string_view text, std::string_view where, OtlpSettings* settings) {
  for (const absl::string_view pair : absl::StrSplit(Av(text), ',', absl::SkipWhitespace())) {
    const std::string_view both = Trim(Sv(pair));
    const size_t equals = both.find('=');
    if (equals == std::string_view::npos) return Wrong(where, "expected NAME=VALUE,NAME=VALUE");
    RETURN_IF_ERROR(AddHeader(Trim(both.substr(0, equals)), DecodePercent(Trim(both.substr(equals + 1))),
                              where, settings));
  }
  return absl::OkStatus();
}

absl::Status AddLines(std::string_view text, OtlpSettings* settings) {
  constexpr std::string_view kWhere = "--otlp-headers-file";
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(Av(text), '\n')) {
    ++number;
    const std::string_view trimmed = Trim(Sv(line));
    if (trimmed.empty() || trimmed.starts_with('#')) continue;
    const size_t colon = trimmed.find(':');
    if (colon == std::string_view::npos)
      return Wrong(kWhere, fmt::format("line {}: expected 'Name: value'", number));
    RETURN_IF_ERROR(AddHeader(Trim(trimmed.substr(0, colon)), std::string(Trim(trimmed.substr(colon + 1))),
                              fmt::format("{} line {}", kWhere, number), settings));
  }
  return absl::OkStatus();
}

struct Named {
  std::string where, value;
};

// Of the variable for traces, else of that for everything. Empty ones are not set, as the specification has
// it.
Named FirstOf(const EnvironmentReader& environment, const std::string& what) {
  for (const std::string& name : {"OTEL_EXPORTER_OTLP_TRACES_" + what, "OTEL_EXPORTER_OTLP_" + what}) {
    const auto value = environment(name);
    if (value && !value->empty()) return {name, *value};
  }
  return {};
}

absl::Status FindUrl(std::string_view endpoint, const EnvironmentReader& environment,
                     OtlpSettings* settings) {
  Named found = {"--otlp-endpoint", std::string(endpoint)};
  if (endpoint.empty()) found = FirstOf(environment, "ENDPOINT");
  if (found.value.empty()) return absl::OkStatus();
  const auto url = http::ParseUrl(found.value);
  if (!url.ok()) return Wrong(found.where, "expected an http or https URL such as http://127.0.0.1:4318");
  if (found.value.find_first_of("?#") != std::string::npos)
    return Wrong(found.where, "a URL without a query, to which /v1/traces can be added");
  settings->url = found.value;
  if (found.where == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") return absl::OkStatus();
  while (settings->url.ends_with('/')) settings->url.pop_back();
  settings->url += kPath;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OtlpSettings> ReadOtlpSettings(std::string_view endpoint, std::string_view header_lines,
                                              const EnvironmentReader& environment) {
  OtlpSettings settings;
  RETURN_IF_ERROR(FindUrl(endpoint, environment, &settings));
  if (settings.url.empty()) return settings;
  const Named protocol = FirstOf(environment, "PROTOCOL");
  if (!protocol.value.empty() && protocol.value != "http/protobuf")
    return Wrong(protocol.where,
                 fmt::format("'{}' is not spoken here; http/protobuf is", Printable(protocol.value)));
  const Named headers = FirstOf(environment, "HEADERS");
  RETURN_IF_ERROR(AddPairs(headers.value, headers.where, &settings));
  RETURN_IF_ERROR(AddLines(header_lines, &settings));
  const Named limit = FirstOf(environment, "TIMEOUT");
  int64_t milliseconds = 0;
  if (!limit.value.empty()) {
    if (!absl::SimpleAtoi(limit.value, &milliseconds) || milliseconds <= 0)
      return Wrong(limit.where, "expected milliseconds");
    settings.limit = absl::Milliseconds(milliseconds);
  }
  return settings;
}

}  // namespace crossmill::coordinator
