#include "common/compare/classifier.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/compare/causes.h"
#include "common/compare/formats.h"
#include "common/compare/time_forms.h"

namespace crossmill::compare {
namespace {

constexpr int64_t kNanos = 1'000'000'000;
constexpr size_t kShown = 80;

v1::Cause CauseOf(std::string_view word, v1::Cause::Confidence confidence, std::string evidence) {
  v1::Cause cause;
  cause.set_class_(std::string(word));
  cause.set_confidence(confidence);
  cause.set_evidence(std::move(evidence));
  if (const CauseClass* known = FindCauseClass(word)) cause.set_remedy(std::string(known->remedy));
  return cause;
}

// As people read it, cut.
std::string Shown(std::string_view bytes) {
  if (bytes.empty()) return "nothing";
  const std::string_view head = bytes.substr(0, kShown);
  if (!IsText(head)) return "0x" + absl::BytesToHexString(Av(head.substr(0, 16)));
  return Printable(head) + (bytes.size() > head.size() ? "…" : "");
}

// What differs, with the characters of a word around it.
struct Token {
  std::string_view first;
  std::string_view second;
};

bool IsWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
         c == '.' || c == '/' || c == '+';
}

// `alphabet` decides what belongs to the token.
Token TokenOf(std::string_view first, std::string_view second, bool (*alphabet)(char)) {
  const size_t shorter = std::min(first.size(), second.size());
  size_t head = 0;
  while (head < shorter && first[head] == second[head]) ++head;
  size_t tail = 0;
  while (tail < shorter - head && first[first.size() - 1 - tail] == second[second.size() - 1 - tail]) ++tail;
  while (head > 0 && alphabet(first[head - 1])) --head;
  const auto grow = [&](std::string_view text) {
    size_t end = text.size() - tail;
    while (end < text.size() && alphabet(text[end])) ++end;
    return text.substr(head, end - head);
  };
  return {grow(first), grow(second)};
}

bool IsHex(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

// Of capitals, small letters and digits it has two at least.
bool IsMixed(std::string_view text) {
  const auto any = [&](char from, char to) {
    return std::any_of(text.begin(), text.end(), [&](char c) { return c >= from && c <= to; }) ? 1 : 0;
  };
  return any('0', '9') + any('a', 'z') + any('A', 'Z') >= 2;
}

// The words of a line, sorted: what only stands in another order has the same.
std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words =
      absl::StrSplit(Av(text), absl::ByAnyChar(" \t,;:{}[]()'\"<>="), absl::SkipEmpty());
  std::sort(words.begin(), words.end());
  return words;
}

// How many characters of two texts of one length are others.
size_t CountOthers(std::string_view first, std::string_view second) {
  size_t others = 0;
  for (size_t i = 0; i < std::min(first.size(), second.size()); ++i) others += first[i] != second[i] ? 1 : 0;
  return others;
}

// How many processors a list of them names ("0-2,5"); 0: it is none.
int CountOfList(std::string_view list) {
  int count = 0;
  for (const absl::string_view part : absl::StrSplit(Av(list), ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    int from = 0, to = 0;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &from) || !absl::SimpleAtoi(ends.back(), &to) ||
        to < from)
      return 0;
    count += to - from + 1;
  }
  return count;
}

// Every number is a '#': what else the text is.
std::string WithoutNumbers(std::string_view text) {
  static const RE2 number("[0-9]+([.][0-9]+)?(e-?[0-9]+)?");
  std::string rest(text);
  RE2::GlobalReplace(&rest, number, "#");
  return rest;
}

bool LooksTemporary(std::string_view path) {
  static const RE2 temporary(
      "(^|/)(tmp|temp|var/tmp|pip-|build-env|pip-install-|cc[A-Za-z0-9]{6}|tmp[A-Za-z0-9_]+)");
  return RE2::PartialMatch(re2::StringPiece(path.data(), path.size()), temporary);
}

std::string BaseName(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

bool IsInDebugInformation(const v1::ContentDifference& difference) {
  return std::any_of(difference.inside().begin(), difference.inside().end(),
                     [](const std::string& part) { return part.find(".debug_") != std::string::npos; });
}

}  // namespace

Classifier::Classifier(ExecutionFacts first, ExecutionFacts second,
                       absl::Span<const v1::PathDifference> differences)
    : first_(std::move(first)), second_(std::move(second)) {
  for (const v1::PathDifference& difference : differences) {
    for (const std::string* digest : {&difference.first().hash(), &difference.second().hash()}) {
      if (!digest->empty()) files_.digests.insert(*digest);
    }
    files_.names.insert(BaseName(difference.path()));
  }
}

std::string Classifier::BothSides(std::string_view first, std::string_view second) const {
  return fmt::format("{} on {}, {} on {}", Shown(first), first_.worker, Shown(second), second_.worker);
}

std::string Classifier::Excluded() const {
  std::string excluded;
  const auto add = [&](bool known, std::string_view what) {
    if (known) excluded += fmt::format("{}{}", excluded.empty() ? "" : ", ", what);
  };
  add(first_.begin > 0 && second_.begin > 0, "the times of both executions");
  add(!first_.host_name.empty(), "host names");
  add(!first_.kernel.empty(), "kernels");
  add(!first_.cpu_model.empty(), "processor models");
  add(!first_.processors.empty(), "numbers of processors");
  return excluded.empty() ? "nothing is recorded that could explain it" : "it is none of " + excluded;
}

bool Classifier::FindTime(std::string_view first, std::string_view second, bool text,
                          v1::Cause* cause) const {
  if (first_.begin <= 0 || second_.begin <= 0) return false;
  const ClockSeconds ours{first_.begin / kNanos, first_.end / kNanos};
  const ClockSeconds theirs{second_.begin / kNanos, second_.end / kNanos};
  const std::optional<FoundTime> time =
      text ? FindTimeInText(first, second, ours, theirs) : FindTimeInBytes(first, second, ours, theirs);
  if (!time) return false;
  *cause = CauseOf(
      "embedded-time", time->certain ? v1::Cause::CONFIDENCE_CERTAIN : v1::Cause::CONFIDENCE_LIKELY,
      fmt::format("it is the clock's time ({}): {}", time->form, BothSides(time->first, time->second)));
  return true;
}

bool Classifier::FindFact(std::string_view first, std::string_view second, v1::Cause* cause) const {
  struct Fact {
    std::string_view word;
    std::string_view phrase;
    const std::string& first;
    const std::string& second;
  };
  const std::array facts = {
      Fact{"host-name", "the host's name", first_.host_name, second_.host_name},
      Fact{"host-name", "the name of the worker's machine", first_.machine_name, second_.machine_name},
      Fact{"kernel", "the kernel's version", first_.kernel, second_.kernel},
      Fact{"cpu-model", "the processor's model", first_.cpu_model, second_.cpu_model},
  };
  for (const Fact& fact : facts) {
    if (fact.first.empty() || fact.second.empty() || fact.first == fact.second) continue;
    if (first.find(fact.first) == std::string_view::npos ||
        second.find(fact.second) == std::string_view::npos)
      continue;
    // With the name taken out nothing differs any more.
    const std::string ours = absl::StrReplaceAll(Av(first), {{fact.first, "\x01"}});
    const std::string theirs = absl::StrReplaceAll(Av(second), {{fact.second, "\x01"}});
    const bool whole = ours == theirs;
    *cause = CauseOf(fact.word, whole ? v1::Cause::CONFIDENCE_CERTAIN : v1::Cause::CONFIDENCE_LIKELY,
                     fmt::format("it has {}: {}", fact.phrase, BothSides(fact.first, fact.second)));
    return true;
  }
  const Token token = TokenOf(first, second, [](char c) { return c >= '0' && c <= '9'; });
  if (!first_.processors.empty() && first_.processors != second_.processors &&
      token.first == first_.processors && token.second == second_.processors) {
    *cause = CauseOf("processors", v1::Cause::CONFIDENCE_LIKELY,
                     fmt::format("it is the number of processors: {}", BothSides(token.first, token.second)));
    return true;
  }
  const Token list =
      TokenOf(first, second, [](char c) { return (c >= '0' && c <= '9') || c == '-' || c == ','; });
  const auto names = [](std::string_view text, const std::string& processors) {
    const int count = CountOfList(text);
    return count > 0 && processors == std::to_string(count);
  };
  if (first_.processors != second_.processors && names(list.first, first_.processors) &&
      names(list.second, second_.processors)) {
    *cause = CauseOf("processors", v1::Cause::CONFIDENCE_LIKELY,
                     fmt::format("it is the list of processors: {}", BothSides(list.first, list.second)));
    return true;
  }
  return false;
}

bool Classifier::FindPath(const v1::ContentDifference& difference, std::string_view first,
                          std::string_view second, v1::Cause* cause) const {
  const Token token = TokenOf(first, second, IsWord);
  const bool paths =
      token.first.find('/') != std::string_view::npos && token.second.find('/') != std::string_view::npos;
  if (!paths || !LooksTemporary(token.first) || !LooksTemporary(token.second)) return false;
  const bool debug = IsInDebugInformation(difference);
  *cause =
      CauseOf("build-path", v1::Cause::CONFIDENCE_LIKELY,
              fmt::format("a folder with a name of its own for each build{}: {}",
                          debug ? " in the debug information" : "", BothSides(token.first, token.second)));
  if (debug) {
    cause->set_remedy("Compile without debug information, or in a folder with a fixed name.");
    cause->add_remedy_lines("ENV CFLAGS=-g0 CXXFLAGS=-g0");
  }
  return true;
}

bool Classifier::FindProcessId(std::string_view path, std::string_view first, std::string_view second,
                               v1::Cause* cause) const {
  const Token token = TokenOf(first, second, [](char c) { return c >= '0' && c <= '9'; });
  constexpr int64_t kMostPids = 4 << 20;
  int64_t ours = 0, theirs = 0;
  if (!absl::SimpleAtoi(Av(token.first), &ours) || !absl::SimpleAtoi(Av(token.second), &theirs)) return false;
  if (ours <= 0 || theirs <= 0 || ours > kMostPids || theirs > kMostPids) return false;
  static const RE2 mention("(?i)(\\bpid\\b|process[ _-]?id|\\.pid$|/pid$)");
  if (!RE2::PartialMatch(std::string(path), mention) && !RE2::PartialMatch(std::string(first), mention))
    return false;
  *cause = CauseOf("process-id", v1::Cause::CONFIDENCE_LIKELY,
                   fmt::format("it is called a process id: {}", BothSides(token.first, token.second)));
  return true;
}

bool Classifier::FindChance(std::string_view first, std::string_view second, bool text,
                            v1::Cause* cause) const {
  const auto random = [&](v1::Cause::Confidence confidence, std::string_view what, std::string_view a,
                          std::string_view b) {
    *cause = CauseOf("random", confidence, fmt::format("{}: {}", what, BothSides(a, b)));
    return true;
  };
  if (!text) {
    // Equal lengths, and nearly every byte is another one.
    const Token token = TokenOf(first, second, [](char) { return false; });
    constexpr size_t kFewest = 8;
    if (token.first.size() != token.second.size() || token.first.size() < kFewest) return false;
    if (CountOthers(token.first, token.second) * 10 < token.first.size() * 9) return false;
    return random(v1::Cause::CONFIDENCE_LIKELY, "bytes without any relation", token.first, token.second);
  }
  if (first != second && WordsOf(first) == WordsOf(second)) {
    *cause = CauseOf("order", v1::Cause::CONFIDENCE_CERTAIN,
                     fmt::format("the same words in another order: {}", BothSides(first, second)));
    return true;
  }
  const Token token = TokenOf(first, second, IsWord);
  static const RE2 uuid("(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
  if (RE2::PartialMatch(re2::StringPiece(token.first.data(), token.first.size()), uuid) &&
      RE2::PartialMatch(re2::StringPiece(token.second.data(), token.second.size()), uuid)) {
    return random(v1::Cause::CONFIDENCE_CERTAIN, "a UUID", token.first, token.second);
  }
  // Of each 16 hex digits one is equal by chance; of other alphabets fewer.
  constexpr size_t kFewestDigits = 8;
  const bool same_length = token.first.size() == token.second.size() && token.first.size() >= kFewestDigits;
  const size_t others = CountOthers(token.first, token.second);
  if (same_length && IsHex(token.first) && IsHex(token.second) && others * 10 >= token.first.size() * 7) {
    return random(v1::Cause::CONFIDENCE_LIKELY, "hexadecimal digits without any relation", token.first,
                  token.second);
  }
  // Addresses have a beginning and an end in common.
  static const RE2 address("0x[0-9a-f]{8,16}");
  if (RE2::FullMatch(re2::StringPiece(token.first.data(), token.first.size()), address) &&
      RE2::FullMatch(re2::StringPiece(token.second.data(), token.second.size()), address)) {
    return random(v1::Cause::CONFIDENCE_POSSIBLE, "addresses, or other numbers in hexadecimal", token.first,
                  token.second);
  }
  // Letters and digits that mean nothing: nearly all are others, and they are of several kinds, as no word's
  // are.
  constexpr size_t kFewestCharacters = 6;
  const Token core = TokenOf(first, second, [](char) { return false; });
  const Token inner = TokenOf(first, second, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '/' || c == '=';
  });
  if (inner.first.size() == inner.second.size() && core.first.size() >= kFewestCharacters &&
      CountOthers(core.first, core.second) * 10 >= core.first.size() * 8 && IsMixed(core.first) &&
      IsMixed(core.second)) {
    return random(v1::Cause::CONFIDENCE_LIKELY, "characters without any relation", inner.first, inner.second);
  }
  // Numbers of many digits that are no times, in text that is the same but for them.
  const Token number = TokenOf(first, second, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  static const RE2 digits("[0-9]*[.]?[0-9]{4,}");
  static const RE2 leading("-?([0-9.]+)");
  const auto starts_long = [](std::string_view text) {
    std::string leading_number;
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), leading, &leading_number) &&
           RE2::FullMatch(leading_number, digits);
  };
  if (WithoutNumbers(first) == WithoutNumbers(second) ||
      (first.starts_with('-') != second.starts_with('-'))) {
    if (starts_long(number.first) && starts_long(number.second)) {
      return random(v1::Cause::CONFIDENCE_POSSIBLE, "numbers without any relation", number.first,
                    number.second);
    }
  }
  return false;
}

bool Classifier::IsDerived(std::string_view path, const DifferingParts& parts, std::string_view first,
                           std::string_view second) const {
  const auto is_other = [&](const std::string& digest) {
    return files_.digests.contains(digest) || parts.digests.contains(digest);
  };
  // Digests of contents that differ, as sha256sum, RECORD or an OCI document write them.
  static const RE2 hex("\\b([0-9a-fA-F]{64})\\b");
  static const RE2 base64("sha256=([A-Za-z0-9_-]{43})");
  const auto mentions = [&](std::string_view text) {
    re2::StringPiece rest(text.data(), text.size());
    std::string digest;
    while (RE2::FindAndConsume(&rest, hex, &digest)) {
      std::transform(digest.begin(), digest.end(), digest.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      if (is_other(digest)) return true;
    }
    rest = re2::StringPiece(text.data(), text.size());
    while (RE2::FindAndConsume(&rest, base64, &digest)) {
      std::string raw;
      if (absl::WebSafeBase64Unescape(digest, &raw) && is_other(absl::BytesToHexString(raw))) return true;
    }
    return false;
  };
  if (mentions(first) && mentions(second)) return true;
  // Another kind of checksum in front of, or behind, the name of a file that differs.
  static const RE2 sum(
      "\\b([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})\\b");
  if (!RE2::PartialMatch(re2::StringPiece(first.data(), first.size()), sum)) return false;
  const std::vector<std::string> words =
      absl::StrSplit(Av(first), absl::ByAnyChar(" \t,*()="), absl::SkipEmpty());
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    const std::string name = BaseName(word);
    return name.size() > 2 && name != BaseName(path) &&
           (files_.names.contains(name) || parts.names.contains(name));
  });
}

void Classifier::ClassifyOne(std::string_view path, const DifferingParts& parts,
                             v1::ContentDifference* difference) const {
  const std::string first = difference->first();
  const std::string second = difference->second();
  const std::string formatted = difference->cause().class_();
  if (difference->derived()) return;
  const bool text = IsText(first) && IsText(second);
  v1::Cause* cause = difference->mutable_cause();
  if (text && IsDerived(path, parts, first, second)) {
    difference->set_derived(true);
    difference->clear_cause();
    return;
  }
  if (!formatted.empty()) {
    // The format says what it is; the evidence, where the value comes from.
    v1::Cause found;
    const bool time = text && FindTime(first, second, true, &found);
    *cause = CauseOf(formatted, v1::Cause::CONFIDENCE_CERTAIN,
                     fmt::format("{}: {}{}", difference->place(), BothSides(first, second),
                                 time ? ", the clock's time there" : ""));
    return;
  }
  if (text ? FindTime(first, second, true, cause) : FindTime(first, second, false, cause)) return;
  if (FindFact(first, second, cause)) return;
  if (!text && FindTime(first, second, true, cause)) return;
  if (FindPath(*difference, first, second, cause)) return;
  if (text && FindProcessId(path, first, second, cause)) return;
  const auto in_code = [&](std::string_view name) {
    return std::any_of(difference->inside().begin(), difference->inside().end(),
                       [&](const std::string& part) { return part == name; });
  };
  if (in_code("section .text") && !first_.cpu_model.empty() && first_.cpu_model != second_.cpu_model) {
    *cause = CauseOf("cpu-features", v1::Cause::CONFIDENCE_POSSIBLE,
                     fmt::format("the machine code differs, and so do the processors: {}",
                                 BothSides(first_.cpu_model, second_.cpu_model)));
    return;
  }
  if (path.ends_with(".pyc") && in_code("code")) {
    *cause = CauseOf("pyc-body", v1::Cause::CONFIDENCE_LIKELY,
                     fmt::format("compiled code of one source differs at {}", difference->place()));
    return;
  }
  if (FindChance(first, second, text, cause)) return;
  *cause = CauseOf("unknown", v1::Cause::CONFIDENCE_CERTAIN,
                   fmt::format("{}: {}; {}", difference->place(), BothSides(first, second), Excluded()));
}

void Classifier::Classify(const DifferingParts& parts, v1::FileDifference* file) const {
  for (v1::ContentDifference& difference : *file->mutable_differences()) {
    ClassifyOne(file->path(), parts, &difference);
  }
}

v1::Cause Classifier::ClassifyNames(std::string_view first, std::string_view second) const {
  v1::Cause cause;
  v1::ContentDifference none;
  if (FindTime(first, second, true, &cause) || FindFact(first, second, &cause) ||
      FindChance(first, second, true, &cause)) {
    cause.set_evidence("in the name " + cause.evidence());
    return cause;
  }
  return CauseOf("unknown", v1::Cause::CONFIDENCE_CERTAIN,
                 fmt::format("the name: {}; {}", BothSides(first, second), Excluded()));
}

v1::Cause Classifier::ClassifyMetadata(const v1::PathDifference& difference) const {
  const bool time = difference.kind() == v1::PathDifference::KIND_TIME;
  return CauseOf(time ? "file-time" : "file-metadata", v1::Cause::CONFIDENCE_CERTAIN,
                 difference.detail().empty()
                     ? std::string(time ? "only the time differs" : "only the metadata differs")
                     : difference.detail());
}

}  // namespace crossmill::compare
