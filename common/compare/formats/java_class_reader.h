// A compiled Java class: its constants, members and attributes as views into the bytes (JVM specification,
// chapter 4). Internal to common/compare. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::compare {

struct JavaConstant {
  // The specification's tag; 0: an index that is none (the second of a long or double, and index 0).
  uint8_t tag = 0;
  // Without the tag; of a text the text alone.
  std::string_view bytes;
};

struct JavaAttribute {
  std::string_view name;
  std::string_view bytes;
};

// A field or a method.
struct JavaMember {
  std::string_view name;
  std::string_view descriptor;
  // Access flags and the indexes of both.
  std::string_view head;
  std::vector<JavaAttribute> attributes;
};

struct JavaClass {
  std::string_view version;
  std::vector<JavaConstant> constants;
  // Access flags, this class, its super class, interfaces.
  std::string_view head;
  std::vector<JavaMember> fields;
  std::vector<JavaMember> methods;
  std::vector<JavaAttribute> attributes;
};

inline constexpr uint8_t kJavaText = 1;
inline constexpr uint8_t kJavaInteger = 3;
inline constexpr uint8_t kJavaLong = 5;
inline constexpr uint8_t kJavaMethodHandle = 15;
inline constexpr uint8_t kJavaDynamic = 17;
inline constexpr uint8_t kJavaInvokeDynamic = 18;

// INVALID_ARGUMENT: it is no class file, whole and with nothing behind it.
absl::StatusOr<JavaClass> ReadJavaClass(std::string_view bytes);

}  // namespace crossmill::compare
