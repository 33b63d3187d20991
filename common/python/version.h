// Versions of Python projects (PEP 440): parsed, normalised, in their total order. Agrees with
// `packaging.version`, which the tests compare it with.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::python {

// A whole number of any size, as versions may have: digits without zeros in front.
class Number {
 public:
  Number() : digits_("0") {}
  // Takes digits only.
  explicit Number(std::string_view digits);

  const std::string& digits() const { return digits_; }
  bool IsZero() const { return digits_ == "0"; }

  friend bool operator==(const Number&, const Number&) = default;
  friend std::strong_ordering operator<=>(const Number& a, const Number& b);

 private:
  std::string digits_;
};

enum class Phase { kAlpha, kBeta, kCandidate };

struct Version {
  struct Pre {
    Phase phase = Phase::kAlpha;
    Number number;
    friend bool operator==(const Pre&, const Pre&) = default;
  };
  using LocalPart = std::variant<std::string, Number>;

  // INVALID_ARGUMENT for anything else than PEP 440 has, legacy versions ("2004d", "1.0-final") included.
  static absl::StatusOr<Version> Parse(std::string_view text);

  // The normal form: "1!2.0rc1.post2.dev3+local.4". Zeros at the end of the release stay.
  std::string Text() const;
  // An a, b, rc or dev version.
  bool IsPrerelease() const { return pre.has_value() || dev.has_value(); }
  // Part `index` of the release; 0 after its end.
  const Number& ReleasePart(size_t index) const;

  Number epoch;
  // Not empty.
  std::vector<Number> release{Number()};
  std::optional<Pre> pre;
  std::optional<Number> post;
  std::optional<Number> dev;
  std::vector<LocalPart> local;
};

// The order of PEP 440: 1.dev0 < 1a1.dev0 < 1a1 < 1rc1 < 1 < 1+local < 1.post1. 1.0 and 1.0.0 are equal.
std::weak_ordering operator<=>(const Version& a, const Version& b);
inline bool operator==(const Version& a, const Version& b) { return std::is_eq(a <=> b); }
// The same without looking at local parts.
std::weak_ordering ComparePublic(const Version& a, const Version& b);

}  // namespace crossmill::python
