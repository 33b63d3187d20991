// Where an attribute of a compiled Java class refers to constants: the JVM specification, chapters 4.7 and 6.
// Internal to common/compare. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/compare/formats/java_class_reader.h"

namespace crossmill::compare {

struct JavaIndexes {
  // The bytes with zeros in the place of each index.
  std::string rest;
  // Into the constants, in their order.
  std::vector<uint64_t> indexes;
};

// nullopt: it is damaged, or an attribute whose form is not known here, as annotations of types are.
std::optional<JavaIndexes> IndexesOfAttribute(const JavaClass& from, const JavaAttribute& attribute);

}  // namespace crossmill::compare
