// Envelopes: bytes with their type and signatures (DSSE 1.0: Dead Simple Signing Envelope). Pure.
//
// Signed is not the payload but PAE(type, payload), so that no document of one type can pass as another's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/keys/ed25519.h"

namespace crossmill::attest {

inline constexpr std::string_view kInTotoPayload = "application/vnd.in-toto+json";
// Of the file: what an OCI registry is told.
inline constexpr std::string_view kEnvelopeMediaType = "application/vnd.dsse.envelope.v1+json";
inline constexpr size_t kMostSignatures = 16;

struct EnvelopeSignature {
  // Not signed, so a hint only: whose key it is only a signature that verifies says.
  std::string key_id;
  std::string signature;
};

struct Envelope {
  std::string payload_type;
  std::string payload;
  std::vector<EnvelopeSignature> signatures;
};

// "DSSEv1 LEN(type) type LEN(payload) payload".
std::string PreAuthenticationEncoding(std::string_view payload_type, std::string_view payload);

// A signed in-toto statement as a file: sorted JSON and a line feed. The same statement and key give the same
// bytes.
absl::StatusOr<std::string> SealStatement(std::string_view statement, const keys::SigningKey& key);

// INVALID_ARGUMENT for anything that is not one envelope with at least one signature: see strict_json.h;
// base64 in either alphabet, complete; no member besides those of DSSE.
absl::StatusOr<Envelope> ParseEnvelope(std::string_view file);

// Whether any of its signatures is this key's.
bool IsSignedBy(const Envelope& envelope, const keys::PublicKey& key);

}  // namespace crossmill::attest
