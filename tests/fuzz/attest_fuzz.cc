// Envelopes and statements from anybody: as a file, and as what a trusted farm's key has signed, so that what
// lies behind a signature is reached too.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/attest/dsse.h"
#include "common/attest/strict_json.h"
#include "common/attest/weighing.h"

namespace crossmill::attest {
namespace {

// RFC 8032, 7.1, test 1.
const keys::SigningKey& Key() {
  static const auto* const key = new keys::SigningKey(
      *keys::SigningKey::FromPem("-----BEGIN PRIVATE KEY-----\n"
                                 "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                                 "-----END PRIVATE KEY-----\n"));
  return *key;
}

void Check(std::string_view bytes) {
  if (const auto json = ParseStrictJson(bytes); json.ok()) {
    const std::string written = WriteSortedJson(*json);
    const auto again = ParseStrictJson(written);
    // What is signed has to be read back as it was.
    if (!again.ok() || WriteSortedJson(*again) != written) std::abort();
  }
  WeighingInput input;
  input.keys.push_back({"key", Key().public_key(), true});
  input.files.push_back({"file", std::string(bytes)});
  const auto sealed = SealStatement(bytes, Key());
  if (!sealed.ok()) std::abort();
  input.files.push_back({"sealed", *sealed});
  const Weighed weighed = Weigh(input);
  // Nothing that this key signed is refused for its signature, and nothing else counts.
  if (weighed.files[0].standing == Standing::kVouched) std::abort();
  if (weighed.weight == Weight::kAgreed && weighed.verdicts.empty()) std::abort();
}

}  // namespace
}  // namespace crossmill::attest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  crossmill::attest::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
