#include "common/compare/formats/java_class_reader.h"

#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"

namespace crossmill::compare {
namespace {

constexpr uint8_t kJavaDouble = 6;

absl::Status DamagedClass() { return absl::InvalidArgumentError("the class file is damaged"); }

// Of a constant of this tag, without tag and the text of a Utf8; 0: there is no such tag.
size_t SizeOfConstant(uint8_t tag) {
  switch (tag) {
    case kJavaText:
    case 7:   // Class
    case 8:   // String
    case 16:  // MethodType
    case 19:  // Module
    case 20:  // Package
      return 2;
    case 15:  // MethodHandle
      return 3;
    case kJavaInteger:
    case 4:   // Float
    case 9:   // Fieldref
    case 10:  // Methodref
    case 11:  // InterfaceMethodref
    case 12:  // NameAndType
    case 17:  // Dynamic
    case 18:  // InvokeDynamic
      return 4;
    case kJavaLong:
    case kJavaDouble:
      return 8;
    default:
      return 0;
  }
}

// Reads one class. Used once.
class ClassReader {
 public:
  explicit ClassReader(std::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<JavaClass> Read() {
    ASSIGN_OR_RETURN(std::string_view magic, Take(4));
    if (magic != "\xca\xfe\xba\xbe") return DamagedClass();
    ASSIGN_OR_RETURN(class_.version, Take(4));
    RETURN_IF_ERROR(ReadConstants());
    const size_t head = at_;
    RETURN_IF_ERROR(Take(6).status());
    ASSIGN_OR_RETURN(const uint64_t interfaces, Number(2));
    RETURN_IF_ERROR(Take(interfaces * 2).status());
    class_.head = bytes_.substr(head, at_ - head);
    ASSIGN_OR_RETURN(class_.fields, ReadMembers());
    ASSIGN_OR_RETURN(class_.methods, ReadMembers());
    ASSIGN_OR_RETURN(class_.attributes, ReadAttributes());
    if (at_ != bytes_.size()) return DamagedClass();
    return std::move(class_);
  }

 private:
  absl::StatusOr<std::string_view> Take(uint64_t count) {
    if (count > bytes_.size() - at_) return DamagedClass();
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  absl::StatusOr<uint64_t> Number(size_t width) {
    ASSIGN_OR_RETURN(const std::string_view bytes, Take(width));
    return NumberAt(bytes, 0, width, /*little=*/false);
  }
  absl::StatusOr<std::string_view> Text() {
    ASSIGN_OR_RETURN(const uint64_t index, Number(2));
    if (index >= class_.constants.size() || class_.constants[index].tag != kJavaText) return DamagedClass();
    return class_.constants[index].bytes;
  }

  absl::Status ReadConstants() {
    ASSIGN_OR_RETURN(const uint64_t count, Number(2));
    class_.constants.resize(1);
    while (class_.constants.size() < count) {
      ASSIGN_OR_RETURN(const uint64_t tag, Number(1));
      const size_t size = SizeOfConstant(static_cast<uint8_t>(tag));
      if (size == 0) return DamagedClass();
      JavaConstant constant{.tag = static_cast<uint8_t>(tag), .bytes = {}};
      ASSIGN_OR_RETURN(constant.bytes, Take(size));
      if (tag == kJavaText) {
        ASSIGN_OR_RETURN(constant.bytes, Take(NumberAt(constant.bytes, 0, 2, false)));
      }
      class_.constants.push_back(constant);
      if (tag == kJavaLong || tag == kJavaDouble) class_.constants.emplace_back();
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<JavaAttribute>> ReadAttributes() {
    ASSIGN_OR_RETURN(const uint64_t count, Number(2));
    std::vector<JavaAttribute> attributes;
    for (uint64_t i = 0; i < count; ++i) {
      JavaAttribute attribute;
      ASSIGN_OR_RETURN(attribute.name, Text());
      ASSIGN_OR_RETURN(const uint64_t size, Number(4));
      ASSIGN_OR_RETURN(attribute.bytes, Take(size));
      attributes.push_back(attribute);
    }
    return attributes;
  }

  absl::StatusOr<std::vector<JavaMember>> ReadMembers() {
    ASSIGN_OR_RETURN(const uint64_t count, Number(2));
    std::vector<JavaMember> members;
    for (uint64_t i = 0; i < count; ++i) {
      JavaMember member;
      const size_t head = at_;
      RETURN_IF_ERROR(Take(2).status());
      ASSIGN_OR_RETURN(member.name, Text());
      ASSIGN_OR_RETURN(member.descriptor, Text());
      member.head = bytes_.substr(head, at_ - head);
      ASSIGN_OR_RETURN(member.attributes, ReadAttributes());
      members.push_back(std::move(member));
    }
    return members;
  }

  const std::string_view bytes_;
  size_t at_ = 0;
  JavaClass class_;
};

}  // namespace

absl::StatusOr<JavaClass> ReadJavaClass(std::string_view bytes) { return ClassReader(bytes).Read(); }

}  // namespace crossmill::compare
