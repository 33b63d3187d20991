// What signed statements are worth together: whose they are, whether they are about the image in question,
// whether they follow from each other, and what each farm says. Pure.
//
// Trust begins with the keys that somebody gives on purpose, those of farms (coordinators). A verdict that
// such a key signed names the keys of the workers whose statements it rests on, and so vouches for them. A
// key that only lies beside the statements vouches for nothing: whoever forges statements can put a key there
// too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/attest/verdict_statement.h"
#include "common/keys/ed25519.h"

namespace crossmill::attest {

struct GivenFile {
  std::string name;
  std::string bytes;
};

struct GivenKey {
  // For people: the file's name.
  std::string name;
  keys::PublicKey key;
  // Given on purpose; else it lay beside the statements.
  bool trusted = false;
};

struct WeighingInput {
  std::vector<GivenFile> files;
  std::vector<GivenKey> keys;
  // Hex: manifests or indexes of the images in question. Empty: whatever the statements are about.
  std::vector<std::string> images;
};

enum class Standing {
  // By a key that was given.
  kSigned,
  // By a worker's key that a signed verdict names.
  kVouched,
  // The signature is right, but nothing says whose key it is.
  kUntrusted,
  // No key is here that it could be compared with.
  kUnknownKey,
  // It is no statement, or its signature is wrong.
  kRefused,
};

// "signed", "vouched", "untrusted", "unknown-key", "refused".
std::string_view StandingWord(Standing standing);

struct WeighedFile {
  std::string name;
  // "execution", "verdict", "provenance", "packages" or "other"; empty where it cannot be read.
  std::string kind;
  Standing standing = Standing::kRefused;
  // Of the key that signed it, or that it says it is signed with; and the name that the key was given under.
  std::string key_id;
  std::string key_name;
  // Hex: image manifests, or a layer.
  std::vector<std::string> subjects;
  // Why it is refused.
  std::string problem;
};

// A verdict that counts: what the farm with that key says.
struct FarmSays {
  std::string file;
  std::string key_id;
  std::string key_name;
  VerdictClaim claim;
  // Executions that it lists; of how many it names a worker's statement; how many of those are here and say
  // the same.
  size_t listed = 0;
  size_t with_statement = 0;
  size_t confirmed = 0;
};

enum class Weight {
  // Every statement is signed by whom it has to be, they agree, and a farm calls each image reproducible.
  kAgreed,
  // A file is no statement, or its signature is wrong.
  kRefused,
  // They are about another image, contradict themselves or each other, or a farm found the image not
  // reproducible.
  kDiffers,
  // Nothing is wrong, but it is not enough: no key was given, a key is not known, there is no verdict.
  kInconclusive,
};

// "agreed", "refused", "differs", "inconclusive".
std::string_view WeightWord(Weight weight);

struct Weighed {
  Weight weight = Weight::kInconclusive;
  std::vector<WeighedFile> files;
  std::vector<FarmSays> verdicts;
  // Farms that say something, by key; and the hosts that their executions name, whatever they are worth.
  size_t farms = 0;
  size_t hosts = 0;
  // Why it is not more, the gravest first; for people.
  std::vector<std::string> reasons;
};

Weighed Weigh(const WeighingInput& input);

}  // namespace crossmill::attest
