// Why two contents differ: from the bytes and from what is recorded of the two executions. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/types/span.h"
#include "common/compare/fact_pair.h"
#include "common/compare/facts.h"
#include "common/compare/formats/differences.h"
#include "crossmill/v1/difference.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::compare {

// Of one step and two of its executions. A cause is only said where it explains all that differs in a piece,
// on both sides: a time lies in the side's own execution, a name is the side's own. What nothing explains is
// "unknown", and the evidence says what was excluded. Not thread safe.
class Classifier {
 public:
  // `differences` are all paths of the step that differ: what names them, or their digests, only follows from
  // them.
  Classifier(ExecutionFacts first, ExecutionFacts second, absl::Span<const v1::PathDifference> differences);

  // Fills in cause and `derived` of each of the file's differences; `parts` are what within it differs.
  // `roots`, if not null, gets the other paths of the step from which a difference follows.
  void Classify(const DifferingParts& parts, v1::FileDifference* file,
                std::set<std::string>* roots = nullptr) const;
  // Two names of one thing that is called otherwise on the other side; "unknown" if nothing explains it.
  v1::Cause ClassifyNames(std::string_view first, std::string_view second) const;
  // Of a path that one side alone has, under no other name.
  v1::Cause ClassifyAlone(std::string_view path, bool first) const;
  // Of a path whose content is the same.
  v1::Cause ClassifyMetadata(const v1::PathDifference& difference) const;

 private:
  void ClassifyOne(std::string_view path, const FactPair& facts, const Pieces* pieces,
                   v1::ContentDifference* difference) const;
  v1::Cause CauseByFormat(const v1::ContentDifference& difference, const FactPair& facts) const;
  v1::Cause CauseByPlace(std::string_view path, const v1::ContentDifference& difference,
                         const FactPair& facts) const;
  std::string Excluded() const;

  ExecutionFacts first_;
  ExecutionFacts second_;
  // The paths of the step that differ by SHA-256 and by size, of both sides, and by name without folders.
  std::map<std::pair<std::string, std::string>, std::string, std::less<>> by_digests_;
  std::map<std::pair<int64_t, int64_t>, std::string> by_sizes_;
  std::map<std::string, std::string, std::less<>> by_name_;
};

}  // namespace crossmill::compare
