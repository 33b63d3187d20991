// Why two contents differ: from the bytes and from what is recorded of the two executions. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "common/compare/differences.h"
#include "common/compare/facts.h"
#include "crossmill/v1/difference.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::compare {

// Of one step and two of its executions. A cause is only said where the bytes agree with it on both sides: a
// time lies in the side's own execution, a name is the side's own. What nothing explains is "unknown", and
// the evidence says what was excluded. Not thread safe.
class Classifier {
 public:
  // `differences` are all paths of the step that differ: what names them, or their digests, only follows from
  // them.
  Classifier(ExecutionFacts first, ExecutionFacts second, absl::Span<const v1::PathDifference> differences);

  // Fills in cause and `derived` of each of the file's differences; `parts` are what within it differs.
  void Classify(const DifferingParts& parts, v1::FileDifference* file) const;
  // Two names of one thing that is called otherwise on the other side; "unknown" if nothing explains it.
  v1::Cause ClassifyNames(std::string_view first, std::string_view second) const;
  // Of a path whose content is the same.
  v1::Cause ClassifyMetadata(const v1::PathDifference& difference) const;

 private:
  void ClassifyOne(std::string_view path, const DifferingParts& parts,
                   v1::ContentDifference* difference) const;
  bool FindTime(std::string_view first, std::string_view second, bool text, v1::Cause* cause) const;
  bool FindFact(std::string_view first, std::string_view second, v1::Cause* cause) const;
  bool FindPath(const v1::ContentDifference& difference, std::string_view first, std::string_view second,
                v1::Cause* cause) const;
  bool FindChance(std::string_view first, std::string_view second, bool text, v1::Cause* cause) const;
  bool FindProcessId(std::string_view path, std::string_view first, std::string_view second,
                     v1::Cause* cause) const;
  // The difference is a checksum or a mention of another path that differs.
  bool IsDerived(std::string_view path, const DifferingParts& parts, std::string_view first,
                 std::string_view second) const;
  std::string Excluded() const;
  // "A on w1, B on w2".
  std::string BothSides(std::string_view first, std::string_view second) const;

  ExecutionFacts first_;
  ExecutionFacts second_;
  // Of the paths of the step that differ.
  DifferingParts files_;
};

}  // namespace crossmill::compare
