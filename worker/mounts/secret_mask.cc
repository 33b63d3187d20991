#include "worker/mounts/secret_mask.h"

#include <algorithm>

namespace crossmill::worker {
namespace {

constexpr const char* kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr const char* kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kBase64Line = 76;

// The characters that depend on `value` alone when `bytes_before` others come before it and others follow.
WipedBytes InnerBase64(std::string_view value, size_t bytes_before, const char* alphabet) {
  WipedBytes text;
  text.reserve(value.size() * 8 / 6);
  const auto bit = [&](size_t index) {
    const auto byte = static_cast<unsigned char>(value[index / 8]);
    return (byte >> (7 - index % 8)) & 1u;
  };
  const size_t skipped = (6 - bytes_before * 8 % 6) % 6;
  for (size_t begin = skipped; begin + 6 <= value.size() * 8; begin += 6) {
    unsigned index = 0;
    for (size_t i = 0; i < 6; ++i) index = index << 1 | bit(begin + i);
    text.push_back(alphabet[index]);
  }
  return text;
}

}  // namespace

void SecretPatterns::Add(std::string_view pattern) {
  if (pattern.size() < kShortestSecret) return;
  auto& patterns = patterns_[static_cast<unsigned char>(pattern.front())];
  const auto same = [&](const WipedBytes& known) { return View(known) == pattern; };
  if (std::any_of(patterns.begin(), patterns.end(), same)) return;
  patterns.push_back(ToWiped(pattern));
  longest_ = std::max(longest_, pattern.size());
}

void SecretPatterns::AddBase64(std::string_view value, size_t bytes_before, const char* alphabet) {
  const WipedBytes encoded = InnerBase64(value, bytes_before, alphabet);
  const std::string_view text = View(encoded);
  if (text.size() >= kShortestBase64) Add(text);
  if (bytes_before != 0 || text.size() <= kBase64Line) return;
  for (size_t begin = 0; begin < text.size(); begin += kBase64Line) {
    const std::string_view line = text.substr(begin, kBase64Line);
    if (line.size() >= kShortestBase64) Add(line);
  }
}

void SecretPatterns::AddValue(std::string_view value) {
  for (const SecretValue& secret : SecretValues(value)) {
    const std::string_view text = View(secret.text);
    Add(text);
    // What stands in a line is found in its base64 by itself.
    if (secret.kind == SecretValue::Kind::kLine) continue;
    for (bool upper_case : {true, false}) Add(View(PercentEncoded(text, upper_case)));
    for (const char* alphabet : {kStandard, kUrlSafe}) {
      for (size_t bytes_before = 0; bytes_before < 3; ++bytes_before) {
        AddBase64(text, bytes_before, alphabet);
      }
    }
  }
}

std::string SecretPatterns::Mask(std::string_view text) const {
  MaskedStream stream(*this);
  // In this order, which the operands of + do not have.
  std::string shown = stream.Add(text);
  shown += stream.Finish();
  return shown;
}

std::string MaskedStream::Add(std::string_view bytes) {
  if (patterns_.empty()) return std::string(bytes);
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  return Take(false);
}

size_t MaskedStream::MatchAt(size_t position, bool* open) const {
  const std::string_view rest = View(held_).substr(position);
  size_t longest = 0;
  for (const WipedBytes& known : patterns_.patterns_[static_cast<unsigned char>(rest.front())]) {
    const std::string_view pattern = View(known);
    if (rest.starts_with(pattern)) {
      longest = std::max(longest, pattern.size());
    } else if (rest.size() < pattern.size() && pattern.starts_with(rest)) {
      *open = true;
    }
  }
  return longest;
}

std::string MaskedStream::Take(bool at_end) {
  std::string shown;
  size_t position = 0;
  for (; position < held_.size(); ++position) {
    bool open = false;
    const size_t matched = MatchAt(position, &open);
    if (open && !at_end) break;
    if (matched > 0) {
      if (position >= covered_) shown += kMask;
      covered_ = std::max(covered_, position + matched);
    }
    if (position >= covered_) shown += held_[position];
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(position));
  covered_ -= std::min(covered_, position);
  return shown;
}

}  // namespace crossmill::worker
