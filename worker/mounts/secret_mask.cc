#include "worker/mounts/secret_mask.h"

#include <string.h>

#include <algorithm>

#include "worker/mounts/task_secrets.h"

namespace crossmill::worker {
namespace {

constexpr const char* kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr const char* kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kBase64Line = 76;

// The characters that depend on `value` alone when `bytes_before` others come before it and others follow.
std::string InnerBase64(std::string_view value, size_t bytes_before, const char* alphabet) {
  std::string text;
  const auto bit = [&](size_t index) {
    const auto byte = static_cast<unsigned char>(value[index / 8]);
    return (byte >> (7 - index % 8)) & 1u;
  };
  const size_t skipped = (6 - bytes_before * 8 % 6) % 6;
  for (size_t begin = skipped; begin + 6 <= value.size() * 8; begin += 6) {
    unsigned index = 0;
    for (size_t i = 0; i < 6; ++i) index = index << 1 | bit(begin + i);
    text += alphabet[index];
  }
  return text;
}

}  // namespace

SecretPatterns::~SecretPatterns() {
  for (auto& patterns : patterns_) {
    for (std::string& pattern : patterns) Wipe(&pattern);
  }
}

void SecretPatterns::Add(std::string_view pattern) {
  if (pattern.size() < kShortest) return;
  auto& patterns = patterns_[static_cast<unsigned char>(pattern.front())];
  if (std::find(patterns.begin(), patterns.end(), pattern) != patterns.end()) return;
  patterns.emplace_back(pattern);
  longest_ = std::max(longest_, pattern.size());
}

void SecretPatterns::AddBase64(std::string_view value, size_t bytes_before, const char* alphabet) {
  std::string text = InnerBase64(value, bytes_before, alphabet);
  if (text.size() >= kShortestBase64) Add(text);
  if (bytes_before == 0) {
    for (size_t begin = 0; text.size() > kBase64Line && begin < text.size(); begin += kBase64Line) {
      const std::string_view line = std::string_view(text).substr(begin, kBase64Line);
      if (line.size() >= kShortestBase64) Add(line);
    }
  }
  Wipe(&text);
}

void SecretPatterns::AddValue(std::string_view value) {
  while (value.ends_with('\n') || value.ends_with('\r')) value.remove_suffix(1);
  Add(value);
  for (std::string_view rest = value; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    constexpr std::string_view kSpace = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
    while (!line.empty() && kSpace.find(line.back()) != kSpace.npos) line.remove_suffix(1);
    Add(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  for (const char* alphabet : {kStandard, kUrlSafe}) {
    for (size_t bytes_before = 0; bytes_before < 3; ++bytes_before) AddBase64(value, bytes_before, alphabet);
  }
}

std::string SecretPatterns::Mask(std::string_view text) const {
  MaskedStream stream(*this);
  return stream.Add(text) + stream.Finish();
}

MaskedStream::~MaskedStream() { Wipe(&held_); }

std::string MaskedStream::Add(std::string_view bytes) {
  if (patterns_.empty()) return std::string(bytes);
  held_ += bytes;
  return Take(false);
}

size_t MaskedStream::MatchAt(size_t position, bool* open) const {
  const std::string_view rest = std::string_view(held_).substr(position);
  size_t longest = 0;
  for (const std::string& pattern : patterns_.patterns_[static_cast<unsigned char>(rest.front())]) {
    if (rest.starts_with(pattern)) {
      longest = std::max(longest, pattern.size());
    } else if (rest.size() < pattern.size() && std::string_view(pattern).starts_with(rest)) {
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
  explicit_bzero(held_.data(), position);
  held_.erase(0, position);
  covered_ -= std::min(covered_, position);
  return shown;
}

}  // namespace crossmill::worker
