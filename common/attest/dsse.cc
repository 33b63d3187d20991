#include "common/attest/dsse.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/attest/strict_json.h"
#include "common/base/status.h"

namespace crossmill::attest {
namespace {

constexpr size_t kMostTypeBytes = 256;
constexpr size_t kMostKeyIdBytes = 256;

// One text for each sequence of bytes: what decodes has to encode to the same again, so that an envelope
// cannot be changed and still say the same.
absl::StatusOr<std::string> DecodeBase64(const SortedJson& object, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string text, TextMember(object, name));
  std::string bytes;
  if (absl::Base64Unescape(text, &bytes) && absl::Base64Escape(bytes) == text) return bytes;
  std::string url_safe = text;
  std::replace(url_safe.begin(), url_safe.end(), '-', '+');
  std::replace(url_safe.begin(), url_safe.end(), '_', '/');
  if (text.find_first_of("+/") == std::string::npos && absl::Base64Unescape(url_safe, &bytes) &&
      absl::Base64Escape(bytes) == url_safe) {
    return bytes;
  }
  return absl::InvalidArgumentError(fmt::format("\"{}\" is not base64", name));
}

absl::Status CheckMembers(const SortedJson& object, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return absl::InvalidArgumentError(fmt::format("an envelope has no \"{}\"", name.substr(0, 60)));
  }
  return absl::OkStatus();
}

absl::StatusOr<EnvelopeSignature> ParseSignature(const SortedJson& json) {
  if (!json.is_object()) return absl::InvalidArgumentError("a signature is not an object");
  RETURN_IF_ERROR(CheckMembers(json, {"keyid", "sig"}));
  EnvelopeSignature signature;
  ASSIGN_OR_RETURN(signature.signature, DecodeBase64(json, "sig"));
  if (!json.contains("keyid")) return signature;
  ASSIGN_OR_RETURN(signature.key_id, TextMember(json, "keyid"));
  if (signature.key_id.size() > kMostKeyIdBytes) return absl::InvalidArgumentError("\"keyid\" is too long");
  return signature;
}

}  // namespace

std::string PreAuthenticationEncoding(std::string_view payload_type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(), payload);
}

absl::StatusOr<std::string> SealStatement(std::string_view statement, const keys::SigningKey& key) {
  ASSIGN_OR_RETURN(const std::string signature,
                   key.Sign(PreAuthenticationEncoding(kInTotoPayload, statement)));
  SortedJson envelope;
  envelope["payloadType"] = kInTotoPayload;
  envelope["payload"] = absl::Base64Escape(Av(statement));
  envelope["signatures"] = {{{"keyid", key.public_key().id()}, {"sig", absl::Base64Escape(signature)}}};
  return WriteSortedJson(envelope) + "\n";
}

absl::StatusOr<Envelope> ParseEnvelope(std::string_view file) {
  ASSIGN_OR_RETURN(const SortedJson json, ParseStrictJson(file));
  if (!json.is_object()) return absl::InvalidArgumentError("an envelope is an object");
  RETURN_IF_ERROR(CheckMembers(json, {"payload", "payloadType", "signatures"}));
  Envelope envelope;
  ASSIGN_OR_RETURN(envelope.payload_type, TextMember(json, "payloadType"));
  if (envelope.payload_type.size() > kMostTypeBytes)
    return absl::InvalidArgumentError("\"payloadType\" is too long");
  ASSIGN_OR_RETURN(envelope.payload, DecodeBase64(json, "payload"));
  ASSIGN_OR_RETURN(const SortedJson* signatures, ListMember(json, "signatures"));
  if (signatures->empty() || signatures->size() > kMostSignatures) {
    return absl::InvalidArgumentError(
        fmt::format("an envelope has 1 to {} signatures, not {}", kMostSignatures, signatures->size()));
  }
  for (const SortedJson& each : *signatures) {
    ASSIGN_OR_RETURN(envelope.signatures.emplace_back(), ParseSignature(each));
  }
  return envelope;
}

bool IsSignedBy(const Envelope& envelope, const keys::PublicKey& key) {
  const std::string message = PreAuthenticationEncoding(envelope.payload_type, envelope.payload);
  return std::any_of(envelope.signatures.begin(), envelope.signatures.end(),
                     [&](const EnvelopeSignature& each) { return key.Verifies(message, each.signature); });
}

}  // namespace crossmill::attest
