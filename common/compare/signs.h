// What bytes at one place of two pieces may be. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "common/compare/explanation.h"
#include "common/compare/fact_pair.h"

namespace crossmill::compare {

// A place in each of two pieces.
struct Spot {
  std::string_view first;
  std::string_view second;
  size_t first_at = 0;
  size_t second_at = 0;
  const FactPair* facts = nullptr;
  bool binary = false;
};

// What is recorded of the executions, times of their clocks, and what follows from other files.
void FactSigns(const Spot& spot, std::vector<Sign>* signs);
// What shows in the form alone: temporary folders, addresses, random tokens.
void FormSigns(const Spot& spot, std::vector<Sign>* signs);

}  // namespace crossmill::compare
