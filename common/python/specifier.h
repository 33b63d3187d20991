// Version specifiers (PEP 440): "~=2.1, !=2.1.3". Agrees with `packaging.specifiers` 26, which the tests
// compare it with, in what a set contains and in when pre-releases count.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/python/version.h"

namespace crossmill::python {

enum class Comparison {
  kEqual,
  kNotEqual,
  kCompatible,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  // ===: the text of the version, letter by letter.
  kArbitrary,
};

// One clause.
class Specifier {
 public:
  // INVALID_ARGUMENT that says what is wrong: no operator, no version, `.*` or a local part where they may
  // not stand.
  static absl::StatusOr<Specifier> Parse(std::string_view text);

  Comparison comparison() const { return comparison_; }
  // ==1.2.* and !=1.2.*
  bool is_prefix() const { return is_prefix_; }
  // Operator and version as they were given, without blanks.
  const std::string& text() const { return text_; }
  // The version, without `.*`; nullopt only for === with something else.
  const std::optional<Version>& version() const { return version_; }

  bool Contains(const Version& version) const;
  // Of a text that need not be a version: only === can contain one that is none.
  bool ContainsText(std::string_view text) const;
  // Names a pre-release, and so asks for them.
  bool ImpliesPrereleases() const;

 private:
  bool HasPrefix(const Version& version) const;
  bool IsGreater(const Version& version) const;
  bool IsCompatible(const Version& version) const;
  absl::Status ReadVersion(std::string_view text);

  Comparison comparison_ = Comparison::kEqual;
  bool is_prefix_ = false;
  std::string text_;
  std::string arbitrary_;
  std::optional<Version> version_;
  // Of kLess: what is less than this is contained.
  std::optional<Version> bound_;
};

// Clauses that all must hold; none: every version.
class SpecifierSet {
 public:
  SpecifierSet() = default;
  explicit SpecifierSet(std::vector<Specifier> clauses) : clauses_(std::move(clauses)) {}
  // Clauses separated by commas; what is empty between commas counts as nothing.
  static absl::StatusOr<SpecifierSet> Parse(std::string_view text);

  const std::vector<Specifier>& clauses() const { return clauses_; }
  bool empty() const { return clauses_.empty(); }
  // "~=2.1,!=2.1.3", in the order in which they were given.
  std::string Text() const;

  // Whether each clause holds; pre-releases are like others here.
  bool Contains(const Version& version) const;
  // A clause names a pre-release.
  bool ImpliesPrereleases() const;
  // == or === with a whole version: such a requirement may have a version that was yanked (PEP 592).
  bool IsPinned() const;

  // The indices of those that are contained. Pre-releases: all (true), none (false), or (nullopt) those that
  // a clause asks for, else only if nothing else is contained.
  std::vector<size_t> Filter(const std::vector<const Version*>& versions,
                             std::optional<bool> prereleases) const;

 private:
  std::vector<Specifier> clauses_;
};

}  // namespace crossmill::python
