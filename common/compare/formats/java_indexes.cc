#include "common/compare/formats/java_indexes.h"

#include <algorithm>
#include <utility>

#include "common/compare/formats/byte_numbers.h"

namespace crossmill::compare {
namespace {

struct KnownAttribute {
  std::string_view name;
  // Of pairs of bytes: 'i' is an index, '-' is none; behind '*', as often as the number before them says.
  std::string_view form;
};

constexpr KnownAttribute kKnownAttributes[] = {
    {"ConstantValue", "i"},
    {"Deprecated", ""},
    {"EnclosingMethod", "ii"},
    {"Exceptions", "*i"},
    {"InnerClasses", "*iii-"},
    {"LineNumberTable", "*--"},
    {"LocalVariableTable", "*--ii-"},
    {"LocalVariableTypeTable", "*--ii-"},
    {"NestHost", "i"},
    {"NestMembers", "*i"},
    {"PermittedSubclasses", "*i"},
    {"Signature", "i"},
    {"SourceFile", "i"},
    {"Synthetic", ""},
};

// Of an instruction: bytes behind it, and how many of them, from the first on, are an index.
struct Operands {
  size_t bytes = 0;
  size_t index = 0;
};

// nullopt: there is no such instruction, or its size is in its operands.
std::optional<Operands> OperandsOf(uint8_t code) {
  const auto within = [code](uint8_t first, uint8_t last) { return code >= first && code <= last; };
  // ldc; then ldc_w, ldc2_w, fields and methods, new, anewarray, checkcast, instanceof.
  if (code == 0x12) return Operands{1, 1};
  if (within(0x13, 0x14) || within(0xb2, 0xb8) || code == 0xbb || code == 0xbd || within(0xc0, 0xc1))
    return Operands{2, 2};
  // invokeinterface, invokedynamic; multianewarray.
  if (within(0xb9, 0xba)) return Operands{4, 2};
  if (code == 0xc5) return Operands{3, 2};
  // bipush, loads, stores, ret, newarray.
  if (code == 0x10 || within(0x15, 0x19) || within(0x36, 0x3a) || code == 0xa9 || code == 0xbc)
    return Operands{1, 0};
  // sipush, iinc, branches.
  if (code == 0x11 || code == 0x84 || within(0x99, 0xa8) || within(0xc6, 0xc7)) return Operands{2, 0};
  if (within(0xc8, 0xc9)) return Operands{4, 0};
  // tableswitch, lookupswitch, wide.
  if (within(0xaa, 0xab) || code == 0xc4 || code > 0xc9) return std::nullopt;
  return Operands{};
}

// Reads one attribute. Used once. Each function is false where the bytes do not go on as they should.
class IndexReader {
 public:
  IndexReader(const JavaClass& from, std::string_view bytes) : class_(from), bytes_(bytes) {
    found_.rest = std::string(bytes);
  }

  std::optional<JavaIndexes> Read(std::string_view name) {
    if (!ReadAttribute(name, 0, bytes_.size())) return std::nullopt;
    return std::move(found_);
  }

 private:
  bool Skip(uint64_t count) {
    if (count > end_ - at_) return false;
    at_ += count;
    return true;
  }
  bool Number(size_t width, uint64_t* value) {
    if (!Skip(width)) return false;
    *value = NumberAt(bytes_, at_ - width, width, false);
    return true;
  }
  bool Index(size_t width, uint64_t* index) {
    if (!Number(width, index)) return false;
    std::fill_n(found_.rest.begin() + static_cast<std::ptrdiff_t>(at_ - width), width, '\0');
    found_.indexes.push_back(*index);
    return true;
  }
  bool Index() {
    uint64_t index = 0;
    return Index(2, &index);
  }

  // All of the bytes from `begin` to `end`.
  bool ReadAttribute(std::string_view name, size_t begin, size_t end) {
    const size_t outer = std::exchange(end_, end);
    at_ = begin;
    const bool whole = ReadKnown(name) && at_ == end;
    end_ = outer;
    return whole;
  }

  bool ReadKnown(std::string_view name) {
    if (name == "Code") return ReadCode();
    if (name == "StackMapTable") return ReadFrames();
    if (name == "BootstrapMethods") return ReadBootstrapMethods();
    if (name == "Record") return ReadRecord();
    if (name == "AnnotationDefault") return ReadElement(0);
    if (name == "RuntimeVisibleAnnotations" || name == "RuntimeInvisibleAnnotations")
      return ReadAnnotations(0);
    if (name == "RuntimeVisibleParameterAnnotations" || name == "RuntimeInvisibleParameterAnnotations")
      return ReadEach(1, [this] { return ReadAnnotations(0); });
    if (name == "MethodParameters") return ReadEach(1, [this] { return ReadPairs("i-"); });
    const auto* const known = std::find_if(std::begin(kKnownAttributes), std::end(kKnownAttributes),
                                           [&](const KnownAttribute& each) { return each.name == name; });
    if (known == std::end(kKnownAttributes)) return false;
    if (!known->form.starts_with('*')) return ReadPairs(known->form);
    return ReadEach(2, [&] { return ReadPairs(known->form.substr(1)); });
  }

  // As often as the number of so many bytes says.
  template <typename Read>
  bool ReadEach(size_t width, const Read& read) {
    uint64_t count = 0;
    if (!Number(width, &count)) return false;
    for (uint64_t i = 0; i < count; ++i) {
      if (!read()) return false;
    }
    return true;
  }

  bool ReadPairs(std::string_view form) {
    return std::all_of(form.begin(), form.end(), [&](char each) { return each == 'i' ? Index() : Skip(2); });
  }

  bool ReadCode() {
    uint64_t size = 0;
    if (!Skip(4) || !Number(4, &size) || size > end_ - at_) return false;
    return ReadInstructions(at_, at_ + size) && ReadEach(2, [this] { return ReadPairs("---i"); }) &&
           ReadEach(2, [this] { return ReadInnerAttribute(); });
  }

  bool ReadInnerAttribute() {
    uint64_t name = 0, length = 0;
    if (!Index(2, &name) || !Number(4, &length) || length > end_ - at_) return false;
    if (name >= class_.constants.size() || class_.constants[name].tag != kJavaText) return false;
    return ReadAttribute(class_.constants[name].bytes, at_, at_ + length);
  }

  bool ReadRecord() {
    return ReadEach(
        2, [this] { return ReadPairs("ii") && ReadEach(2, [this] { return ReadInnerAttribute(); }); });
  }

  bool ReadAnnotations(int level) {
    return ReadEach(2, [this, level] { return ReadAnnotation(level); });
  }

  bool ReadAnnotation(int level) {
    return Index() && ReadEach(2, [this, level] { return Index() && ReadElement(level); });
  }

  bool ReadElement(int level) {
    constexpr int kMostLevels = 20;
    uint64_t kind = 0;
    if (level > kMostLevels || !Number(1, &kind)) return false;
    if (kind == 'e') return ReadPairs("ii");
    if (kind == '@') return ReadAnnotation(level + 1);
    if (kind == '[') return ReadEach(2, [this, level] { return ReadElement(level + 1); });
    return Index();
  }

  bool ReadInstructions(size_t begin, size_t end) {
    while (at_ < end) {
      const auto code = static_cast<uint8_t>(bytes_[at_++]);
      const auto operands = OperandsOf(code);
      uint64_t index = 0;
      if (!operands) {
        if (!SkipLongInstruction(code, begin)) return false;
      } else if ((operands->index > 0 && !Index(operands->index, &index)) ||
                 !Skip(operands->bytes - operands->index)) {
        return false;
      }
    }
    return at_ == end;
  }

  bool SkipLongInstruction(uint8_t code, size_t begin) {
    constexpr uint8_t kTableSwitch = 0xaa, kLookupSwitch = 0xab, kWide = 0xc4, kIncrement = 0x84;
    uint64_t low = 0, high = 0, count = 0;
    if (code == kWide) return Number(1, &low) && Skip(low == kIncrement ? 4 : 2);
    if (code != kTableSwitch && code != kLookupSwitch) return false;
    // Its numbers begin at a multiple of four; the first is where to go else.
    if (!Skip((4 - (at_ - begin) % 4) % 4 + 4)) return false;
    if (code == kLookupSwitch) return Number(4, &count) && Skip(count * 8);
    if (!Number(4, &low) || !Number(4, &high)) return false;
    const int64_t entries = int64_t{static_cast<int32_t>(high)} - static_cast<int32_t>(low) + 1;
    return entries > 0 && Skip(static_cast<uint64_t>(entries) * 4);
  }

  bool ReadTypes(uint64_t count) {
    constexpr uint64_t kObject = 7, kUninitialized = 8;
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t kind = 0;
      if (!Number(1, &kind) || kind > kUninitialized) return false;
      if (kind == kObject && !Index()) return false;
      if (kind == kUninitialized && !Skip(2)) return false;
    }
    return true;
  }

  // Types of variables and of the stack at branches.
  bool ReadFrames() {
    uint64_t count = 0;
    if (!Number(2, &count)) return false;
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t kind = 0, types = 0;
      if (!Number(1, &kind)) return false;
      if (kind < 64) continue;
      if (kind < 128) {
        if (!ReadTypes(1)) return false;
        continue;
      }
      if (kind < 247 || !Skip(2)) return false;
      if (kind == 247 && !ReadTypes(1)) return false;
      if (kind > 251 && kind < 255 && !ReadTypes(kind - 251)) return false;
      if (kind < 255) continue;
      if (!Number(2, &types) || !ReadTypes(types) || !Number(2, &types) || !ReadTypes(types)) return false;
    }
    return true;
  }

  bool ReadBootstrapMethods() {
    return ReadEach(2, [this] { return Index() && ReadEach(2, [this] { return Index(); }); });
  }

  const JavaClass& class_;
  const std::string_view bytes_;
  size_t at_ = 0;
  // Of the attribute that is read.
  size_t end_ = 0;
  JavaIndexes found_;
};

}  // namespace

std::optional<JavaIndexes> IndexesOfAttribute(const JavaClass& from, const JavaAttribute& attribute) {
  return IndexReader(from, attribute.bytes).Read(attribute.name);
}

}  // namespace crossmill::compare
