#include "common/compare/classifier.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/compare/explanation.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

bool IsWithin(const v1::ContentDifference& difference, std::string_view part) {
  return std::any_of(difference.inside().begin(), difference.inside().end(),
                     [&](const std::string& each) { return each.find(part) != std::string::npos; });
}

// Nearly each byte is another one, and of several kinds: no format would be left of which one could ask more.
bool AreUnrelated(std::string_view first, std::string_view second) {
  constexpr size_t kFewest = 8;
  if (first.size() != second.size() || first.size() < kFewest) return false;
  size_t others = 0;
  std::set<char> ours, theirs;
  for (size_t i = 0; i < first.size(); ++i) {
    others += first[i] != second[i] ? 1 : 0;
    ours.insert(first[i]);
    theirs.insert(second[i]);
  }
  const size_t kinds = std::min<size_t>(first.size(), 128) / 2;
  return others * 10 >= first.size() * 9 && ours.size() >= kinds && theirs.size() >= kinds;
}

// Both without what is equal at their ends.
std::pair<std::string_view, std::string_view> Core(std::string_view first, std::string_view second) {
  const size_t shorter = std::min(first.size(), second.size());
  size_t head = 0, tail = 0;
  while (head < shorter && first[head] == second[head]) ++head;
  while (tail < shorter - head && first[first.size() - 1 - tail] == second[second.size() - 1 - tail]) ++tail;
  return {first.substr(head, first.size() - head - tail), second.substr(head, second.size() - head - tail)};
}

}  // namespace

Classifier::Classifier(ExecutionFacts first, ExecutionFacts second,
                       absl::Span<const v1::PathDifference> differences)
    : first_(std::move(first)), second_(std::move(second)) {
  for (const v1::PathDifference& difference : differences) {
    by_name_.emplace(LastName(difference.path()), difference.path());
    if (difference.kind() != v1::PathDifference::KIND_CONTENT) continue;
    const auto& ours = difference.first();
    const auto& theirs = difference.second();
    by_digests_.emplace(std::pair(ours.hash(), theirs.hash()), difference.path());
    if (ours.size_bytes() != theirs.size_bytes())
      by_sizes_.emplace(std::pair(ours.size_bytes(), theirs.size_bytes()), difference.path());
  }
}

std::string Classifier::Excluded() const {
  std::string excluded;
  const auto add = [&](bool known, std::string_view what) {
    if (known) excluded += fmt::format("{}{}", excluded.empty() ? "" : ", ", what);
  };
  add(first_.begin > 0 && second_.begin > 0, "the times of both executions");
  add(!first_.host_name.empty() && !second_.host_name.empty(), "host names");
  add(!first_.kernel.empty() && !second_.kernel.empty(), "kernels");
  add(!first_.cpu_model.empty() && !second_.cpu_model.empty(), "processor models");
  add(!first_.processors.empty() && !second_.processors.empty(), "numbers of processors");
  return excluded.empty() ? "nothing is recorded that could explain it" : "it is none of " + excluded;
}

v1::Cause Classifier::CauseByFormat(const v1::ContentDifference& difference, const FactPair& facts) const {
  // The format says what it is; the evidence, where the value comes from.
  bool derived = false;
  const auto value = CauseOfPieces(difference.first(), difference.second(), facts, {}, &derived);
  const bool time = value && value->class_() == "embedded-time";
  return MakeCause(difference.cause().class_(), v1::Cause::CONFIDENCE_CERTAIN,
                   fmt::format("{}: {}{}", difference.place(),
                               BothSides(Shown(difference.first()), Shown(difference.second()), facts),
                               time ? ", the clock's time there" : ""));
}

v1::Cause Classifier::CauseByPlace(std::string_view path, const v1::ContentDifference& difference,
                                   const FactPair& facts) const {
  if (IsWithin(difference, "section .text") && !first_.cpu_model.empty() && !second_.cpu_model.empty() &&
      first_.cpu_model != second_.cpu_model) {
    return MakeCause("cpu-features", v1::Cause::CONFIDENCE_POSSIBLE,
                     fmt::format("the machine code differs, and so do the processors: {}",
                                 BothSides(first_.cpu_model, second_.cpu_model, facts)));
  }
  if (path.ends_with(".pyc") && IsWithin(difference, "code")) {
    return MakeCause("pyc-body", v1::Cause::CONFIDENCE_LIKELY,
                     fmt::format("compiled code of one source differs at {}", difference.place()));
  }
  const auto [ours, theirs] = Core(difference.first(), difference.second());
  const bool binary = !IsText(difference.first()) || !IsText(difference.second());
  if (binary && !IsWithin(difference, "section ") && AreUnrelated(ours, theirs)) {
    return MakeCause("random", v1::Cause::CONFIDENCE_POSSIBLE,
                     fmt::format("bytes without any relation, random or of a form that is not known: {}; {}",
                                 BothSides(Shown(ours), Shown(theirs), facts), Excluded()));
  }
  return MakeCause(
      "unknown", v1::Cause::CONFIDENCE_CERTAIN,
      fmt::format("{}: {}; {}", difference.place(),
                  BothSides(Shown(difference.first()), Shown(difference.second()), facts), Excluded()));
}

void Classifier::ClassifyOne(std::string_view path, const FactPair& facts, const Pieces* pieces,
                             v1::ContentDifference* difference) const {
  if (difference->derived()) return;
  v1::Cause* cause = difference->mutable_cause();
  if (!cause->class_().empty()) {
    *cause = CauseByFormat(*difference, facts);
    return;
  }
  const std::string_view first = pieces != nullptr ? pieces->first : difference->first();
  const std::string_view second = pieces != nullptr ? pieces->second : difference->second();
  const size_t most = pieces != nullptr ? kMostPieceBytes : kMostBytesTold;
  const PiecesKind kind{.binary = !IsText(first) || !IsText(second),
                        .cut = first.size() >= most || second.size() >= most};
  // The name of the file that has the debug information, and a checksum of it.
  if (IsWithin(*difference, "section .gnu_debuglink") && facts.named_in &&
      !facts.named_in(first.substr(0, first.find('\0'))).empty()) {
    difference->set_derived(true);
    return;
  }
  bool derived = false;
  auto found = CauseOfPieces(first, second, facts, kind, &derived);
  if (!found) {
    *cause = CauseByPlace(path, *difference, facts);
    return;
  }
  difference->set_derived(derived);
  if (derived) {
    difference->clear_cause();
    return;
  }
  if (found->class_() == "build-path" && IsWithin(*difference, ".debug_")) {
    found->set_evidence(found->evidence() + ", in the debug information");
    found->set_remedy("Compile without debug information, or in a folder with a fixed name.");
    found->add_remedy_lines("ENV CFLAGS=-g0 CXXFLAGS=-g0");
  }
  *cause = *std::move(found);
}

void Classifier::Classify(const DifferingParts& parts, v1::FileDifference* file,
                          std::set<std::string>* roots) const {
  const std::string& path = file->path();
  // What is said of a file itself does not follow from another.
  const auto other = [&](const std::string& root) {
    if (root == path) return std::string();
    if (roots != nullptr) roots->insert(root);
    return root;
  };
  FactPair facts{first_, second_, path};
  facts.checksum_of = [&](std::string_view first, std::string_view second) {
    const std::pair key{std::string(first), std::string(second)};
    if (parts.digests.contains(first) && parts.digests.contains(second)) return "a part of " + path;
    const auto found = by_digests_.find(key);
    return found == by_digests_.end() ? std::string() : other(found->second);
  };
  facts.size_of = [&](int64_t first, int64_t second) {
    if (parts.sizes.contains({first, second})) return "a part of " + path;
    const auto found = by_sizes_.find({first, second});
    return found == by_sizes_.end() ? std::string() : other(found->second);
  };
  facts.named_in = [&](std::string_view text) {
    const std::vector<std::string> words =
        absl::StrSplit(Av(text), absl::ByAnyChar(" \t,*()=\""), absl::SkipEmpty());
    for (const std::string& word : words) {
      const std::string name(LastName(word));
      if (name.size() < 3 || name == LastName(path)) continue;
      if (parts.names.contains(name)) return "a part of " + path;
      const auto found = by_name_.find(name);
      if (found != by_name_.end()) return other(found->second);
    }
    return std::string();
  };
  for (int i = 0; i < file->differences_size(); ++i) {
    const bool known = static_cast<size_t>(i) < parts.pieces.size();
    ClassifyOne(path, facts, known ? &parts.pieces[static_cast<size_t>(i)] : nullptr,
                file->mutable_differences(i));
  }
}

v1::Cause Classifier::ClassifyNames(std::string_view first, std::string_view second) const {
  const FactPair facts{first_, second_};
  bool derived = false;
  if (auto cause = CauseOfPieces(first, second, facts, {}, &derived)) {
    cause->set_evidence("in the name " + cause->evidence());
    return *std::move(cause);
  }
  return MakeCause(
      "unknown", v1::Cause::CONFIDENCE_CERTAIN,
      fmt::format("the name: {}; {}", BothSides(Shown(first), Shown(second), facts), Excluded()));
}

v1::Cause Classifier::ClassifyAlone(std::string_view path, bool first) const {
  const ExecutionFacts& own = first ? first_ : second_;
  const ExecutionFacts& other = first ? second_ : first_;
  // A number in the name that is within the own number of processors, and not within the other's: one of a
  // file for each processor, counted from 0 or 1.
  const std::string name(LastName(path));
  const size_t end = name.find_last_of("0123456789");
  const size_t before = end == std::string::npos ? end : name.find_last_not_of("0123456789", end);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  uint64_t number = 0, ours = 0, theirs = 0;
  if (end != std::string::npos && absl::SimpleAtoi(name.substr(begin, end + 1 - begin), &number) &&
      absl::SimpleAtoi(own.processors, &ours) && absl::SimpleAtoi(other.processors, &theirs) &&
      number >= theirs && number <= ours && theirs < ours) {
    return MakeCause(
        "processors", v1::Cause::CONFIDENCE_POSSIBLE,
        fmt::format("it is there only on {}, and its number is one of {} processors, not of {} as on {}",
                    own.worker, ours, theirs, other.worker));
  }
  return MakeCause("unknown", v1::Cause::CONFIDENCE_CERTAIN,
                   fmt::format("it is there only on {}", own.worker));
}

v1::Cause Classifier::ClassifyMetadata(const v1::PathDifference& difference) const {
  const bool time = difference.kind() == v1::PathDifference::KIND_TIME;
  return MakeCause(time ? "file-time" : "file-metadata", v1::Cause::CONFIDENCE_CERTAIN,
                   difference.detail().empty()
                       ? std::string(time ? "only the time differs" : "only the metadata differs")
                       : difference.detail());
}

}  // namespace crossmill::compare
