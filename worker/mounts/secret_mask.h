// Hides the values of secrets in a step's console.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/wiping.h"
#include "worker/mounts/secret_values.h"

namespace crossmill::worker {

inline constexpr std::string_view kMask = "***";

// What is hidden. Fill it first; then thread safe. Wiped when it dies.
class SecretPatterns {
 public:
  // Of a value in base64: at least so many characters.
  static constexpr size_t kShortestBase64 = 8;

  SecretPatterns() = default;
  SecretPatterns(const SecretPatterns&) = delete;
  SecretPatterns& operator=(const SecretPatterns&) = delete;

  // The value, each of its lines, and the values inside it (secret_values.h); of the value and those inside
  // it also the form that they have in URLs and their base64: both alphabets, at each of the three places
  // that it can have in what is encoded ("user:VALUE"), and in lines as base64(1) breaks them.
  void AddValue(std::string_view value);
  bool empty() const { return longest_ == 0; }
  // A whole text.
  std::string Mask(std::string_view text) const;

 private:
  friend class MaskedStream;
  void Add(std::string_view pattern);
  void AddBase64(std::string_view value, size_t bytes_before, const char* alphabet);

  // By first byte.
  std::array<std::vector<WipedBytes>, 256> patterns_;
  size_t longest_ = 0;
};

// One stream of console output. Overlapping values become one mask. Not thread safe.
class MaskedStream {
 public:
  // `patterns` must outlive it.
  explicit MaskedStream(const SecretPatterns& patterns) : patterns_(patterns) {}
  // What can be shown now: everything but an end that may be the beginning of a secret.
  std::string Add(std::string_view bytes);
  // What was held back. Call at the end.
  std::string Finish() { return Take(true); }

 private:
  std::string Take(bool at_end);
  // How many bytes at `position` belong to secrets; `open`: more bytes may make it more.
  size_t MatchAt(size_t position, bool* open) const;

  const SecretPatterns& patterns_;
  WipedBytes held_;
  // So many of the first bytes of held_ belong to a secret that was shown as a mask already.
  size_t covered_ = 0;
};

}  // namespace crossmill::worker
