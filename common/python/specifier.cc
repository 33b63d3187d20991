// What clauses and sets of clauses contain.
#include "common/python/specifier.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"

namespace crossmill::python {
namespace {

struct OperatorText {
  std::string_view text;
  Comparison comparison;
};

// Longer ones stand before those that they begin with.
constexpr std::array<OperatorText, 8> kOperators = {{{"===", Comparison::kArbitrary},
                                                     {"==", Comparison::kEqual},
                                                     {"~=", Comparison::kCompatible},
                                                     {"!=", Comparison::kNotEqual},
                                                     {"<=", Comparison::kLessOrEqual},
                                                     {">=", Comparison::kGreaterOrEqual},
                                                     {"<", Comparison::kLess},
                                                     {">", Comparison::kGreater}}};

// For errors.
std::string Shown(std::string_view text) { return Printable(text.substr(0, 200)); }

}  // namespace

absl::StatusOr<Specifier> Specifier::Parse(std::string_view text) {
  text = Trim(text);
  const auto* found = std::find_if(kOperators.begin(), kOperators.end(),
                                   [&](const OperatorText& one) { return text.starts_with(one.text); });
  if (found == kOperators.end()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' does not begin with ==, !=, ~=, <=, >=, <, > or ===", Shown(text)));
  }
  const std::string_view version = Trim(text.substr(found->text.size()));
  if (version.empty()) return absl::InvalidArgumentError(fmt::format("no version after '{}'", found->text));
  Specifier specifier;
  specifier.comparison_ = found->comparison;
  specifier.text_ = fmt::format("{}{}", found->text, version);
  RETURN_IF_ERROR(specifier.ReadVersion(version));
  return specifier;
}

absl::Status Specifier::ReadVersion(std::string_view text) {
  if (comparison_ == Comparison::kArbitrary) {
    if (text.find_first_of(" \t\r\n\f\v;)") != text.npos) {
      return absl::InvalidArgumentError(fmt::format("'{}' cannot stand after ===", Shown(text)));
    }
    arbitrary_ = absl::AsciiStrToLower(Av(text));
    if (auto version = Version::Parse(text); version.ok()) version_ = *std::move(version);
    return absl::OkStatus();
  }
  const bool equality = comparison_ == Comparison::kEqual || comparison_ == Comparison::kNotEqual;
  if (text.ends_with(".*")) {
    if (!equality) {
      return absl::InvalidArgumentError(fmt::format("'{}': .* can only follow == and !=", Shown(text_)));
    }
    is_prefix_ = true;
    text.remove_suffix(2);
  }
  ASSIGN_OR_RETURN(version_, Version::Parse(text));
  // What Version::Parse lets pass: blanks around it.
  if (Trim(text).size() != text.size()) {
    return absl::InvalidArgumentError(fmt::format("'{}' is not a version (PEP 440)", Shown(text)));
  }
  if (is_prefix_ && (version_->IsPrerelease() || version_->post.has_value() || !version_->local.empty())) {
    return absl::InvalidArgumentError(
        fmt::format("'{}': .* can only follow the numbers of a release", Shown(text_)));
  }
  if (!equality && !version_->local.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}': a local version can only follow == and !=", Shown(text_)));
  }
  if (comparison_ == Comparison::kCompatible && version_->release.size() < 2) {
    return absl::InvalidArgumentError(fmt::format("'{}': ~= needs at least two numbers", Shown(text_)));
  }
  if (comparison_ == Comparison::kLess) {
    bound_ = version_;
    // <1.0 leaves out 1.0.dev1 and 1.0rc1.
    if (!version_->IsPrerelease()) bound_->dev = Number();
  }
  return absl::OkStatus();
}

bool Specifier::HasPrefix(const Version& version) const {
  if (version.epoch != version_->epoch) return false;
  const size_t parts = version_->release.size() - (comparison_ == Comparison::kCompatible ? 1 : 0);
  for (size_t i = 0; i < parts; ++i) {
    if (version.ReleasePart(i) != version_->ReleasePart(i)) return false;
  }
  return true;
}

bool Specifier::IsGreater(const Version& version) const {
  if (!version_->dev.has_value() && !version_->post.has_value()) {
    // >1.0 leaves out 1.0.post1: what has the same release and phase can only be that, or less.
    const bool same_release = version.epoch == version_->epoch && [&] {
      for (size_t i = 0; i < std::max(version.release.size(), version_->release.size()); ++i) {
        if (version.ReleasePart(i) != version_->ReleasePart(i)) return false;
      }
      return true;
    }();
    if (same_release && version.pre == version_->pre) return false;
  }
  return std::is_gt(ComparePublic(version, *version_));
}

bool Specifier::IsCompatible(const Version& version) const {
  return version >= *version_ && HasPrefix(version);
}

bool Specifier::Contains(const Version& version) const {
  const auto equal = [&] {
    if (is_prefix_) return HasPrefix(version);
    return version_->local.empty() ? std::is_eq(ComparePublic(version, *version_)) : version == *version_;
  };
  switch (comparison_) {
    case Comparison::kArbitrary:
      return arbitrary_ == version.Text();
    case Comparison::kEqual:
      return equal();
    case Comparison::kNotEqual:
      return !equal();
    case Comparison::kCompatible:
      return IsCompatible(version);
    case Comparison::kLessOrEqual:
      return std::is_lteq(ComparePublic(version, *version_));
    case Comparison::kGreaterOrEqual:
      return version >= *version_;
    case Comparison::kGreater:
      return IsGreater(version);
    case Comparison::kLess:
      break;
  }
  return version < *bound_;
}

bool Specifier::ContainsText(std::string_view text) const {
  if (comparison_ == Comparison::kArbitrary) return arbitrary_ == Sv(absl::AsciiStrToLower(Av(text)));
  const auto version = Version::Parse(text);
  return version.ok() && Contains(*version);
}

bool Specifier::ImpliesPrereleases() const {
  return comparison_ != Comparison::kNotEqual && version_.has_value() && version_->IsPrerelease();
}

absl::StatusOr<SpecifierSet> SpecifierSet::Parse(std::string_view text) {
  std::vector<Specifier> clauses;
  for (const absl::string_view piece : absl::StrSplit(Av(text), ',')) {
    if (Trim(Sv(piece)).empty()) continue;
    ASSIGN_OR_RETURN(Specifier clause, Specifier::Parse(Sv(piece)));
    clauses.push_back(std::move(clause));
  }
  return SpecifierSet(std::move(clauses));
}

std::string SpecifierSet::Text() const {
  std::string text;
  for (const Specifier& clause : clauses_) {
    if (!text.empty()) text += ',';
    text += clause.text();
  }
  return text;
}

bool SpecifierSet::Contains(const Version& version) const {
  return std::all_of(clauses_.begin(), clauses_.end(),
                     [&](const Specifier& clause) { return clause.Contains(version); });
}

bool SpecifierSet::ImpliesPrereleases() const {
  return std::any_of(clauses_.begin(), clauses_.end(),
                     [](const Specifier& clause) { return clause.ImpliesPrereleases(); });
}

bool SpecifierSet::IsPinned() const {
  return std::any_of(clauses_.begin(), clauses_.end(), [](const Specifier& clause) {
    return clause.comparison() == Comparison::kArbitrary ||
           (clause.comparison() == Comparison::kEqual && !clause.is_prefix());
  });
}

std::vector<size_t> SpecifierSet::Filter(const std::vector<const Version*>& versions,
                                         std::optional<bool> prereleases) const {
  if (!prereleases.has_value() && ImpliesPrereleases()) prereleases = true;
  std::vector<size_t> contained;
  bool any_final = false;
  for (size_t i = 0; i < versions.size(); ++i) {
    if (prereleases == false && versions[i]->IsPrerelease()) continue;
    if (!Contains(*versions[i])) continue;
    any_final |= !versions[i]->IsPrerelease();
    contained.push_back(i);
  }
  if (!prereleases.has_value() && any_final) {
    std::erase_if(contained, [&](size_t i) { return versions[i]->IsPrerelease(); });
  }
  return contained;
}

}  // namespace crossmill::python
