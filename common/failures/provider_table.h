// Which packages of which distribution bring a header, a library or a program: the `provide` lines of rule
// files. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/failures/distribution.h"

namespace crossmill::failures {

// Something that is missing: kind "header", name "libpq-fe.h".
struct Thing {
  std::string kind;
  std::string name;
  bool operator==(const Thing&) const = default;
};

// What brings it.
struct Provision {
  std::vector<std::string> packages;
  // The release of it that these packages have ("1.63" of Rust); empty: not said.
  Release version;
};

// Filled while rule files are read; immutable afterwards, then thread safe.
class ProviderTable {
 public:
  // "KIND NAME[,NAME...] FAMILY[RANGE]=PACKAGE[,PACKAGE...] ...", without the keyword. INVALID_ARGUMENT says
  // what is wrong with it. Of equal names the line that was added last counts, whole.
  absl::Status Add(std::string_view definition);
  // "FAMILY[RANGE] ...": releases whose packages are on no mirror any more.
  absl::Status AddArchived(std::string_view definition);

  // By the exact name, else by the longest beginning with a star that knows the distribution. Of its families
  // the first of the distribution counts that has no range, or one with the release in it; those of
  // distributions that this one is like only without a range. nullopt: none is known.
  std::optional<Provision> Find(const Thing& thing, const Distribution& distribution) const;
  bool IsArchived(const Distribution& distribution) const;
  // The first word of a sentence that is known as a program that ends in "config", as a library, or as a
  // header, whatever its case. Words that may just be English are none.
  std::optional<Thing> NamedIn(std::string_view text) const;

 private:
  struct Family {
    std::string id;
    std::optional<ReleaseRange> releases;
    Provision provision;
  };
  using Families = std::vector<Family>;

  static const Provision* Choose(const Families& families, const Distribution& distribution);
  // Exact, then the longest beginning first.
  std::vector<const Families*> FamiliesOf(const Thing& thing) const;

  // By kind and name. The second's names end where their star was.
  std::map<std::string, std::map<std::string, Families, std::less<>>, std::less<>> exact_;
  std::map<std::string, std::map<std::string, Families, std::less<>>, std::less<>> beginnings_;
  Families archived_;
};

}  // namespace crossmill::failures
