// Compiled Java classes: what a compiler wrote into constants, and what of the rest is not only an index into
// them.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/formats/formats.h"
#include "common/compare/formats/java_class_reader.h"
#include "common/compare/formats/java_indexes.h"

namespace crossmill::compare {
namespace {

constexpr size_t kNameShown = 60;
// Of constants that refer to constants.
constexpr int kMostReferences = 5;

std::string_view KindOf(uint8_t tag) {
  if (tag == kJavaText) return "text";
  if (tag == kJavaInteger) return "int";
  if (tag == kJavaLong) return "long";
  if (tag == 4) return "float";
  if (tag == 6) return "double";
  return "reference";
}

// It says something by itself, and is no index of others.
bool IsValue(const JavaConstant& constant) { return constant.tag >= 1 && constant.tag <= 6; }

// Whole numbers in digits, as people and clocks have them.
std::string ValueOf(const JavaConstant& constant) {
  if (constant.tag == kJavaInteger)
    return std::to_string(static_cast<int32_t>(NumberAt(constant.bytes, 0, 4, false)));
  if (constant.tag == kJavaLong)
    return std::to_string(static_cast<int64_t>(NumberAt(constant.bytes, 0, 8, false)));
  return std::string(constant.bytes);
}

class ClassComparer {
 public:
  ClassComparer(const JavaClass& first, const JavaClass& second, std::string_view first_bytes,
                std::string_view second_bytes, Differences* differences)
      : first_(first),
        second_(second),
        first_bytes_(first_bytes),
        second_bytes_(second_bytes),
        differences_(differences) {
    std::map<std::pair<uint8_t, std::string_view>, size_t> numbers;
    const auto number = [&](const JavaConstant& constant) {
      return IsValue(constant)
                 ? numbers.emplace(std::pair(constant.tag, constant.bytes), numbers.size()).first->second
                 : kNoValue;
    };
    for (const JavaConstant& each : first.constants) first_values_.push_back(number(each));
    const size_t of_first = numbers.size();
    for (const JavaConstant& each : second.constants) second_values_.push_back(number(each));
    on_both_.resize(numbers.size());
    for (const size_t each : second_values_) {
      if (each < of_first) on_both_[each] = true;
    }
  }

  void Compare() {
    const int before = differences_->count();
    if (first_.version != second_.version)
      differences_->Add("version of the class file", first_.version, second_.version, 4, 4);
    same_kinds_ =
        std::equal(first_.constants.begin(), first_.constants.end(), second_.constants.begin(),
                   second_.constants.end(), [](const auto& a, const auto& b) { return a.tag == b.tag; });
    if (same_kinds_) {
      CompareConstants();
    } else {
      // Each index into the constants is another one.
      CompareValues();
    }
    CompareHead();
    CompareMembers(first_.fields, second_.fields, "field");
    CompareMembers(first_.methods, second_.methods, "method");
    CompareAttributes(first_.attributes, second_.attributes);
    if (differences_->count() == before) CompareBytes(first_bytes_, second_bytes_, differences_);
    // References alone stand in another order.
    differences_->KeepARoot(before);
  }

 private:
  static constexpr size_t kNoValue = SIZE_MAX;

  // Whether index `first` of the one side and `second` of the other mean the same, or differ only by values
  // that the other side has nowhere, which are told as such. A reference to something else that both have is
  // another one.
  bool Follows(uint64_t first, uint64_t second, int level = 0) const {
    if (first >= first_.constants.size() || second >= second_.constants.size() || level > kMostReferences)
      return false;
    const JavaConstant& ours = first_.constants[first];
    const JavaConstant& theirs = second_.constants[second];
    if (ours.tag != theirs.tag) return false;
    if (ours.tag == 0) return first == second;
    if (IsValue(ours)) {
      const size_t a = first_values_[first], b = second_values_[second];
      return a == b || (!on_both_[a] && !on_both_[b]);
    }
    const auto follow = [&](size_t at) {
      return Follows(NumberAt(ours.bytes, at, 2, false), NumberAt(theirs.bytes, at, 2, false), level + 1);
    };
    // The kind of a MethodHandle, and the number of a bootstrap method.
    if (ours.tag == kJavaMethodHandle) return ours.bytes[0] == theirs.bytes[0] && follow(1);
    if (ours.tag == kJavaDynamic || ours.tag == kJavaInvokeDynamic)
      return ours.bytes.substr(0, 2) == theirs.bytes.substr(0, 2) && follow(2);
    return follow(0) && (ours.bytes.size() < 4 || follow(2));
  }

  int64_t OffsetIn(std::string_view part, std::string_view all) const {
    return part.empty() ? 0 : part.data() - all.data();
  }

  void CompareConstants() {
    const Differences::Part part(*differences_, "constants");
    for (size_t i = 0; i < first_.constants.size(); ++i) {
      const JavaConstant& ours = first_.constants[i];
      const JavaConstant& theirs = second_.constants[i];
      if (ours.bytes == theirs.bytes) continue;
      auto* added = differences_->Add(fmt::format("constant {} ({})", i, KindOf(ours.tag)), ValueOf(ours),
                                      ValueOf(theirs), OffsetIn(ours.bytes, first_bytes_),
                                      OffsetIn(theirs.bytes, second_bytes_));
      if (added == nullptr) return;
      // What refers to values that stand in another order.
      if (!IsValue(ours)) added->set_derived(Follows(i, i));
    }
  }

  // Values that one side alone has, in their order.
  void CompareValues() {
    const Differences::Part part(*differences_, "constants");
    const auto values_of = [](const JavaClass& from) {
      std::vector<std::pair<uint8_t, std::string>> values;
      for (const JavaConstant& each : from.constants) {
        if (IsValue(each)) values.emplace_back(each.tag, ValueOf(each));
      }
      return values;
    };
    const auto ours = values_of(first_), theirs = values_of(second_);
    const auto lacking = [](const auto& from, const auto& in) {
      const std::set known(in.begin(), in.end());
      std::vector<std::pair<uint8_t, std::string>> found;
      std::copy_if(from.begin(), from.end(), std::back_inserter(found),
                   [&](const auto& each) { return !known.contains(each); });
      return found;
    };
    const auto mine = lacking(ours, theirs), yours = lacking(theirs, ours);
    for (size_t i = 0; i < std::max(mine.size(), yours.size()); ++i) {
      const std::string_view a = i < mine.size() ? mine[i].second : std::string_view();
      const std::string_view b = i < yours.size() ? yours[i].second : std::string_view();
      const uint8_t tag = i < mine.size() ? mine[i].first : yours[i].first;
      if (differences_->Add(fmt::format("constant ({})", KindOf(tag)), a, b) == nullptr) return;
    }
  }

  void CompareHead() {
    if (same_kinds_ ? first_.head == second_.head : HeadFollows()) return;
    auto* added =
        differences_->Add("flags, names and interfaces of the class", first_.head, second_.head,
                          OffsetIn(first_.head, first_bytes_), OffsetIn(second_.head, second_bytes_));
    if (added != nullptr) added->set_derived(HeadFollows());
  }

  // Only the indexes are others: flags, then this class and its super class, the number of interfaces, and
  // these.
  bool HeadFollows() const {
    const std::string_view ours = first_.head, theirs = second_.head;
    if (ours.size() != theirs.size() || ours.substr(0, 2) != theirs.substr(0, 2)) return false;
    for (size_t at = 2; at + 2 <= ours.size(); at += 2) {
      const uint64_t a = NumberAt(ours, at, 2, false), b = NumberAt(theirs, at, 2, false);
      if (at == 6 ? a != b : !Follows(a, b)) return false;
    }
    return true;
  }

  // The indexes are others anyway, and also the same one can be of something else.
  void CompareUnderOtherIndexes(const JavaAttribute& first, const JavaAttribute& second) {
    const auto ours = IndexesOfAttribute(first_, first), theirs = IndexesOfAttribute(second_, second);
    if (!ours || !theirs) {
      // Of which form it is is not known, or it is damaged.
      if (first.bytes != second.bytes) CompareBytes(first.bytes, second.bytes, differences_);
      return differences_->SetIncomplete();
    }
    if (ours->rest != theirs->rest || ours->indexes.size() != theirs->indexes.size())
      return CompareBytes(first.bytes, second.bytes, differences_);
    for (size_t i = 0; i < ours->indexes.size(); ++i) {
      if (Follows(ours->indexes[i], theirs->indexes[i])) continue;
      const std::string a = TextOf(first_, ours->indexes[i]), b = TextOf(second_, theirs->indexes[i]);
      if (differences_->Add(fmt::format("constant that it names, number {}", i + 1), a, b,
                            OffsetIn(first.bytes, first_bytes_),
                            OffsetIn(second.bytes, second_bytes_)) == nullptr)
        return;
    }
  }

  // The values that a constant leads to, with blanks.
  static std::string TextOf(const JavaClass& from, uint64_t index, int level = 0) {
    if (index >= from.constants.size() || level > kMostReferences) return "none";
    const JavaConstant& constant = from.constants[index];
    if (constant.tag == 0) return "none";
    if (IsValue(constant)) return ValueOf(constant);
    const auto inner = [&](size_t at) {
      return TextOf(from, NumberAt(constant.bytes, at, 2, false), level + 1);
    };
    if (constant.tag == kJavaMethodHandle) return inner(1);
    if (constant.tag == kJavaDynamic || constant.tag == kJavaInvokeDynamic)
      return fmt::format("{} {}", NumberAt(constant.bytes, 0, 2, false), inner(2));
    return constant.bytes.size() < 4 ? inner(0) : fmt::format("{} {}", inner(0), inner(2));
  }

  // All that differs in it are indexes of what means the same.
  bool AttributeFollows(const JavaAttribute& first, const JavaAttribute& second) const {
    const auto ours = IndexesOfAttribute(first_, first), theirs = IndexesOfAttribute(second_, second);
    return ours && theirs && ours->rest == theirs->rest &&
           std::equal(ours->indexes.begin(), ours->indexes.end(), theirs->indexes.begin(),
                      theirs->indexes.end(), [&](uint64_t a, uint64_t b) { return Follows(a, b); });
  }

  void CompareMembers(const std::vector<JavaMember>& first, const std::vector<JavaMember>& second,
                      std::string_view what) {
    if (first.size() != second.size()) {
      differences_->Add(fmt::format("number of {}s", what), std::to_string(first.size()),
                        std::to_string(second.size()));
    }
    for (size_t i = 0; i < std::min(first.size(), second.size()) && !differences_->full(); ++i) {
      const JavaMember& ours = first[i];
      const JavaMember& theirs = second[i];
      const Differences::Part part(*differences_,
                                   fmt::format("{} {}{}", what, ours.name.substr(0, kNameShown),
                                               ours.descriptor.substr(0, kNameShown)));
      if (ours.name != theirs.name || ours.descriptor != theirs.descriptor ||
          ours.head.substr(0, 2) != theirs.head.substr(0, 2))
        differences_->Add("flags and name", ours.head, theirs.head, OffsetIn(ours.head, first_bytes_),
                          OffsetIn(theirs.head, second_bytes_));
      CompareAttributes(ours.attributes, theirs.attributes);
    }
  }

  void CompareAttributes(const std::vector<JavaAttribute>& first, const std::vector<JavaAttribute>& second) {
    if (first.size() != second.size()) {
      differences_->Add("number of attributes", std::to_string(first.size()), std::to_string(second.size()));
    }
    for (size_t i = 0; i < std::min(first.size(), second.size()) && !differences_->full(); ++i) {
      const Differences::Part part(*differences_,
                                   fmt::format("attribute {}", first[i].name.substr(0, kNameShown)));
      if (first[i].name != second[i].name) differences_->Add("name", first[i].name, second[i].name);
      if (!same_kinds_) {
        CompareUnderOtherIndexes(first[i], second[i]);
        continue;
      }
      if (first[i].bytes == second[i].bytes) continue;
      const int before = differences_->count();
      CompareBytes(first[i].bytes, second[i].bytes, differences_);
      if (AttributeFollows(first[i], second[i])) differences_->MarkDerived(before);
    }
  }

  const JavaClass& first_;
  const JavaClass& second_;
  const std::string_view first_bytes_;
  const std::string_view second_bytes_;
  Differences* differences_;
  // The constants are as many, of the same kinds: what differs in one is told of it.
  bool same_kinds_ = false;
  // Of each constant that is a value the number of that value, else kNoValue: many references are compared.
  std::vector<size_t> first_values_;
  std::vector<size_t> second_values_;
  // By the number of a value.
  std::vector<bool> on_both_;
};

}  // namespace

bool IsJavaClass(std::string_view bytes) {
  // Fat Mach-O files have the number of their processors there; classes versions from 45 on.
  constexpr uint64_t kFirstMajor = 45;
  constexpr uint64_t kLastMajor = 200;
  if (bytes.size() < 24 || !bytes.starts_with("\xca\xfe\xba\xbe")) return false;
  const uint64_t major = NumberAt(bytes, 6, 2, /*little=*/false);
  return major >= kFirstMajor && major <= kLastMajor;
}

absl::Status CompareJavaClasses(std::string_view first, std::string_view second, Differences* differences) {
  ASSIGN_OR_RETURN(const JavaClass ours, ReadJavaClass(first));
  ASSIGN_OR_RETURN(const JavaClass theirs, ReadJavaClass(second));
  ClassComparer(ours, theirs, first, second, differences).Compare();
  return absl::OkStatus();
}

}  // namespace crossmill::compare
