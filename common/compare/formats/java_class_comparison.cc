// Compiled Java classes: what a compiler wrote into constants, and what of the rest is not only an index into
// them.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/formats/formats.h"
#include "common/compare/formats/java_class_reader.h"

namespace crossmill::compare {
namespace {

constexpr size_t kNameShown = 60;

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
        differences_(differences) {}

  void Compare() {
    const int before = differences_->count();
    if (first_.version != second_.version)
      differences_->Add("version of the class file", first_.version, second_.version, 4, 4);
    const bool same_kinds =
        std::equal(first_.constants.begin(), first_.constants.end(), second_.constants.begin(),
                   second_.constants.end(), [](const auto& a, const auto& b) { return a.tag == b.tag; });
    if (!same_kinds) {
      CompareValues();
      // Each index into the constants is another one: what else differs cannot be told from that.
      if (differences_->count() == before) CompareBytes(first_bytes_, second_bytes_, differences_);
      return;
    }
    CompareConstants();
    CompareHead();
    CompareMembers(first_.fields, second_.fields, "field");
    CompareMembers(first_.methods, second_.methods, "method");
    CompareAttributes(first_.attributes, second_.attributes);
    if (differences_->count() == before) CompareBytes(first_bytes_, second_bytes_, differences_);
  }

 private:
  int64_t OffsetIn(std::string_view part, std::string_view all) const {
    return part.empty() ? 0 : part.data() - all.data();
  }

  void CompareConstants() {
    const Differences::Part part(*differences_, "constants");
    std::vector<v1::ContentDifference*> values, references;
    for (size_t i = 0; i < first_.constants.size(); ++i) {
      const JavaConstant& ours = first_.constants[i];
      const JavaConstant& theirs = second_.constants[i];
      if (ours.bytes == theirs.bytes) continue;
      // Of references only that they are others.
      moved_ = moved_ || !IsValue(ours);
      auto* added = differences_->Add(fmt::format("constant {} ({})", i, KindOf(ours.tag)), ValueOf(ours),
                                      ValueOf(theirs), OffsetIn(ours.bytes, first_bytes_),
                                      OffsetIn(theirs.bytes, second_bytes_));
      if (added == nullptr) return;
      (IsValue(ours) ? values : references).push_back(added);
    }
    // What refers to values that stand in another order.
    for (v1::ContentDifference* reference : references) reference->set_derived(!values.empty());
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
    if (first_.head == second_.head) return;
    auto* added =
        differences_->Add("flags, names and interfaces of the class", first_.head, second_.head,
                          OffsetIn(first_.head, first_bytes_), OffsetIn(second_.head, second_bytes_));
    if (added != nullptr) added->set_derived(moved_ && first_.head.size() == second_.head.size());
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
      if (first[i].bytes == second[i].bytes) continue;
      const int before = differences_->count();
      CompareBytes(first[i].bytes, second[i].bytes, differences_);
      // Bytes of one length hold the other indexes.
      if (moved_ && first[i].bytes.size() == second[i].bytes.size()) differences_->MarkDerived(before);
    }
  }

  const JavaClass& first_;
  const JavaClass& second_;
  const std::string_view first_bytes_;
  const std::string_view second_bytes_;
  Differences* differences_;
  // Some index of constants means another one on the other side.
  bool moved_ = false;
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
