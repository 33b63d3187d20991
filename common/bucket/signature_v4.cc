#include "common/bucket/signature_v4.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "common/base/digest.h"
#include "common/base/text.h"

namespace crossmill::bucket {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> result{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), result.data(), &size);
  return {reinterpret_cast<const char*>(result.data()), size};
}

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string DateTime(absl::Time now) { return absl::FormatTime("%Y%m%dT%H%M%SZ", now, absl::UTCTimeZone()); }

std::string ScopeText(const Scope& scope) {
  return fmt::format("{}/{}/s3/aws4_request", DateTime(scope.now).substr(0, 8), scope.region);
}

// What is signed of a header: spaces around it do not count, several inside count as one.
std::string HeaderText(std::string_view value) {
  std::string text;
  for (const char c : value) {
    const bool space = c == ' ' || c == '\t';
    if (space && (text.empty() || text.back() == ' ')) continue;
    text.push_back(space ? ' ' : c);
  }
  if (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string NamesOf(const Pairs& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

// `headers` in order of their names, host among them.
std::string Signature(const SignedCall& call, const Pairs& headers, const Credentials& credentials,
                      const Scope& scope) {
  std::string canonical = fmt::format("{}\n{}\n{}\n", call.method, call.path, QueryText(call.query));
  for (const auto& [name, value] : headers) canonical += fmt::format("{}:{}\n", name, HeaderText(value));
  canonical += fmt::format("\n{}\n{}", NamesOf(headers), call.payload_hash);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, DateTime(scope.now), ScopeText(scope), Sha256Hex(canonical));
  std::string key = Hmac("AWS4" + credentials.secret, DateTime(scope.now).substr(0, 8));
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view("s3"), std::string_view("aws4_request")}) {
    key = Hmac(key, part);
  }
  return Hex(Hmac(key, to_sign));
}

Pairs WithHost(Pairs headers, const std::string& authority) {
  headers.emplace_back("host", authority);
  std::sort(headers.begin(), headers.end());
  return headers;
}

}  // namespace

std::string QueryText(const Pairs& query) {
  Pairs encoded;
  for (const auto& [name, value] : query) encoded.emplace_back(EncodePercent(name), EncodePercent(value));
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded)
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, value);
  return text;
}

Pairs SignHeaders(const SignedCall& call, const Credentials& credentials, const Scope& scope) {
  Pairs headers = call.headers;
  headers.emplace_back("x-amz-date", DateTime(scope.now));
  headers.emplace_back("x-amz-content-sha256", call.payload_hash);
  if (!credentials.token.empty()) headers.emplace_back("x-amz-security-token", credentials.token);
  const Pairs all = WithHost(headers, call.authority);
  headers.emplace_back("authorization", fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}",
                                                    kAlgorithm, credentials.key_id, ScopeText(scope),
                                                    NamesOf(all), Signature(call, all, credentials, scope)));
  return headers;
}

std::string PresignQuery(const SignedCall& call, const Credentials& credentials, const Scope& scope,
                         absl::Duration life) {
  SignedCall presigned = call;
  presigned.payload_hash = "UNSIGNED-PAYLOAD";
  const absl::Duration longest = absl::Hours(24 * 7);
  const Pairs all = WithHost(call.headers, call.authority);
  presigned.query.emplace_back("X-Amz-Algorithm", std::string(kAlgorithm));
  presigned.query.emplace_back("X-Amz-Credential", credentials.key_id + "/" + ScopeText(scope));
  presigned.query.emplace_back("X-Amz-Date", DateTime(scope.now));
  presigned.query.emplace_back(
      "X-Amz-Expires", fmt::format("{}", absl::ToInt64Seconds(std::clamp(life, absl::Seconds(1), longest))));
  presigned.query.emplace_back("X-Amz-SignedHeaders", NamesOf(all));
  if (!credentials.token.empty()) presigned.query.emplace_back("X-Amz-Security-Token", credentials.token);
  const std::string signature = Signature(presigned, all, credentials, scope);
  return fmt::format("{}&X-Amz-Signature={}", QueryText(presigned.query), signature);
}

}  // namespace crossmill::bucket
