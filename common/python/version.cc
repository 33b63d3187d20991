// Reading, writing and comparing versions.
#include "common/python/version.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"

namespace crossmill::python {
namespace {

bool IsVersionDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLocalChar(char c) { return IsVersionDigit(c) || (c >= 'a' && c <= 'z'); }
bool IsSeparator(char c) { return c == '.' || c == '_' || c == '-'; }

// Takes a lower-case version apart from left to right. No step goes back over more than one separator.
class VersionReader {
 public:
  explicit VersionReader(std::string_view text) : text_(text) {}

  bool Read(Version& version) {
    Take('v');
    return ReadRelease(version) && (ReadPre(version), ReadPost(version), ReadDev(version), true) &&
           ReadLocal(version) && at_ == text_.size();
  }

 private:
  char Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }

  void TakeSeparator() {
    if (IsSeparator(Peek())) ++at_;
  }

  // Empty if there is no digit.
  std::string_view Digits() {
    const size_t begin = at_;
    while (IsVersionDigit(Peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  // 0 if there is no digit.
  Number OptionalNumber() {
    TakeSeparator();
    const std::string_view digits = Digits();
    return digits.empty() ? Number() : Number(digits);
  }

  // One of the words, after at most one separator.
  template <size_t N>
  std::optional<size_t> Word(const std::array<std::string_view, N>& words) {
    const size_t skip = IsSeparator(Peek()) ? 1 : 0;
    for (size_t i = 0; i < N; ++i) {
      if (text_.substr(std::min(at_ + skip, text_.size())).starts_with(words[i])) {
        at_ += skip + words[i].size();
        return i;
      }
    }
    return std::nullopt;
  }

  bool ReadRelease(Version& version) {
    std::string_view digits = Digits();
    if (digits.empty()) return false;
    if (Take('!')) {
      version.epoch = Number(digits);
      digits = Digits();
      if (digits.empty()) return false;
    }
    version.release = {Number(digits)};
    while (Peek() == '.' && IsVersionDigit(Peek(1))) {
      ++at_;
      version.release.emplace_back(Digits());
    }
    return true;
  }

  void ReadPre(Version& version) {
    // Longer words stand before those that they begin with.
    static constexpr std::array<std::string_view, 8> kWords = {"alpha",   "a",   "beta", "b",
                                                               "preview", "pre", "c",    "rc"};
    if (const auto word = Word(kWords)) {
      const Phase phase = *word < 2 ? Phase::kAlpha : *word < 4 ? Phase::kBeta : Phase::kCandidate;
      version.pre = Version::Pre{phase, OptionalNumber()};
    }
  }

  void ReadPost(Version& version) {
    static constexpr std::array<std::string_view, 3> kWords = {"post", "rev", "r"};
    if (Peek() == '-' && IsVersionDigit(Peek(1))) {
      ++at_;
      version.post = Number(Digits());
    } else if (Word(kWords)) {
      version.post = OptionalNumber();
    }
  }

  void ReadDev(Version& version) {
    static constexpr std::array<std::string_view, 1> kWords = {"dev"};
    if (Word(kWords)) version.dev = OptionalNumber();
  }

  bool ReadLocal(Version& version) {
    if (!Take('+')) return true;
    while (true) {
      const size_t begin = at_;
      while (IsLocalChar(Peek())) ++at_;
      const std::string_view part = text_.substr(begin, at_ - begin);
      if (part.empty()) return false;
      if (std::all_of(part.begin(), part.end(), IsVersionDigit)) {
        version.local.emplace_back(Number(part));
      } else {
        version.local.emplace_back(std::string(part));
      }
      if (at_ == text_.size()) return true;
      if (!IsSeparator(Peek())) return false;
      ++at_;
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::strong_ordering CompareReleases(const Version& a, const Version& b) {
  const size_t parts = std::max(a.release.size(), b.release.size());
  for (size_t i = 0; i < parts; ++i) {
    if (const auto order = a.ReleasePart(i) <=> b.ReleasePart(i); std::is_neq(order)) return order;
  }
  return std::strong_ordering::equal;
}

// A dev version without pre or post comes before all phases, a version without a phase after them.
int PreRank(const Version& version) {
  if (version.pre.has_value()) return static_cast<int>(version.pre->phase);
  return version.dev.has_value() && !version.post.has_value() ? -1 : 3;
}

std::strong_ordering CompareOptional(const std::optional<Number>& a, const std::optional<Number>& b,
                                     std::strong_ordering when_only_a) {
  if (a.has_value() && b.has_value()) return *a <=> *b;
  if (a.has_value()) return when_only_a;
  if (!b.has_value()) return std::strong_ordering::equal;
  return std::is_gt(when_only_a) ? std::strong_ordering::less : std::strong_ordering::greater;
}

// Numbers come after words, and what goes on after what ends.
std::strong_ordering CompareLocal(const Version& a, const Version& b) {
  for (size_t i = 0; i < std::min(a.local.size(), b.local.size()); ++i) {
    if (const auto kinds = a.local[i].index() <=> b.local[i].index(); std::is_neq(kinds)) return kinds;
    const auto* word = std::get_if<std::string>(&a.local[i]);
    const auto order = word != nullptr ? word->compare(std::get<std::string>(b.local[i])) <=> 0
                                       : std::get<Number>(a.local[i]) <=> std::get<Number>(b.local[i]);
    if (std::is_neq(order)) return order;
  }
  return a.local.size() <=> b.local.size();
}

}  // namespace

Number::Number(std::string_view digits) {
  const size_t first = digits.find_first_not_of('0');
  digits_ = first == digits.npos ? "0" : std::string(digits.substr(first));
}

std::strong_ordering operator<=>(const Number& a, const Number& b) {
  if (const auto order = a.digits_.size() <=> b.digits_.size(); std::is_neq(order)) return order;
  return a.digits_.compare(b.digits_) <=> 0;
}

absl::StatusOr<Version> Version::Parse(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(Av(Trim(text)));
  Version version;
  if (!VersionReader(lower).Read(version)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a version (PEP 440)", Printable(text.substr(0, 200))));
  }
  return version;
}

std::string Version::Text() const {
  std::string text;
  if (!epoch.IsZero()) text += epoch.digits() + "!";
  for (size_t i = 0; i < release.size(); ++i) {
    if (i > 0) text += '.';
    text += release[i].digits();
  }
  if (pre.has_value()) {
    text += pre->phase == Phase::kAlpha ? "a" : pre->phase == Phase::kBeta ? "b" : "rc";
    text += pre->number.digits();
  }
  if (post.has_value()) text += ".post" + post->digits();
  if (dev.has_value()) text += ".dev" + dev->digits();
  for (size_t i = 0; i < local.size(); ++i) {
    text += i == 0 ? '+' : '.';
    const auto* word = std::get_if<std::string>(&local[i]);
    text += word != nullptr ? *word : std::get<Number>(local[i]).digits();
  }
  return text;
}

const Number& Version::ReleasePart(size_t index) const {
  static const Number zero;
  return index < release.size() ? release[index] : zero;
}

std::weak_ordering ComparePublic(const Version& a, const Version& b) {
  if (const auto order = a.epoch <=> b.epoch; std::is_neq(order)) return order;
  if (const auto order = CompareReleases(a, b); std::is_neq(order)) return order;
  if (const auto order = PreRank(a) <=> PreRank(b); std::is_neq(order)) return order;
  if (a.pre.has_value() && b.pre.has_value()) {
    if (const auto order = a.pre->number <=> b.pre->number; std::is_neq(order)) return order;
  }
  if (const auto order = CompareOptional(a.post, b.post, std::strong_ordering::greater); std::is_neq(order)) {
    return order;
  }
  return CompareOptional(a.dev, b.dev, std::strong_ordering::less);
}

std::weak_ordering operator<=>(const Version& a, const Version& b) {
  if (const auto order = ComparePublic(a, b); std::is_neq(order)) return order;
  return CompareLocal(a, b);
}

}  // namespace crossmill::python
